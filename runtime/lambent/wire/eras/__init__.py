"""Protocol eras: which versions there are, and which one a message is of (basic/versioning).

An era is a module of this package and a row of ``ERAS``. No other file names a protocol version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from lambent.errors import InvalidParamsError, MethodNotFoundError
from lambent.wire.eras import modern
from lambent.wire.eras.modern import RpcRequest
from lambent.wire.http import HttpResponse
from lambent.wire.jsonrpc import RequestId, RpcMessage
from lambent.wire.methods import Method
from lambent.wire.results import Outcome

__all__ = ["ERAS", "SUPPORTED_VERSIONS", "Era", "RpcRequest", "era_of", "meta_of", "method_not_found"]


class Era(Protocol):
    """One way of speaking the protocol.

    Attributes:
        version: the protocol version, a date.
        methods: the methods that it knows, by name.
    """

    version: str
    methods: Mapping[str, Method]

    def claims(self, message: RpcMessage, headers: Mapping[str, str] | None) -> bool:
        """Whether a message says that it is of this era."""

    def decode(self, message: RpcMessage, headers: dict[str, str] | None) -> RpcRequest:
        """Check every rule of a message with an id, once and in one order, and read it.

        ``headers`` are the HTTP headers, names in lower case; None where there are none to check (stdio).

        Raises:
            ProtocolError: the first rule that is broken.
        """

    def render(self, request_id: RequestId, outcome: Outcome, meta: Mapping[str, Any]) -> HttpResponse:
        """Write the response of a call; ``meta`` is what ``_meta`` of every result says of the server.

        Raises:
            TypeError: the outcome has no JSON form; also ``ValueError`` and ``RecursionError``.
        """


SUPPORTED_VERSIONS: tuple[str, ...] = (modern.VERSION,)
"""What ``server/discover`` and version errors name, newest first."""

ERAS: tuple[Era, ...] = (modern.ModernEra(SUPPORTED_VERSIONS),)
"""In the order of ``SUPPORTED_VERSIONS``. The newest era also answers what belongs to none."""

_OLDER = ERAS[1:]


def era_of(message: RpcMessage, headers: Mapping[str, str] | None) -> Era:
    """The era that a message claims to be of, else the newest."""
    for era in _OLDER:
        if era.claims(message, headers):
            return era
    return ERAS[0]


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
