"""The endpoint: one request in, one response out. Every host brings its requests here."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Raw, UnsetType

from lambent.auth.principal import Principal
from lambent.errors import HttpRefusal, InternalError, ProtocolError
from lambent.execution.call import Call
from lambent.execution.execute import Executor, failure, too_large
from lambent.execution.failures import is_interrupt, report, report_unavailable
from lambent.execution.invocation import Invocation
from lambent.wire import jsonrpc
from lambent.wire.eras import LEGACY_VERSIONS, MODERN, era_of_version, is_modern
from lambent.wire.http import (
    SSE_HEADERS,
    SSE_TYPE,
    STREAM,
    Accepts,
    HttpPolicy,
    HttpResponse,
    OriginRefusedError,
    Request,
    check_other,
    check_post,
    cors_headers,
    error_response,
    preflight,
    sse_frame,
)
from lambent.wire.jsonrpc import MalformedMessage, RpcMessage
from lambent.wire.results import Outcome
from lambent.wire.values import SERVER_INFO_KEY, Implementation

if TYPE_CHECKING:
    from lambent.auth.authenticator import Authenticator
    from lambent.execution.durable.resumption import Resumed
    from lambent.execution.handshakes import Handshake
    from lambent.wire.eras.era import Era

_LOWEST_LIMIT = 1024 * 1024
"""Bytes of the lowest limit that a platform has for a response, that of a load balancer."""


class Endpoint:
    """Answers requests with what a catalog declares.

    Args:
        executor: executes the calls.
        policy: what HTTP requests are allowed.
        authenticator: finds out who is calling; default: nobody is identified.
        on_refusal: is told of requests whose caller the authenticator refuses, and of its error.

    Attributes:
        executor: the same.
    """

    def __init__(
        self,
        executor: Executor,
        policy: HttpPolicy,
        authenticator: Authenticator | None = None,
        on_refusal: Callable[[Request, ProtocolError], None] | None = None,
    ) -> None:
        self.executor = executor
        self._policy = policy
        self._authenticator = authenticator
        self._on_refusal = on_refusal
        info = executor.services.catalog.info
        brief = Implementation(name=info.name, version=info.version, title=info.title)
        self._meta = {SERVER_INFO_KEY: Raw(jsonrpc.encode(brief))}
        """In every result, so without what only ``server/discover`` says, such as icons."""
        limit = executor.services.response_limit
        self._always_fits = sys.maxsize if limit is None else min(limit.size, _LOWEST_LIMIT) // 8

    def handle(self, request: Request, invocation: Invocation) -> HttpResponse:
        """Answer one HTTP request."""
        try:
            if request.method == "POST":
                response = self._post(request, invocation)
            elif request.method == "OPTIONS":
                response = preflight(request, self._policy)
            else:
                response = self._other(request, invocation)
        except ProtocolError as refusal:
            response = error_response(refusal)
            if request.method == "HEAD":
                response.body = b""
            if isinstance(refusal, OriginRefusedError):
                return response
        if "origin" in request.headers:
            response.headers.update(cors_headers(request.headers))
        return response

    def authenticate(self, request: Request) -> Principal | None:
        """Who is calling.

        Raises:
            ProtocolError: the caller is refused, or the authenticator failed, which refuses everybody.
        """
        if self._authenticator is None:
            return None
        try:
            return self._authenticator.authenticate(request)
        except ProtocolError as refusal:
            if refusal.status == 503 and refusal.__cause__ is not None:
                report_unavailable(refusal.__cause__)
            if self._on_refusal is not None:
                self._on_refusal(request, refusal)
            raise
        except BaseException as error:
            if is_interrupt(error):
                raise
            text = f"Internal error (reference {report(error)})"
            raise InternalError(text, status=500) from error

    def _post(self, request: Request, invocation: Invocation) -> HttpResponse:
        accepts = check_post(request, self._policy)
        principal = self.authenticate(request)
        try:
            message = jsonrpc.decode(request.body)
        except MalformedMessage as malformed:
            response = self._post_other(request, invocation, principal, accepts)
            return self._malformed(malformed) if response is None else response
        if isinstance(message.id, UnsetType):
            if message.method == "notifications/cancelled" and self.executor.services.live is not None:
                from lambent.execution.legacy_requests import cancel

                cancel(self.executor.services, message, request, principal)
            return HttpResponse(202, {})
        handshake = self.handshake_of(message, request, principal)
        if message.method == "subscriptions/listen" and not accepts.sse and handshake is None:
            raise HttpRefusal(406, "A subscription is a stream: Accept must allow text/event-stream")
        invocation.may_stream = accepts.sse
        if handshake is None or self.executor.services.live is None or invocation.buffers:
            reply = self.answer(message, request, invocation, principal, handshake)
        else:
            from lambent.execution.legacy_requests import running

            with running(self.executor.services, message.id, request, invocation, principal):
                reply = self.answer(message, request, invocation, principal, handshake)
        return self.respond(reply, message, handshake, request, invocation, accepts)

    def respond(
        self,
        reply: HttpResponse,
        message: RpcMessage,
        handshake: Handshake | None,
        request: Request,
        invocation: Invocation,
        accepts: Accepts,
    ) -> HttpResponse:
        """The response with a reply and the notifications before it, as large as the platform lets it be."""
        if invocation.streamed:
            accepts = STREAM
        notifications = invocation.notifications
        response = reply if accepts.json and not notifications else _framed(reply, notifications, accepts)
        limit = self.executor.services.response_limit
        if limit is None or len(response.body) <= self._always_fits:
            return response
        from lambent.execution.fitting import fit

        refuse = functools.partial(self.render_too_large, message, handshake)
        frame = functools.partial(_framed, accepts=accepts)
        return fit(reply, notifications, frame, request, limit, refuse)

    def render_too_large(
        self, message: RpcMessage, handshake: Handshake | None, size: int, most: int
    ) -> HttpResponse:
        """The reply that says how many bytes another one would take, and how many the platform takes."""
        assert not isinstance(message.id, UnsetType)  # noqa: S101 - a notification has no answer
        return era_of(handshake).render(message.id, too_large(message.method, size, most), self._meta)

    def handshake_of(
        self, message: RpcMessage, request: Request, principal: Principal | None
    ) -> Handshake | None:
        """What a client of the legacy era has negotiated; None for a message of the modern era."""
        if is_modern(message, request.headers.get("mcp-protocol-version")):
            return None
        return self.executor.services.handshakes.of(message, request.headers, principal)

    def _post_other(
        self, request: Request, invocation: Invocation, principal: Principal | None, accepts: Accepts
    ) -> HttpResponse | None:
        """Answer what else legacy clients send, an answer or a batch; None where it is neither."""
        header = request.headers.get("mcp-protocol-version")
        if header is not None and header.strip() not in LEGACY_VERSIONS:
            return None
        from lambent.execution.legacy_requests import post_answer_or_batch

        return post_answer_or_batch(self, request, invocation, principal, accepts)

    def _other(self, request: Request, invocation: Invocation) -> HttpResponse:
        """Answer a request that is no POST: clients of the legacy era resume streams and end sessions."""
        check_other(request, self._policy)
        from lambent.execution.legacy_requests import delete, get

        return (get if request.method == "GET" else delete)(self, request, invocation)

    def _malformed(self, malformed: MalformedMessage) -> HttpResponse:
        reply = error_response(malformed.error, malformed.request_id)
        is_long = len(reply.body) > self._always_fits  # because of the id
        return error_response(malformed.error) if is_long else reply

    def answer(
        self,
        message: RpcMessage,
        request: Request,
        invocation: Invocation,
        principal: Principal | None = None,
        handshake: Handshake | None = None,
        resumed: Resumed | None = None,
    ) -> HttpResponse:
        """Answer a message with an id, whichever transport carried it.

        ``handshake``: what a client of the legacy era has negotiated; None for the modern era. ``resumed``:
        with what a call of that era is run again.
        """
        headers = request.headers if request.method else None
        era, request_id = era_of(handshake), message.id
        assert not isinstance(request_id, UnsetType)  # noqa: S101 - a notification has no answer
        try:
            rpc = era.decode(message, headers)
        except ProtocolError as error:
            return era.render(request_id, Outcome(error=error), self._meta)
        except Exception as error:
            return era.render(request_id, failure(error, message), self._meta)
        services = self.executor.services
        call = Call(rpc, request, invocation, services, principal, None, handshake, resumed, principal)
        outcome = self.executor.execute(call)
        try:
            return era.render(request_id, outcome, self._meta)
        except Exception as error:  # no JSON form, or an error that is not made as errors are
            return era.render(request_id, failure(error, rpc), self._meta)


def era_of(handshake: Handshake | None) -> Era:
    """The era of a message, by what its client has negotiated."""
    return MODERN if handshake is None else era_of_version(handshake.version)


def _framed(reply: HttpResponse, notifications: Sequence[bytes], accepts: Accepts) -> HttpResponse:
    """The response of a reply: a stream if there are notifications to send, or the client wants one."""
    if accepts.json and not (accepts.sse and notifications and reply.status == 200):
        return reply
    is_stream = reply.headers.get("content-type") == SSE_TYPE
    last = reply.body if is_stream else sse_frame(reply.body)
    body = b"".join(map(sse_frame, notifications)) + last
    headers = {**SSE_HEADERS, **reply.headers, "content-type": SSE_TYPE}
    return HttpResponse(reply.status, headers, body)
