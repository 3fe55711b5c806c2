"""Arguments of functions that take others than those they name, as ``**options: str``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lambent.features.codecs import ValidationError, arguments_codec, codec_of
from lambent.features.functions import Parameter

_OTHERS = "**"


class OpenArguments:
    """The codec of named arguments, and of any others, which have a type of their own."""

    def __init__(
        self, name: str, parameters: list[Parameter], others: Any, taken: Iterable[str | None]
    ) -> None:
        self._named = arguments_codec(name, parameters)
        self._others = codec_of(others)
        self._wires = [wire for parameter in parameters for wire in parameter.wires]
        self._taken = {*taken, *(parameter.name for parameter in parameters)}.difference(self._wires)
        # One codec for the schema, so that types of the same name are told apart.
        self._described = arguments_codec(name, [*parameters, Parameter(_OTHERS, others, msgspec.NODEFAULT)])
        self.is_plain = self._described.is_plain

    def schema(self) -> dict[str, Any]:
        """See ``Codec``."""
        schema = self._described.schema()
        others = schema["properties"].pop(_OTHERS)
        if others.get("title") == _OTHERS:
            del others["title"]
        required = [name for name in schema.pop("required") if name != _OTHERS]
        if not schema["properties"]:
            del schema["properties"]
        del schema["additionalProperties"]
        return {**schema, **({"required": required} if required else {}), **_members(others)}

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        """See ``Codec``."""
        try:
            members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ValidationError(str(error)) from None
        named = {name: members.pop(name) for name in self._wires if name in members}
        values: dict[str, Any] = self._named.decode(msgspec.json.encode(named))
        for name, member in members.items():
            if name in self._taken:
                raise ValidationError(f"Object contains unknown field `{name}`")
            try:
                values[name] = self._others.decode(member)
            except ValidationError as error:
                place = f" - at `$.{name}"
                problems = str(error).replace(" - at `$", place)
                raise ValidationError(problems if place in problems else f"{problems}{place}`") from None
        return values

    def convert(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """See ``Codec``."""
        return self.decode(msgspec.json.encode(value))

    def encode(self, value: Any) -> bytes:
        """Arguments are only read."""
        raise NotImplementedError("Arguments are only read")


def _members(others: dict[str, Any]) -> dict[str, Any]:
    return {"additionalProperties": others or True}
