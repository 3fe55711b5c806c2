"""Streams of events over real connections: many, from a table, and with clients that read slowly."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, cast

import boto3
import pytest
from fastapi import FastAPI
from moto import mock_aws
from tests import support
from tests.chaos.cloud import CREDENTIALS, REGION, create_table
from tests.hosts.asgi.driving import (
    SECONDS,
    exchange,
    http,
    make,
    on_loop,
    post,
    settings,
    streamed,
    tool_call,
    unframe,
    until,
    uvicorn_of,
)
from tests.hosts.asgi.event_streams import Paid, Shop, begun, declare, ended, note, request
from tests.support import dumps

from lambent.execution.events import watching
from lambent.hosts import asgi
from lambent.stores.event_logs import DynamoLog, MemoryLog

# Many, and slow ones.


@on_loop
async def test_what_a_client_does_not_read_is_not_made() -> None:
    shop = Shop()
    one, takes = shop.opened(), asyncio.Semaphore(1)
    send = one._send

    async def slowly(message: dict[str, Any]) -> None:
        await takes.acquire()
        await send(message)

    one._send = slowly  # type: ignore[method-assign]
    reads: list[int] = []
    log, read = shop.events.log, shop.events.log.read

    def counted(key: str, after: int, most: int) -> Any:
        reads.append(after)
        return read(key, after, most)

    log.read = counted  # type: ignore[method-assign]
    async with one:
        takes.release()
        await begun(one, shop)
        for number in range(2000):
            shop.emit(100 + number)
        takes.release()
        await one.next()
        await asyncio.sleep(0.02)
        assert len(reads) <= 1
        for _ in range(1999):
            takes.release()
            await one.next()
        one.leave()
    assert reads == list(range(0, 2000, watching.PAGE))


@on_loop
async def test_many_streams_share_looks_and_reads_and_need_no_threads() -> None:
    shop = Shop()
    heads, reads = [], []
    log = shop.events.log
    head, read = log.head, log.read

    def counted_head(key: str) -> Any:
        heads.append(key)
        return head(key)

    def counted_read(key: str, after: int, most: int) -> Any:
        reads.append(after)
        return read(key, after, most)

    threads = threading.active_count()
    async with AsyncExitStack() as stack:
        ones = [await stack.enter_async_context(shop.opened()) for _ in range(300)]
        for one in ones:
            await begun(one, shop)
        await until(lambda: shop.app._threads._free == asgi._RUNNING)
        assert threading.active_count() - threads < 100  # of pools, all free
        log.head, log.read = counted_head, counted_read  # type: ignore[method-assign]
        shop.emit(1)
        for one in ones:
            assert (await one.heard())["params"]["eventId"] == "e1"
        assert reads == [0]
        assert len(heads) <= 2  # one may be for those that have joined just now
        for one in ones:
            one.leave()


# Over real connections.


@on_loop
async def test_under_uvicorn() -> None:
    shop = Shop()
    async with uvicorn_of(shop.app, lifespan="on") as url, http() as client:
        async with streamed(client, url, request()) as (response, frames):
            assert response.headers["content-type"] == "text/event-stream"
            assert unframe(await anext(frames))["method"] == "notifications/events/active"
            await post(client, url, tool_call("pay", {"cents": 5}))
            assert unframe(await anext(frames)) == shop.occurrence(5, 1)
        await until(lambda: not shop.watches._running)
        async with streamed(client, url, request({"cursor": shop.cursor(0)})) as (_, frames):
            await anext(frames)
            assert unframe(await anext(frames)) == shop.occurrence(5, 1)
            await shop.app.shutdown()
            assert unframe(await anext(frames)) == ended()
            with pytest.raises(StopAsyncIteration):
                await anext(frames)


@on_loop
async def test_from_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        dynamodb = boto3.client("dynamodb", REGION)
        create_table(dynamodb, "lambent")
        shop = Shop(log=DynamoLog("lambent", dynamodb))
        shop.watches.look_seconds = 0.02
        wanted = request({"arguments": {"cents": 5}})
        async with (
            uvicorn_of(shop.app) as url,
            http() as client,
            streamed(client, url, wanted) as (_, frames),
        ):
            assert unframe(await anext(frames)) == note("active", cursor=shop.cursor(0), truncated=False)
            await asyncio.to_thread(shop.append, 4, 5, 6)
            assert unframe(await anext(frames)) == shop.occurrence(5, 2)
            assert unframe(await anext(frames)) == shop.occurrence(6, 3)


@asynccontextmanager
async def connected(url: str, params: Any = None) -> AsyncIterator[asyncio.StreamReader]:
    """A connection of its own with an open stream; what comes is read by hand."""
    message = request(params)
    content = dumps(message).encode()
    headers = {**support.headers_of(message), "host": "localhost", "content-length": str(len(content))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**24)
    writer.write(f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + content)
    try:
        yield reader
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def heard(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next message of a stream: one chunk is one frame."""
    while not (line := await reader.readline()).startswith(b"data: "):
        assert line, "the connection has ended"
    message: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
    return message


@on_loop
async def test_three_hundred_connections() -> None:
    shop = Shop()
    async with uvicorn_of(shop.app, lifespan="off") as url, AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(connected(url)) for _ in range(300)]
        for reader in readers:
            assert (await heard(reader))["method"] == "notifications/events/active"
        shop.emit(1, 2)
        for reader in readers:
            assert await heard(reader) == shop.occurrence(1, 1)
            assert await heard(reader) == shop.occurrence(2, 2)
        await stack.aclose()
        await until(lambda: not shop.watches._running and not shop.app._open)


@on_loop
async def test_a_connection_that_is_not_read() -> None:
    """What is on its way is bounded by the buffers of the connection."""
    shop = Shop()
    long = "o" * 4000
    async with uvicorn_of(shop.app, lifespan="off") as url, connected(url) as reader:
        assert (await heard(reader))["method"] == "notifications/events/active"
        (stream,) = cast("set[Any]", shop.app._open)
        transport: Any = reader._transport  # type: ignore[attr-defined]
        transport.pause_reading()
        for number in range(5000):
            shop.emitter.emit("order.paid", Paid(long, 100 + number), event_id=f"e{number}")
        position = -1
        while position != (position := stream._source._position.number):
            await asyncio.sleep(0.2)
        assert 0 < position < 4000
        transport.resume_reading()
        for number in range(5000):
            assert (await heard(reader))["params"]["eventId"] == f"e{number}"


@on_loop
async def test_in_fastapi() -> None:
    mcp, application = declare(make()), FastAPI()
    application.include_router(mcp.fastapi_router("/mcp", settings()))
    async with (
        uvicorn_of(application) as root,
        http() as client,
        streamed(client, f"{root}/mcp", request()) as (_, frames),
    ):
        assert unframe(await anext(frames))["method"] == "notifications/events/active"
        await post(client, f"{root}/mcp", tool_call("pay", {"cents": 5}))
        assert unframe(await anext(frames))["params"]["data"] == {"order": "o", "cents": 5}


@on_loop
async def test_a_table_that_is_slow_does_not_hold_the_loop_up() -> None:
    log, reading, go = MemoryLog(), threading.Event(), threading.Event()
    shop, read = Shop(log=log), log.read

    def slowly(key: str, after: int, most: int) -> Any:
        reading.set()
        assert go.wait(SECONDS)
        return read(key, after, most)

    log.read = slowly  # type: ignore[method-assign]
    async with shop.opened() as one:
        await begun(one, shop)
        shop.emit(1)
        await until(reading.is_set)
        assert len(await exchange(shop.app, support.message("events/list"))) == 2
        go.set()
        assert await one.heard() == shop.occurrence(1, 1)
        one.leave()


@on_loop
async def test_a_client_that_leaves_while_the_table_is_read() -> None:
    log, reading, go = MemoryLog(), threading.Event(), threading.Event()
    shop = Shop(log=log)

    def slowly(key: str, after: int, most: int) -> Any:
        reading.set()
        assert go.wait(SECONDS)
        return []

    log.read = slowly  # type: ignore[method-assign]
    async with shop.opened() as one:
        await begun(one, shop)
        shop.emit(1)
        await until(reading.is_set)
        one.leave()
        await one.task
    assert (shop.watches._running, shop.app._open) == ({}, set())
    go.set()
