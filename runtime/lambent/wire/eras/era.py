"""What a protocol era is: the interface that the modules of this package implement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from msgspec import Raw

from lambent.errors import InvalidParamsError
from lambent.wire.http import HttpResponse
from lambent.wire.jsonrpc import RequestId, RpcMessage
from lambent.wire.lazy import LazyDecoder
from lambent.wire.results import Outcome
from lambent.wire.values import ClientCapabilities, RequestMeta


class RpcRequest(msgspec.Struct, frozen=True):
    """A JSON-RPC request that keeps the rules of its era, typed.

    Attributes:
        params: the typed parameters.
        meta: the reserved keys of ``_meta``.
        client: the capabilities declared for this request.
        raw: the undecoded parameters.
    """

    id: RequestId
    method: str
    params: Any
    meta: RequestMeta
    client: ClientCapabilities
    raw: Raw


class Era(Protocol):
    """One way of speaking the protocol."""

    @property
    def version(self) -> str:
        """The protocol version, a date."""

    def claims(self, message: RpcMessage, headers: Mapping[str, str] | None) -> bool:
        """Whether a message says that it is of this era; see ``eras.era_of``."""

    def decode(self, message: RpcMessage, headers: dict[str, str] | None) -> RpcRequest:
        """Check every rule of a message with an id, once and in one order, and read it.

        ``headers`` are the HTTP headers, names in lower case; None where there are none to check (stdio).

        Raises:
            ProtocolError: the first rule that is broken.
        """

    def render(self, request_id: RequestId, outcome: Outcome, meta: Mapping[str, Any]) -> HttpResponse:
        """Write the response of a call; ``meta`` is what every result says of the server.

        Raises:
            TypeError: the outcome has no JSON form; also ``ValueError`` and ``RecursionError``.
        """


class _WholeMeta(msgspec.Struct):
    meta: dict[str, Any] = msgspec.field(name="_meta")


_whole_meta: LazyDecoder[_WholeMeta] = LazyDecoder(_WholeMeta)


def meta_of(request: RpcRequest) -> dict[str, Any]:
    """The whole ``_meta`` of a request, with the keys that are not the protocol's.

    Raises:
        InvalidParamsError: there is something in it that cannot be read, such as a number out of range.
    """
    try:
        return _whole_meta.decode(request.raw).meta
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise InvalidParamsError(f"Invalid params: {error}") from None
