"""Protocol eras: which versions there are, and which one a message is of (basic/versioning).

An era is a module of this package and a row of ``ERAS``. No other file names a protocol version.
"""

from __future__ import annotations

from collections.abc import Mapping

from lambent.errors import MethodNotFoundError
from lambent.wire.eras import modern
from lambent.wire.eras.era import Era, RpcRequest, meta_of
from lambent.wire.jsonrpc import RpcMessage

__all__ = ["ERAS", "SUPPORTED_VERSIONS", "Era", "RpcRequest", "era_of", "meta_of", "method_not_found"]

SUPPORTED_VERSIONS: tuple[str, ...] = (modern.VERSION,)
"""What ``server/discover`` and version errors name, newest first."""

ERAS: tuple[Era, ...] = (modern.ModernEra(SUPPORTED_VERSIONS),)
"""In the order of ``SUPPORTED_VERSIONS``."""

_OLDER = ERAS[1:]


def era_of(message: RpcMessage, headers: Mapping[str, str] | None) -> Era:
    """The era of a message: the one that it claims to be of, else the newest.

    The newest era also answers what belongs to no era: its errors name the versions that are spoken.
    """
    for era in _OLDER:
        if era.claims(message, headers):
            return era
    return ERAS[0]


def method_not_found(method: str) -> MethodNotFoundError:
    """The answer to a method that a server does not offer; for ``initialize`` see ``ModernEra.decode``."""
    data = {"supported": list(SUPPORTED_VERSIONS)} if method == "initialize" else None
    return MethodNotFoundError("Method not found", data)
