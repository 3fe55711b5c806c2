"""Responses that begin while their calls run, of a handler in this process."""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.hosts.aws_lambda.events import (
    Sent,
    alb,
    alb_multi_value,
    function_url,
    http_api,
    http_api_v1,
    rest_api,
)
from tests.support import SETTINGS, SSE_HEADERS, Client, dumps, headers_of, make_handler, make_server, message

from lambent import Context, Idempotency, MCPServer
from lambent.errors import ConfigurationError
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.hosts.aws_lambda import streaming
from lambent.hosts.aws_lambda.events import UnknownEventError
from lambent.hosts.aws_lambda.streaming import CONTENT_TYPE, StreamingHandler, may_take_stream
from lambent.stores.memory import MemoryChanges, MemoryStore

STREAMS = msgspec.structs.replace(SETTINGS, response_mode="stream")
KINDS = {"Function URL": function_url, "REST API": rest_api}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


class Parts:
    """What a runtime client sends: see ``ResponseStream``.

    Attributes:
        taken: after so many parts, nobody takes any more.
    """

    def __init__(self, taken: int = 1_000_000) -> None:
        self.written: list[bytes] = []
        self.taken = taken
        self.changed = threading.Condition()

    @property
    def sent(self) -> int:
        return len(self.whole)

    def write(self, data: bytes) -> bool:
        with self.changed:
            if len(self.written) >= self.taken:
                return False
            self.written.append(data)
            self.changed.notify_all()
            return True

    def wait_for(self, count: int) -> list[bytes]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.written) >= count, 20)
            return list(self.written)

    @property
    def whole(self) -> bytes:
        return b"".join(self.written)

    @property
    def head(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.whole.partition(bytes(8))[0])
        return found

    @property
    def body(self) -> bytes:
        return self.whole.partition(bytes(8))[2]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return messages_of(self.body)


def messages_of(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def context_of(parts: Parts, seconds: float = 30.0) -> Any:
    """A context of a client that streams, with so many seconds left."""
    until = time.monotonic() + seconds
    context = SimpleNamespace(
        get_remaining_time_in_millis=lambda: max(0, int((until - time.monotonic()) * 1000)),
        response_stream=None,
    )

    def open_response_stream(content_type: str) -> Parts:
        assert content_type == CONTENT_TYPE
        context.response_stream = parts
        return parts

    context.open_response_stream = open_response_stream
    return context


def sent(body: Any, method: str = "POST", path: str = "/mcp", **headers: str) -> Sent:
    named = {**headers_of(body), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Sent(method=method, path=path, headers=tuple(named.items()), body=dumps(body))


def call(tool: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    return message("tools/call", {"name": tool, "arguments": dict(arguments or {})}, **meta)


def counting(go_on: threading.Event | None = None) -> MCPServer:
    mcp = make_server()

    @mcp.tool()
    def count(to: int, ctx: Context) -> int:
        for number in range(to):
            ctx.report_progress(number, to)
            ctx.info(f"at {number}")
            if go_on is not None:
                assert go_on.wait(20)
        return to

    @mcp.tool()
    async def count_async(to: int, ctx: Context) -> int:
        for number in range(to):
            await ctx.report_progress(number, to)
        return to

    @mcp.tool()
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool()
    def text(size: int) -> str:
        return "\u00e9" * size

    @mcp.tool()
    def failing(ctx: Context) -> str:
        ctx.report_progress(1)
        raise OSError("secret")

    return mcp


Serve = Callable[..., Client]


def respond(client: Client, kind: Any, request: Sent, parts: Parts | None = None) -> Parts:
    parts = parts or Parts()
    assert client.handler(kind(request), context_of(parts)) == {}
    return parts


@pytest.mark.parametrize(
    ("kind", "takes"),
    [
        (function_url, True),
        (rest_api, True),
        (http_api, False),
        (http_api_v1, False),
        (alb, False),
        (alb_multi_value, False),
    ],
)
def test_front_ends_that_may_take_a_stream(kind: Any, takes: bool) -> None:
    assert may_take_stream(kind(sent(call("add")))) is takes


def test_a_function_url_on_another_domain() -> None:
    event = function_url(sent(call("add")))
    event["requestContext"] |= {"domainName": "127.0.0.1", "accountId": "anonymous"}
    assert may_take_stream(event)


@pytest.mark.parametrize(
    "event", [None, [], {}, {"Records": []}, {"requestContext": None}, {"requestContext": 1}]
)
def test_other_events_take_none(event: Any) -> None:
    assert not may_take_stream(event)


@each_kind
def test_a_plain_call_has_its_status_and_headers_in_front(serve: Serve, kind: Any) -> None:
    buffered = serve(counting()).handler(kind(sent(call("add", {"a": 1, "b": 2}))), None)
    parts = respond(serve(counting(), STREAMS), kind, sent(call("add", {"a": 1, "b": 2})))
    assert parts.head == {"statusCode": 200, "headers": {"content-type": "application/json"}}
    assert parts.body.decode() == buffered["body"]
    assert len(parts.written) == 1


@each_kind
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (sent(call("add"), mcp_method="tools/list"), 400),
        (sent(call("add"), content_type="text/plain"), 415),
        (sent(call("add"), accept="text/html"), 406),
        (sent(call("add"), origin="https://elsewhere.example"), 403),
        (Sent(method="PUT"), 405),
        (Sent(method="GET", path="/health"), 200),
        (Sent(body=b"{}")._replace(method="POST"), 415),
        (sent({"jsonrpc": "2.0", "method": "notifications/initialized"}), 202),
    ],
)
def test_refusals_are_what_they_are_buffered(serve: Serve, kind: Any, request_: Sent, status: int) -> None:
    buffered = serve(counting()).handler(kind(request_), None)
    parts = respond(serve(counting(), STREAMS), kind, request_)
    many = buffered.get("multiValueHeaders", {})
    headers = buffered.get("headers", {}) | {name: one for name, (one,) in many.items()}
    assert parts.head == {"statusCode": status, "headers": headers}
    assert parts.body.decode() == buffered["body"]


@each_kind
def test_a_body_that_is_no_base64(serve: Serve, kind: Any) -> None:
    event = {**kind(sent(call("add"))), "body": "*", "isBase64Encoded": True}
    parts = Parts()
    assert serve(counting(), STREAMS).handler(event, context_of(parts)) == {}
    assert parts.head["statusCode"] == 400


@each_kind
@pytest.mark.parametrize("tool", ["count", "count_async"])
def test_the_same_messages_as_buffered_in_the_same_bytes(serve: Serve, kind: Any, tool: str) -> None:
    request = sent(call(tool, {"to": 3}, progressToken="t", logLevel="info"), origin="http://localhost:1")
    buffered = serve(counting()).handler(kind(request), None)
    parts = respond(serve(counting(), STREAMS), kind, request)
    assert parts.body.decode() == buffered["body"]
    assert parts.head["headers"].items() >= SSE_HEADERS.items()
    assert parts.head["headers"]["access-control-allow-origin"] == "http://localhost:1"
    assert len(parts.written) == len(parts.messages) == (7 if tool == "count" else 4)


def test_each_message_arrives_when_it_is_sent(serve: Serve) -> None:
    go_on = threading.Event()
    client, parts = serve(counting(go_on), STREAMS), Parts()
    request = sent(call("count", {"to": 1}, progressToken="t", logLevel="info"))
    thread = threading.Thread(target=respond, args=(client, function_url, request, parts))
    thread.start()
    first, second = parts.wait_for(2)
    assert messages_of(first)[0]["params"] == {"progressToken": "t", "progress": 0, "total": 1}
    assert messages_of(second)[0]["params"]["data"] == "at 0"
    assert thread.is_alive()
    go_on.set()
    thread.join(20)
    assert parts.messages[-1]["result"]["structuredContent"] == {"result": 1}


def test_a_client_that_reads_no_streams_gets_none(serve: Serve) -> None:
    request = sent(call("count", {"to": 3}, progressToken="t"), accept="application/json")
    parts = respond(serve(counting(), STREAMS), function_url, request)
    assert parts.head["headers"]["content-type"] == "application/json"
    assert json.loads(parts.body)["result"]["structuredContent"] == {"result": 3}


def test_an_error_behind_the_first_message_ends_the_stream(serve: Serve) -> None:
    parts = respond(serve(counting(), STREAMS), function_url, sent(call("failing", progressToken="t")))
    progress, result = parts.messages
    assert progress["method"] == "notifications/progress"
    assert result["result"]["isError"]
    assert "secret" not in parts.body.decode()


@pytest.mark.parametrize("tool", ["count", "count_async"])
def test_a_client_that_has_gone_ends_the_call(serve: Serve, tool: str) -> None:
    parts = respond(
        serve(counting(), STREAMS), function_url, sent(call(tool, {"to": 10**9}, progressToken="t")), Parts(2)
    )
    assert len(parts.written) == 2


def test_a_time_limit_does_not_interrupt_what_is_being_sent() -> None:
    """Half of a part would spoil every one behind it; a client that reads slowly makes parts wait."""

    class SlowParts(Parts):
        begun = 0

        def write(self, data: bytes) -> bool:
            self.begun += 1
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                time.sleep(0.01)
            return super().write(data)

    mcp, parts = make_server(), SlowParts()

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pack(order: str, ctx: Context) -> None:
        for number in range(100):
            ctx.report_progress(number)

    handler = make_handler(mcp, STREAMS)
    services = msgspec.structs.replace(handler._endpoint.executor.services, store=MemoryStore())
    handler._endpoint = Endpoint(Executor(services), STREAMS.http_policy)
    handler(function_url(sent(call("pack", {"order": "5"}, progressToken="t"))), context_of(parts, 2.7))
    assert parts.begun == len(parts.written) > 2
    *progress, last = parts.messages
    assert {one["method"] for one in progress} == {"notifications/progress"}
    assert last["id"] == 1


@pytest.mark.parametrize("kind", [http_api, http_api_v1, alb], ids=lambda kind: kind.__name__)
def test_other_front_ends_get_buffered_responses(serve: Serve, kind: Any) -> None:
    parts, request = Parts(), sent(call("count", {"to": 2}, progressToken="t"))
    given = serve(counting(), STREAMS).handler(kind(request), context_of(parts))
    assert given == serve(counting()).handler(kind(request), None)
    assert parts.written == []


def test_a_client_of_the_runtime_api_that_cannot_stream(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    client, request = serve(counting(), STREAMS), sent(call("count", {"to": 2}, progressToken="t"))
    with caplog.at_level(logging.WARNING):
        given = [client.handler(function_url(request), None) for _ in range(2)]
    assert given == [serve(counting()).handler(function_url(request), None)] * 2
    assert [record.message[:38] for record in caplog.records] == ["LAMBENT_RESPONSE_MODE is stream, and t"]


def test_events_of_no_http_are_as_ever(serve: Serve) -> None:
    client = serve(counting(), STREAMS)
    assert client.handler({"warmer": True}, context_of(Parts()))["body"] == '{"warm":true}'
    with pytest.raises(UnknownEventError):
        client.handler({"some": "thing"}, context_of(Parts()))


def test_an_event_that_cannot_be_read_is_an_error_of_the_function(serve: Serve) -> None:
    parts = Parts()
    with pytest.raises(UnknownEventError):
        serve(counting(), STREAMS).handler({**function_url(sent(call("add"))), "body": 5}, context_of(parts))
    assert parts.written == []


def test_a_result_may_be_larger_than_a_buffered_one(serve: Serve) -> None:
    client, request = serve(counting(), STREAMS), sent(call("text", {"size": 2_000_000}))
    parts = respond(client, function_url, request)
    assert len(parts.body) > 6 * 1024 * 1024
    assert "result" in json.loads(parts.body)
    buffered = json.loads(client.handler(http_api(request), context_of(Parts()))["body"])
    assert "error" in buffered or buffered["result"]["isError"]


def test_a_result_beyond_the_limit_of_a_stream(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "STREAM_LIMIT", 3_000_000)
    parts = respond(serve(counting(), STREAMS), function_url, sent(call("text", {"size": 2_000_000})))
    assert len(parts.body) < 3_000_000
    assert "3000000" in parts.body.decode()


def test_messages_that_would_leave_no_room_are_dropped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streaming, "STREAM_LIMIT", 2000)
    monkeypatch.setattr(streaming, "_KEPT_BYTES", 500)
    request = sent(call("count", {"to": 100}, progressToken="t"))
    with caplog.at_level(logging.WARNING):
        parts = respond(serve(counting(), STREAMS), function_url, request)
    assert 5 < len(parts.messages) < 20
    assert parts.messages[-1]["id"] == 1
    assert len(parts.whole) < 2000
    assert [record.message for record in caplog.records] == [
        "Notifications of a call are dropped: its response is near its limit"
    ]


def test_a_limit_of_the_deployment_is_kept(serve: Serve) -> None:
    settings = msgspec.structs.replace(STREAMS, response_limit=1_500_000)
    parts = respond(serve(counting(), settings), function_url, sent(call("text", {"size": 2_000_000})))
    assert len(parts.body) < 1_500_000


class Refund(msgspec.Struct):
    """What an occurrence says."""

    order: str


def watched() -> MCPServer:
    mcp = make_server()

    @mcp.event("order.refunded", payload=Refund, delivery=["poll", "push"])
    def order_refunded() -> None:
        """A refund was paid out."""

    @mcp.tool()
    def refund(order: str, ctx: Context) -> str:
        ctx.events.emit("order.refunded", Refund(order))
        return "refunded"

    return mcp


def held(seconds: float) -> Any:
    """Settings of a deployment whose streams are held open for so long."""
    return msgspec.structs.replace(STREAMS, in_memory=True, listen_seconds=seconds)


def test_a_subscription_is_held_open_and_ended() -> None:
    handler, parts = make_handler(counting(), held(0.3), changes=MemoryChanges()), Parts()
    listen = message("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    handler(function_url(sent(listen)), context_of(parts))
    acknowledged, result = parts.messages
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert result["id"] == 1
    handler.close()


def test_it_is_not_held_where_the_response_is_buffered() -> None:
    handler = make_handler(counting(), held(1000.0), changes=MemoryChanges())
    listen = message("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    response = handler(http_api(sent(listen)), context_of(Parts()))
    assert [one.get("id") for one in messages_of(response["body"].encode())] == [None, 1]
    handler.close()


@pytest.mark.parametrize(("left", "held_for"), [(1.4, 1000.0), (30.0, 0.3)])
def test_a_stream_of_events_ends_with_its_time(serve: Serve, left: float, held_for: float) -> None:
    client, parts = serve(watched(), held(held_for)), Parts()
    stream = sent(message("events/stream", {"name": "order.refunded"}))
    assert client.handler(function_url(stream), context_of(parts, left)) == {}
    active, result = parts.messages
    assert active["method"] == "notifications/events/active"
    assert result["id"] == 1
    assert parts.head["headers"] == SSE_HEADERS


def beside(client: Client, seconds: float) -> Any:
    """A handler with a loop of its own and the events of another one, as two environments have them."""
    assert isinstance(client.handler, StreamingHandler)
    events = client.handler._endpoint.executor.services.events
    other = make_handler(watched(), held(seconds))
    services = msgspec.structs.replace(other._endpoint.executor.services, events=events)
    other._endpoint = Endpoint(Executor(services), STREAMS.http_policy)
    return other


def test_events_arrive_as_they_happen(serve: Serve) -> None:
    client, parts = serve(watched(), held(2.0)), Parts()
    stream = sent(message("events/stream", {"name": "order.refunded"}))
    thread = threading.Thread(target=respond, args=(client, function_url, stream, parts))
    thread.start()
    parts.wait_for(1)
    other = beside(client, 2.0)
    respond(Client(other), function_url, sent(call("refund", {"order": "A1"})))
    _, second = parts.wait_for(2)
    (event,) = messages_of(second)
    assert event["method"] == "notifications/events/event"
    thread.join(20)
    assert parts.messages[-1]["id"] == 1
    other.close()


def test_a_stream_of_events_without_room_ends_in_front_of_a_gap(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client opens another one behind the last cursor that it has."""
    monkeypatch.setattr(streaming, "STREAM_LIMIT", 3000)
    monkeypatch.setattr(streaming, "_KEPT_BYTES", 500)
    client, parts = serve(watched(), held(3.0)), Parts()
    stream = sent(message("events/stream", {"name": "order.refunded"}))
    thread = threading.Thread(target=respond, args=(client, function_url, stream, parts))
    thread.start()
    parts.wait_for(1)
    other = beside(client, 3.0)
    for order in ("A" * 3000, "small"):
        respond(Client(other), function_url, sent(call("refund", {"order": order})))
    thread.join(20)
    other.close()
    active, result = parts.messages
    assert active["method"] == "notifications/events/active"
    assert result["id"] == 1


def test_a_stream_of_events_that_nobody_takes(serve: Serve) -> None:
    client, parts = serve(watched(), held(1000.0)), Parts(taken=0)
    stream = sent(message("events/stream", {"name": "order.refunded"}))
    respond(client, function_url, stream, parts)
    assert parts.written == []


def test_there_is_no_stream_of_events_where_the_response_is_buffered(serve: Serve) -> None:
    client = serve(watched(), held(1000.0))
    stream = sent(message("events/stream", {"name": "order.refunded"}))
    response = client.handler(http_api(stream), context_of(Parts()))
    assert "error" in json.loads(response["body"])


@each_kind
def test_custom_routes_are_streams_too(kind: Any) -> None:
    from starlette.requests import Request
    from starlette.responses import Response

    from lambent.compat import MCPServer as CompatServer

    mcp = CompatServer("shop")

    @mcp.custom_route("/image", methods=["GET"])
    async def image(request: Request) -> Response:
        return Response(b"\x89PNG\xff", media_type="image/png")

    handler = mcp.lambda_handler(STREAMS)
    request = Sent(method="GET", path="/image")
    parts = Parts()
    assert handler(kind(request), context_of(parts)) == {}
    assert parts.body == b"\x89PNG\xff"
    assert parts.head["statusCode"] == 200
    assert "image/png" in str(parts.head)
    assert handler(http_api(request), context_of(Parts()))["isBase64Encoded"] is True
    handler.close()


def test_an_artifact_without_what_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lambent.hosts.aws_lambda.streaming", None)
    with pytest.raises(ImportError, match="streaming"):
        counting().lambda_handler(STREAMS)


def test_an_adapted_application_cannot_stream() -> None:
    from lambent.hosts.adapt import adapt

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="LAMBENT_RESPONSE_MODE"):
        adapt(app, settings=STREAMS)
