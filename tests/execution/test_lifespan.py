"""A server's lifespan: entered once an environment, whichever host serves it."""

import asyncio
import contextlib
import functools
import io
import json
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import msgspec
import pytest
from tests.support import SETTINGS, headers_of, http_api, message

from lambent import Context, MCPServer
from lambent.execution.event_loop import CallerLoop
from lambent.execution.invocation import Invocation
from lambent.execution.lifespan import Lifespan
from lambent.hosts.entry_points import local_endpoint
from lambent.hosts.stdio import StdioServer
from lambent.testing import TestClient


class Pool:
    """What a lifespan opens: it works on the loop that it was opened on."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()

    async def query(self) -> str:
        assert asyncio.get_running_loop() is self.loop
        return "rows"


class Recorded:
    """A lifespan that says what becomes of it."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.fails = False

    @contextlib.asynccontextmanager
    async def __call__(self, server: MCPServer) -> AsyncIterator[dict[str, Any]]:
        self.events.append(f"enter {server.name}")
        if self.fails:
            raise OSError("no database")
        try:
            async with asyncio.timeout(60):  # is left by the task that has entered it
                yield {"pool": Pool()}
        finally:
            self.events.append("leave")


def make(lifespan: Any) -> MCPServer:
    mcp = MCPServer("shop", lifespan=lifespan)

    @mcp.tool()
    async def rows(ctx: Context) -> str:
        return str(await ctx.lifespan_context["pool"].query())

    @mcp.tool()
    def plain(ctx: Context) -> list[str]:
        return sorted(ctx.lifespan_context)

    return mcp


def call_event(tool: str = "rows") -> dict[str, Any]:
    body = message("tools/call", {"name": tool, "arguments": {}})
    return http_api(json.dumps(body), headers_of(body))


def text_of(body: str | bytes) -> str:
    result = json.loads(body)["result"]
    return str(result["content"][0]["text"])


def test_lambda_enters_with_the_first_call_and_keeps_it() -> None:
    lifespan = Recorded()
    handler = make(lifespan).lambda_handler(SETTINGS)
    assert lifespan.events == []
    assert [text_of(handler(call_event(), None)["body"]) for _ in range(3)] == ["rows"] * 3
    assert text_of(handler(call_event("plain"), None)["body"]) == "pool"
    assert lifespan.events == ["enter shop"]
    handler.close()
    assert lifespan.events == ["enter shop", "leave"]


def test_lambda_enters_anew_what_has_failed() -> None:
    lifespan = Recorded()
    lifespan.fails = True
    handler = make(lifespan).lambda_handler(SETTINGS)
    assert json.loads(handler(call_event(), None)["body"])["error"]["code"] == -32603
    lifespan.fails = False
    assert text_of(handler(call_event(), None)["body"]) == "rows"
    assert lifespan.events == ["enter shop", "enter shop"]
    handler.close()


def test_lambda_leaves_at_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[Any] = []
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
    monkeypatch.setattr(signal, "signal", lambda signum, handler: set_to.append((signum, handler)))
    lifespan = Recorded()
    handler = make(lifespan).lambda_handler(msgspec.structs.replace(SETTINGS, in_lambda=True))
    handler(call_event(), None)
    [(signum, end)] = set_to
    with pytest.raises(SystemExit):
        end(signum, None)
    assert signum is signal.SIGTERM
    assert lifespan.events == ["enter shop", "leave"]


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return run


async def request(app: Any, tool: str = "rows") -> str:
    body = json.dumps(message("tools/call", {"name": tool, "arguments": {}})).encode()
    headers = [(k.encode(), v.encode()) for k, v in headers_of(json.loads(body)).items()]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers}
    messages, sent = [{"type": "http.request", "body": body}], []

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return text_of(sent[-1]["body"])


class Events:
    """The lifespan events of an ASGI server."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[Any] = asyncio.Queue()
        self.from_app: asyncio.Queue[Any] = asyncio.Queue()

    async def tell(self, event: str) -> dict[str, Any]:
        await self.to_app.put({"type": f"lifespan.{event}"})
        answer: dict[str, Any] = await self.from_app.get()
        return answer


@in_a_loop
async def test_asgi_enters_at_startup_and_leaves_at_shutdown() -> None:
    lifespan, events = Recorded(), Events()
    app = make(lifespan).asgi(SETTINGS)
    serving = asyncio.ensure_future(app({"type": "lifespan"}, events.to_app.get, events.from_app.put))
    assert await events.tell("startup") == {"type": "lifespan.startup.complete"}
    assert lifespan.events == ["enter shop"]
    assert await request(app) == "rows"
    assert await events.tell("shutdown") == {"type": "lifespan.shutdown.complete"}
    await serving
    assert lifespan.events == ["enter shop", "leave"]


@in_a_loop
async def test_asgi_says_that_startup_failed(caplog: pytest.LogCaptureFixture) -> None:
    lifespan, events = Recorded(), Events()
    lifespan.fails = True
    app = make(lifespan).asgi(SETTINGS)
    serving = asyncio.ensure_future(app({"type": "lifespan"}, events.to_app.get, events.from_app.put))
    answer = await events.tell("startup")
    assert answer == {"type": "lifespan.startup.failed", "message": "The lifespan failed: the log says why"}
    await serving
    assert "no database" in caplog.text


@in_a_loop
async def test_asgi_enters_with_the_first_request_without_lifespan_events() -> None:
    lifespan = Recorded()
    app = make(lifespan).asgi(SETTINGS)
    assert await asyncio.gather(request(app), request(app)) == ["rows", "rows"]
    assert lifespan.events == ["enter shop"]
    await app.shutdown()
    assert lifespan.events == ["enter shop", "leave"]


def test_a_closed_loop_is_no_loop_to_go_on_with() -> None:
    lifespan = Recorded()
    app = make(lifespan).asgi(SETTINGS)
    assert [asyncio.run(request(app)) for _ in range(2)] == ["rows", "rows"]
    assert lifespan.events == ["enter shop", "leave", "enter shop", "leave"]


def test_stdio_leaves_when_the_input_ends() -> None:
    lifespan = Recorded()
    lines = json.dumps(message("tools/call", {"name": "rows", "arguments": {}})).encode() + b"\n"
    out = io.BytesIO()
    endpoint = local_endpoint(make(lifespan)._parts(), SETTINGS)
    assert StdioServer(endpoint, io.BytesIO(lines), out, SETTINGS).serve()
    assert text_of(out.getvalue()) == "rows"
    assert lifespan.events == ["enter shop", "leave"]


def test_the_test_client_enters_once() -> None:
    lifespan = Recorded()
    with TestClient(make(lifespan)) as client:
        assert client.call("rows").text == "rows"
        assert client.call("rows").text == "rows"
        assert lifespan.events == ["enter shop"]


def test_a_server_without_one_has_an_empty_context() -> None:
    handler = make(None).lambda_handler(SETTINGS)
    body = handler(call_event("plain"), None)["body"]
    assert json.loads(body)["result"]["structuredContent"] == {"result": []}
    handler.close()


@in_a_loop
async def test_a_client_that_leaves_does_not_end_it_for_others() -> None:
    opened = asyncio.Event()

    @contextlib.asynccontextmanager
    async def slow() -> AsyncIterator[str]:
        await opened.wait()
        yield "open"

    lifespan = Lifespan(slow)
    first = asyncio.ensure_future(lifespan.start())
    await asyncio.sleep(0)
    first.cancel()
    opened.set()
    await lifespan.start()
    assert lifespan.value == "open"
    await lifespan.leave()
    with pytest.raises(RuntimeError, match="not entered"):
        _ = lifespan.value


def test_what_leaving_raises_is_passed_on() -> None:
    @contextlib.asynccontextmanager
    async def failing() -> AsyncIterator[None]:
        yield
        raise OSError("cannot close")

    lifespan, run = Lifespan(failing), CallerLoop()
    lifespan.enter(Invocation(run))
    with pytest.raises(OSError, match="cannot close"):
        run(lifespan.leave())
    run.close()
