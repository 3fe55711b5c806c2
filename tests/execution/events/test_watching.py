"""Watches: who looks at a log, from which loop, and what is read once."""

import asyncio
import threading
from typing import Any

import pytest
from tests.hosts.asgi.driving import SECONDS, on_loop, until

from lambent import StoreError
from lambent.execution.events.ports import LogEntry
from lambent.execution.events.service import Events
from lambent.execution.events.watching import Watches
from lambent.stores.event_logs import MemoryLog


def watches_of(log: MemoryLog | None = None) -> tuple[Watches, MemoryLog]:
    log = log or MemoryLog()
    watches = Watches(Events({}, log, "shop", lambda: 0.0))
    watches.look_seconds = watches.retry_seconds = 3600.0
    return watches, log


@on_loop
async def test_nothing_is_looked_at_without_streams() -> None:
    watches, _ = watches_of()
    watches.wake("a")
    with watches.join("a", asyncio.Event()):
        assert len(watches._running) == 1
    assert watches._running == {}


@on_loop
async def test_a_log_wakes_its_own_streams() -> None:
    watches, log = watches_of()
    one, other = asyncio.Event(), asyncio.Event()
    with watches.join("a", one) as watch, watches.join("b", other):
        await one.wait()
        await other.wait()
        one.clear()
        other.clear()
        assert watch.head == log.head("a")
        log.append("a", b"1", 1)
        watches.wake("a")
        await one.wait()
        assert watch.head == log.head("a")
        assert not other.is_set()
        one.clear()
        watches.wake("a")  # nothing new
        await asyncio.sleep(0.01)
        assert not one.is_set()


def test_loops_have_watches_of_their_own() -> None:
    watches, log = watches_of()
    joined = threading.Barrier(3, timeout=SECONDS)
    seen: list[int] = []

    async def wait() -> None:
        news = asyncio.Event()
        with watches.join("a", news) as watch:
            await news.wait()
            news.clear()
            await asyncio.to_thread(joined.wait)
            await news.wait()
            assert watch.head is not None
            seen.append(watch.head.number)

    threads = [threading.Thread(target=lambda: asyncio.run(wait())) for _ in range(2)]
    for thread in threads:
        thread.start()
    joined.wait()
    log.append("a", b"1", 1)
    watches.wake("a")
    for thread in threads:
        thread.join(SECONDS)
    assert (seen, watches._running) == ([1, 1], {})


@on_loop
async def test_a_page_is_read_once() -> None:
    watches, log = watches_of()
    for number in range(3):
        log.append("a", b"%d" % number, 1)
    reads, read, go = [], log.read, threading.Event()

    def counted(key: str, after: int, most: int) -> Any:
        reads.append((after, most))
        assert go.wait(SECONDS)
        return read(key, after, most)

    log.read = counted  # type: ignore[method-assign]
    with watches.join("a", asyncio.Event()) as watch:
        asked = [asyncio.ensure_future(asyncio.to_thread(watch.read, 1, 3)) for _ in range(3)]
        await until(lambda: reads)
        go.set()
        assert await asyncio.gather(*asked) == [[LogEntry(2, b"1"), LogEntry(3, b"2")]] * 3
        assert reads == [(1, 2)]
        for after in (0, 2, 1):
            watch.read(after, 3)
        assert reads == [(1, 2), (0, 3), (2, 1), (1, 2)]


@on_loop
async def test_a_page_that_could_not_be_read_is_read_again() -> None:
    watches, log = watches_of()
    log.append("a", b"1", 1)
    read = log.read

    def fail(key: str, after: int, most: int) -> Any:
        raise StoreError("down")

    with watches.join("a", asyncio.Event()) as watch:
        log.read = fail  # type: ignore[method-assign]
        with pytest.raises(StoreError):
            watch.read(0, 1)
        log.read = read  # type: ignore[method-assign]
        assert watch.read(0, 1) == [LogEntry(1, b"1")]
