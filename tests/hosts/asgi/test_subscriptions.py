"""Subscriptions on a live server: acknowledged, delivered, filtered, kept open, ended."""

import asyncio
import gc
import threading
from typing import Any

import pytest
from tests import support
from tests.hosts.asgi.driving import (
    Exchange,
    body,
    call,
    exchange,
    make,
    on_loop,
    settings,
    start,
    subscription,
    until,
)

from lambent import Call, Context, Handler, MCPServer, Middleware
from lambent.execution.handlers import subscriptions

SUBSCRIPTION_ID = f"{support.PREFIX}subscriptionId"


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscription looks for its client every so often: here, all the time."""
    monkeypatch.setattr(subscriptions, "_POLL_SECONDS", 0.005)


def note(method: str, *, request_id: Any = "sub-1", **params: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "method": method,
        "params": {**params, "_meta": {SUBSCRIPTION_ID: request_id}},
    }


def acknowledged(request_id: Any = "sub-1", **agreed: Any) -> dict[str, Any]:
    return note("notifications/subscriptions/acknowledged", request_id=request_id, notifications=agreed)


def desk(middleware: Middleware | None = None, **options: Any) -> MCPServer:
    """A server with one feature of each kind, whose tools say that something changed."""
    mcp = make(middleware=[middleware] if middleware else [], **options)

    @mcp.tool()
    def touch(uri: str, ctx: Context) -> str:
        ctx.notify_resource_updated(uri)
        return "touched"

    @mcp.tool()
    async def announce(ctx: Context) -> str:
        await ctx.notify_tools_changed()
        await ctx.notify_prompts_changed()
        await ctx.notify_resources_changed()
        return "announced"

    @mcp.resource("desk://lamp")
    def lamp(ctx: Context) -> str:
        ctx.notify_resource_updated("desk://drawer")
        return "on"

    @mcp.prompt()
    def ask() -> str:
        return "?"

    return mcp


@on_loop
async def test_discovery_offers_subscriptions() -> None:
    app = desk().asgi(settings())
    _, last = await exchange(app, support.message("server/discover"))
    assert b'"tools":{"listChanged":true}' in last["body"]
    assert b'"prompts":{"listChanged":true}' in last["body"]
    assert b'"resources":{"subscribe":true,"listChanged":true}' in last["body"]


@on_loop
async def test_a_change_is_delivered_from_another_request() -> None:
    app = desk().asgi(settings())
    wanted = subscription(resourceSubscriptions=["desk://lamp"])
    async with Exchange(app, wanted) as one:
        assert await one.next() == start(200, support.SSE_HEADERS)
        assert await one.heard() == acknowledged(resourceSubscriptions=["desk://lamp"])
        await call(app, "touch", {"uri": "desk://lamp"})
        assert await one.heard() == note("notifications/resources/updated", uri="desk://lamp")
        await call(app, "touch", {"uri": "desk://lamp"})
        assert await one.heard() == note("notifications/resources/updated", uri="desk://lamp")
        one.leave()
    assert len(one.sent) == 4


@on_loop
async def test_the_bytes_of_a_delivery() -> None:
    app = desk().asgi(settings())
    async with Exchange(app, subscription(7, toolsListChanged=True)) as one:
        await one.next()
        tag = f'"_meta":{{"{SUBSCRIPTION_ID}":7}}'
        assert await one.next() == body(
            support.frames(
                b'{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged",'
                b'"params":{"notifications":{"toolsListChanged":true},' + tag.encode() + b"}}"
            ),
            more=True,
        )
        await call(app, "announce")
        assert await one.next() == body(
            support.frames(
                b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{'
                + tag.encode()
                + b"}}"
            ),
            more=True,
        )
        one.leave()


@on_loop
async def test_only_what_was_agreed_is_delivered() -> None:
    app = desk().asgi(settings())
    wanted = subscription(promptsListChanged=True, resourceSubscriptions=["desk://drawer", "desk://door"])
    async with Exchange(app, wanted) as one:
        await one.next()
        assert await one.heard() == acknowledged(
            promptsListChanged=True, resourceSubscriptions=["desk://drawer", "desk://door"]
        )
        await call(app, "touch", {"uri": "desk://lamp"})
        await call(app, "announce")
        await exchange(app, support.message("resources/read", {"uri": "desk://lamp"}))
        await call(app, "touch", {"uri": "notifications/tools/list_changed"})
        await call(app, "touch", {"uri": "desk://door"})
        assert await one.heard() == note("notifications/prompts/list_changed")
        assert await one.heard() == note("notifications/resources/updated", uri="desk://drawer")
        assert await one.heard() == note("notifications/resources/updated", uri="desk://door")
        one.leave()


@on_loop
async def test_nothing_published_before_is_delivered() -> None:
    app = desk().asgi(settings())
    await call(app, "touch", {"uri": "desk://lamp"})
    async with Exchange(
        app, subscription(resourceSubscriptions=["desk://lamp"], toolsListChanged=True)
    ) as one:
        await one.next()
        await one.heard()
        await call(app, "announce")
        assert await one.heard() == note("notifications/tools/list_changed")
        one.leave()


@on_loop
async def test_every_subscriber_hears_of_a_change() -> None:
    app = desk().asgi(settings())
    ones = [Exchange(app, subscription(number, toolsListChanged=True)) for number in range(5)]
    for one in ones:
        await one.__aenter__()
        await one.next()
        await one.heard()
    await call(app, "announce")
    for number, one in enumerate(ones):
        assert await one.heard() == note("notifications/tools/list_changed", request_id=number)
        one.leave()
        await one.__aexit__(None, None, None)


@on_loop
async def test_what_the_server_does_not_have_is_not_agreed_to() -> None:
    mcp = make()

    @mcp.tool()
    def only() -> None: ...

    wanted = subscription(
        toolsListChanged=True,
        promptsListChanged=True,
        resourcesListChanged=True,
        resourceSubscriptions=["x://y"],
    )
    async with Exchange(mcp.asgi(settings()), wanted) as one:
        await one.next()
        assert await one.heard() == acknowledged(toolsListChanged=True)
        one.leave()


@on_loop
async def test_a_subscription_to_nothing_ends_at_once() -> None:
    begin, ack, last = await exchange(desk().asgi(settings()), subscription())
    assert begin == start(200, support.SSE_HEADERS)
    assert ack["more_body"] is True
    ending = support.success(meta=f'"{SUBSCRIPTION_ID}":"sub-1",', request_id="sub-1")
    info = f'"{support.PREFIX}serverInfo":{support.SERVER_INFO}'.encode()
    # The order of keys in _meta is nobody's business.
    assert last["body"] in (
        support.frames(ending),
        support.frames(
            b'{"jsonrpc":"2.0","id":"sub-1","result":{"resultType":"complete","_meta":{'
            + info
            + f',"{SUBSCRIPTION_ID}":"sub-1"}}}}}}'.encode()
        ),
    )


@on_loop
async def test_a_subscription_ends_with_a_result_when_its_time_is_up() -> None:
    app = desk().asgi(settings(listen_seconds=0.02))
    async with Exchange(app, subscription(toolsListChanged=True)) as one:
        await one.task
    assert [message.get("more_body") for message in one.sent] == [None, True, False]


@on_loop
async def test_a_client_that_leaves_ends_its_subscription() -> None:
    over: list[str] = []

    def watch(call: Call, following: Handler) -> Any:
        try:
            return following(call)
        finally:
            over.append(call.method)

    app = desk(watch).asgi(settings())
    async with Exchange(app, subscription(toolsListChanged=True)) as one:
        await one.next()
        await one.heard()
        one.leave()
        await one.task
    assert over == ["subscriptions/listen"]
    await call(app, "announce")
    assert len(one.sent) == 2


@on_loop
async def test_an_idle_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "_KEEP_ALIVE_SECONDS", 0)
    app = desk().asgi(settings())
    async with Exchange(app, subscription(toolsListChanged=True)) as one:
        await one.next()
        await one.heard()
        assert await one.next() == body(b":\n\n", more=True)
        assert await one.next() == body(b":\n\n", more=True)
        one.leave()


@on_loop
async def test_a_change_wakes_a_subscription_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than a test may take: only being woken delivers anything. Then nothing looks for the client
    # either, so the subscription's time must run out by itself.
    monkeypatch.setattr(subscriptions, "_POLL_SECONDS", 3600)
    app = desk().asgi(settings(listen_seconds=3600))
    async with Exchange(app, subscription(toolsListChanged=True)) as one:
        await one.next()
        await one.heard()
        await call(app, "announce")
        assert await one.heard() == note("notifications/tools/list_changed")
        one.leave()
        await asyncio.sleep(0.01)
        await call(app, "announce")  # wakes it, and it looks


@on_loop
async def test_waiting_subscriptions_do_not_keep_calls_from_running() -> None:
    app = desk().asgi(settings())
    ones = [Exchange(app, subscription(number, toolsListChanged=True)) for number in range(70)]
    for one in ones:
        await one.__aenter__()
    for one in ones:
        await one.next()
        await one.heard()
    await call(app, "announce")
    for one in ones:
        await one.heard()
        one.leave()
    for one in ones:
        await one.__aexit__(None, None, None)


@on_loop
async def test_where_nothing_can_be_delivered_a_subscription_is_short() -> None:
    app = desk().asgi(settings(in_lambda=True))
    begin, ack, last = await exchange(app, subscription(toolsListChanged=True))
    assert begin == start(200, support.SSE_HEADERS)
    assert b'"notifications":{}' in ack["body"]
    assert last["more_body"] is False
    _, discovered = await exchange(app, support.message("server/discover"))
    assert b"listChanged" not in discovered["body"]
    assert b"subscribe" not in discovered["body"]


@on_loop
async def test_subscriptions_leave_no_threads_waiting() -> None:
    app = desk().asgi(settings())
    before = set(threading.enumerate())
    async with Exchange(app, subscription(toolsListChanged=True)) as one:
        await one.next()
        await one.heard()
        mine = [thread for thread in set(threading.enumerate()) - before if "lambent-call" in thread.name]
        assert len(mine) == 1
        one.leave()
        await one.task
    del app, one

    def has_ended() -> bool:
        gc.collect()  # again: the thread may have held the application when it was collected first
        return not mine[0].is_alive()

    await until(has_ended)
