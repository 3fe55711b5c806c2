"""Results with values that ``json`` refuses and the managed runtime takes: numbers of DynamoDB, and bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any


def encode_result(value: Any, encode: Callable[[Any], str]) -> str:
    """A value as JSON, as the managed runtime writes it.

    Args:
        value: what a handler has returned.
        encode: writes everything else.

    Raises:
        TypeError: there is something in it that the managed runtime refuses too.
        ValueError: bytes that are no UTF-8, or a value that contains itself.
    """
    if isinstance(value, Decimal):
        return encode(math.nan) if value.is_nan() else str(value)
    if isinstance(value, bytes):
        return encode(value.decode())
    if isinstance(value, dict):
        members = (f"{_name(name, encode)}: {encode_result(one, encode)}" for name, one in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(encode_result(one, encode) for one in value)}]"
    return encode(value)


def _name(name: Any, encode: Callable[[Any], str]) -> str:
    text = encode({name.decode() if isinstance(name, bytes) else name: None})
    return text[1:].rpartition(": ")[0]
