"""Codecs by msgspec: dataclasses, Structs, TypedDicts, enums, literals, unions, paths, the plain types."""

from __future__ import annotations

import datetime
import functools
import typing
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

import msgspec

from lambent.features.codecs import ValidationError, encoder, is_path, is_plain, is_shared, rewrite
from lambent.features.functions import Parameter
from lambent.features.hints import fields_of, mentions, records_in, walk
from lambent.features.mcp_header import McpHeader

_REF = "#/$defs/{name}"

# Classes of the annotated-types package, by name so that it need not be imported, and their attributes.
_BOUNDS = frozenset({"Ge", "Gt", "Le", "Lt", "Interval", "MultipleOf", "MinLen", "MaxLen", "Len"})
# Clients are told to send a zone; msgspec says so only of types that demand one.
_AS_SENT = {
    object: Any,
    datetime.datetime: Annotated[datetime.datetime, msgspec.Meta(extra_json_schema={"format": "date-time"})],
    datetime.time: Annotated[datetime.time, msgspec.Meta(extra_json_schema={"format": "time"})],
}
_UNREAD = frozenset({"Predicate", "Not", "Timezone"})
_ATTRIBUTES = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length")


class MsgspecCodec:
    """The codec of any type that msgspec supports: it writes as it reads."""

    def __init__(self, hint: Any) -> None:
        self._type = rewrite(hint, _translate)
        self._decoder = msgspec.json.Decoder(self._type, strict=False, dec_hook=_read_foreign)
        self._set_hints([hint])

    def _set_hints(self, hints: list[Any]) -> None:
        self._hints = hints
        self.is_plain = all(map(is_plain, hints))
        self._may_be_infinite = not self.is_plain or any(mentions(hint, float, Decimal) for hint in hints)
        self._is_simple = self.is_plain and not self._may_be_infinite

    @functools.cached_property
    def _finite(self) -> Any:
        from lambent.features.codecs import finite  # signatures without floats never load it

        return finite

    @functools.cached_property
    def _has_dataclasses(self) -> bool:
        if self.is_plain:
            return False
        parts = walk(self._hints, lambda cls: fields_of(cls).values())
        return any(hasattr(typing.get_origin(part) or part, "__dataclass_fields__") for part in parts)

    @functools.cached_property
    def _has_post_init(self) -> bool:
        return any(hasattr(record, "__post_init__") for record in records_in(self._hints))

    @functools.cached_property
    def _checker(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(self._type, dec_hook=_read_foreign)

    def schema(self) -> dict[str, Any]:
        from lambent.features.codecs.schemas import refine

        return refine(_schema(self._type), self._hints)

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        try:
            value = self._decoder.decode(raw)
        except Exception as error:
            value = self._parsed(raw, _problem(error))
        if self._has_dataclasses:
            complete(value)
        if self._may_be_infinite and self._finite.may_be_spelled(raw):
            self._finite.require_finite(value)
        return value

    def convert(self, value: Any) -> Any:
        try:
            converted = msgspec.convert(value, self._type, strict=False, dec_hook=_read_foreign)
        except Exception as error:
            problem = _problem(error)
            from lambent.features.codecs.json_text import parse_texts

            parsed = parse_texts(value, self.schema(), scalars=True)
            if parsed == value:
                raise problem from None
            converted = self._again(parsed)
        if self._has_dataclasses:
            complete(converted)
        if self._may_be_infinite:
            self._finite.require_finite(converted)
        return converted

    def encode(self, value: Any) -> bytes:
        try:
            # Read back strictly as the type, so that what is sent fits the schema exactly.
            raw = encoder.encode(value)
            known = self._checker.decode(raw)
            if self._is_simple:
                return encoder.encode(known)
            if self.is_plain:
                return self._with_nulls(encoder.encode(known), value)
            raw = raw if self._has_post_init else encoder.encode(known)  # it has run for the value already
        except Exception as error:
            problem = _problem(error)
            self._finite.require_finite(value)  # it was written as null, which is not what is wrong with it
            raise problem from None
        if self._finite.may_be_spelled(raw):  # decimals and keys are written as text
            self._finite.require_finite(known)
        return self._with_nulls(raw, value)

    def _with_nulls(self, raw: bytes, value: Any) -> bytes:
        """JSON whose nulls are no numbers that are NaN or infinity."""
        if b"null" in raw and self._may_be_null:
            self._finite.require_finite(value)
        return raw

    @functools.cached_property
    def _may_be_null(self) -> bool:
        """Whether NaN, which is written as null, may be where null is allowed."""
        parts = walk(self._hints, lambda cls: fields_of(cls).values())
        return any(type(None) in typing.get_args(part) and mentions(part, float) for part in parts)

    def _parsed(self, raw: bytes | msgspec.Raw, problem: ValidationError) -> Any:
        """Read JSON in which lists and objects may be text, after it was refused for a problem."""
        from lambent.features.codecs.json_text import may_hold_texts, parse_texts

        if not may_hold_texts(raw):
            raise problem from None
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise problem from None
        return self._again(parse_texts(value, self.schema()))

    def _again(self, value: Any) -> Any:
        try:
            return self._decoder.decode(msgspec.json.encode(value))
        except Exception as error:
            raise _problem(error) from None


def complete(value: Any) -> None:
    """Give dataclasses, in place, the defaults that msgspec leaves to their class, where they were not sent.

    Without them they would be written without these fields.

    Raises:
        ValidationError: the value is nested too deeply.
    """
    try:
        _complete(value)
    except RecursionError:
        raise ValidationError("it is nested too deeply") from None


def _complete(value: Any) -> None:
    if isinstance(value, list | tuple | set | frozenset):
        for item in value:
            _complete(item)
    elif isinstance(value, dict):
        _complete(list(value.values()))
    elif isinstance(value, msgspec.Struct):
        _complete([getattr(value, name) for name in value.__struct_fields__])
    elif (fields := getattr(value.__class__, "__dataclass_fields__", None)) is not None:
        own = getattr(value, "__dict__", None)
        if own is not None and len(own) < len(fields):
            given = {name: getattr(value, name) for name in fields if hasattr(value, name)}
            own.clear()
            own.update(given)
        _complete([getattr(value, name, None) for name in fields])


class MsgspecArguments(MsgspecCodec):
    """The codec of a function's arguments."""

    def __init__(self, name: str, parameters: list[Parameter], *, ignores_unknown: bool = False) -> None:
        members = [
            (item.name, rewrite(item.hint, _translate, _AS_SENT), _default(item.default))
            for item in parameters
        ]
        aliases = {item.name: item.alias for item in parameters if item.alias is not None}
        super().__init__(
            msgspec.defstruct(
                name,
                members,
                kw_only=True,
                forbid_unknown_fields=not ignores_unknown,
                rename=aliases or None,
            )
        )
        self._set_hints([item.hint for item in parameters])
        self._parameters = parameters
        # Parameters that are floats are looked at one by one, which is faster than to look at the JSON.
        self._floats = tuple(item.name for item in parameters if item.hint is float)
        others = [item.hint for item in parameters if item.hint is not float]
        self._may_be_infinite = any(not is_plain(hint) or mentions(hint, float, Decimal) for hint in others)

    def schema(self) -> dict[str, Any]:
        from lambent.features.codecs.schemas import show_defaults

        schema = super().schema()
        schema.pop("title", None)
        return show_defaults(schema, self._parameters)

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        values = msgspec.structs.asdict(MsgspecCodec.decode(self, raw))  # faster than super()
        for name in self._floats:
            value = values[name]
            if value.__class__ is float and not isfinite(value):
                self._require_finite(raw, values)
        return values

    def _require_finite(self, raw: bytes | msgspec.Raw, values: dict[str, Any]) -> None:
        """Refuse what clients have sent; a default may be NaN."""
        sent = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        self._finite.require_finite(
            {item.wire: values[item.name] for item in self._parameters if item.wire in sent}
        )

    def convert(self, value: Any) -> dict[str, Any]:
        return msgspec.structs.asdict(super().convert(value))


def _default(value: Any) -> Any:
    """A default that calls do not share, unless they cannot change it."""
    is_empty = isinstance(value, list | dict | set) and not value  # msgspec itself copies these
    if is_empty or isinstance(value, int | float | str | bytes | None) or value is msgspec.NODEFAULT:
        return value
    if is_shared(value):
        return msgspec.field(default_factory=lambda: value)  # msgspec would show it in the schema
    from copy import deepcopy

    return msgspec.field(default_factory=functools.partial(deepcopy, value))


def _read_foreign(cls: type, value: Any) -> Any:
    if is_path(cls) and isinstance(value, str):
        return cls(value)
    raise msgspec.ValidationError(f"Expected `{cls.__name__}`, got `{type(value).__name__}`")


def _describe_foreign(cls: type) -> dict[str, Any]:
    if is_path(cls):
        return {"type": "string", "format": "path"}
    raise NotImplementedError


def _problem(error: Exception) -> ValidationError:
    """What a client is told of an error of msgspec; the error itself where it is somebody else's.

    Raises:
        Exception: the error is not about the value.
    """
    if isinstance(error, RecursionError):
        return ValidationError("it is nested too deeply")
    if isinstance(error, msgspec.MsgspecError | TypeError | ValueError | OverflowError):
        return ValidationError(str(error))
    raise error


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
    if name in _UNREAD:
        raise TypeError(f"msgspec does not check {item!r}")
    return item


def _schema(hint: Any) -> dict[str, Any]:
    (schema,), definitions = msgspec.json.schema_components(
        [hint], ref_template=_REF, schema_hook=_describe_foreign
    )
    if set(schema) == {"$ref"}:
        # The schema of the type itself becomes the root, unless it refers to itself.
        name = schema["$ref"].removeprefix("#/$defs/")
        if f'"{_REF.format(name=name)}"'.encode() not in encoder.encode(definitions):
            schema = definitions.pop(name)
    return schema | ({"$defs": definitions} if definitions else {})
