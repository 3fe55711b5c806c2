"""From type hints to JSON Schema and converted values, by msgspec or by pydantic.

pydantic describes the signatures that mention it, and those that msgspec cannot describe; msgspec describes
all others. No other module depends on which one it is.
"""

from __future__ import annotations

import collections.abc
import sys
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Protocol

import msgspec

from lambent.errors import DeclarationError
from lambent.features.functions import Parameter
from lambent.features.hints import fields_of, show, walk

Use = Literal["read", "write", "keep"]
"""What a codec is for.

``read``: arguments and forms, which are described and read as clients send them. ``write``: results, which
are described and written as clients get them. ``keep``: what Lambent itself reads back, such as the results
of steps: whatever is written is read as the same value.
"""


class ValidationError(ValueError):
    """A value does not fit its type; the message says where and why, for a model to read."""


class NotFiniteError(ValidationError):
    """A value is or holds NaN or infinity."""


class Codec(Protocol):
    """Describes, reads and writes the values of a type hint."""

    is_plain: bool
    """The hint consists of types that both libraries can always describe."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12) of the values that fit."""

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        """Read JSON; ``"5"`` passes for an integer, and JSON text for a list. Raises ``ValidationError``."""

    def convert(self, value: Any) -> Any:
        """The same from decoded JSON. Raises ``ValidationError``."""

    def encode(self, value: Any) -> bytes:
        """Check a Python value and write it as JSON. Raises ``ValidationError``."""


def codec_of(hint: Any, use: Use = "read") -> Codec:
    """The codec of a single type hint.

    Raises:
        DeclarationError: neither adapter can handle the type.
    """

    def by_msgspec() -> Codec:
        from lambent.features.codecs._msgspec import MsgspecCodec

        return MsgspecCodec(hint)

    def by_pydantic() -> Codec:
        from lambent.features.codecs._pydantic import PydanticCodec

        return PydanticCodec(hint, use)

    return _choose([hint], by_msgspec, by_pydantic, show(hint))


def arguments_codec(
    name: str,
    parameters: list[Parameter],
    others: Any = msgspec.UNSET,
    taken: Iterable[str | None] = (),
    *,
    ignores_unknown: bool = False,
) -> Codec:
    """The codec of a function's arguments: an object with these members; values are dicts.

    Args:
        name: of the function, for errors.
        parameters: the members.
        others: the type of further members, which it has if it is given.
        taken: names that none of those others has.
        ignores_unknown: an unknown member is left out; else it is refused, and the schema says so.

    Raises:
        DeclarationError: neither adapter can handle the types.
    """
    if others is not msgspec.UNSET:
        from lambent.features.codecs.open_arguments import OpenArguments

        return OpenArguments(name, parameters, others, taken)

    def by_msgspec() -> Codec:
        from lambent.features.codecs._msgspec import MsgspecArguments

        return MsgspecArguments(name, parameters, ignores_unknown=ignores_unknown)

    def by_pydantic() -> Codec:
        from lambent.features.codecs._pydantic import PydanticArguments

        return PydanticArguments(name, parameters, ignores_unknown=ignores_unknown)

    hints = [part for item in parameters for part in (item.hint, item.default)]
    try:
        return _choose(hints, by_msgspec, by_pydantic, name)
    except DeclarationError:
        for item in parameters:  # say which of them it is
            try:
                codec_of(item.hint)
            except DeclarationError as error:
                owner = name.removesuffix("Arguments") or name
                raise DeclarationError(f"{owner}, parameter {item.name!r}: {error}") from None
        raise


def to_json(value: Any) -> bytes:
    """Write any value as JSON, models of pydantic included.

    Raises:
        ValidationError: it cannot be written as JSON.
    """
    try:
        return encoder.encode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise ValidationError(str(error)) from None


def to_plain(value: Any) -> Any:
    """Any value as what decoding its JSON would give, but with NaN and infinity as they are.

    Raises:
        ValidationError: it cannot be written as JSON.
    """
    try:
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_foreign)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise ValidationError(str(error)) from None


def _foreign(value: Any) -> Any:
    if is_path(type(value)):
        return str(value)
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return _run(lambda: dump(mode="json", by_alias=True))
    pydantic_core = sys.modules.get("pydantic_core")
    if pydantic_core is not None and type(value).__module__ != "builtins":  # not complex numbers
        try:
            return pydantic_core.to_jsonable_python(value, by_alias=True)
        except pydantic_core.PydanticSerializationError:
            pass
    advice = ": await it first" if hasattr(type(value), "__await__") else ""
    raise TypeError(f"Objects of type {type(value).__name__} cannot be written as JSON{advice}")


def _run(serialize: Callable[[], Any]) -> Any:
    """Run the code of users. What it raises says nothing of a value's type, so no client is told of it."""
    try:
        return serialize()
    except Exception as error:
        raise RuntimeError("A value could not be serialized") from error


def is_path(cls: type) -> bool:
    """Whether a class is one of ``pathlib``, which takes 2 ms to import and is not needed to tell."""
    pathlib = sys.modules.get("pathlib")
    return pathlib is not None and issubclass(cls, pathlib.PurePath)


encoder = msgspec.json.Encoder(enc_hook=_foreign)


def is_shared(default: Any) -> bool:
    """Whether calls may share a default, such as a marker that the function compares by identity."""
    try:
        return hash(default) is not None
    except TypeError:
        return False


_PLAIN = frozenset({int, float, str, bool, bytes, type(None), Any, object, list, dict, tuple, set, frozenset})
_PLAIN_ORIGINS = _PLAIN | {typing.Union, types.UnionType, Annotated}
_PLAIN_ORIGINS |= {collections.abc.Sequence, collections.abc.Mapping}


def is_plain(hint: Any, *bases: type) -> bool:
    """Whether a hint consists of built-in types and of classes derived from the bases alone."""
    args, origin = typing.get_args(hint), typing.get_origin(hint)
    if origin is Literal:
        return True
    if args:
        base = args[:1] if origin is Annotated else args
        if origin in (dict, collections.abc.Mapping) and args[0] is not str:
            return False
        return origin in _PLAIN_ORIGINS and all(arg is ... or is_plain(arg, *bases) for arg in base)
    if isinstance(hint, type) and issubclass(hint, bases):
        return True
    return hint is None or (isinstance(hint, Hashable) and hint in _PLAIN)


_ANY: Mapping[Any, Any] = MappingProxyType({object: Any})


def rewrite(hint: Any, translate: Callable[[Any], Any], types_: Mapping[Any, Any] = _ANY) -> Any:
    """Translate each piece of metadata of every ``Annotated`` in a hint to what a library understands.

    Also replace types by others: ``object`` by ``Any``.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and hint in types_:
        return types_[hint]
    if origin is None or origin is Literal:
        return hint
    if origin is Annotated:
        base, *metadata = args
        return Annotated[(rewrite(base, translate, types_), *(translate(item) for item in metadata))]
    rewritten = tuple(
        [rewrite(item, translate, types_) for item in arg]
        if isinstance(arg, list)
        else rewrite(arg, translate, types_)
        for arg in args
    )
    if all(new is old for new, old in zip(rewritten, args, strict=True)):
        return hint
    if origin is types.UnionType or origin is typing.Union:
        return typing.Union[rewritten]  # noqa: UP007 - the members are only known now
    return origin[rewritten]


_KNOWN = (
    "write built-in types, dataclasses, TypedDicts, enums, and Structs of msgspec or models of "
    "pydantic, not both"
)


def _choose(
    hints: list[Any], by_msgspec: Callable[[], Codec], by_pydantic: Callable[[], Codec], what: str
) -> Codec:
    if _mentions_pydantic(hints):
        from lambent.features.codecs.undescribed import check

        check(hints, what)
        return _declared(by_pydantic, what)
    try:
        codec = by_msgspec()
        if not codec.is_plain:
            from lambent.features.codecs.undescribed import check

            check(hints, what)
            codec.schema()  # fails here, and not when somebody lists the tools
        return codec
    except DeclarationError:
        raise
    except Exception as error:
        from lambent.features.codecs.undescribed import check

        check(hints, what)
        try:
            return _declared(by_pydantic, what)
        except ModuleNotFoundError:
            raise DeclarationError(f"Cannot describe {what}: {_KNOWN}, or install pydantic") from error


def _declared(make: Callable[[], Codec], what: str) -> Codec:
    try:
        codec = make()
        if not codec.is_plain:
            codec.schema()
        return codec
    except (DeclarationError, ModuleNotFoundError):
        raise
    except Exception as error:
        is_unknown = type(error).__name__ in ("PydanticSchemaGenerationError", "PydanticInvalidForJsonSchema")
        reason = _KNOWN if is_unknown else " ".join(str(error).partition("\n\n")[0].split())
        raise DeclarationError(f"Cannot describe {what}: {reason}") from error


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
