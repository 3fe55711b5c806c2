"""Calls that take effect once, over connections that drop: they run to their ends."""

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest
from tests.hosts.asgi.driving import Exchange, call, make, on_loop, settings, tool_call, until
from tests.support import EVERYTHING, accept

from lambent import Context, Idempotency, MCPServer
from lambent.execution.ports import Item
from lambent.hosts import asgi as asgi_app
from lambent.stores.memory import MemoryStore

ORDER = {"order": "A1"}


@dataclass
class Yes:
    ok: bool


class Shop:
    """A shop that pays in a step, and then takes its time until ``open`` is set."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.started = asyncio.Event()
        self.open = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.mcp: MCPServer = make()
        self.mcp.tool(idempotency=Idempotency(key="order"))(self.pay)
        self.mcp.tool(idempotency=Idempotency(key="order"))(self.pay_plainly)
        self.mcp.tool(single_use=True)(self.refund)
        self.mcp.tool()(self.ping)

    async def pay(self, order: str, ctx: Context) -> str:
        await ctx.step("pay", self.effects.append, order)
        self.started.set()
        await self.open.wait()
        return "paid"

    def pay_plainly(self, order: str, ctx: Context) -> str:
        ctx.step("pay", self.effects.append, order).result()
        self.loop.call_soon_threadsafe(self.started.set)
        while not self.open.is_set():
            time.sleep(0.001)
            ctx.report_progress(1)  # where a call notices that its client has gone
        return "paid"

    async def refund(self, order: str, ctx: Context) -> str:
        if not (await ctx.elicit("Refund?", Yes, key="ok")).data.ok:  # type: ignore[union-attr]
            return "no"
        return await self.pay(order, ctx)

    def ping(self) -> str:
        return "pong"


def text(response: dict[str, Any]) -> str:
    found: str = response["result"]["content"][0]["text"]
    return found


@pytest.mark.parametrize("tool", ["pay", "pay_plainly", "refund"])
@on_loop
async def test_a_connection_that_drops_does_not_give_the_claim_back(tool: str) -> None:
    shop = Shop()
    app = shop.mcp.asgi(settings())
    also: dict[str, Any] = {}
    if tool == "refund":
        asked = await call(app, tool, ORDER, capabilities=EVERYTHING)
        also = {"requestState": asked["result"]["requestState"], "inputResponses": {"ok": accept(ok=True)}}
    message = tool_call(tool, ORDER, also=also, capabilities=EVERYTHING)
    async with Exchange(app, message) as dropped:
        await shop.started.wait()
        dropped.leave()
        await asyncio.sleep(0.02)
        shop.open.set()
        await dropped.task
    assert dropped.sent == []
    for _ in range(3):
        assert text(await call(app, tool, ORDER, also=also, capabilities=EVERYTHING)) == "paid"
    assert shop.effects == ["A1"]


@on_loop
async def test_duplicates_that_wait_take_no_place_of_calls_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_app, "_RUNNING", 2)
    shop = Shop()
    app = shop.mcp.asgi(settings())
    message = tool_call("pay", ORDER)
    async with Exchange(app, message) as first:
        await shop.started.wait()
        duplicates = [Exchange(app, message) for _ in range(8)]
        for duplicate in duplicates:
            await duplicate.__aenter__()
        for _ in range(5):
            assert text(await call(app, "ping")) == "pong"
        for duplicate in duplicates[:4]:
            duplicate.leave()
            await asyncio.wait_for(duplicate.task, 5)  # it does not wait for a client that has gone
            assert duplicate.sent == []
        shop.open.set()
        for duplicate in duplicates[4:]:
            await duplicate.task
            assert b"paid" in duplicate.sent[-1]["body"]
        await first.task
    assert shop.effects == ["A1"]


@on_loop
async def test_subscriptions_take_no_place_of_calls_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.hosts.asgi.driving import subscription

    monkeypatch.setattr(asgi_app, "_RUNNING", 1)
    app = Shop().mcp.asgi(settings())
    open_ones = [Exchange(app, subscription(number, toolsListChanged=True)) for number in range(3)]
    for one in open_ones:
        await one.__aenter__()
        await one.next()
    assert text(await call(app, "ping")) == "pong"
    for one in open_ones:
        one.leave()
    await until(lambda: all(one.task.done() for one in open_ones))


@on_loop
async def test_the_journal_is_not_written_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store takes its time, and an outage takes long: the other clients must not wait for it."""
    writers: list[threading.Thread] = []

    def watched(self: MemoryStore, item: Item) -> bool:
        writers.append(threading.current_thread())
        return replace(self, item)

    replace = MemoryStore.replace
    monkeypatch.setattr(MemoryStore, "replace", watched)
    shop = Shop()
    shop.open.set()

    @shop.mcp.tool(idempotency=Idempotency(key="order"))
    async def steps(order: str, ctx: Context) -> str:
        async def work(name: str) -> str:
            shop.effects.append(name)
            return name

        both = (ctx.step(name, work, name, at_most_once=True) for name in ("a", "b"))
        return "".join(await asyncio.gather(*both))

    app = shop.mcp.asgi(settings())
    assert text(await call(app, "steps", ORDER)) == "ab"
    assert len(writers) == 5  # two intents, two results of steps, the result of the call
    assert threading.current_thread() not in writers


@pytest.mark.parametrize("seconds", [20.0, 0.0])
@on_loop
async def test_the_end_waits_for_a_call_that_was_cut(seconds: float) -> None:
    """For so long as it may. uvicorn cuts what takes longer than ``--timeout-graceful-shutdown``."""
    shop = Shop()
    app = shop.mcp.asgi(settings(drain_seconds=seconds))
    async with Exchange(app, tool_call("pay", ORDER)) as cut:
        await shop.started.wait()
        cut.task.cancel()
        await asyncio.wait({cut.task})
        ending = asyncio.ensure_future(app.shutdown())
        if seconds:
            _, running = await asyncio.wait({ending}, timeout=0.05)
            assert running
            shop.open.set()
        await ending
        shop.open.set()
    assert text(await call(app, "pay", ORDER)) == "paid"
    assert shop.effects == ["A1"]
