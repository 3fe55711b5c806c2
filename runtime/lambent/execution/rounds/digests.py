"""Digests of JSON values, and Base64 as URLs have it."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec
from msgspec import Raw

from lambent.auth.principal import Principal, key_of

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/", b"+/  ")


def digest(value: Any) -> str:
    """A short digest of a JSON value that does not depend on the order of keys or on white space.

    Numbers that are the same as floats only differ if they were decoded with ``decode_exactly``.
    """
    import hashlib  # maps OpenSSL into memory: 2 ms and 4 MB that a plain tool never needs

    canonical = msgspec.json.encode(value, order="deterministic")
    return to_base64url(hashlib.sha256(canonical).digest()[:18])


def mark_of(principal: Principal | None) -> str:
    """A short name for a principal, of letters, digits, ``-`` and ``_``; empty where nobody is identified."""
    return "" if principal is None else digest(key_of(principal))


def decode_exactly(raw: bytes | Raw) -> Any:
    """Decode JSON for ``digest``: a number that no float is exactly stays as it is written.

    Raises:
        DecodeError: it is no JSON; also ``UnicodeError`` and ``RecursionError``.
    """
    return msgspec.json.Decoder(float_hook=_number).decode(raw)


def _number(text: str) -> float | Raw:
    from decimal import Decimal, InvalidOperation

    value = float(text)
    try:
        return value if Decimal(repr(value)) == Decimal(text) else Raw(text.encode())
    except InvalidOperation:  # its exponent has too many digits even for this
        return Raw(text.encode())


def to_base64url(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Read Base64 for URLs, without padding. Raises ``ValueError``."""
    padded = text.encode("ascii") + b"=" * (-len(text) % 4)
    return binascii.a2b_base64(padded.translate(_FROM_URL), strict_mode=True)
