"""What the tests of live hosts share: a loop that tolerates no leftovers, and HTTP by hand and by uvicorn."""

import asyncio
import functools
import gc
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from tests import support

from lambent import MCPServer, Settings

SECONDS = 20.0
"""How long a test may hang before it fails; nothing waits for it to pass."""

App = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]


def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop on a thread of its own, for fixtures."""
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join(SECONDS)
    made.close()


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on an event loop of its own, which must be as empty in the end as it was before."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def main() -> None:
            complaints: list[dict[str, Any]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            await asyncio.wait_for(test(*args, **kwargs), SECONDS)
            await until(lambda: len(asyncio.all_tasks()) == 1)
            gc.collect(1)  # what is young: all that a test leaves; the rest takes too long to look at
            assert not complaints, complaints

        asyncio.run(main())

    return run


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so, letting everything else on the loop run."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.001)


class Exchange:
    """One HTTP exchange at the level of ASGI: every message is put in and taken out by hand.

    Args:
        app: the application.
        message: a JSON-RPC message, or a body as it is.
        headers: replace some of those that belong to the message; None removes one.
        method: the HTTP method.
        path: where it goes.
        chunks: the body in pieces, in place of the message's.
        open_end: the body has not ended with the last chunk.
    """

    def __init__(
        self,
        app: Any,
        message: Any = b"",
        headers: Mapping[str, str | None] | None = None,
        *,
        method: str = "POST",
        path: str = "/mcp",
        chunks: Iterable[bytes] | None = None,
        open_end: bool = False,
    ) -> None:
        body = message if isinstance(message, bytes) else support.dumps(message).encode()
        pieces = [body] if chunks is None else list(chunks)
        merged: dict[str, str | None] = {**support.headers_of(message), **(headers or {})}
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(n.encode(), v.encode("latin-1")) for n, v in merged.items() if v is not None],
            "client": ("192.0.2.1", 4711),
            "server": ("192.0.2.2", 80),
        }
        self.sent: list[dict[str, Any]] = []
        self._app = app
        self._taken = 0
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._news = asyncio.Event()
        for number, piece in enumerate(pieces):
            more = open_end or number < len(pieces) - 1
            self._inbox.put_nowait({"type": "http.request", "body": piece, "more_body": more})

    async def __aenter__(self) -> Self:
        self.task = asyncio.ensure_future(self._app(self.scope, self._inbox.get, self._send))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.task.cancel()
        await asyncio.wait([self.task], timeout=SECONDS)
        if kind is None and not self.task.cancelled():
            self.task.result()

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self._news.set()

    def leave(self) -> None:
        """The client closes the connection."""
        self._inbox.put_nowait({"type": "http.disconnect"})

    def say(self, body: bytes, *, more: bool) -> None:
        """The client sends another chunk."""
        self._inbox.put_nowait({"type": "http.request", "body": body, "more_body": more})

    async def next(self) -> dict[str, Any]:
        """The next message that the application sends."""
        async with asyncio.timeout(SECONDS):
            while len(self.sent) <= self._taken:
                assert not self.task.done(), "the application has ended"
                self._news.clear()
                news = asyncio.ensure_future(self._news.wait())
                await asyncio.wait([news, self.task], return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
        self._taken += 1
        return self.sent[self._taken - 1]

    async def heard(self) -> dict[str, Any]:
        """The JSON-RPC message in the next frame."""
        return unframe((await self.next())["body"])


async def exchange(app: Any, message: Any = b"", *args: Any, **options: Any) -> list[dict[str, Any]]:
    """Everything that an application sends in one exchange."""
    async with Exchange(app, message, *args, **options) as one:
        await one.task
    return one.sent


async def call(app: Any, tool: str, arguments: Any = None, **options: Any) -> dict[str, Any]:
    """The JSON-RPC response to a call that emits nothing."""
    _, body = await exchange(app, tool_call(tool, arguments, **options))
    response: dict[str, Any] = json.loads(body["body"])
    return response


def tool_call(tool: str, arguments: Any = None, *, also: Mapping[str, Any] | None = None, **meta: Any) -> Any:
    """A request to call a tool."""
    return support.message("tools/call", {"name": tool, "arguments": arguments or {}, **(also or {})}, **meta)


def subscription(request_id: Any = "sub-1", **wanted: Any) -> Any:
    """A request to subscribe."""
    return support.message("subscriptions/listen", {"notifications": wanted}, request_id=request_id)


def start(status: int, headers: Mapping[str, str] = support.JSON_HEADERS) -> dict[str, Any]:
    """The message that begins a response."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": raw}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    """The message that brings a part of a response."""
    return {"type": "http.response.body", "body": data, "more_body": more}


def unframe(frame: bytes) -> dict[str, Any]:
    """The JSON-RPC message in a frame."""
    assert frame.startswith(b"event: message\ndata: "), frame
    assert frame.endswith(b"\n\n"), frame
    message: dict[str, Any] = json.loads(frame.removeprefix(b"event: message\ndata: "))
    return message


def text_result(text: str, request_id: Any = 1) -> bytes:
    """The response to a call of a tool of ``make`` that returned a text."""
    return support.success(support.text_result(text), request_id=request_id)


def progress(done: float, *, token: str = "p") -> bytes:
    """A progress notification."""
    params = {"progressToken": token, "progress": done}
    return support.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}).encode()


def make(**options: Any) -> MCPServer:
    """A server without features, called what the expected bytes call it."""
    return support.make_server(**options)


def settings(**options: Any) -> Settings:
    """Settings that do not depend on the environment of the tests."""
    return Settings(**{"state_keys": (support.SECRET,), **options})


@asynccontextmanager
async def uvicorn_of(app: Any, **options: Any) -> AsyncIterator[str]:
    """Serve an application with uvicorn on this loop; gives the URL of its root."""
    # The protocol is named: asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(128)
        config = uvicorn.Config(app, **{"log_config": None, "access_log": False, **options})
        server = uvicorn.Server(config)
        # The signals belong to the tests.
        server.capture_signals = suppress  # type: ignore[method-assign]
        serving = asyncio.ensure_future(server.serve(sockets=[sock]))
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that neither retries nor looks at the environment."""
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
        yield client


@asynccontextmanager
async def streamed(
    client: httpx.AsyncClient, url: str, message: Any, **headers: str
) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[bytes]]]:
    """Send a message and read the response frame by frame, as they arrive."""
    async with client.stream(
        "POST", url, content=support.dumps(message), headers={**support.headers_of(message), **headers}
    ) as response:
        yield response, frames_of(response)


async def frames_of(response: httpx.Response) -> AsyncIterator[bytes]:
    """The frames of a stream."""
    rest = b""
    async for chunk in response.aiter_raw():
        *whole, rest = (rest + chunk).split(b"\n\n")
        for frame in whole:
            yield frame + b"\n\n"
    assert rest == b""


async def post(client: httpx.AsyncClient, url: str, message: Any, **headers: str) -> httpx.Response:
    """Send a message and read the whole response."""
    return await client.post(
        url, content=support.dumps(message), headers={**support.headers_of(message), **headers}
    )
