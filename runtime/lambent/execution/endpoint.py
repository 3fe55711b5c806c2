"""The endpoint: one request in, one response out. Every host brings its requests here."""

from __future__ import annotations

from msgspec import Raw, UnsetType

from lambent.auth.authenticator import Anonymous, Authenticator
from lambent.auth.principal import Principal
from lambent.errors import HttpRefusal, InternalError, ProtocolError
from lambent.execution.call import Call
from lambent.execution.execute import Executor, failure, too_large
from lambent.execution.failures import is_interrupt, report
from lambent.execution.invocation import Invocation
from lambent.wire import jsonrpc
from lambent.wire.eras import era_of
from lambent.wire.http import (
    SSE_HEADERS,
    SSE_TYPE,
    HttpPolicy,
    HttpResponse,
    Request,
    check_post,
    cors_headers,
    error_response,
    preflight,
    response_size,
    sse_frame,
)
from lambent.wire.jsonrpc import MalformedMessage, RpcMessage
from lambent.wire.results import Outcome
from lambent.wire.values import SERVER_INFO_KEY, Implementation


class Endpoint:
    """Answers requests with what a catalog declares.

    Args:
        executor: executes the calls.
        policy: what HTTP requests are allowed.
        authenticator: finds out who is calling; default: nobody is identified.

    Attributes:
        executor: the same.
    """

    def __init__(
        self, executor: Executor, policy: HttpPolicy, authenticator: Authenticator | None = None
    ) -> None:
        self.executor = executor
        self._policy = policy
        self._authenticator = authenticator or Anonymous()
        info = executor.services.catalog.info
        brief = Implementation(name=info.name, version=info.version, title=info.title)
        self._meta = {SERVER_INFO_KEY: Raw(jsonrpc.encode(brief))}
        """In every result, so without what only ``server/discover`` says, such as icons."""

    def handle(self, request: Request, invocation: Invocation) -> HttpResponse:
        """Answer one HTTP request."""
        try:
            if request.method == "OPTIONS":
                response = preflight(request, self._policy)
            else:
                response = self._post(request, invocation)
        except ProtocolError as refusal:
            response = error_response(refusal)
            if refusal.status == 403:
                return response
        if "origin" in request.headers:
            response.headers.update(cors_headers(request.headers))
        return response

    def authenticate(self, request: Request) -> Principal | None:
        """Who is calling.

        Raises:
            ProtocolError: the caller is refused, or the authenticator failed, which refuses everybody.
        """
        try:
            return self._authenticator.authenticate(request)
        except ProtocolError:
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
            return error_response(malformed.error, malformed.request_id)
        if isinstance(message.id, UnsetType):
            return HttpResponse(202, {})
        if message.method == "subscriptions/listen" and not accepts.sse:
            raise HttpRefusal(406, "A subscription is a stream: Accept must allow text/event-stream")
        invocation.may_stream = accepts.sse
        reply = self.answer(message, request, invocation, principal)
        if invocation.streamed:
            return HttpResponse(200, dict(SSE_HEADERS), sse_frame(reply.body))
        if not accepts.json or (accepts.sse and invocation.notifications and reply.status == 200):
            frames = [sse_frame(notification) for notification in invocation.notifications]
            body = b"".join([*frames, sse_frame(reply.body)])
            headers = {**SSE_HEADERS, **reply.headers, "content-type": SSE_TYPE}
            return HttpResponse(reply.status, headers, body)
        return reply

    def answer(
        self,
        message: RpcMessage,
        request: Request,
        invocation: Invocation,
        principal: Principal | None = None,
    ) -> HttpResponse:
        """Answer a message with an id, whichever transport carried it."""
        headers = request.headers if request.method else None
        era, request_id = era_of(message, headers), message.id
        assert not isinstance(request_id, UnsetType)  # noqa: S101 - a notification has no answer
        try:
            rpc = era.decode(message, headers)
        except ProtocolError as error:
            return era.render(request_id, Outcome(error=error), self._meta)
        except Exception as error:
            return era.render(request_id, failure(error, message), self._meta)
        call = Call(rpc, request, invocation, self.executor.services, principal)
        outcome = self.executor.execute(call)
        try:
            reply = era.render(request_id, outcome, self._meta)
        except Exception as error:  # no JSON form, or an error that is not made as errors are
            return era.render(request_id, failure(error, rpc), self._meta)
        limit = self.executor.services.response_limit
        if len(reply.body) > limit // 3 and (size := response_size(reply.body)) > limit:
            return era.render(request_id, too_large(call, size), self._meta)
        return reply
