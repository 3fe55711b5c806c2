"""NaN and infinity, which are no JSON numbers: Python and both libraries read them from text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from lambent.features.codecs import NotFiniteError, ValidationError

_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
_ZEROS = bytes.maketrans(b"123456789E", b"000000000e")

_SPELLED = re.compile(rb'"(?:[\s\x80-\xff]|\\(?:[tnrf]|u[0-9a-f]{4}))*+[-+]?s?(?:nan|inf)|\\u00[4-7]')
"""Text in lower case that may be read as NaN or infinity, or whose letters are escaped."""

_HUGE = b"0" * 300


def may_be_spelled(raw: Any) -> bool:
    """Whether JSON holds text that may be read as NaN or infinity."""
    text = bytes(raw).translate(_LOWER, b"_")  # ``Decimal`` ignores underscores
    found = b"nan" in text or b"inf" in text or b"\\u00" in text  # far faster than a pattern
    return found and _SPELLED.search(text) is not None


def refuse_huge(raw: bytes) -> None:
    """Refuse numbers that are infinity for parsers which do not check their range.

    Raises:
        ValidationError: there is one.
    """
    if len(raw) < len(_HUGE) and b"e" not in raw and b"E" not in raw:
        return
    text = raw.translate(_ZEROS)  # far faster than a pattern
    if b"0e000" in text or b"0e+000" in text or _HUGE in text:
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
    if isinstance(value, float | Decimal | complex):
        parts = (value,) if isinstance(value, Decimal) else (value.real, value.imag)
        if not all(part.is_finite() if isinstance(part, Decimal) else math.isfinite(part) for part in parts):
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
    elif not isinstance(value, type):
        _require(getattr(value, "__dict__", {}), path)
        for cls in type(value).__mro__:
            slots = vars(cls).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                _require(getattr(value, name, None), f"{path}.{name}")
