"""An ASGI application within this process: its lifespan, and requests to it on the loop that is kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from lambent.errors import ConfigurationError
from lambent.hosts.app_scopes import ASGI_VERSIONS

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LEAVE_SECONDS = 0.5
"""How long an application may go on after it was told that its client has gone."""


class RunningApp:
    """An application whose lifespan is entered before its first request, and once.

    Args:
        make: makes the application; once more where its lifespan could not be entered.
        around: what is entered around its lifespan.
    """

    def __init__(
        self, make: Callable[[], App], around: Callable[[], AbstractAsyncContextManager[None]] | None = None
    ) -> None:
        self._make = make
        self._around = around
        self._app: App | None = None
        self._lifespan: _Lifespan | None = None

    async def start(self) -> None:
        """Enter the lifespan, unless it is entered.

        Raises:
            Exception: what the application has raised, or ``ConfigurationError`` with what it has said. It is
                made anew the next time.
        """
        if self._lifespan is not None:
            return
        app = self._make()
        lifespan = _Lifespan(app, self._around)
        await lifespan.enter()
        self._app, self._lifespan = app, lifespan

    async def stop(self) -> None:
        """Leave the lifespan, if it was entered."""
        if self._lifespan is not None:
            lifespan, self._lifespan, self._app = self._lifespan, None, None
            await lifespan.leave()

    async def request(self, scope: Scope, body: bytes) -> Exchange:
        """Send a request; the response has begun when this returns.

        Raises:
            Exception: what the application has raised before it has begun a response.
        """
        await self.start()
        assert self._app is not None  # noqa: S101 - made by ``start``
        assert self._lifespan is not None  # noqa: S101
        if self._lifespan.state:
            scope["state"] = dict(self._lifespan.state)
        exchange = Exchange(self._app, scope, body)
        await exchange.begun()
        return exchange


class _Lifespan:
    """The lifespan of an application, in a task of its own: what it enters, that task has to leave."""

    def __init__(self, app: App, around: Callable[[], AbstractAsyncContextManager[None]] | None) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._around = around
        self._entered: asyncio.Future[None]
        self._leaving = asyncio.Event()
        self._task: asyncio.Task[None]

    async def enter(self) -> None:
        loop = asyncio.get_running_loop()
        self._entered = loop.create_future()
        self._task = loop.create_task(self._run())
        await self._entered

    async def leave(self) -> None:
        self._leaving.set()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                if self._around is not None:
                    await stack.enter_async_context(self._around())
                await self._run_app()
                self._settle()
                await self._leaving.wait()  # of an application without a lifespan
        except BaseException as error:
            self._settle(error)
            if not isinstance(error, Exception):
                raise

    async def _run_app(self) -> None:
        begun = False

        async def receive() -> Message:
            nonlocal begun
            if begun:
                await self._leaving.wait()
                return {"type": "lifespan.shutdown"}
            begun = True
            return {"type": "lifespan.startup"}

        async def send(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._settle()
            elif message["type"] == "lifespan.startup.failed":
                text = message.get("message") or "no reason given"
                raise ConfigurationError(f"The lifespan of the application has failed: {text}")

        scope = {"type": "lifespan", "asgi": ASGI_VERSIONS, "state": self.state}
        try:
            await self._app(scope, receive, send)
        except ConfigurationError:
            raise
        except Exception:
            # As ASGI servers do: an application that does not know lifespans refuses the scope.
            if self._entered.done():
                raise

    def _settle(self, error: BaseException | None = None) -> None:
        if self._entered.done():
            return
        if error is None:
            self._entered.set_result(None)
        else:
            self._entered.set_exception(error)


class Exchange:
    """One request and its response, which is read as the application sends it.

    Attributes:
        status: the HTTP status.
        headers: names in lower case, in their order.
    """

    def __init__(self, app: App, scope: Scope, body: bytes) -> None:
        self.status = 500
        self.headers: list[tuple[str, str]] = []
        self._is_answered = False
        self._body: bytes | None = body
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._started = asyncio.Event()
        self._gone = asyncio.Event()
        self._task = asyncio.ensure_future(app(scope, self._receive, self._send))
        self._task.add_done_callback(self._end)

    def header(self, name: str) -> str:
        """The value of the first header with this name; empty where there is none."""
        return next((value for one, value in self.headers if one == name), "")

    async def begun(self) -> None:
        """Wait until the response has begun.

        Raises:
            Exception: what the application has raised instead.
        """
        try:
            await self._started.wait()
        except asyncio.CancelledError:
            await self.leave()
            raise
        if not self._is_answered:
            await self._task
            raise RuntimeError("The application has ended without a response")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The parts of the body, until the application ends it.

        Raises:
            Exception: what the application has raised in the middle of it.
        """
        while (chunk := await self._chunks.get()) is not None:
            if chunk:
                yield chunk
        if self._task.done():
            await self._task

    async def read(self) -> bytes:
        """The whole body, once the application has done all that it does for the request."""
        body = b"".join([chunk async for chunk in self.chunks()])
        await self.finished()
        return body

    async def finished(self) -> None:
        """Wait for what the application does when its response is sent, such as background tasks."""
        await asyncio.wait({self._task})

    async def leave(self) -> None:
        """Tell the application that its client has gone, and cancel it where it goes on."""
        self._gone.set()
        if not self._task.done():
            await asyncio.wait({self._task}, timeout=_LEAVE_SECONDS)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_LEAVE_SECONDS)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_answered, self.status = True, int(message["status"])
            raw = message.get("headers", ())
            self.headers = [(bytes(n).decode("latin-1").lower(), bytes(v).decode("latin-1")) for n, v in raw]
        elif message["type"] == "http.response.body":
            self._chunks.put_nowait(bytes(message.get("body", b"")))
            self._started.set()
            if not message.get("more_body", False):
                self._chunks.put_nowait(None)
                self._gone.set()

    def _end(self, task: asyncio.Future[None]) -> None:
        self._chunks.put_nowait(None)
        self._started.set()
        if not task.cancelled():
            task.exception()  # is raised by who reads the response
