"""Codecs by msgspec: dataclasses, Structs, TypedDicts, enums, literals, unions, and the plain types."""

from __future__ import annotations

import copy
import functools
from typing import Any

import msgspec

from lambent.features.codecs import Field, ValidationError, describe_members, is_immutable, is_plain, rewrite
from lambent.features.mcp_header import McpHeader
from lambent.wire.lazy import LazyDecoder

_encoder = msgspec.json.Encoder()
_REF = "#/$defs/{name}"

# Names that the annotated-types package and msgspec share; duck-typed, so that it need not be imported.
_BOUNDS = {"Ge": "ge", "Gt": "gt", "Le": "le", "Lt": "lt", "MultipleOf": "multiple_of"}
_LENGTHS = {"MinLen": "min_length", "MaxLen": "max_length"}


class MsgspecCodec:
    """The codec of any type that msgspec supports."""

    def __init__(self, hint: Any) -> None:
        self.is_plain = is_plain(hint)
        self._type = rewrite(hint, _translate)
        self._decoder = msgspec.json.Decoder(self._type, strict=False)
        self._checker: LazyDecoder[Any] = LazyDecoder(self._type)

    def schema(self) -> dict[str, Any]:
        """See ``Codec.schema``."""
        return describe_members(_schema(self._type), [self._type])

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        """See ``Codec.decode``."""
        try:
            return self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ValidationError(_explain(error)) from None

    def convert(self, value: Any) -> Any:
        """See ``Codec.convert``."""
        try:
            return msgspec.convert(value, self._type, strict=False)
        except (msgspec.ValidationError, RecursionError) as error:
            raise ValidationError(_explain(error)) from None

    def encode(self, value: Any) -> bytes:
        """See ``Codec.encode``."""
        try:
            # Through the type, without leniency: what is sent fits the schema to the letter.
            return _encoder.encode(self._checker.decode(_encoder.encode(value)))
        except (msgspec.MsgspecError, TypeError, UnicodeError, RecursionError, OverflowError) as error:
            raise ValidationError(_explain(error)) from None


class MsgspecArguments(MsgspecCodec):
    """The codec of a function's arguments."""

    def __init__(self, name: str, fields: list[Field]) -> None:
        members = [(field.name, rewrite(field.hint, _translate), _default(field.default)) for field in fields]
        super().__init__(msgspec.defstruct(name, members, kw_only=True, forbid_unknown_fields=True))
        self.is_plain = all(is_plain(field.hint) for field in fields)
        self._hints = [field.hint for field in fields]

    def schema(self) -> dict[str, Any]:
        """See ``Codec.schema``: the object itself, without a title."""
        schema = describe_members(_schema(self._type), self._hints)
        schema.pop("title", None)
        if not schema["required"]:
            del schema["required"]
        return schema

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        """See ``Codec.decode``."""
        try:
            return msgspec.structs.asdict(self._decoder.decode(raw))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ValidationError(_explain(error)) from None

    def convert(self, value: Any) -> dict[str, Any]:
        """See ``Codec.convert``."""
        return msgspec.structs.asdict(super().convert(value))


def _default(value: Any) -> Any:
    """A default that calls do not share."""
    is_empty = isinstance(value, list | dict | set) and not value  # msgspec makes these anew itself
    if not is_empty and not is_immutable(value) and value is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=functools.partial(copy.deepcopy, value))
    return value


def _explain(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _translate(item: Any) -> Any:
    name = type(item).__name__
    if isinstance(item, str):
        return msgspec.Meta(description=item)
    if isinstance(item, McpHeader):
        return msgspec.Meta(extra_json_schema={"x-mcp-header": item.name})
    if name == "Doc":
        return msgspec.Meta(description=item.documentation)
    for table in (_BOUNDS, _LENGTHS):
        if name in table:
            return msgspec.Meta(**{table[name]: getattr(item, table[name])})
    if name == "Interval":
        return msgspec.Meta(
            **{key: bound for key in _BOUNDS.values() if (bound := getattr(item, key, None)) is not None}
        )
    if name == "Len":
        return msgspec.Meta(min_length=item.min_length, max_length=item.max_length)
    return item


def _schema(hint: Any) -> dict[str, Any]:
    (schema,), definitions = msgspec.json.schema_components([hint], ref_template=_REF)
    if set(schema) == {"$ref"}:
        # The type itself comes first, unless its own fields lead back to it.
        name = schema["$ref"].removeprefix("#/$defs/")
        if f'"{_REF.format(name=name)}"'.encode() not in _encoder.encode(definitions):
            schema = definitions.pop(name)
    return schema | ({"$defs": definitions} if definitions else {})
