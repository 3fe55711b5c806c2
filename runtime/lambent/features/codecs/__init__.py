"""From type hints to JSON Schema and converted values: one port, two adapters.

msgspec serves every signature that does not mention pydantic; pydantic serves those that do. Which one it
is shows nowhere else.
"""

from __future__ import annotations

import datetime
import enum
import sys
import types
import typing
from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import Annotated, Any, Protocol

import msgspec

from lambent.errors import DeclarationError
from lambent.features.records import fields_of, records_in


class ValidationError(ValueError):
    """A value does not fit its type; the message says where and why, for a model to read."""


class Codec(Protocol):
    """Describes, reads and writes the values of a type hint."""

    @property
    def is_plain(self) -> bool:
        """It consists of nothing but types that every adapter can describe."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12) of the values that fit."""

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        """Read JSON; ``"5"`` passes for an integer. Raises ``ValidationError``."""

    def convert(self, value: Any) -> Any:
        """The same from decoded JSON. Raises ``ValidationError``."""

    def encode(self, value: Any) -> bytes:
        """Check a Python value and write it as JSON. Raises ``ValidationError``."""


class Field(msgspec.Struct, frozen=True):
    """One parameter of a function.

    Attributes:
        name: its name, in Python and on the wire.
        hint: its type hint, ``Annotated`` included.
        default: its default, or ``NODEFAULT``.
    """

    name: str
    hint: Any
    default: Any


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


def arguments_codec(name: str, fields: list[Field]) -> Codec:
    """The codec of an object with these fields and no others; its values are dicts by field name.

    Raises:
        DeclarationError: neither adapter can handle the types.
    """
    if _mentions_pydantic([field.hint for field in fields] + [field.default for field in fields]):
        from lambent.features.codecs._pydantic import PydanticArguments

        return _declared(lambda: PydanticArguments(name, fields), name)
    from lambent.features.codecs._msgspec import MsgspecArguments

    return _declared(lambda: MsgspecArguments(name, fields), name)


def to_json(value: Any) -> bytes:
    """Write any value as JSON, models of pydantic included.

    Raises:
        ValidationError: it has no JSON form.
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


_IMMUTABLE = (int, float, str, bytes, type(None), enum.Enum, Decimal, datetime.date, datetime.timedelta)


def is_immutable(value: Any) -> bool:
    """Whether calls may share a default."""
    return isinstance(value, _IMMUTABLE)


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


def description_of(hint: Any) -> str | None:
    """The description that ``Annotated`` gives, as plain text or as ``Doc``."""
    for item in getattr(hint, "__metadata__", ()):
        text = item if isinstance(item, str) else getattr(item, "documentation", None)
        if isinstance(text, str):
            return text
    return None


def describe_members(schema: dict[str, Any], hints: list[Any]) -> dict[str, Any]:
    """Add what ``Annotated`` says of the fields of records, which neither library looks at itself.

    Args:
        schema: the schema of the hints; changed in place.
        hints: where the records are.
    """
    definitions = schema.get("$defs", {})
    for cls in records_in(hints):
        node = definitions.get(cls.__name__, schema if schema.get("title") == cls.__name__ else {})
        for name, hint in fields_of(cls).items():
            text, prop = description_of(hint), node.get("properties", {}).get(name)
            if text is not None and prop is not None:
                prop.setdefault("description", text)
    return schema


def rewrite(hint: Any, translate: Callable[[Any], Any]) -> Any:
    """A hint with the metadata of every ``Annotated`` in it said in an adapter's own words.

    Args:
        hint: any type hint.
        translate: what an adapter makes of one piece of metadata.
    """
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
            codec.schema()  # what cannot be described must not wait for somebody to list it
        return codec
    except DeclarationError:
        raise
    except Exception as error:
        raise DeclarationError(f"Cannot describe {what}: {error}") from error


def _mentions_pydantic(hints: list[Any]) -> bool:
    """Whether pydantic must describe these hints. Imports nothing: who mentions it has imported it."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is None:
        return False
    seen: set[int] = set()
    todo = list(hints)
    while todo:
        hint = todo.pop()
        if id(hint) in seen:
            continue
        seen.add(id(hint))
        if hasattr(hint, "__get_pydantic_core_schema__") or hasattr(hint, "__pydantic_core_schema__"):
            return True
        module = getattr(hint if isinstance(hint, type) else type(hint), "__module__", "") or ""
        if module == "pydantic" or module.startswith("pydantic."):
            return True
        todo.extend(typing.get_args(hint))
        todo.extend(getattr(hint, "__metadata__", ()))
        if isinstance(hint, type) and not issubclass(hint, msgspec.Struct):
            todo.extend(fields_of(hint).values())
    return False
