"""Results whose members only the server's author knows, such as those of an extension's methods."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.wire.results import Result

_RESERVED = ("resultType", "_meta")


def open_result(members: Mapping[str, Any]) -> Result:
    """A result with these members, by their names on the wire.

    ``resultType`` and ``_meta``, an object, may be among them. A ``resultType`` that is none of the
    protocol's belongs to an extension (basic, "Result Responses").
    """
    names = tuple(name for name in members if name not in _RESERVED)
    values = {f"m{number}": members[name] for number, name in enumerate(names)}
    result: Result = _kind_of(names)(**values)
    if members.get("resultType") is not None:
        result.result_type = members["resultType"]
    if members.get("_meta") is not None:
        result.meta = members["_meta"]
    return result


@functools.lru_cache(maxsize=64)
def _kind_of(names: tuple[str, ...]) -> type[Result]:
    """The results with these members: a result is a struct, to which responses add what they say."""
    fields = [(f"m{number}", Any) for number in range(len(names))]
    rename = {f"m{number}": name for number, name in enumerate(names)}
    kind: Any = msgspec.defstruct("OpenResult", fields, bases=(Result,), rename=rename, kw_only=True)
    return kind  # type: ignore[no-any-return]
