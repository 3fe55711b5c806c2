"""Streams of what an upstream has that is asked."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.hosts.asgi.driving import make, on_loop, until
from tests.hosts.asgi.event_streams import NOW, TIME, Least, Paid, Shop, note, refused

from lambent import Checked, MCPServer, Occurrence


def parcels(**options: Any) -> tuple[MCPServer, list[str], list[Any]]:
    sent, asked = ["p1"], []

    async def look(cursor: str | None, limit: int) -> Checked:
        asked.append((cursor, limit))
        if sent and sent[-1] == "down":
            raise OSError("down")
        if cursor is None:
            return Checked(cursor=str(len(sent)))
        begin = int(cursor)
        found = [Occurrence(Paid(one, 1), one, datetime.fromtimestamp(NOW, UTC)) for one in sent[begin:]][:2]
        end = begin + len(found)
        return Checked(occurrences=found, cursor=str(end), has_more=end < len(sent), truncated=begin > 90)

    mcp = make()
    options = {"delivery": ["push"], "poll_interval": timedelta(milliseconds=10), **options}

    @mcp.event("order.paid", payload=Paid, check=look, **options)
    def order_paid() -> None:
        """An order was paid."""

    return mcp, sent, asked


def parcel(name: str, cursor: str) -> dict[str, Any]:
    told = {"eventId": name, "name": "order.paid", "timestamp": TIME}
    return note("event", **told, data={"order": name, "cents": 1}, cursor=cursor)


@on_loop
async def test_an_upstream_is_asked_again_and_again() -> None:
    mcp, sent, asked = parcels()
    shop = Shop(mcp)
    async with shop.opened() as one:
        await one.next()
        assert await one.heard() == note("active", cursor="1", truncated=False)
        sent += ["p2", "p3", "p4"]
        assert await one.heard() == parcel("p2", "1")
        assert await one.heard() == parcel("p3", "3")
        assert await one.heard() == parcel("p4", "4")
        one.leave()
    assert asked[:2] == [(None, 50), ("1", 50)]
    assert ("3", 50) in asked


@on_loop
async def test_an_upstream_is_asked_from_the_cursor_on() -> None:
    mcp, sent, _ = parcels(poll_interval=timedelta(hours=1))
    shop = Shop(mcp)
    sent += ["p2", "p3"]
    async with shop.opened({"cursor": "0"}) as one:
        await one.next()
        assert await one.heard() == note("active", cursor="0", truncated=False)
        assert await one.heard() == parcel("p1", "0")
        assert await one.heard() == parcel("p2", "2")
        assert await one.heard() == parcel("p3", "3")
        one.leave()


@on_loop
async def test_what_the_upstream_has_may_be_too_old() -> None:
    mcp, sent, _ = parcels()
    shop = Shop(mcp)
    shop.now += 100
    async with shop.opened({"cursor": "0", "maxAgeMs": 50_000}) as one:
        await one.next()
        assert await one.heard() == note("active", cursor="0", truncated=True)
        sent.append("p2")
        assert await one.heard() == note("active", cursor="1", truncated=True)
        one.leave()


@on_loop
async def test_an_upstream_that_is_down_is_told(caplog: pytest.LogCaptureFixture) -> None:
    mcp, sent, _ = parcels()
    shop = Shop(mcp)
    async with shop.opened() as one:
        await one.next()
        await one.heard()
        sent.append("down")
        assert (await one.heard())["method"] == "notifications/events/error"
        sent[-1] = "p2"
        while (heard := await one.heard())["method"] == "notifications/events/error":
            pass
        assert heard == parcel("p2", "2")
        one.leave()
    assert "OSError: down" in caplog.text


@on_loop
async def test_an_upstream_that_is_down_at_first_is_an_error() -> None:
    mcp, sent, _ = parcels()
    sent.append("down")
    _, error = await refused(Shop(mcp).app)
    assert error["code"] == -32603


@on_loop
async def test_an_upstream_without_history() -> None:
    mcp, found = make(), [[], [Occurrence(Paid("o", 1), "a", datetime.fromtimestamp(NOW, UTC))]]

    def look(cursor: str | None) -> Checked:
        assert cursor is None
        return Checked(occurrences=found.pop(0) if found else [], cursor=None)

    @mcp.event(
        "order.paid", payload=Paid, check=look, delivery=["push"], poll_interval=timedelta(milliseconds=1)
    )
    def order_paid() -> None:
        """An order was paid."""

    async with Shop(mcp).opened() as one:
        await one.next()
        assert await one.heard() == note("active", cursor=None, truncated=False)
        assert (await one.heard())["params"]["cursor"] is None
        one.leave()


@on_loop
async def test_streams_with_the_same_arguments_share_a_call() -> None:
    asked: list[int] = []
    go = asyncio.Event()

    async def look(least: Least, cursor: str | None) -> Checked:
        if cursor is None:
            return Checked(cursor="0")
        asked.append(least.cents)
        await go.wait()
        found = [] if cursor == "1" else [Occurrence(Paid("p", 1), "p", datetime.fromtimestamp(NOW, UTC))]
        return Checked(occurrences=found, cursor="1")

    mcp = make()
    interval = timedelta(milliseconds=20)

    @mcp.event(
        "order.paid", payload=Paid, arguments=Least, check=look, delivery=["push"], poll_interval=interval
    )
    def order_paid() -> None:
        """An order was paid."""

    shop = Shop(mcp)
    running = shop.watches.calls._running
    async with AsyncExitStack() as stack:
        ones = []
        for cents in [1] * 20 + [2] * 20:
            ones.append(await stack.enter_async_context(shop.opened({"arguments": {"cents": cents}})))
            await ones[-1].next()
            await ones[-1].heard()
        await until(lambda: sum(one.waiters for one in running.values()) == len(ones) and len(asked) >= 2)
        assert sorted(asked) == [1, 2]
        go.set()
        for one in ones:
            assert (await one.heard())["params"]["eventId"] == "p"
            one.leave()
    await until(lambda: running == {})
