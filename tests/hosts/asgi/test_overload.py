"""Clients that read slowly or not at all, and more of them than there is room for."""

import asyncio
import json
import threading
from typing import Any

import pytest
from tests.hosts.asgi.driving import (
    Exchange,
    call,
    exchange,
    make,
    on_loop,
    settings,
    subscription,
    tool_call,
    unframe,
    until,
)

from lambent import Call, Context, Handler, Idempotency, MCPServer
from lambent.execution.handlers import subscriptions
from lambent.hosts import asgi, live
from lambent.hosts.threads import CallThreads

TEXT = "x" * 50_000
PER_WAIT = live._SLOW_BYTES // len(TEXT) + 1
"""Notifications after which a handler waits for its client."""


class SlowExchange(Exchange):
    """An exchange whose client takes nothing before ``reads`` is set."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.reads = asyncio.Event()

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        await super()._send(message)

    def heard_all(self) -> tuple[list[int], dict[str, Any]]:
        """The numbers in the notifications, and the response."""
        *notes, last = (unframe(message["body"]) for message in self.sent[1:])
        return [int(note["params"]["logger"]) for note in notes], last


class Talker:
    """A server whose tools send ``count`` large notifications, and a record of how many were sent."""

    def __init__(self) -> None:
        self.sent = 0
        self.calls: list[Call] = []
        self.mcp: MCPServer = make(middleware=[self.keep])
        for tool in (self.plain, self.asynchronous, self.hasty):
            self.mcp.tool()(tool)

    def keep(self, call: Call, following: Handler) -> Any:
        self.calls.append(call)
        return following(call)

    def plain(self, count: int, ctx: Context) -> str:
        for number in range(count):
            ctx.info(TEXT, logger_name=str(number))
            self.sent += 1
        return "said"

    async def asynchronous(self, count: int, ctx: Context) -> str:
        for number in range(count):
            await ctx.info(TEXT, logger_name=str(number))
            self.sent += 1
        return "said"

    async def hasty(self, count: int, ctx: Context) -> str:
        for number in range(count):
            ctx.info(TEXT, logger_name=str(number))
            self.sent += 1
        return "said"


def talk(tool: str, count: int) -> Any:
    return tool_call(tool, {"count": count}, logLevel="info")


@pytest.mark.parametrize("tool", ["plain", "asynchronous"])
@on_loop
async def test_a_tool_waits_for_its_client_and_nothing_is_lost(tool: str) -> None:
    talker = Talker()
    app = talker.mcp.asgi(settings())
    app._threads = CallThreads(1, 1)
    async with SlowExchange(app, talk(tool, 40)) as slow:
        await until(lambda: talker.calls and talker.calls[0].invocation.unread() >= live._SLOW_BYTES)  # type: ignore[attr-defined]
        for _ in range(5):
            await asyncio.sleep(0.002)
        assert talker.sent < PER_WAIT + 1
        assert text(await call(app, "plain", {"count": 0})) == "said"  # others have its place meanwhile
        slow.reads.set()
        await slow.task
    numbers, last = slow.heard_all()
    assert numbers == list(range(40))
    assert last["result"]["content"][0]["text"] == "said"
    assert talker.calls[0].invocation.unread() == 0  # type: ignore[attr-defined]


@on_loop
async def test_what_does_not_wait_loses_notifications_but_never_its_result() -> None:
    talker, count = Talker(), 2 * live._DROP_BYTES // len(TEXT)
    async with SlowExchange(talker.mcp.asgi(settings()), talk("hasty", count)) as slow:
        await until(lambda: talker.sent == count)
        slow.reads.set()
        await slow.task
    numbers, last = slow.heard_all()
    assert numbers == list(range(len(numbers)))
    assert count / 4 < len(numbers) < count * 3 / 4
    assert last["result"]["content"][0]["text"] == "said"


@pytest.mark.parametrize("tool", ["plain", "asynchronous"])
@on_loop
async def test_a_client_that_leaves_without_reading_stops_the_tool(tool: str) -> None:
    talker = Talker()
    async with SlowExchange(talker.mcp.asgi(settings()), talk(tool, 10_000)) as slow:
        await until(lambda: talker.calls and talker.calls[0].invocation.unread() >= live._SLOW_BYTES)  # type: ignore[attr-defined]
        slow.leave()
        slow.reads.set()
        await slow.task
    assert talker.sent < 100


@pytest.mark.parametrize("tool", ["plain", "asynchronous"])
@on_loop
async def test_a_client_that_reads_nothing_for_long_is_taken_for_gone(
    tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "_STALLED_SECONDS", 0.02)
    talker = Talker()
    async with SlowExchange(talker.mcp.asgi(settings()), talk(tool, 10_000)) as slow:
        slow.reads.set()
        await until(lambda: slow.sent)
        slow.reads.clear()
        await slow.task
    assert slow.sent[-1].get("more_body") is not False  # the server closes a response that has no end
    assert talker.sent < 10_000


@on_loop
async def test_notifications_for_a_client_that_reads_no_streams_are_not_kept() -> None:
    talker = Talker()
    app = talker.mcp.asgi(settings())
    _, body = await exchange(app, talk("plain", 100), headers={"accept": "application/json"})
    assert json.loads(body["body"])["result"]["content"][0]["text"] == "said"
    assert talker.calls[0].invocation.notifications == []


# More than there is room for.


def crowd() -> tuple[MCPServer, asyncio.Event]:
    mcp, go = make(), asyncio.Event()

    @mcp.tool(idempotency=Idempotency(key="key"))
    async def once(key: str) -> str:
        await go.wait()
        return "once"

    @mcp.tool()
    def ping() -> str:
        return "pong"

    return mcp, go


def text(response: dict[str, Any]) -> str:
    found: str = response["result"]["content"][0]["text"]
    return found


@on_loop
async def test_subscriptions_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "_POLL_SECONDS", 0.005)
    app = crowd()[0].asgi(settings())
    app._threads = CallThreads(1, 3)
    open_ones = [Exchange(app, subscription(number, toolsListChanged=True)) for number in range(3)]
    for one in open_ones:
        await one.__aenter__()
        await one.next()
    for _ in range(5):
        begin, body = await exchange(app, subscription("late", toolsListChanged=True))
        assert begin["status"] == 503
        assert (b"retry-after", b"5") in begin["headers"]
        assert json.loads(body["body"]) == {
            "jsonrpc": "2.0",
            "id": "late",
            "error": {"code": -32603, "message": "Too many calls are waiting: try again later"},
        }
    assert text(await call(app, "ping")) == "pong"
    open_ones[0].leave()
    await open_ones[0].task
    async with Exchange(app, subscription("now", toolsListChanged=True)) as now:
        await now.next()
        now.leave()
    for one in open_ones[1:]:
        one.leave()
        await one.task


@on_loop
async def test_duplicates_beyond_the_limit_are_told_that_the_call_is_running() -> None:
    mcp, go = crowd()
    app = mcp.asgi(settings())
    app._threads = CallThreads(2, 3)
    message = tool_call("once", {"key": "a"})
    duplicates = [asyncio.ensure_future(exchange(app, message)) for _ in range(20)]
    told = (
        "Error executing tool once: The same call is still running: ask again in a moment, with the same key"
    )
    await until(lambda: sum(one.done() for one in duplicates) == 16)  # one works, three wait
    assert text(await call(app, "ping")) == "pong"
    go.set()
    said = [text(json.loads(sent[-1]["body"])) for sent in await asyncio.gather(*duplicates)]
    assert sorted(said) == sorted(["once"] * 4 + [told] * 16)


@on_loop
async def test_calls_that_wait_for_their_turn_are_forgotten_when_their_clients_leave() -> None:
    mcp, go = make(), threading.Event()
    ran: list[int] = []

    @mcp.tool()
    def work(number: int) -> str:
        ran.append(number)
        assert go.wait(20)
        return "worked"

    app = mcp.asgi(settings())
    app._threads = CallThreads(1, 0)
    async with Exchange(app, tool_call("work", {"number": 0})) as first:
        await until(lambda: ran)
        queued = [Exchange(app, tool_call("work", {"number": number})) for number in range(1, 20)]
        for one in queued:
            await one.__aenter__()
        await until(lambda: len(app._threads._queue) == 19)
        for one in queued:
            one.leave()
            await one.task
            assert one.sent == []
        assert not app._threads._queue
        go.set()
        await first.task
    assert ran == [0]
