"""What the return type of a tool says of its results, where it is none of the plainest."""

from __future__ import annotations

import collections.abc
import sys
import types
import typing
from typing import Annotated, Any

from msgspec import UNSET

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, codec_of
from lambent.features.hints import mentions, walk
from lambent.features.signature import Signature
from lambent.features.tools import Audio, Image, is_foreign_type
from lambent.wire.results import CallToolResult, InputRequiredResult
from lambent.wire.values import Content, ToolResult

_NONE = (None, type(None))
_SCALARS = (str, int, float, bool, bytes, type(None))
_LISTS = (list, tuple, set, frozenset, collections.abc.Sequence)
_UNIONS = (typing.Union, types.UnionType)
_WHOLE = (ToolResult, CallToolResult)


def describe(signature: Signature, structured: bool | None, *, compact: bool) -> tuple[Codec | None, bool]:
    """The codec of a tool's structured results, and whether they are wrapped; see ``output_of``.

    Raises:
        DeclarationError: the type cannot be described, or there is none although it is needed.
    """
    hint = _without_questions(signature.returns)
    whole, hint = _of_whole(hint)
    has_content = hint is not UNSET and any(map(_is_content, walk([hint])))
    if structured and not whole and (hint is UNSET or has_content):
        what = "" if hint is UNSET else " without images and sounds, which are no JSON"
        raise DeclarationError(f"{signature.name}: structured_output=True needs a return type{what}")
    if hint is UNSET or has_content:
        return None, False
    is_unstructured = _is_text if compact else _is_open
    if not structured and (is_unstructured(hint) or mentions(hint, bytes)):
        return None, False
    try:
        return _codec_of(hint), not compact and not _is_record(_base(hint))
    except DeclarationError as error:
        raise DeclarationError(f"{signature.name}, result: {error}") from None


def _without_questions(hint: Any) -> Any:
    """A return type without what ends a round instead of the call."""
    if _is_named(hint, InputRequiredResult):
        return UNSET
    if typing.get_origin(hint) not in _UNIONS:
        return hint
    args = typing.get_args(hint)
    others = tuple(arg for arg in args if not _is_named(arg, InputRequiredResult))
    if len(others) == len(args):
        return hint
    return typing.Union[others] if others else UNSET  # noqa: UP007 - the members are only known now


def _of_whole(hint: Any) -> tuple[bool, Any]:
    """Whether functions return whole results, and what ``Annotated`` says of their structured content."""
    base, *metadata = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
    if not _is_named(base, *_WHOLE):
        return False, hint
    if not metadata or not (isinstance(metadata[0], type) or typing.get_origin(metadata[0])):
        return True, UNSET
    return True, Annotated[tuple(metadata)] if len(metadata) > 1 else metadata[0]


def _is_named(hint: Any, *classes: type) -> bool:
    """Whether a hint is one of the classes, or one of the same name in another library for MCP."""
    if not isinstance(hint, type) or typing.get_args(hint):
        return False
    return issubclass(hint, classes) or (
        hint.__name__ in {cls.__name__ for cls in classes} and is_foreign_type(hint)
    )


def _is_content(part: Any) -> bool:
    is_class = isinstance(part, type) and not typing.get_args(part)
    if not is_class:
        return False
    return issubclass(part, (Content, Image, Audio, *_WHOLE)) or is_foreign_type(part)


def _base(hint: Any) -> Any:
    """A hint without what ``Annotated`` adds to it."""
    return _base(typing.get_args(hint)[0]) if typing.get_origin(hint) is Annotated else hint


def _is_text(hint: Any) -> bool:
    """Whether values of a type go to the model as they are where results are compact."""
    base = _base(hint)
    args = typing.get_args(base)
    origin = typing.get_origin(base)
    if origin in _UNIONS:
        return [arg for arg in args if arg not in _NONE] == [str]
    if (origin or base) in _LISTS:
        return all(arg in (Any, object, ...) for arg in args)
    return base in (str, Any, object, *_NONE)


def _is_open(hint: Any) -> bool:
    """Whether nothing is known of the values of a type, as the official SDK has it."""
    base = _base(hint)
    if typing.get_args(base) or not isinstance(base, type):
        return base is Any  # a class since Python 3.11 only
    return base not in _SCALARS and (issubclass(base, tuple) or not _members(base))


def _is_record(base: Any) -> bool:
    """Whether values of a type are objects already."""
    if type(base) is types.GenericAlias:
        origin, args = typing.get_origin(base), typing.get_args(base)
        return origin is dict and len(args) == 2 and args[0] is str
    is_class = isinstance(base, type) and base not in _SCALARS and not issubclass(base, tuple)
    return is_class and bool(_members(base))


def _members(cls: type) -> dict[str, Any] | bool:
    """The attributes that a class declares; True for a model of pydantic, which may have none."""
    if "pydantic" in sys.modules and hasattr(cls, "__pydantic_core_schema__"):
        return True
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError):
        return {}
    return {name: hint for name, hint in hints.items() if not name.startswith("_")}


def _codec_of(hint: Any) -> Codec:
    base = _base(hint)
    if _needs_attributes(base):
        from lambent.features.codecs.attributes import AttributesCodec

        return AttributesCodec(base, typing.get_type_hints(base, include_extras=True))
    return codec_of(type(None) if hint is None else hint, "write")


def _needs_attributes(base: Any) -> bool:
    """Whether a class is no record that a codec knows."""
    if not isinstance(base, type) or typing.get_args(base) or base in _SCALARS or issubclass(base, tuple):
        return False
    known = ("__dataclass_fields__", "__struct_fields__", "__total__", "__pydantic_core_schema__")
    return not any(hasattr(base, name) for name in known) and bool(_members(base))
