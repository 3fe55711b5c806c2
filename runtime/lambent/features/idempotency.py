"""Calls that take effect once, however often they arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from lambent.errors import DeclarationError, ToolError
from lambent.features.codecs import ValidationError, codec_of
from lambent.features.functions import Parameter


class Idempotency(msgspec.Struct, frozen=True, kw_only=True):
    """How repeated calls of a tool are recognized.

    A client that lost a response sends the call again, with a new id. Calls of one principal with the same
    key are the same call: within the window each of them gets the first one's result, also when two arrive at
    once.

    Attributes:
        key: the argument that identifies a call: its name, a dotted path into it such as ``"order.id"`` (in
            the names of the wire), or a function of the arguments.
        meta_key: the key of ``_meta`` under which clients send a key of their own; a call without one is
            identified by ``key``, if that is given, and else is not idempotent.
        window: how long the first result is kept.

    Raises:
        DeclarationError: nothing identifies a call, or the window is not a positive time; and, once a tool is
            registered with it, ``key`` names no argument of the tool.
    """

    key: str | Callable[[Mapping[str, Any]], str] | None = None
    meta_key: str | None = None
    window: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        """Refuse settings that recognize no call."""
        if self.key is None and self.meta_key is None:
            raise DeclarationError("Idempotency needs a key of the arguments, a meta_key, or both")
        if not (self.key is None or isinstance(self.key, str) or callable(self.key)):
            raise DeclarationError(f"key must be the name of an argument or a function, not {self.key!r}")
        if not isinstance(self.window, timedelta):
            raise DeclarationError(f"window must be a timedelta, not {self.window!r}")
        if self.window <= timedelta(0):
            raise DeclarationError("window must be longer than zero")

    def check_key(self, tool: str, parameters: Iterable[Parameter]) -> None:
        """Check that the key names an argument among the parameters that the client fills in.

        Raises:
            DeclarationError: it names none.
        """
        if not isinstance(self.key, str):
            return
        wrong = f"{tool}: the idempotency key {self.key!r} names no"
        first, *path = self.key.split(".")
        hints = {parameter.wire: parameter.hint for parameter in parameters}
        if first not in hints:
            raise DeclarationError(f"{wrong} argument; there are {', '.join(hints) or 'none'}")
        if not path:
            return
        from lambent.features.codecs.schemas import alternatives

        hint = hints[first]
        root = codec_of(hint.__origin__ if hasattr(hint, "__metadata__") else hint, "write").schema()
        schemas, known = [root], first
        for name in path:
            nodes = [node for schema in schemas for node in alternatives(schema, root.get("$defs", {}))]
            if any(_may_have_any_field(node) for node in nodes):
                return
            fields = [node.get("properties", {}) for node in nodes]
            schemas = [properties[name] for properties in fields if name in properties]
            schemas += [node["additionalProperties"] for node in nodes if node.get("additionalProperties")]
            if not schemas:
                names = ", ".join(field for properties in fields for field in properties)
                raise DeclarationError(f"{wrong} field of {known!r}; there are {names or 'none'}")
            known = f"{known}.{name}"

    def key_of(self, arguments: Mapping[str, Any], meta: Mapping[str, Any]) -> Any:
        """What identifies a call; None where it has no key.

        Raises:
            ToolError: the key is NaN or infinity, which have no JSON form and would be the same key.
        """
        if self.meta_key is not None and meta.get(self.meta_key) is not None:
            return ["meta", meta[self.meta_key]]
        if self.key is None:
            return None
        if isinstance(self.key, str):
            kind: str = "argument"
            value: Any = arguments
            for name in self.key.split("."):
                value = value.get(name) if isinstance(value, dict) else None
        else:
            kind, value = "function", self.key(arguments)
        from lambent.features.codecs.finite import require_finite

        try:
            require_finite(value)
        except ValidationError as error:
            raise ToolError(f"The idempotency key cannot be used: {error}") from None
        return None if value is None else [kind, value]


def _may_have_any_field(node: dict[str, Any]) -> bool:
    """Whether nothing is known of an object's fields."""
    if "type" not in node:
        return True
    extra = node.get("additionalProperties", not node.get("properties"))
    return node["type"] == "object" and (extra is True or extra == {})
