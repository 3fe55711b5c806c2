"""Calls that take effect once, however often they arrive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from lambent.errors import DeclarationError


class Idempotency(msgspec.Struct, frozen=True, kw_only=True):
    """How calls of a tool are known again.

    A client that lost a response sends the call anew, with a new id. Within the window the same key from the
    same principal gives the first result, also when two calls arrive at once.

    Attributes:
        key: the arguments that make a call the same one: a name, a dotted path such as ``"order.id"``, or a
            function of the arguments.
        meta_key: the key of ``_meta`` under which clients send a key of their own; where a call has none,
            ``key`` counts, if given, else the call is not idempotent.
        window: how long a result is given again.
    """

    key: str | Callable[[Mapping[str, Any]], str] | None = None
    meta_key: str | None = None
    window: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        """Refuse what could know no call again."""
        if self.key is None and self.meta_key is None:
            raise DeclarationError("Idempotency needs a key of the arguments, a meta_key, or both")
        if self.window <= timedelta(0):
            raise DeclarationError("window must be longer than nothing")

    def key_of(self, arguments: Mapping[str, Any], meta: Mapping[str, Any]) -> Any:
        """What makes a call the same one; None where it has no key."""
        if self.meta_key is not None and meta.get(self.meta_key) is not None:
            return ["meta", meta[self.meta_key]]
        if self.key is None:
            return None
        if not isinstance(self.key, str):
            return ["function", self.key(arguments)]
        value: Any = arguments
        for name in self.key.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return None if value is None else ["argument", value]
