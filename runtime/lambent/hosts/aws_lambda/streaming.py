"""A handler whose responses begin while its calls run: loaded where ``LAMBENT_RESPONSE_MODE`` is ``stream``.

An event does not say whether its sender takes a stream, only that it cannot: HTTP APIs and load balancers
never do. Function URLs and REST APIs do as they are configured, and send the same events in either way. ::

    event ──► Function URL, REST API? ──► a client of the Runtime API that streams? ──► a stream
                    └─ no ──────────────────────┴─ no ──► as any other handler

A stream begins with the status and the headers as JSON and eight zero bytes; the body follows as it is.
"""

from __future__ import annotations

import binascii
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lambent.errors import HttpRefusal
from lambent.execution.log_records import logger
from lambent.hosts.aws_lambda.events import Event, format_of, unreadable
from lambent.hosts.aws_lambda.handler import LambdaHandler, LambdaInvocation
from lambent.hosts.aws_lambda.keep_alive import KeepAlive
from lambent.wire.http import (
    SSE_HEADERS,
    SSE_KEEP_ALIVE,
    SSE_TYPE,
    HttpResponse,
    Request,
    cors_headers,
    error_response,
    sse_frame,
)
from lambent.wire.payloads import ResponseLimit

if TYPE_CHECKING:
    from lambent.execution.open_streams import OpenStream
    from lambent.execution.ports import AsyncRunner
    from lambent.execution.rounds.pending import Pending

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
"""Of a response that begins with a status and headers."""

STREAM_LIMIT = 200 * 1024 * 1024
"""Bytes of a response in parts; documented as 200 MB."""

_KEPT_BYTES = 6 * 1024 * 1024
"""What notifications leave of them for the result."""

_KEEP_ALIVE_SECONDS = 15.0
"""How long a stream that has begun is silent; edge-optimized REST APIs close it after 30 seconds."""

_HEAD_BYTES = 16 * 1024
"""More than a status and headers take; REST APIs look for their end within so many bytes."""

_END_OF_HEAD = bytes(8)

_log = logger("lambent")
_clock: Callable[[], float] = time.monotonic


class PartsOfResponse(Protocol):
    """What ``open_response_stream`` of a context gives; see ``ResponseStream`` of the runtime client."""

    def write(self, data: bytes) -> bool:
        """Send a part; False where nobody takes it."""


def may_take_stream(event: Any) -> bool:
    """Whether an event is of a front end that may take a stream, if it is configured so."""
    if not isinstance(event, Mapping):
        return False
    context = event.get("requestContext")
    if not isinstance(context, Mapping):
        return False
    if "http" in context:
        # A URL that wants no signatures says so; the one of `lambent dev` has a domain of this machine.
        return context.get("accountId") == "anonymous" or ".lambda-url." in str(context.get("domainName"))
    # HTTP APIs with the payload format of REST APIs say so by its version.
    return "httpMethod" in event and "elb" not in context and "version" not in event


class StreamingHandler(LambdaHandler):
    """What ``MCPServer.lambda_handler`` gives where responses are streamed.

    Attributes:
        listen_seconds: how long a subscription, or a stream of events, is held open.
    """

    listen_seconds = 60.0
    _warned = False

    def __call__(self, event: Event, context: Any) -> Any:
        """See ``LambdaHandler.__call__``; what is returned for a stream has no meaning."""
        if not may_take_stream(event):
            return super().__call__(event, context)
        open_stream = getattr(context, "open_response_stream", None)
        if open_stream is None:
            self._warn()
            return super().__call__(event, context)
        try:
            try:
                request = format_of(event)[0](event, context)
            except HttpRefusal as refusal:
                _Writer(open_stream(CONTENT_TYPE)).send(error_response(refusal))
                return {}
            except (AttributeError, TypeError, ValueError) as error:
                raise unreadable(event, error) from error
            self._answer(request, context, _Writer(open_stream(CONTENT_TYPE)))
        except UnicodeEncodeError as error:  # as in the handler that does not stream
            raise unreadable(event, error) from error
        return {}

    def finish(self, event: Event, context: Any, written: dict[str, Any]) -> dict[str, Any]:
        """See ``LambdaHandler.finish``: where the platform takes a stream, it wants one of every response."""
        open_stream = getattr(context, "open_response_stream", None)
        if open_stream is None or not may_take_stream(event):
            return written
        body = written["body"]
        data = binascii.a2b_base64(body) if written["isBase64Encoded"] else body.encode()
        head = {name: value for name, value in written.items() if name not in ("body", "isBase64Encoded")}
        open_stream(CONTENT_TYPE).write(_head(head) + data)
        return {}

    def _answer(self, request: Request, context: Any, writer: _Writer) -> None:
        response = None
        if (documents := self._documents) is not None:
            response = documents.health(request.method, request.path) if request.method != "POST" else None
            response = documents.answer(request) if response is None else response
        if response is not None:
            writer.send(response)
            return
        invocation = StreamedInvocation(context, self._run_coroutine, request, writer, self.listen_seconds)
        try:
            response = self._endpoint.handle(request, invocation)
            if invocation.following is not None and not invocation.cancelled:
                response = self._follow(invocation, invocation.following, response)
        finally:
            invocation.end()
        writer.send(response)

    def _follow(
        self, invocation: StreamedInvocation, stream: OpenStream, response: HttpResponse
    ) -> HttpResponse:
        """Send what a stream delivers until it ends or nobody takes it; gives what ends the response."""
        from lambent.execution.open_streams import is_failure  # loaded where a stream of events is opened

        if is_failure(response):
            return response
        if response.headers.get("content-type") != SSE_TYPE:
            headers = {**response.headers, **SSE_HEADERS}
            response = HttpResponse(response.status, headers, sse_frame(response.body))

        async def send_all() -> None:
            async with contextlib.aclosing(stream.deliver()) as notifications:
                async for notification in notifications:
                    # Behind a gap, the next cursor would say that there was none: its client opens another.
                    if not invocation.send(sse_frame(notification)) or invocation.dropped:
                        break

        self._run_coroutine(send_all())
        return response

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "LAMBENT_RESPONSE_MODE is stream, and the client of the Runtime API that runs this function "
                "cannot stream: set AWS_LAMBDA_EXEC_WRAPPER to lambent-runtime"
            )


class StreamedInvocation(LambdaInvocation):
    """An invocation whose notifications are sent at once.

    The first one begins the response, with status 200. From then on a thread sends a sign of life where
    nothing else is sent for 15 seconds. Where nobody takes what is sent, the client has gone, and the call is
    cancelled. Lambda does not always tell that, and lets the function run to its time limit.

    Attributes:
        following: the stream that the call has opened; None where it has opened none.
        dropped: notifications were dropped, as the response has no room for them.
    """

    buffers = False
    following: OpenStream | None = None
    dropped = False
    _keep_alive: KeepAlive | None = None

    def __init__(
        self, context: Any, runner: AsyncRunner, request: Request, writer: _Writer, listen_seconds: float
    ) -> None:
        super().__init__(context, runner)
        self._listen_seconds = listen_seconds
        self._request = request
        self._writer = writer

    def emit(self, notification: bytes) -> Pending[None] | None:
        """See ``Invocation.emit``."""
        if self.may_stream and not self.cancelled:
            self.sending = True
            try:
                self.send(sse_frame(notification))
            finally:
                self.sending = False
        return None

    def may_listen(self, default: float) -> float:
        """See ``Invocation.may_listen``; the default is for buffered responses."""
        return super().may_listen(self._listen_seconds)

    def follow(self, stream: OpenStream) -> bool:
        """See ``Invocation.follow``."""
        self.following = stream
        return True

    def send(self, frames: bytes) -> bool:
        """Send a part of a stream; False where nobody takes it.

        What would leave no room for a result is dropped.
        """
        if self._writer.sent + len(frames) > STREAM_LIMIT - _KEPT_BYTES:
            if not self.dropped:
                self.dropped = True
                _log.warning("Notifications of a call are dropped: its response is near its limit")
            return True
        is_first, self.streamed = not self.streamed, True
        if is_first:
            self._writer.begin(200, SSE_HEADERS | cors_headers(self._request.headers))
        if not self._writer.write(frames):
            self.cancelled = True
        elif is_first:
            self._keep_alive = KeepAlive(self._beat, _KEEP_ALIVE_SECONDS)
        return not self.cancelled

    def _beat(self) -> float | None:
        """Send a sign of life where one is due; seconds until the next one is, None where nobody takes it."""
        left = self._writer.written_at + _KEEP_ALIVE_SECONDS - _clock()
        if left > 0:
            return left
        return _KEEP_ALIVE_SECONDS if self.send(SSE_KEEP_ALIVE) else None

    def end(self) -> None:
        """The call is over: send no more signs of life."""
        if self._keep_alive is not None:
            self._keep_alive.end()


class _Writer:
    """Writes one response, from any thread.

    Attributes:
        sent: bytes that were written.
        written_at: when some were written last.
    """

    def __init__(self, parts: PartsOfResponse) -> None:
        self._parts = parts
        self._waiting = b""
        self._writing = threading.Lock()
        self.sent = 0
        self.written_at = _clock()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Have the status and headers sent in front of the first part."""
        self._waiting = _head({"statusCode": status, "headers": dict(headers)})

    def write(self, data: bytes) -> bool:
        """Send a part of the body; False where nobody takes it."""
        with self._writing:
            data, self._waiting = self._waiting + data, b""
            self.sent += len(data)
            self.written_at = _clock()
            return self._parts.write(data)

    def send(self, response: HttpResponse) -> None:
        """Send a response, or what is left of one that has begun."""
        if not self.sent:
            self.begin(response.status, response.headers)
        self.write(response.body)


class StreamingLimit(ResponseLimit, frozen=True):
    """How much a function that streams may return: more where it does."""

    def of(self, request: Request) -> int:
        """See ``ResponseLimit.of``."""
        stream = getattr(request.context, "response_stream", None)
        if stream is None or not may_take_stream(request.event):
            return super().of(request)
        return int(STREAM_LIMIT - stream.sent)

    def measure(self, request: Request, response: HttpResponse) -> int:
        """See ``ResponseLimit.measure``."""
        if not may_take_stream(request.event):
            return super().measure(request, response)
        return len(response.body) + _HEAD_BYTES


def _head(members: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(members) + _END_OF_HEAD
