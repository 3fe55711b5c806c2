"""What type hints consist of: their arguments, the metadata of ``Annotated``, the fields of record types."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_RECORD_ATTRIBUTES = ("__dataclass_fields__", "__struct_fields__", "__total__", "_fields", "model_fields")


def walk(hints: Iterable[Any], fields: Callable[[type], Iterable[Any]] = lambda record: ()) -> Iterator[Any]:
    """Yield hints and everything in them: arguments, metadata of ``Annotated``, and what ``fields`` gives."""
    seen: dict[int, Any] = {}  # keeps what it has seen, so that no id is used twice
    todo = list(hints)
    while todo:
        hint = todo.pop()
        if id(hint) in seen:
            continue
        seen[id(hint)] = hint
        yield hint
        todo.extend(typing.get_args(hint))
        if isinstance(hint, type):
            todo.extend(fields(hint))


def mark_of(hint: Any, kind: type[T]) -> T | None:
    """The first object of a class in the metadata that ``Annotated`` gives the hint itself."""
    return next((item for item in getattr(hint, "__metadata__", ()) if isinstance(item, kind)), None)


def has_mark(hint: Any, kind: type) -> bool:
    """Whether there is an object of a class in the metadata of the hint, or of a hint within it."""
    return any(isinstance(part, kind) for part in walk([hint]))


def mentions(hint: Any, *classes: type) -> bool:
    """Whether the hint is one of the classes or a subclass, or a hint within it is."""
    return any(isinstance(part, type) and issubclass(part, classes) for part in walk([hint]))


def fields_of(cls: type) -> Mapping[str, Any]:
    """The hints of a record's fields, whichever library it comes from; empty where the class is no record."""
    if not any(hasattr(cls, attribute) for attribute in _RECORD_ATTRIBUTES):
        return {}
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError):
        return {}


def records_in(hints: Iterable[Any]) -> list[type]:
    """Every record type that hints mention, those within other records included."""
    parts = walk(hints, lambda cls: fields_of(cls).values())
    return [part for part in parts if isinstance(part, type) and fields_of(part)]


def show(hint: Any) -> str:
    """A hint as people write it: without the modules of its classes, and without metadata."""
    if typing.get_origin(hint) is typing.Annotated:
        return show(typing.get_args(hint)[0])
    text = hint.__qualname__ if isinstance(hint, type) and not typing.get_args(hint) else repr(hint)
    return re.sub(r"(?:[A-Za-z_]\w*\.|<locals>\.)+", "", text)


def description_of(hint: Any) -> str | None:
    """The description that ``Annotated`` gives a hint: as text, as ``Doc`` or as a field's description."""
    for item in getattr(hint, "__metadata__", ()):
        text = item if isinstance(item, str) else getattr(item, "description", None)
        text = text or getattr(item, "documentation", None)
        if isinstance(text, str):
            return text
    if type(None) in typing.get_args(hint):  # ``x: Annotated[str, "…"] = None``
        return next(filter(None, map(description_of, typing.get_args(hint))), None)
    return None
