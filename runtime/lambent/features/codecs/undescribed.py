"""Types that msgspec or pydantic accepts, and that cannot be served."""

from __future__ import annotations

import collections.abc
import typing
from collections.abc import Hashable, Iterable
from typing import Any

from lambent.errors import DeclarationError
from lambent.features.hints import fields_of, show, walk

_LAZY = tuple(
    getattr(collections.abc, name)
    for name in ("Generator", "AsyncGenerator", "Iterator", "AsyncIterator", "Iterable", "AsyncIterable")
)
_UNDESCRIBED: dict[Any, str] = {
    **dict.fromkeys(_LAZY, "can be read only once: write list"),
    collections.abc.Callable: "has no JSON form: write str, and find it by its name",
    type: "has no JSON form: write str, and find it by its name",
}
_KEYS_NEVER = (list, dict, set, frozenset, tuple, bool, type(None))


def _fields(record: type) -> Iterable[Any]:
    """The hints in a record; those of pydantic's models are pydantic's own business."""
    return () if hasattr(record, "model_fields") else fields_of(record).values()


def check(hints: Iterable[Any], what: str) -> None:
    """Refuse hints that cannot be served, whichever library describes them.

    Raises:
        DeclarationError: there is one; the message says what to write instead.
    """
    for part in walk(hints, _fields):
        origin = typing.get_origin(part) or part
        reason = _UNDESCRIBED.get(origin) if isinstance(origin, Hashable) else None
        args = typing.get_args(part)
        if len(args) == 2 and isinstance(origin, type) and issubclass(origin, collections.abc.Mapping):
            key = typing.get_origin(args[0]) or args[0]
            if isinstance(key, type) and (issubclass(key, _KEYS_NEVER) or fields_of(key)):
                reason = "has keys that are no text: write a list of records"
        if reason is not None:
            raise DeclarationError(f"Cannot describe {what}: {show(part)} {reason}")
