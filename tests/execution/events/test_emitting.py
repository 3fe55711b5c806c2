"""Emitting within calls: hosts that stay do not let their event loop wait for the store."""

import asyncio
import dataclasses
import threading
from typing import Any

import pytest
from tests.hosts.asgi.driving import SECONDS, call, on_loop
from tests.support import SECRET, Client, make_server

from lambent import Context, Settings, StoreError
from lambent.execution.events.service import Events
from lambent.stores.event_logs import MemoryLog


@dataclasses.dataclass
class Sent:
    number: str


class SlowLog(MemoryLog):
    """Waits until something else has happened on the loop, which must not be blocked by it."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.threads: list[str] = []
        self.error: Exception | None = None

    def append(self, *args: Any, **options: Any) -> int:
        assert self.go.wait(SECONDS)
        self.threads.append(threading.current_thread().name)
        if self.error is not None:
            raise self.error
        return super().append(*args, **options)


class Post:
    """A server whose tools emit, and its log."""

    def __init__(self) -> None:
        self.log = SlowLog()
        self.mcp = mcp = make_server()
        self.known: list[str] = []

        @mcp.event("sent", payload=Sent)
        def sent() -> None:
            """Something was sent."""

        @mcp.tool()
        async def waits(ctx: Context) -> str:
            asyncio.get_running_loop().call_soon(self.log.go.set)
            return await ctx.events.emit("sent", Sent("a"), event_id="a")

        @mcp.tool()
        async def forgets(ctx: Context) -> str:
            asyncio.get_running_loop().call_soon(self.log.go.set)
            ctx.events.emit("sent", Sent("a"), event_id="a")
            return "done"

        @mcp.tool()
        async def asks_for_it(ctx: Context) -> str:
            asyncio.get_running_loop().call_soon(self.log.go.set)
            return ctx.events.emit("sent", Sent("a"), event_id="a").result()

        @mcp.tool()
        async def looks(ctx: Context) -> str:
            asyncio.get_running_loop().call_soon(self.log.go.set)
            emitted = ctx.events.emit("sent", Sent("a"), event_id="a")
            await emitted
            return emitted.result()

        @mcp.tool()
        def plain(ctx: Context) -> str:
            self.log.go.set()
            return ctx.events.emit("sent", Sent("a"), event_id="a").result()

        @mcp.tool()
        async def wrong(ctx: Context) -> str:
            try:
                ctx.events.emit("sent", 7)
            except Exception as error:
                return type(error).__name__
            return "taken"

    async def call(self, tool: str) -> dict[str, Any]:
        app = self.mcp.asgi(Settings(state_keys=(SECRET,)))
        self.use(app._endpoint.executor.services.events)
        return await call(app, tool)

    def use(self, events: Events | None) -> None:
        assert events is not None
        self.events = events
        events.log = self.log

    @property
    def count(self) -> int:
        return self.log.head(self.events.key(self.events.types["sent"])).number


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.mark.parametrize(
    ("tool", "text"), [("waits", "a"), ("forgets", "done"), ("looks", "a"), ("plain", "a")]
)
def test_the_loop_goes_on_and_the_call_ends_with_it(post: Post, tool: str, text: str) -> None:
    @on_loop
    async def run() -> None:
        result = (await post.call(tool))["result"]
        assert result["content"][0]["text"] == text
        assert post.count == 1
        assert post.log.threads != [threading.current_thread().name]

    run()


@on_loop
async def test_a_coroutine_cannot_block_for_it() -> None:
    post = Post()
    assert (await post.call("asks_for_it"))["result"]["isError"]
    assert post.count == 1  # it was emitted all the same


@on_loop
async def test_what_cannot_be_emitted_is_told_at_once() -> None:
    assert (await Post().call("wrong"))["result"]["content"][0]["text"] == "ValidationError"


@pytest.mark.parametrize(("tool", "is_error"), [("waits", True), ("forgets", False)])
def test_a_store_that_fails(post: Post, tool: str, is_error: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Who waits for it learns of it, else the log does."""
    post.log.error = StoreError("the table is away")

    @on_loop
    async def run() -> None:
        assert ("error" in await post.call(tool)) is is_error

    run()
    assert "the table is away" in caplog.text


def test_in_lambda_it_is_in_the_store_at_once(post: Post) -> None:
    handler = post.mcp.lambda_handler(Settings(state_keys=(SECRET,), in_memory=True))
    post.use(handler._endpoint.executor.services.events)
    post.log.go.set()
    client = Client(handler)
    for tool in ("waits", "forgets", "asks_for_it", "plain"):
        client.call(tool)
    assert post.count == 1
    assert post.log.threads == [threading.current_thread().name] * 4
    handler.close()
