"""Headers that mirror the body (basic/transports/streamable-http, "Request Metadata")."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from lambent.errors import HeaderMismatchError

_PREFIX, _SUFFIX = "=?base64?", "?="
_SAFE_INTEGER = 2**53 - 1
_NUMBER = r"-?[0-9]{1,32}(\.[0-9]{1,32})?([eE][+-]?[0-9]{1,3})?"  # compiled at first use


def plain_value(name: str, value: str) -> str:
    """A header value without the white space around it.

    Raises:
        HeaderMismatchError: it has characters that a header cannot carry.
    """
    value = value.strip(" \t")
    if not value.isascii() or not value.replace("\t", " ").isprintable():
        raise HeaderMismatchError(f"Header mismatch: {name} contains invalid characters")
    return value


def decode_value(name: str, value: str) -> str:
    """Undo the Base64 sentinel encoding of the value of the header with a name ("Value Encoding").

    Raises:
        HeaderMismatchError: the value has characters that a header cannot carry, or its Base64 is broken.
    """
    value = plain_value(name, value)
    if not (value.startswith(_PREFIX) and value.endswith(_SUFFIX) and len(value) >= len(_PREFIX + _SUFFIX)):
        return value
    import binascii  # few names need Base64

    text = value[len(_PREFIX) : -len(_SUFFIX)]
    try:
        if len(text) % 4:
            raise binascii.Error("wrong padding")
        return binascii.a2b_base64(text, strict_mode=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise HeaderMismatchError(f"Header mismatch: {name} is not valid Base64 of UTF-8") from None


def require_match(headers: dict[str, str], name: str, expected: str, *, encoded: bool = True) -> None:
    """Check a header that must repeat a value of the body; its name is as the specification writes it.

    Where it may be ``encoded``, as ``Mcp-Name`` and ``Mcp-Param-*`` may, it can use the Base64 sentinel.

    Raises:
        HeaderMismatchError: it is missing, malformed or different.
    """
    value = headers.get(name.lower())
    if value == expected and value.isascii() and value.isprintable() and not value.startswith(_PREFIX):
        return
    value = _required(headers, name)
    if (decode_value if encoded else plain_value)(name, value) != expected:
        raise HeaderMismatchError(f"Header mismatch: {name} header does not match the body")


class HeaderParam(msgspec.Struct, frozen=True):
    """A tool parameter that clients mirror into a header ("Custom Headers from Tool Parameters").

    Attributes:
        path: the chain of property names that leads to it.
        header: the whole header name, ``Mcp-Param-…``.
        kind: its JSON type: ``string``, ``integer`` or ``boolean``.
    """

    path: tuple[str, ...]
    header: str
    kind: str


def check_params(headers: dict[str, str], arguments: Any, params: tuple[HeaderParam, ...]) -> None:
    """Check every mirrored parameter of a call against its header ("Server Validation").

    Raises:
        HeaderMismatchError: a header is missing, malformed, different, or has no value in the body.
    """
    for param in params:
        value = arguments
        for key in param.path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            _check_value(headers, param, value)
        elif param.header.lower() in headers:
            raise HeaderMismatchError(f"Header mismatch: {param.header} has no value in the body")


def _check_value(headers: dict[str, str], param: HeaderParam, value: Any) -> None:
    if isinstance(value, bool):
        require_match(headers, param.header, "true" if value else "false")
    elif isinstance(value, str):
        require_match(headers, param.header, value)
    elif isinstance(value, int | float):
        text = decode_value(param.header, _required(headers, param.header))
        if not (re.fullmatch(_NUMBER, text) and abs(value) <= _SAFE_INTEGER and float(text) == float(value)):
            raise HeaderMismatchError(f"Header mismatch: {param.header} header does not match the body")
    else:
        raise HeaderMismatchError(f"Header mismatch: {param.header} mirrors a value that is not primitive")


def _required(headers: dict[str, str], name: str) -> str:
    value = headers.get(name.lower())
    if value is None:
        raise HeaderMismatchError(f"Header mismatch: {name} header is missing")
    return value
