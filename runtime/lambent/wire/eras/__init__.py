"""Protocol eras: which versions there are, and which one a message is of (basic/versioning).

A version is a module of this package and a row of a table here. No other file names a protocol version. The
legacy era, in which ``initialize`` negotiates the version, is loaded by its first message.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.errors import InvalidParamsError, MethodNotFoundError
from lambent.wire.eras import modern
from lambent.wire.eras.modern import RpcRequest
from lambent.wire.jsonrpc import RpcMessage

if TYPE_CHECKING:
    from lambent.wire.eras.era import Era

__all__ = [
    "LEGACY_VERSIONS",
    "MODERN",
    "SUPPORTED_VERSIONS",
    "UNNEGOTIATED",
    "RpcRequest",
    "era_of_version",
    "is_modern",
    "meta_of",
    "method_not_found",
    "negotiate",
]


_LEGACY_MODULES = {
    "2025-11-25": "v2025_11_25",
    "2025-06-18": "v2025_06_18",
    "2025-03-26": "v2025_03_26",
    "2024-11-05": "v2024_11_05",
}

LEGACY_VERSIONS = tuple(_LEGACY_MODULES)
"""The versions that ``initialize`` negotiates, newest first."""

SUPPORTED_VERSIONS: tuple[str, ...] = (modern.VERSION, *LEGACY_VERSIONS)
"""What ``server/discover`` and version errors name, newest first."""

UNNEGOTIATED = "2025-03-26"
"""The version of a request that tells none (streamable HTTP of 2025-11-25, "Protocol Version Header")."""

MODERN = modern.ModernEra(SUPPORTED_VERSIONS)


def is_modern(message: RpcMessage, header: str | None) -> bool:
    """Whether a message is of the modern era, by its ``_meta`` and by the version header that came with it.

    Modern rules also answer what names a version that nobody knows.
    """
    if header == modern.VERSION and message.method != "initialize":
        return True
    if _names_version(message):
        return True
    return message.method != "initialize" and header is not None and header.strip() not in _LEGACY_MODULES


class _WholeMeta(msgspec.Struct):
    meta: dict[str, Any] = msgspec.field(name="_meta", default_factory=dict)


class _NamedVersion(msgspec.Struct, frozen=True):
    version: msgspec.Raw = msgspec.field(name=modern.VERSION_KEY, default=msgspec.Raw(b"null"))


class _VersionedParams(msgspec.Struct):
    meta: _NamedVersion = msgspec.field(name="_meta", default=_NamedVersion())


_VERSION_KEY = modern.VERSION_KEY.encode()


def _names_version(message: RpcMessage) -> bool:
    """Whether ``_meta`` names a protocol version, as every request of the modern era does."""
    raw = bytes(message.params)
    if _VERSION_KEY not in raw and b"\\u" not in raw and b"\\/" not in raw:  # JSON may escape the key
        return False
    try:
        # Only this key: whatever else is in there, such as a number out of range, is the era's to refuse.
        named = msgspec.json.decode(message.params, type=_VersionedParams).meta.version
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return bytes(named) != b"null"


def negotiate(requested: Any) -> str:
    """The version that ``initialize`` is answered with: the requested one, else the newest (lifecycle)."""
    return requested if requested in LEGACY_VERSIONS else LEGACY_VERSIONS[0]


@functools.cache
def era_of_version(version: str) -> Era:
    """The era of a supported version."""
    if version == modern.VERSION:
        return MODERN
    from importlib import import_module

    era: Era = import_module(f"{__name__}.{_LEGACY_MODULES[version]}").ERA
    return era


def meta_of(request: RpcRequest) -> dict[str, Any]:
    """The whole ``_meta`` of a request, with the keys that are not the protocol's.

    Raises:
        InvalidParamsError: there is something in it that cannot be read, such as a number out of range.
    """
    try:
        return msgspec.json.decode(request.raw, type=_WholeMeta).meta
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise InvalidParamsError(f"Invalid params: {error}") from None


def method_not_found(method: str) -> MethodNotFoundError:
    """The answer to a method that a server does not offer; for ``initialize`` see ``ModernEra.decode``."""
    data = {"supported": list(SUPPORTED_VERSIONS)} if method == "initialize" else None
    return MethodNotFoundError("Method not found", data)
