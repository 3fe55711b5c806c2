"""ASGI: the server as a live application, mounted in another one or alone; it needs no lifespan events."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from lambent.execution.endpoint import Endpoint
from lambent.execution.failures import report
from lambent.execution.open_streams import is_failure
from lambent.execution.rounds.pending import Pending
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.hosts.live import LiveInvocation
from lambent.hosts.process_end import told_of_the_end
from lambent.hosts.readiness import Readiness
from lambent.hosts.threads import CallThreads
from lambent.wire.http import (
    SSE_HEADERS,
    SSE_KEEP_ALIVE,
    SSE_TYPE,
    HttpResponse,
    Request,
    cors_headers,
    sse_frame,
)

if TYPE_CHECKING:
    from lambent.execution.open_streams import OpenStream

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_RUNNING = 64
"""Calls that run at a time."""

_DELIVERY_SECONDS = 6.0
"""How long a delivery that has begun may go on at the end: a little longer than its endpoint has."""

_STALLED_SECONDS = 60.0
"""A client that reads nothing of a stream for so long has gone, whatever its connection says."""


class AsgiApp:
    """What ``MCPServer.asgi`` gives; ``body_limit`` is how many bytes of a request body are worth reading."""

    lifespan: Callable[[Any], AbstractAsyncContextManager[None]] | None = None
    """That of a router which has the application, where it has to know of the end of the process."""

    def __init__(
        self,
        endpoint: Endpoint,
        documents: DiscoveryDocuments,
        body_limit: int,
        readiness: Readiness,
        drain_seconds: float = 0.0,
    ) -> None:
        self._endpoint = endpoint
        self._documents = documents
        self._body_limit = body_limit
        self._readiness = readiness
        self._drain_seconds = drain_seconds
        self._threads = CallThreads(_RUNNING)
        self._open: set[OpenStream] = set()

    @property
    def has_registration(self) -> bool:
        """Clients can register here; see ``RegistrationFacade``."""
        return self._documents.has_registration

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope: HTTP, or the lifespan where this is the outermost application."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        else:
            await self._serve(scope, receive, send)

    async def startup(self) -> None:
        """Enter the server's lifespan on the loop that runs; else the first request does."""
        self._readiness.begin()
        if (lifespan := self._endpoint.executor.services.lifespan) is not None:
            await lifespan.start()

    async def shutdown(self) -> None:
        """End streams, and what threads of this process do; leave the server's lifespan.

        Calls that hold a claim run on when the server has cut them: they have some seconds to end.
        """
        self._readiness.forget()
        for stream in self._open:
            stream.end()
        await asyncio.to_thread(self._threads.wait, self._drain_seconds)
        if (lifespan := self._endpoint.executor.services.lifespan) is not None:
            await lifespan.leave()
        events = self._endpoint.executor.services.events
        if events is not None:
            from lambent.hosts.delivery_threads import DeliveryThreads  # loaded where events are declared

            if isinstance(events.queue, DeliveryThreads):
                await asyncio.to_thread(events.queue.close, _DELIVERY_SECONDS)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        event = ""
        while event != "lifespan.shutdown":
            event = (await receive())["type"]
            try:
                await (self.startup() if event == "lifespan.startup" else self.shutdown())
            except Exception as error:
                report(error)
                await send({"type": f"{event}.failed", "message": "The lifespan failed: the log says why"})
                return
            await send({"type": f"{event}.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = self._readiness.closing(scope, send)
        body = await _read(receive, self._body_limit)
        if body is None:
            return
        platform = _request_context(scope)
        request = Request(
            method=scope["method"],
            path=scope["path"],
            headers=_headers(scope["headers"]),
            body=body,
            query=scope.get("query_string", b"").decode("latin-1"),
            domain=platform.get("domainName"),
            root=_stage_of(platform, scope["path"]),
            mount=_mount_of(scope),
            client_address=client[0] if (client := scope.get("client")) else None,
            authorizer=platform.get("authorizer"),
            event=scope.get("aws.event"),
            context=scope.get("aws.context"),
        )
        if request.method == "POST":
            # Registrations are kept in the table, and the event loop must not wait for that.
            may_be_document, other = self._documents.is_elsewhere(request), None
        else:
            may_be_document = True
            below = _path_below(scope)
            other = self._documents.health(request.method, below) or self._readiness.answer(
                request.method, below
            )
        if may_be_document and other is None:
            other = await asyncio.wrap_future(self._threads.submit(lambda: self._documents.answer(request)))
        if other is not None:
            await _finish(other, send, begun=False)
            return
        invocation = AsgiInvocation(asyncio.get_running_loop(), self._threads, request)
        # What middleware and dependencies have set, such as a span or a user, features see too.
        context = contextvars.copy_context()
        submitted = self._threads.submit(lambda: context.run(self._endpoint.handle, request, invocation))
        work = asyncio.wrap_future(submitted)
        work.add_done_callback(lambda _: invocation.frames.put_nowait(None))

        def leave() -> None:
            invocation.cancel()
            self._threads.withdraw(submitted)  # a call that has not begun keeps no request in memory

        watch = asyncio.ensure_future(_disconnected(receive))
        watch.add_done_callback(lambda _: leave() if not work.done() else None)
        is_subscription = request.headers.get("mcp-method") == "subscriptions/listen"
        try:
            with told_of_the_end(invocation.end) if is_subscription else contextlib.nullcontext():
                await _forward(invocation, request, send)
            if not work.cancelled():
                response = await work
                stream = invocation.following
                if stream is not None and not invocation.cancelled and not is_failure(response):
                    response = await self._follow(invocation, stream, response, send, watch)
                if not invocation.cancelled:
                    await _finish(response, send, begun=invocation.streamed)
        finally:
            leave()
            watch.cancel()

    async def _follow(
        self,
        invocation: AsgiInvocation,
        stream: OpenStream,
        response: HttpResponse,
        send: Send,
        gone: asyncio.Future[None],
    ) -> HttpResponse:
        """Send what a stream delivers until it ends or its client has gone; gives what ends the response."""
        if response.headers.get("content-type") != SSE_TYPE:
            headers = {**response.headers, **SSE_HEADERS}
            response = HttpResponse(response.status, headers, sse_frame(response.body))
        if not invocation.streamed:
            await _start(response.status, response.headers, send)
            invocation.streamed = True

        async def send_all() -> None:
            async with contextlib.aclosing(stream.deliver()) as notifications:
                async for notification in notifications:
                    # What the client does not take is not made, so nothing waits for it here.
                    async with asyncio.timeout(_STALLED_SECONDS):
                        frame = sse_frame(notification)
                        await send({"type": "http.response.body", "body": frame, "more_body": True})

        sending = asyncio.ensure_future(send_all())
        self._open.add(stream)
        try:
            with told_of_the_end(stream.end):
                await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(stream)
            sending.cancel()
            await asyncio.wait({sending})
        if sending.cancelled() or isinstance(sending.exception(), TimeoutError | OSError):
            invocation.cancel()
        else:
            sending.result()
        return response


class AsgiInvocation(LiveInvocation):
    """One HTTP request: between the thread that runs the call and the event loop that talks to its client.

    Coroutines run on that loop too, where the rest of the application lives. ``frames`` brings what to send,
    and None when there is no more. Behind Mangum, which sends the response as a whole, notifications
    are kept for it: there they have to fit.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: CallThreads, request: Request) -> None:
        super().__init__(loop, threads)
        self._request = request
        self.frames: asyncio.Queue[bytes | None] = asyncio.Queue()

    def end(self) -> None:
        """The process is to end."""
        self.ending = True

    def remaining_ms(self) -> int | None:
        """See ``Invocation.remaining_ms``."""
        remaining = getattr(self._request.context, "get_remaining_time_in_millis", None)
        return int(remaining()) if remaining is not None else None

    def emit(self, notification: bytes) -> Pending[None] | None:
        """See ``Invocation.emit``."""
        if not self.may_stream or self.cancelled:
            return None  # a client that reads no streams gets no notifications
        if self._request.event is not None:
            return super().emit(notification)
        if self.drops():
            return None
        self.streamed = True
        self._push(sse_frame(notification))
        return self.slow_down()

    def follow(self, stream: OpenStream) -> bool:
        """See ``Invocation.follow``: behind Mangum there is nothing to follow."""
        if self._request.event is not None:
            return False
        self.following = stream
        return True

    def keep_alive(self) -> None:
        """See ``Invocation.keep_alive``."""
        if self.streamed and not self.drops():
            self._push(SSE_KEEP_ALIVE)

    def _push(self, data: bytes) -> None:
        self.count_unread(len(data))
        self._loop.call_soon_threadsafe(self.frames.put_nowait, data)


async def _forward(invocation: AsgiInvocation, request: Request, send: Send) -> None:
    """Send notifications while the call runs; the first one begins the response."""
    begun = False
    while (data := await invocation.frames.get()) is not None:
        if invocation.cancelled:
            continue
        if not begun:
            begun = True
            await _start(200, SSE_HEADERS | cors_headers(request.headers), send)
        try:
            async with asyncio.timeout(_STALLED_SECONDS):
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except TimeoutError:
            invocation.cancel()
        invocation.count_unread(-len(data))


async def _finish(response: HttpResponse, send: Send, *, begun: bool) -> None:
    if not begun:
        await _start(response.status, response.headers, send)
    await send({"type": "http.response.body", "body": response.body, "more_body": False})


async def _start(status: int, headers: dict[str, str], send: Send) -> None:
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The body, or so much of it that it is surely too long; None where the client has left."""
    body = bytearray()
    while (message := await receive())["type"] != "http.disconnect":
        body += message.get("body", b"")
        if not message.get("more_body", False) or len(body) > limit:
            return bytes(body)
    return None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _path_below(scope: Scope) -> str:
    """The path without that at which the application is mounted, so that it has its own health path there."""
    return str(scope["path"]).removeprefix(_mount_of(scope))


def _mount_of(scope: Scope) -> str:
    """The path at which the application is mounted; empty where it is not."""
    root = scope.get("root_path")
    return str(root) if root and scope["path"].startswith(f"{root}/") else ""


def _request_context(scope: Scope) -> Mapping[str, Any]:
    """What API Gateway says of the request, where Mangum has put its event into the scope."""
    event = scope.get("aws.event")
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    return context if isinstance(context, Mapping) else {}


def _stage_of(platform: Mapping[str, Any], path: str) -> str:
    """What REST APIs have in front of a path, such as the name of a stage; empty where nobody says it."""
    public = platform.get("path")
    return public.removesuffix(path) if isinstance(public, str) and public.endswith(path) else ""


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        # RFC 9110, section 5.3; HTTP/2 splits cookies, RFC 9113, section 8.2.3
        separator = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers
