"""Passing calls on to an application: what is an ``Executor`` and an ``Endpoint`` for servers of Lambent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from lambent.auth.principal import Principal
from lambent.errors import ProtocolError, UnsupportedVersionError
from lambent.execution.call import Call
from lambent.execution.endpoint import Endpoint, era_of
from lambent.execution.execute import Executor
from lambent.execution.handshakes import SESSION_HEADER, Handshake
from lambent.execution.invocation import Invocation
from lambent.hosts.adapt.calls import Calls
from lambent.hosts.adapt.replies import reply_of
from lambent.wire.eras import MODERN
from lambent.wire.eras.modern import VERSION_KEY
from lambent.wire.http import HttpResponse, Request
from lambent.wire.jsonrpc import RpcMessage
from lambent.wire.results import Outcome

if TYPE_CHECKING:
    from lambent.wire.eras.era import Era


class AppExecutor(Executor):
    """Executes calls by passing them on.

    Attributes:
        calls: passes them on; set before the first request.
    """

    calls: Calls

    def _dispatch(self, call: Call) -> Any:
        return call.invocation.run(self.calls.call(call))


class AppEndpoint(Endpoint):
    """Answers requests with what an application answers, wherever the call was let through to it."""

    executor: AppExecutor

    @property
    def body_limit(self) -> int:
        """Bytes of a request body."""
        return self._policy.body_limit

    def _other(self, request: Request, invocation: Invocation) -> HttpResponse:
        response = super()._other(request, invocation)
        if request.method == "DELETE":
            invocation.run(self.executor.calls.end(request.headers[SESSION_HEADER]))
        return response

    def answer(
        self,
        message: RpcMessage,
        request: Request,
        invocation: Invocation,
        principal: Principal | None = None,
        handshake: Handshake | None = None,
        resumed: Any = None,
    ) -> HttpResponse:
        """See ``Endpoint.answer``."""
        era, request_id = era_of(handshake), message.id
        assert not isinstance(request_id, msgspec.UnsetType)  # noqa: S101 - a notification has no answer
        try:
            rpc = _decode(era, message)
        except ProtocolError as error:
            return era.render(request_id, Outcome(error=error), {})
        services = self.executor.services
        call = Call(rpc, request, invocation, services, principal, None, handshake, resumed, principal)
        outcome = self.executor.execute(call)
        reply = reply_of(outcome)
        return era.render(request_id, outcome, {}) if reply is None else reply


def _decode(era: Era, message: RpcMessage) -> Any:
    """Read a message; its version, and headers that repeat what it says, are the application's to check.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        return era.decode(message, None)
    except UnsupportedVersionError:
        params = msgspec.json.decode(message.params, type=dict[str, Raw])
        meta = msgspec.json.decode(params["_meta"], type=dict[str, Raw])
        known = {**meta, VERSION_KEY: Raw(msgspec.json.encode(MODERN.version))}
        raw = Raw(msgspec.json.encode({**params, "_meta": known}))
        return era.decode(msgspec.structs.replace(message, params=raw), None)
