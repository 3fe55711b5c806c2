"""The engine: one HTTP request in, one response out. All requests pass here, all exceptions end here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.auth.principal import Principal
from lambent.errors import (
    SIGNALS,
    Cancelled,
    HttpRefusal,
    InternalError,
    ProtocolError,
    ToolError,
)
from lambent.execution.call import Call, Services
from lambent.execution.failures import report
from lambent.execution.handlers import handlers_of
from lambent.execution.handlers.tools import failed
from lambent.execution.invocation import Invocation
from lambent.execution.middleware import Middleware, chain
from lambent.wire import jsonrpc, sse
from lambent.wire.http import (
    JSON_TYPE,
    HttpPolicy,
    HttpRequest,
    HttpResponse,
    check_post,
    cors_headers,
    preflight,
)
from lambent.wire.jsonrpc import MalformedMessage, RpcMessage
from lambent.wire.judge import judge, method_not_found
from lambent.wire.values import SERVER_INFO_KEY, Implementation


class Reply(msgspec.Struct, frozen=True):
    """The answer to one message.

    Attributes:
        status: the HTTP status that goes with it.
        body: the encoded JSON-RPC response.
    """

    status: int
    body: bytes


class Engine:
    """Answers requests with what a catalog declares.

    Args:
        services: what every call shares.
        policy: what HTTP requests are allowed.
        middleware: wrapped around every call, outermost first.
    """

    def __init__(self, services: Services, policy: HttpPolicy, middleware: Sequence[Middleware] = ()) -> None:
        self._services = services
        self._policy = policy
        self._handlers = handlers_of(services)
        self._handle = chain(middleware, self._dispatch)
        info = services.catalog.info
        brief = Implementation(name=info.name, version=info.version, title=info.title)
        self._meta = {SERVER_INFO_KEY: Raw(jsonrpc.encode(brief))}
        """In every result, so without what only ``server/discover`` needs to say, such as icons."""

    def handle(self, request: HttpRequest, invocation: Invocation) -> HttpResponse:
        """Answer one HTTP request.

        Args:
            request: the request.
            invocation: where notifications go and how much time is left.
        """
        try:
            if request.method == "OPTIONS":
                response = preflight(request, self._policy)
            else:
                response = self._post(request, invocation)
        except HttpRefusal as refusal:
            body = jsonrpc.failure(UNSET, refusal.code, refusal.message)
            response = HttpResponse(refusal.status, {"content-type": JSON_TYPE, **refusal.headers}, body)
            if refusal.status == 403:
                return response
        if "origin" in request.headers:
            response.headers.update(cors_headers(request.headers))
        return response

    def _post(self, request: HttpRequest, invocation: Invocation) -> HttpResponse:
        accepts = check_post(request, self._policy)
        try:
            message = jsonrpc.decode(request.body)
        except MalformedMessage as malformed:
            error = malformed.error
            return _json(error.status, jsonrpc.failure(malformed.request_id, error.code, error.message))
        if isinstance(message.id, UnsetType):
            return HttpResponse(202, {})
        if message.method == "subscriptions/listen" and not accepts.sse:
            raise HttpRefusal(406, "A subscription is a stream: Accept must allow text/event-stream")
        invocation.may_stream = accepts.sse
        reply = self.answer(message, request.headers, invocation)
        if invocation.streamed:
            return HttpResponse(200, dict(sse.SSE_HEADERS), sse.frame(reply.body))
        if not accepts.json or (accepts.sse and invocation.notifications and reply.status == 200):
            frames = [sse.frame(notification) for notification in invocation.notifications]
            return HttpResponse(
                reply.status, dict(sse.SSE_HEADERS), b"".join([*frames, sse.frame(reply.body)])
            )
        return _json(reply.status, reply.body)

    def answer(
        self,
        message: RpcMessage,
        headers: dict[str, str] | None,
        invocation: Invocation,
        principal: Principal | None = None,
    ) -> Reply:
        """Answer one request message, whichever transport carried it.

        Args:
            message: a message with an id.
            headers: the HTTP headers, names in lower case; None on stdio.
            invocation: where notifications go and how much time is left.
            principal: who is calling, if known.
        """
        try:
            invocation.check()
            request = judge(message, headers)
            result = self._handle(Call(request, invocation, self._services, principal))
            result.meta = self._meta if result.meta is UNSET else {**self._meta, **result.meta}
            return Reply(200, jsonrpc.success(request.id, result))
        except Cancelled:
            return Reply(499, b"")
        except ToolError as error:
            return self._anticipated(message, error)
        except ProtocolError as error:
            return _failure(message, error)
        except SIGNALS:
            raise
        except BaseException as error:
            return _failed(message, error)

    def _anticipated(self, message: RpcMessage, error: ToolError) -> Reply:
        """A failure that its author wants shown: to the model, where a tool failed, else to the client."""
        if message.method != "tools/call":
            return _failure(message, InternalError(str(error)))
        result = failed(str(error))
        result.meta = self._meta
        return Reply(200, jsonrpc.success(message.id, result))

    def _dispatch(self, call: Call) -> Any:
        handler = self._handlers.get(call.method)
        if handler is None:
            raise method_not_found(call.method)
        return handler(call)


def _json(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(status, {"content-type": JSON_TYPE}, body)


def _failure(message: RpcMessage, error: ProtocolError) -> Reply:
    try:
        return Reply(error.status, jsonrpc.failure(message.id, error.code, error.message, error.data))
    except (TypeError, ValueError, RecursionError) as unwritable:
        return _failed(message, unwritable)


def _failed(message: RpcMessage, error: BaseException) -> Reply:
    text = f"Internal error (reference {report(error, message)})"
    return Reply(InternalError.status, jsonrpc.failure(message.id, InternalError.code, text))
