"""Codecs by msgspec: dataclasses, Structs, TypedDicts, enums, literals, unions, and the plain types."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from lambent.features.codecs import IMMUTABLE, ValidationError, describe_fields, is_plain, rewrite
from lambent.features.functions import Parameter
from lambent.features.mcp_header import McpHeader
from lambent.wire.jsonrpc import LazyDecoder

_encoder = msgspec.json.Encoder()
_REF = "#/$defs/{name}"

# Classes of the annotated-types package, by name so that it need not be imported, and their attributes.
_BOUNDS = frozenset({"Ge", "Gt", "Le", "Lt", "Interval", "MultipleOf", "MinLen", "MaxLen", "Len"})
_ATTRIBUTES = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length")


class MsgspecCodec:
    """The codec of any type that msgspec supports."""

    def __init__(self, hint: Any) -> None:
        self.is_plain = is_plain(hint)
        self._type = rewrite(hint, _translate)
        self._decoder = msgspec.json.Decoder(self._type, strict=False)
        self._checker: LazyDecoder[Any] = LazyDecoder(self._type)
        self._hints = [self._type]

    def schema(self) -> dict[str, Any]:
        return describe_fields(_schema(self._type), self._hints)

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        try:
            return self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ValidationError(_explain(error)) from None

    def convert(self, value: Any) -> Any:
        try:
            return msgspec.convert(value, self._type, strict=False)
        except (msgspec.ValidationError, RecursionError) as error:
            raise ValidationError(_explain(error)) from None

    def encode(self, value: Any) -> bytes:
        try:
            # Read back strictly as the type, so that what is sent fits the schema exactly.
            return _encoder.encode(self._checker.decode(_encoder.encode(value)))
        except (msgspec.MsgspecError, TypeError, UnicodeError, RecursionError, OverflowError) as error:
            raise ValidationError(_explain(error)) from None


class MsgspecArguments(MsgspecCodec):
    """The codec of a function's arguments."""

    def __init__(self, name: str, parameters: list[Parameter]) -> None:
        members = [(item.name, rewrite(item.hint, _translate), _default(item.default)) for item in parameters]
        super().__init__(msgspec.defstruct(name, members, kw_only=True, forbid_unknown_fields=True))
        self.is_plain = all(is_plain(item.hint) for item in parameters)
        self._hints = [item.hint for item in parameters]

    def schema(self) -> dict[str, Any]:
        schema = super().schema()
        schema.pop("title", None)
        if not schema["required"]:
            del schema["required"]
        return schema

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        try:
            return msgspec.structs.asdict(self._decoder.decode(raw))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ValidationError(_explain(error)) from None

    def convert(self, value: Any) -> dict[str, Any]:
        return msgspec.structs.asdict(super().convert(value))


def _default(value: Any) -> Any:
    """A default that calls do not share."""
    is_empty = isinstance(value, list | dict | set) and not value  # msgspec itself copies these
    if not is_empty and not isinstance(value, IMMUTABLE) and value is not msgspec.NODEFAULT:
        from copy import deepcopy

        return msgspec.field(default_factory=functools.partial(deepcopy, value))
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
    if name in _BOUNDS:
        bounds = {attribute: getattr(item, attribute, None) for attribute in _ATTRIBUTES}
        return msgspec.Meta(**bounds)
    return item


def _schema(hint: Any) -> dict[str, Any]:
    (schema,), definitions = msgspec.json.schema_components([hint], ref_template=_REF)
    if set(schema) == {"$ref"}:
        # The schema of the type itself becomes the root, unless it refers to itself.
        name = schema["$ref"].removeprefix("#/$defs/")
        if f'"{_REF.format(name=name)}"'.encode() not in _encoder.encode(definitions):
            schema = definitions.pop(name)
    return schema | ({"$defs": definitions} if definitions else {})
