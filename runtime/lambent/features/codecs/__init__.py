"""From type hints to JSON Schema and converted values, by msgspec or by pydantic.

pydantic describes the signatures that mention it, msgspec all others. No other module depends on which one
it is.
"""

from __future__ import annotations

import datetime
import enum
import sys
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Protocol

import msgspec

from lambent.errors import DeclarationError
from lambent.features.functions import Parameter
from lambent.features.hints import description_of, fields_of, records_in, walk


class ValidationError(ValueError):
    """A value does not fit its type; the message says where and why, for a model to read."""


class Codec(Protocol):
    """Describes, reads and writes the values of a type hint."""

    is_plain: bool
    """The hint consists of types that both libraries can always describe."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12) of the values that fit."""

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        """Read JSON; ``"5"`` passes for an integer. Raises ``ValidationError``."""

    def convert(self, value: Any) -> Any:
        """The same from decoded JSON. Raises ``ValidationError``."""

    def encode(self, value: Any) -> bytes:
        """Check a Python value and write it as JSON. Raises ``ValidationError``."""


def codec_of(hint: Any) -> Codec:
    """The codec of a single type hint.

    Raises:
        DeclarationError: neither adapter can handle the type.
    """
    if _mentions_pydantic([hint]):
        from lambent.features.codecs._pydantic import PydanticCodec

        return _declared(lambda: PydanticCodec(hint), hint)
    from lambent.features.codecs._msgspec import MsgspecCodec

    return _declared(lambda: MsgspecCodec(hint), hint)


def arguments_codec(name: str, parameters: list[Parameter]) -> Codec:
    """The codec of a function's arguments: an object with these members and no others; values are dicts.

    Raises:
        DeclarationError: neither adapter can handle the types.
    """
    if _mentions_pydantic([part for item in parameters for part in (item.hint, item.default)]):
        from lambent.features.codecs._pydantic import PydanticArguments

        return _declared(lambda: PydanticArguments(name, parameters), name)
    from lambent.features.codecs._msgspec import MsgspecArguments

    return _declared(lambda: MsgspecArguments(name, parameters), name)


def to_json(value: Any) -> bytes:
    """Write any value as JSON, models of pydantic included.

    Raises:
        ValidationError: it cannot be written as JSON.
    """
    try:
        return _encoder.encode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise ValidationError(str(error)) from None


def _foreign(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"Objects of type {type(value).__name__} cannot be written as JSON")
    return dump(mode="json", by_alias=True)


_encoder = msgspec.json.Encoder(enc_hook=_foreign)

IMMUTABLE = (int, float, str, bytes, type(None), enum.Enum, Decimal, datetime.date, datetime.timedelta)
"""Classes whose objects calls may share as a default."""

_PLAIN = frozenset({int, float, str, bool, bytes, type(None), Any, list, dict, tuple, set, frozenset})


def is_plain(hint: Any, *bases: type) -> bool:
    """Whether a hint consists of built-in types and of classes derived from the bases alone."""
    args = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return True
    if args:
        base = args[:1] if typing.get_origin(hint) is Annotated else args
        return all(arg is ... or is_plain(arg, *bases) for arg in base)
    if isinstance(hint, type) and issubclass(hint, bases):
        return True
    return hint is None or (isinstance(hint, Hashable) and hint in _PLAIN)


def describe_fields(schema: dict[str, Any], hints: list[Any]) -> dict[str, Any]:
    """Add to a schema what ``Annotated`` says of the fields of records; both libraries ignore it."""
    definitions = schema.get("$defs", {})
    for cls in records_in(hints):
        node = definitions.get(cls.__name__, schema if schema.get("title") == cls.__name__ else {})
        for name, hint in fields_of(cls).items():
            text, prop = description_of(hint), node.get("properties", {}).get(name)
            if text is not None and prop is not None:
                prop.setdefault("description", text)
    return schema


def resolve(node: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a schema's reference into the definitions; what stands beside it stays."""
    while "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def rewrite(hint: Any, translate: Callable[[Any], Any]) -> Any:
    """Translate each piece of metadata of every ``Annotated`` in a hint to what a library understands."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is None or origin is typing.Literal:
        return hint
    if origin is Annotated:
        base, *metadata = args
        return Annotated[(rewrite(base, translate), *(translate(item) for item in metadata))]
    rewritten = tuple(
        [rewrite(item, translate) for item in arg] if isinstance(arg, list) else rewrite(arg, translate)
        for arg in args
    )
    if all(new is old for new, old in zip(rewritten, args, strict=True)):
        return hint
    if origin is types.UnionType or origin is typing.Union:
        return typing.Union[rewritten]  # noqa: UP007 - the members are only known now
    return origin[rewritten]


def _declared(make: Callable[[], Codec], what: Any) -> Codec:
    try:
        codec = make()
        if not codec.is_plain:
            codec.schema()  # fails here, and not when somebody lists the tools
        return codec
    except DeclarationError:
        raise
    except Exception as error:
        raise DeclarationError(f"Cannot describe {what}: {error}") from error


def _mentions_pydantic(hints: list[Any]) -> bool:
    """Whether pydantic must describe these hints. Hints that mention it have imported it already."""
    if sys.modules.get("pydantic") is None:
        return False

    def fields(cls: type) -> Iterable[Any]:
        return () if issubclass(cls, msgspec.Struct) else fields_of(cls).values()

    def is_pydantic(part: Any) -> bool:
        module = getattr(part if isinstance(part, type) else type(part), "__module__", None) or ""
        marks = ("__get_pydantic_core_schema__", "__pydantic_core_schema__")
        return module.partition(".")[0] == "pydantic" or any(hasattr(part, mark) for mark in marks)

    return any(is_pydantic(part) for part in walk(hints, fields))
