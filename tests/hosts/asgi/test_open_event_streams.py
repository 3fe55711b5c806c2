"""Streams of events that stay open: heartbeats, gaps, failures, revocation, ends."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.hosts.asgi.driving import exchange, make, on_loop, unframe, until
from tests.hosts.asgi.event_streams import NOW, Least, Paid, Shop, begun, declare, ended, note, request

from lambent import Principal, StoreError
from lambent.execution.events import streaming
from lambent.hosts import asgi
from lambent.stores.event_logs import MemoryLog

# While it is open.


@on_loop
async def test_heartbeats_move_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_HEARTBEAT_SECONDS", 0.02)
    shop = Shop()
    async with shop.opened({"arguments": {"cents": 50}}) as one:
        await begun(one, shop)
        assert await one.heard() == note("heartbeat", cursor=shop.cursor(0))
        shop.emit(1, 2, 3)
        while (heard := await one.heard()) == note("heartbeat", cursor=shop.cursor(0)):
            pass
        assert heard == note("heartbeat", cursor=shop.cursor(3))
        one.leave()


@on_loop
async def test_what_fails_for_one_occurrence_is_a_gap(caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop()
    async with shop.opened() as one:
        await begun(one, shop)
        shop.emit(1, 13, 2)
        assert await one.heard() == shop.occurrence(1, 1)
        assert await one.heard() == note("active", cursor=shop.cursor(2), truncated=True)
        assert await one.heard() == shop.occurrence(2, 3)
        one.leave()
    assert "ValueError: unlucky" in caplog.text


@on_loop
async def test_a_log_that_was_made_anew_is_a_gap() -> None:
    shop = Shop()
    async with shop.opened() as one:
        await begun(one, shop)
        shop.emit(1)
        assert await one.heard() == shop.occurrence(1, 1)
        shop.events.log = MemoryLog()
        shop.emit(2)
        assert await one.heard() == note("active", cursor=shop.cursor(1), truncated=True)
        shop.emit(3)
        assert await one.heard() == shop.occurrence(3, 2)
        one.leave()


class Forgetful(MemoryLog):
    """A log whose entries can be purged one by one."""

    def purge_entry(self, key: str, *numbers: int) -> None:
        for number in numbers:
            del self._logs[key].entries[number]


@on_loop
async def test_what_was_purged_meanwhile_is_a_gap() -> None:
    log = Forgetful()
    shop = Shop(log=log)
    async with shop.opened() as one:
        await begun(one, shop)
        shop.append(*range(1, 31))
        log.purge_entry(shop.key, *range(1, 29))
        shop.emit(31)
        assert await one.heard() == note("active", cursor=shop.cursor(28), truncated=True)
        for number in (29, 30, 31):
            assert await one.heard() == shop.occurrence(number, number)
        shop.append(40, 41)
        log.purge_entry(shop.key, 32)
        shop.emit(42)
        assert await one.heard() == note("active", cursor=shop.cursor(32), truncated=True)
        assert await one.heard() == shop.occurrence(41, 33)
        assert await one.heard() == shop.occurrence(42, 34)
        one.leave()


class Failing(MemoryLog):
    """A log that cannot be reached for a while."""

    heads = reads = False

    def head(self, key: str) -> Any:
        if self.heads:
            raise StoreError("no head")
        return super().head(key)

    def read(self, key: str, after: int, most: int) -> Any:
        if self.reads:
            raise StoreError("no entries")
        return super().read(key, after, most)


@pytest.mark.parametrize("what", ["heads", "reads"])
@on_loop
async def test_an_outage_is_told_once(
    what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streaming, "_RETRY_SECONDS", 0.01)
    log = Failing()
    shop = Shop(log=log)
    shop.watches.retry_seconds = 0.01
    async with shop.opened() as one:
        await begun(one, shop)
        cursor = shop.cursor(1)
        setattr(log, what, True)
        shop.emit(1)
        heard = await one.heard()
        reference = heard["params"]["error"]["message"].removeprefix("Internal error (reference ").rstrip(")")
        assert heard == note(
            "error", error={"code": -32603, "message": f"Internal error (reference {reference})"}
        )
        assert reference in caplog.text
        await asyncio.sleep(0.05)
        setattr(log, what, False)
        heard = await one.heard()
        assert (heard["method"], heard["params"]["cursor"]) == ("notifications/events/event", cursor)
        one.leave()
    assert caplog.text.count("StoreError: no") == 1


@pytest.mark.parametrize("how", ["goes on", "ends", "leaves", "is over"])
@on_loop
async def test_heartbeats_while_a_function_takes_long(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_HEARTBEAT_SECONDS", 0.02)
    asked, go = [0], asyncio.Event()

    async def may(least: Least, caller: Principal | None) -> bool:
        asked[0] += 1
        if asked[0] > 1:
            await go.wait()
        return True

    seconds = 0.2 if how == "is over" else 600.0
    shop = Shop(declare(make(), allow=may), listen_seconds=seconds)
    async with shop.opened() as one:
        await begun(one, shop)
        shop.emit(1)
        await until(lambda: asked[0] > 1)
        for _ in range(3):
            assert await one.heard() == note("heartbeat", cursor=shop.cursor(0))
        if how == "goes on":
            go.set()
            while (heard := await one.heard()) == note("heartbeat", cursor=shop.cursor(0)):
                pass
            assert heard == shop.occurrence(1, 1)
            one.leave()
        elif how == "leaves":
            one.leave()
        else:
            if how == "ends":
                await shop.app.shutdown()
            while (heard := await one.heard()) == note("heartbeat", cursor=shop.cursor(0)):
                pass
            assert heard == ended()


# Permission.


@pytest.mark.parametrize("is_async", [False, True])
@on_loop
async def test_access_that_is_revoked_terminates(is_async: bool) -> None:
    allowed = {True}

    def may(least: Least, caller: Principal | None) -> bool:
        return True in allowed

    async def may_later(least: Least, caller: Principal | None) -> bool:
        return True in allowed

    shop = Shop(declare(make(), allow=may_later if is_async else may))
    async with shop.opened({"arguments": {"cents": 5}}) as one:
        await begun(one, shop)
        shop.emit(5)
        assert await one.heard() == shop.occurrence(5, 1)
        allowed.clear()
        shop.emit(1)  # nothing that it would get
        shop.emit(6)
        error = {"code": -32024, "message": "Forbidden", "data": {"reason": "Access revoked"}}
        assert await one.heard() == note("terminated", error=error)
        last = await one.next()
    assert (unframe(last["body"]), last["more_body"]) == (ended(), False)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("kind", [ValueError, SystemExit, StopIteration, asyncio.CancelledError])
@on_loop
async def test_permission_that_cannot_be_found_out_delivers_nothing(
    kind: type[BaseException], is_async: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_RETRY_SECONDS", 0.01)
    fails = {False}

    def may(least: Least, caller: Principal | None) -> bool:
        if True in fails:
            raise kind("down")
        return True

    async def may_later(least: Least, caller: Principal | None) -> bool:
        return may(least, caller)

    shop = Shop(declare(make(), allow=may_later if is_async else may))
    async with shop.opened() as one:
        await begun(one, shop)
        fails.add(True)
        shop.emit(1)
        assert (await one.heard())["method"] == "notifications/events/error"
        fails.clear()
        assert await one.heard() == shop.occurrence(1, 1)
        one.leave()


@on_loop
async def test_the_caller_is_who_has_opened_it() -> None:
    caller = Principal("ann", scopes=frozenset(["orders:read"]))
    mcp = make(middleware=[lambda call, following: following(call.as_principal(caller))])
    seen: list[Any] = []

    @mcp.event("order.paid", payload=Paid, delivery=["push"], scopes=["orders:read"])
    def order_paid(paid: Paid, who: Principal | None) -> bool:
        """An order was paid."""
        seen.append(who)
        return True

    shop = Shop(mcp)
    async with shop.opened() as one:
        await begun(one, shop)
        shop.emit(1)
        await one.heard()
        one.leave()
    assert seen == [caller]


# Ends.


@on_loop
async def test_it_ends_when_it_was_open_for_long() -> None:
    shop = Shop(listen_seconds=0.0)
    _, active, last = await exchange(shop.app, request())
    assert unframe(active["body"])["method"] == "notifications/events/active"
    assert unframe(last["body"]) == ended()


@on_loop
async def test_it_ends_with_the_token() -> None:
    caller = Principal("ann", claims={"exp": NOW})
    mcp = make(middleware=[lambda call, following: following(call.as_principal(caller))])
    shop = Shop(declare(mcp))
    _, _, last = await exchange(shop.app, request())
    assert unframe(last["body"]) == ended()


@on_loop
async def test_a_client_that_leaves_ends_everything() -> None:
    shop = Shop()
    watches = shop.watches
    async with AsyncExitStack() as stack:
        ones = [await stack.enter_async_context(shop.opened()) for _ in range(3)]
        for one in ones:
            await begun(one, shop)
        assert len(watches._running) == 1
        for one in ones:
            one.leave()
    assert watches._running == {}
    assert shop.app._open == set()
    assert all(not one.sent[-1]["body"].count(b'"result"') for one in ones)


@on_loop
async def test_a_server_that_cancels_the_request_ends_everything() -> None:
    shop = Shop()
    async with shop.opened() as one:
        await begun(one, shop)
        one.task.cancel()
    assert shop.watches._running == {}
    assert one.task.cancelled()


@on_loop
async def test_a_client_that_reads_nothing_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "_STALLED_SECONDS", 0.02)
    shop = Shop()
    one, blocked = shop.opened(), asyncio.Event()
    send = one._send

    async def stall(message: dict[str, Any]) -> None:
        if b"events/event" in message.get("body", b""):
            await blocked.wait()
        await send(message)

    one._send = stall  # type: ignore[method-assign]
    async with one:
        await begun(one, shop)
        shop.emit(1)
        await one.task
    assert len(one.sent) == 2
