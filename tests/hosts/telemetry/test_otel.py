"""``LAMBENT_OTEL``: the span of a call, as a real SDK records it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tests import legacy
from tests.execution.durable.tasks.harness import World, task_server, worlds
from tests.support import EVERYTHING, SETTINGS, Client, headers_of, make_server, message

from lambent import Context, MCPServer, RetryableError, TaskPolicy, ToolError
from lambent.hosts.telemetry.otel import span_observer

Serve = Callable[..., Client]
world = pytest.fixture(worlds)

ON = msgspec.structs.replace(SETTINGS, otel=True)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
OTHER_TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER_PARENT = f"00-{OTHER_TRACE}-b7ad6b7169203331-01"
HTTP = {"network.transport": "tcp", "network.protocol.name": "http"}


class Recorded:
    """The spans that a provider of the test's own has recorded."""

    def __init__(self) -> None:
        self.provider = TracerProvider()
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        (span,) = self.spans
        return span


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    recorded = Recorded()
    # The global provider can be set once in a process only.
    monkeypatch.setattr(trace, "get_tracer", recorded.provider.get_tracer)
    yield recorded
    recorded.provider.shutdown()


def parent_of(span: ReadableSpan) -> tuple[str, str] | None:
    if span.parent is None:
        return None
    return f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}"


def shop() -> MCPServer:
    mcp = make_server()

    @mcp.tool()
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool()
    def fail() -> None:
        raise ToolError("the secret")

    @mcp.tool()
    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", {"type": "object", "properties": {}}, key="sure").result().action

    @mcp.prompt()
    def greet() -> str:
        return "Hello"

    @mcp.resource("shop://catalog")
    def catalog() -> str:
        return "all"

    @mcp.resource("shop://orders/{order}")
    def order(order: str) -> str:
        return order

    return mcp


def test_a_span_has_the_names_of_the_conventions(serve: Serve, recorded: Recorded) -> None:
    serve(shop(), ON).call("add", {"a": 1, "b": 2}, request_id="seven")
    span = recorded.span
    assert (span.name, span.kind, span.status.status_code) == (
        "tools/call add",
        SpanKind.SERVER,
        StatusCode.UNSET,
    )
    assert dict(span.attributes or {}) == {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2026-07-28",
        "jsonrpc.request.id": "seven",
        "gen_ai.tool.name": "add",
        "gen_ai.operation.name": "execute_tool",
        "lambent.outcome": "ok",
        **HTTP,
    }
    assert parent_of(span) is None


@pytest.mark.parametrize(
    ("method", "params", "name", "attributes"),
    [
        ("prompts/get", {"name": "greet"}, "prompts/get greet", {"gen_ai.prompt.name": "greet"}),
        ("prompts/get", {"name": "x"}, "prompts/get", {}),
        (
            "resources/read",
            {"uri": "shop://catalog"},
            "resources/read",
            {"mcp.resource.uri": "shop://catalog"},
        ),
        ("resources/read", {"uri": "shop://orders/secret"}, "resources/read", {}),
        ("tools/call", {"name": "secret"}, "tools/call", {}),
        ("tools/list", {}, "tools/list", {}),
        ("secret/method", {}, "_OTHER", {}),
    ],
)
def test_only_what_is_declared_is_named(
    serve: Serve,
    recorded: Recorded,
    method: str,
    params: dict[str, Any],
    name: str,
    attributes: dict[str, str],
) -> None:
    serve(shop(), ON).request(method, params)
    span = recorded.span
    assert span.name == name
    assert {
        key: value for key, value in (span.attributes or {}).items() if "name" in key or "uri" in key
    } == {
        "mcp.method.name": name.partition(" ")[0],
        "network.protocol.name": "http",
        **attributes,
    }
    assert "secret" not in span.to_json()


@pytest.mark.parametrize(
    ("tool", "kind", "error"),
    [
        ("fail", "tool_error", {"error.type": "tool_error"}),
        ("ask", "input_required", {}),
        ("nothing", "error", {"error.type": "-32602", "rpc.response.status_code": "-32602"}),
    ],
)
def test_how_calls_end(serve: Serve, recorded: Recorded, tool: str, kind: str, error: dict[str, str]) -> None:
    serve(shop(), ON).call(tool, capabilities=EVERYTHING)
    span = recorded.span
    attributes = dict(span.attributes or {})
    assert attributes["lambent.outcome"] == kind
    assert {
        key: attributes[key] for key in ("error.type", "rpc.response.status_code") if key in attributes
    } == error
    assert span.status.status_code is (StatusCode.ERROR if error else StatusCode.UNSET)
    assert (span.status.description, list(span.events)) == (None, [])
    assert "the secret" not in span.to_json()


def test_a_long_request_id_is_cut(serve: Serve, recorded: Recorded) -> None:
    serve(shop(), ON).request("tools/list", request_id="x" * 1000)
    assert (recorded.span.attributes or {})["jsonrpc.request.id"] == "x" * 128


# Where a span belongs.


def test_the_context_in_meta_is_the_parent(serve: Serve, recorded: Recorded) -> None:
    client = serve(shop(), ON)
    client.request(
        "tools/list", traceparent=PARENT, tracestate="vendor=x", headers={"traceparent": OTHER_PARENT}
    )
    assert parent_of(recorded.span) == (TRACE, SPAN)
    assert recorded.span.context is not None
    assert recorded.span.context.trace_state.get("vendor") == "x"
    assert list(recorded.span.links) == []


@pytest.mark.parametrize("broken", [None, "", "nonsense", PARENT.replace(TRACE, "0" * 32), "ff" + PARENT[2:]])
def test_else_the_context_of_the_headers(serve: Serve, recorded: Recorded, broken: str | None) -> None:
    extra: dict[str, Any] = {} if broken is None else {"traceparent": broken}
    serve(shop(), ON).request("tools/list", headers={"traceparent": OTHER_PARENT}, **extra)
    assert parent_of(recorded.span) == (OTHER_TRACE, "b7ad6b7169203331")


def test_what_the_host_has_begun_is_linked_or_the_parent(serve: Serve, recorded: Recorded) -> None:
    client = serve(shop(), ON)
    with recorded.provider.get_tracer("host").start_as_current_span("invocation") as around:
        outer = around.get_span_context()
        client.request("tools/list", traceparent=PARENT)
        client.request("tools/list", headers={"traceparent": OTHER_PARENT})
    linked, child, _ = recorded.spans
    assert parent_of(linked) == (TRACE, SPAN)
    assert [link.context for link in linked.links] == [outer]
    assert parent_of(child) == (f"{outer.trace_id:032x}", f"{outer.span_id:016x}")


@pytest.mark.parametrize("is_async", [False, True])
def test_handlers_are_within_the_span_and_its_baggage(
    serve: Serve, recorded: Recorded, is_async: bool
) -> None:
    mcp = make_server()
    seen: list[Any] = []

    def look() -> str:
        seen.append((trace.get_current_span().get_span_context().span_id, baggage.get_all()))
        return "done"

    async def look_async() -> str:
        return look()

    mcp.tool("look")(look_async if is_async else look)
    serve(mcp, ON).call("look", traceparent=PARENT, baggage="user=alice")
    assert recorded.span.context is not None
    assert seen == [(recorded.span.context.span_id, {"user": "alice"})]
    assert trace.get_current_span().get_span_context().is_valid is False
    assert context.get_current() == {}


def test_calls_of_a_live_host_are_within_their_own_spans(recorded: Recorded) -> None:
    """Functions run on the event loop and on threads, several at a time."""
    mcp = make_server()
    seen: set[int] = set()

    def look() -> str:
        seen.add(trace.get_current_span().get_span_context().span_id)
        return "done"

    async def look_async() -> str:
        await asyncio.sleep(0)
        return look()

    mcp.tool("thread")(look)
    mcp.tool("loop")(look_async)

    async def call_all() -> str:
        transport = httpx.ASGITransport(mcp.asgi(ON))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

            async def call(name: str) -> None:
                body = message("tools/call", {"name": name, "arguments": {}})
                answer = await client.post("/mcp", json=body, headers=headers_of(body))
                assert answer.status_code == 200

            with recorded.provider.get_tracer("host").start_as_current_span("host") as around:
                await asyncio.gather(*(call(name) for name in ("loop", "thread") * 3))
        return f"{around.get_span_context().span_id:016x}"

    host = asyncio.run(call_all())
    calls = [span for span in recorded.spans if span.name != "host"]
    assert len(calls) == 6
    assert {span.context.span_id for span in calls if span.context is not None} == seen
    assert {(parent_of(span) or ("", ""))[1] for span in calls} == {host}


def test_clients_of_the_legacy_era(serve: Serve, recorded: Recorded) -> None:
    handler = serve(shop(), ON).handler
    client = legacy.LegacyClient(lambda: handler, "2025-06-18")
    client.request("tools/call", name="add", arguments={"a": 1, "b": 2}, _meta={"traceparent": PARENT})
    opened, called = recorded.spans
    assert [opened.name, called.name] == ["initialize", "tools/call add"]
    assert {(span.attributes or {})["mcp.protocol.version"] for span in recorded.spans} == {"2025-06-18"}
    assert parent_of(called) == (TRACE, SPAN)


def test_an_attempt_at_a_task_belongs_to_the_call_that_made_it(
    world: Callable[..., World], recorded: Recorded
) -> None:
    mcp = task_server(observers=[span_observer()])
    ran: list[int] = []

    def build() -> str:
        ran.append(1)
        if len(ran) == 1:
            raise RetryableError("the secret")
        return "done"

    mcp.tool("build", task=TaskPolicy())(build)
    here = world(mcp)
    here.client.call(
        "build", traceparent=PARENT, capabilities={"extensions": {"io.modelcontextprotocol/tasks": {}}}
    )
    here.run_all()
    made, failed, done = recorded.spans
    assert [parent_of(span) for span in recorded.spans] == [(TRACE, SPAN)] * 3
    assert [span.kind for span in recorded.spans] == [SpanKind.SERVER, SpanKind.CONSUMER, SpanKind.CONSUMER]
    assert (failed.attributes or {})["error.type"] == "RetryableError"
    assert failed.status.status_code is StatusCode.ERROR
    assert done.status.status_code is StatusCode.UNSET
    assert not {"network.transport", "network.protocol.name"} & set(failed.attributes or ())
    assert "the secret" not in failed.to_json()
    assert made.name == failed.name == done.name == "tools/call build"


def test_a_tracer_that_fails_fails_no_call(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def start_span(self, *_: Any, **__: Any) -> Any:
            raise OSError("the secret")

    monkeypatch.setattr(trace, "get_tracer", lambda _: Broken())
    client = serve(shop(), ON)
    assert client.call("add", {"a": 1, "b": 2}).value == 3
    assert [record.getMessage() for record in caplog.records] == ["Telemetry of a call is lost: OSError"]


def test_without_an_sdk_calls_are_answered(serve: Serve) -> None:
    client = serve(shop(), ON)
    assert client.post(message("tools/list", traceparent=PARENT)).status == 200
