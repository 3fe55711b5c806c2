"""Protocol eras: which versions there are (basic/versioning).

An era is a module of this package and a row of ``ERAS``. No other file names a protocol version.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.errors import InvalidParamsError, MethodNotFoundError
from lambent.wire.eras import modern
from lambent.wire.eras.modern import RpcRequest

__all__ = ["ERAS", "SUPPORTED_VERSIONS", "RpcRequest", "meta_of", "method_not_found"]

SUPPORTED_VERSIONS: tuple[str, ...] = (modern.VERSION,)
"""What ``server/discover`` and version errors name, newest first."""

ERAS = (modern.ModernEra(SUPPORTED_VERSIONS),)
"""In the order of ``SUPPORTED_VERSIONS``. The newest era also answers what belongs to none."""


class _WholeMeta(msgspec.Struct):
    meta: dict[str, Any] = msgspec.field(name="_meta")


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
