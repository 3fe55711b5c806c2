"""The fields of record types, whichever library they come from."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from typing import Any

_MARKS = ("__dataclass_fields__", "__struct_fields__", "__total__", "_fields", "model_fields")


def fields_of(cls: type) -> Mapping[str, Any]:
    """The hints of a record's fields, ``Annotated`` included; none where it is no record."""
    if not any(hasattr(cls, mark) for mark in _MARKS):
        return {}
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError):
        return {}


def records_in(hints: Iterable[Any]) -> list[type]:
    """Every record type that hints mention, those within other records included."""
    found: list[type] = []
    seen: set[int] = set()
    todo = list(hints)
    while todo:
        hint = todo.pop()
        if id(hint) in seen:
            continue
        seen.add(id(hint))
        todo.extend(typing.get_args(hint))
        if isinstance(hint, type) and (members := fields_of(hint)):
            found.append(hint)
            todo.extend(members.values())
    return found
