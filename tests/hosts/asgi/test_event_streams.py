"""``events/stream`` on a live server: what is told, in which order; and what opens no stream."""

from typing import Any

import pytest
from tests import support
from tests.hosts.asgi.driving import (
    Exchange,
    body,
    exchange,
    make,
    on_loop,
    settings,
    start,
    tool_call,
    unframe,
)
from tests.hosts.asgi.event_streams import (
    SUBSCRIPTION_ID,
    TAG,
    TIME,
    Paid,
    Shop,
    begun,
    declare,
    ended,
    note,
    refused,
    request,
)

from lambent import Call, Handler, Settings

# Bytes and order.


@on_loop
async def test_the_bytes() -> None:
    shop = Shop()
    async with shop.opened({"cursor": None, "arguments": {"cents": 5}}) as one:
        assert await one.next() == start(200, support.SSE_HEADERS)
        epoch = shop.cursor(0).removesuffix(".0")
        active = f'{{"cursor":"{epoch}.0","truncated":false,{TAG}}}'
        told = f'{{"jsonrpc":"2.0","method":"notifications/events/active","params":{active}}}'
        assert await one.next() == body(support.frames(told.encode()), more=True)
        await exchange(shop.app, tool_call("pay", {"cents": 5}))
        params = (
            f'{{"eventId":"e5","name":"order.paid","timestamp":"{TIME}",'
            f'"data":{{"order":"o","cents":5}},"cursor":"{epoch}.1",{TAG}}}'
        )
        told = f'{{"jsonrpc":"2.0","method":"notifications/events/event","params":{params}}}'
        assert await one.next() == body(support.frames(told.encode()), more=True)
        await shop.app.shutdown()
        last = await one.next()
    assert (unframe(last["body"]), last["more_body"]) == (ended(), False)
    assert len(one.sent) == 4


@on_loop
async def test_only_what_the_subscription_selects() -> None:
    shop = Shop()
    async with shop.opened({"arguments": {"cents": 5}}) as one:
        await begun(one, shop)
        shop.emit(1, 7, 2, 9)
        assert await one.heard() == shop.occurrence(7, 2)
        assert await one.heard() == shop.occurrence(9, 4)
        one.leave()


@on_loop
async def test_nothing_from_before() -> None:
    shop = Shop()
    shop.emit(1, 2)
    async with shop.opened() as one:
        await begun(one, shop, 2)
        shop.emit(3)
        assert await one.heard() == shop.occurrence(3, 3)
        one.leave()


@on_loop
async def test_a_cursor_replays_in_order() -> None:
    shop = Shop()
    shop.emit(*range(100, 160))
    async with shop.opened({"cursor": shop.cursor(10)}) as one:
        await begun(one, shop, 10)
        for number in range(11, 61):
            assert await one.heard() == shop.occurrence(99 + number, number)
        shop.emit(7)
        assert await one.heard() == shop.occurrence(7, 61)
        one.leave()


@on_loop
async def test_what_is_too_old_is_skipped() -> None:
    shop = Shop()
    shop.emit(1, 2)
    shop.now += 100
    shop.emit(3)
    async with shop.opened({"cursor": shop.cursor(0), "maxAgeMs": 50_000}) as one:
        await begun(one, shop, 2, truncated=True)
        assert (await one.heard())["params"]["eventId"] == "e3"
        one.leave()


@on_loop
async def test_what_is_missing_in_a_log_is_a_gap() -> None:
    shop = Shop()
    async with shop.opened() as one:
        await begun(one, shop)
        shop.emit(1)
        assert await one.heard() == shop.occurrence(1, 1)
        shop.events.keep_all([shop.events.gap(shop.events.types["order.paid"], None)])
        assert await one.heard() == note("active", cursor=shop.cursor(2), truncated=True)
        shop.emit(3)
        assert await one.heard() == shop.occurrence(3, 3)
        one.leave()


@on_loop
async def test_a_cursor_of_another_log_is_a_gap() -> None:
    shop = Shop()
    shop.emit(1)
    async with shop.opened({"cursor": "gone.7"}) as one:
        await begun(one, shop, 1, truncated=True)
        one.leave()


@on_loop
async def test_what_another_process_emits_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    shop.watches.look_seconds = 0.01
    async with shop.opened() as one:
        await begun(one, shop)
        shop.append(1)
        assert await one.heard() == shop.occurrence(1, 1)
        one.leave()


@on_loop
async def test_a_mounted_server_emits_to_streams() -> None:
    inner = declare(make())
    outer = make()
    outer.mount(inner, prefix="in")
    app = outer.asgi(settings())
    message = support.message("events/stream", {"name": "in_order.paid"}, request_id="s1")
    async with Exchange(app, message) as one:
        await one.next()
        await one.heard()
        await exchange(app, tool_call("in_pay", {"cents": 5}))
        assert (await one.heard())["params"]["data"] == {"order": "o", "cents": 5}
        one.leave()


@on_loop
async def test_an_id_may_be_a_number() -> None:
    shop = Shop()
    async with Exchange(shop.app, request(request_id=7)) as one:
        await one.next()
        assert (await one.heard())["params"]["_meta"] == {SUBSCRIPTION_ID: 7}
        one.leave()


# Errors before the stream.


@pytest.mark.parametrize(
    ("params", "code", "message", "data"),
    [
        ({"name": "other"}, -32023, "NotFound", {"kind": "event"}),
        ({"name": "polled"}, -32026, "Unsupported", {"feature": "deliveryMode", "value": "push"}),
        ({"arguments": {"cents": "x"}}, -32602, None, None),
        ({"arguments": {"more": 1}}, -32602, None, None),
        ({"cursor": "x"}, -32602, "Invalid cursor: it is none that this server has given", None),
        ({"maxAgeMs": -1}, -32602, None, None),
    ],
)
@on_loop
async def test_what_is_invalid_is_an_error(params: Any, code: int, message: str | None, data: Any) -> None:
    mcp = declare(make())

    @mcp.event("polled", payload=Paid)
    def polled() -> None:
        """Only polled."""

    _, error = await refused(Shop(mcp).app, params)
    assert error["code"] == code
    assert message in (None, error["message"])
    assert error.get("data") == data


@on_loop
async def test_who_is_not_allowed_gets_an_error() -> None:
    shop = Shop(declare(make(), allow=lambda least, caller: least.cents > 5))
    _, error = await refused(shop.app)
    assert (error["code"], error["message"]) == (-32024, "Forbidden")
    async with shop.opened({"arguments": {"cents": 6}}) as one:
        await begun(one, shop)
        one.leave()


@on_loop
async def test_who_lacks_scopes_gets_an_error() -> None:
    status, _ = await refused(Shop(declare(make(), scopes=["orders:read"])).app)
    assert status == 401


@on_loop
async def test_a_client_that_reads_no_streams_is_refused() -> None:
    status, error = await refused(Shop().app, headers={"accept": "application/json"})
    assert (status, error["message"]) == (
        406,
        "What happens is streamed: Accept must allow text/event-stream",
    )


@on_loop
async def test_a_client_that_reads_streams_only() -> None:
    shop = Shop()
    async with shop.opened(headers={"accept": "text/event-stream"}) as one:
        await begun(one, shop)
        await shop.app.shutdown()
        assert await one.heard() == ended()


@on_loop
async def test_middleware_that_fails_behind_the_handler_opens_no_stream() -> None:
    def fail(call: Call, following: Handler) -> Any:
        following(call)
        raise ValueError("no")

    shop = Shop(declare(make(middleware=[fail])))
    begin, last = await exchange(shop.app, request())
    assert (begin["status"], b"Internal error" in last["body"]) == (200, True)
    begin, last = await exchange(shop.app, request(), headers={"accept": "text/event-stream"})
    assert b"Internal error" in last["body"]


@on_loop
async def test_events_of_pages_are_readable() -> None:
    shop = Shop()
    async with shop.opened(headers={"origin": "http://localhost"}) as one:
        assert (b"access-control-allow-origin", b"http://localhost") in (await one.next())["headers"]
        one.leave()


def test_no_stream_where_responses_are_buffered() -> None:
    handler = declare(make()).lambda_handler(Settings(state_keys=(support.SECRET,), in_memory=True))
    client = support.Client(handler)
    assert client.request("events/list").result["events"][0]["delivery"] == ["poll"]
    data = {"feature": "deliveryMode", "value": "push"}
    reply = client.request("events/stream", {"name": "order.paid"})
    assert reply.body == support.failure(-32026, "Unsupported", data)


@on_loop
async def test_no_stream_behind_mangum() -> None:
    shop = Shop()
    one = Exchange(shop.app, request())
    one.scope["aws.event"] = {}
    async with one:
        await one.next()
        assert b'"Unsupported"' in (await one.next())["body"]


@on_loop
async def test_live_hosts_offer_it() -> None:
    _, last = await exchange(Shop().app, support.message("events/list"))
    assert b'"delivery":["poll","push"]' in last["body"]


@on_loop
async def test_clients_of_the_legacy_era_poll() -> None:
    shop = Shop()
    headers = {"mcp-protocol-version": "2025-11-25", "mcp-method": None}
    listed = {"jsonrpc": "2.0", "id": 1, "method": "events/list", "params": {}}
    _, last = await exchange(shop.app, listed, headers)
    assert b'"delivery":["poll"]' in last["body"]
    params = {"name": "order.paid"}
    opened = {"jsonrpc": "2.0", "id": 1, "method": "events/stream", "params": params}
    _, last = await exchange(shop.app, opened, headers)
    data = {"feature": "deliveryMode", "value": "push"}
    assert last["body"] == support.failure(-32014, "Unsupported", data)
