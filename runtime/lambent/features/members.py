"""The fields of record types, whichever library they come from."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

_MARKS = ("__dataclass_fields__", "__struct_fields__", "__total__", "_fields", "model_fields")


def members_of(cls: type) -> Mapping[str, Any]:
    """The hints of a record's fields, ``Annotated`` included; none where it is no record."""
    if not any(hasattr(cls, mark) for mark in _MARKS):
        return {}
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError):
        return {}
