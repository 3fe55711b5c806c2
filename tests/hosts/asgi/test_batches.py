"""Batches of the legacy era on a host that streams."""

import json
from typing import Any

import pytest
from tests.hosts.asgi.driving import exchange, make, on_loop, settings, tool_call, unframe
from tests.support import JSON_HEADERS, SSE_HEADERS, failure
from tests.wire.eras.legacy_client import rpc

from lambent import Context, Limits, MCPServer, RateLimit

BATCHES = {"mcp-protocol-version": "2025-03-26"}
JSON_ONLY = {**BATCHES, "accept": "application/json"}


def server(**options: Any) -> MCPServer:
    mcp = make(**options)

    @mcp.tool()
    def talk(ctx: Context) -> str:
        ctx.info("hello")
        return "done"

    return mcp


def call(request_id: Any) -> dict[str, Any]:
    return rpc("tools/call", {"name": "talk"}, request_id)


def names(headers: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


@on_loop
async def test_a_stream_has_every_message_once() -> None:
    app = server().asgi(settings())
    begin, *parts = await exchange(app, [rpc("ping", None, 0), call(1), call(2)], BATCHES)
    assert names(begin["headers"]) == SSE_HEADERS
    heard = b"".join(part["body"] for part in parts)
    messages = [unframe(frame + b"\n\n") for frame in heard.split(b"\n\n")[:-1]]
    assert [message.get("id", message.get("method")) for message in messages] == [
        "notifications/message",
        "notifications/message",
        0,
        1,
        2,
    ]


@on_loop
async def test_a_client_that_takes_json_only_gets_an_array() -> None:
    app = server().asgi(settings())
    begin, rest = await exchange(app, [call(1), rpc("ping", None, 2)], JSON_ONLY)
    assert (begin["status"], names(begin["headers"])) == (200, JSON_HEADERS)
    assert [one["id"] for one in json.loads(rest["body"])] == [1, 2]


@on_loop
async def test_every_request_of_a_batch_counts_for_the_limit() -> None:
    app = server(limits=Limits(rate=RateLimit(calls=2, per=3600))).asgi(settings())
    begin, rest = await exchange(app, [rpc("ping", None, 0), call(1), call(2)], JSON_ONLY)
    assert begin["status"] == 200
    *first, last = json.loads(rest["body"])
    assert all("result" in one for one in first)
    assert last["error"]["code"] == -32600
    assert 1700 < last["error"]["data"]["retryAfter"] <= 1800


@on_loop
async def test_a_request_above_the_limit_is_refused_before_anything_is_streamed() -> None:
    app = server(limits=Limits(rate=RateLimit(calls=1, per=3600))).asgi(settings())
    await exchange(app, tool_call("talk"))
    begin, rest = await exchange(app, tool_call("talk", logLevel="info"))
    assert begin["status"] == 429
    headers = names(begin["headers"])
    wait = int(headers.pop("retry-after"))
    assert 3500 < wait <= 3600
    assert headers == JSON_HEADERS
    assert rest["body"] == failure(-32600, f"Too many requests: try again in {wait} s", {"retryAfter": wait})


@pytest.mark.parametrize("batch", [[], [rpc("ping")] * 101])
def test_a_batch_that_is_refused(batch: Any) -> None:
    @on_loop
    async def run() -> None:
        begin, rest = await exchange(server().asgi(settings()), batch, BATCHES)
        assert begin["status"] == 400
        assert json.loads(rest["body"])["error"]["code"] == -32600

    run()
