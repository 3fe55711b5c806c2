"""NaN and infinity, which are no JSON numbers: Python and both libraries read them from text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from lambent.features.codecs import NotFiniteError, ValidationError

_SPELLED = re.compile(rb'"\s*[-+]?s?(?:nan|inf)|\\u00', re.IGNORECASE)
"""Text that may be read as NaN or infinity, or that is escaped so that it cannot be told."""

_HUGE = re.compile(rb"[0-9][eE]\+?[0-9]{3}|[0-9]{300}")
"""A number that may be beyond the range of floats."""


def may_be_spelled(raw: Any) -> bool:
    """Whether JSON holds text that may be read as NaN or infinity."""
    return _SPELLED.search(raw) is not None


def refuse_huge(raw: bytes) -> None:
    """Refuse numbers that are infinity for parsers which do not check their range.

    Raises:
        ValidationError: there is one.
    """
    if _HUGE.search(raw) is not None:
        try:
            msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ValidationError(str(error)) from None


def require_finite(value: Any) -> None:
    """Refuse a value that is or holds NaN or infinity.

    Raises:
        NotFiniteError: it does, at the path that the message names.
        ValidationError: it is nested too deeply to tell.
    """
    try:
        _require(value, "$")
    except RecursionError:
        raise ValidationError("it is nested too deeply") from None


def _require(value: Any, path: str) -> None:
    if isinstance(value, float | Decimal):
        if not (math.isfinite(value) if isinstance(value, float) else value.is_finite()):
            raise NotFiniteError(f"NaN and infinity are no JSON numbers - at `{path}`")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _require(key, f"{path}.{key}")
            _require(item, f"{path}.{key}")
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            _require(item, f"{path}[{index}]")
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _require(getattr(value, name), f"{path}.{name}")
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        _require(vars(value), path)
