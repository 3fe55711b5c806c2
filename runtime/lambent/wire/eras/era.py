"""What every era is; only type checkers load this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lambent.wire.eras.modern import RpcRequest
from lambent.wire.http import HttpResponse
from lambent.wire.jsonrpc import RequestId, RpcMessage
from lambent.wire.methods import Method
from lambent.wire.results import Outcome


class Era(Protocol):
    """One way of speaking the protocol.

    Attributes:
        version: the protocol version, a date.
        methods: the methods that it knows, by name.
    """

    version: str
    methods: Mapping[str, Method]

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

    def notification(self, method: str, params: dict[str, Any]) -> bytes:
        """Write a notification."""
