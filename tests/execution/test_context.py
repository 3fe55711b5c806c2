"""What a handler knows of its call, and what it tells its client on the way."""

import datetime as dt
import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support import (
    PREFIX,
    SSE_HEADERS,
    VERSION,
    Client,
    dumps,
    frames,
    headers_of,
    make_server,
    message,
    meta,
    success,
    text_result,
)

from lambent import Context
from lambent.wire.values import LOG_LEVELS

Serve = Callable[..., Client]
DONE = success(text_result("done"))


def speaking(serve: Serve, speak: Callable[[Context], Any]) -> Client:
    """A tool in both makes that says something before it is done."""
    mcp = make_server()

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        speak(ctx)
        return "done"

    @mcp.tool("async")
    async def asynchronous(ctx: Context) -> str:
        said = speak(ctx)
        for one in said if isinstance(said, list) else [said]:
            assert await one is None
        return "done"

    return serve(mcp)


both = pytest.mark.parametrize("tool", ["plain", "async"])


def notification(method: str, params: str) -> bytes:
    return f'{{"jsonrpc":"2.0","method":"notifications/{method}","params":{params}}}'.encode()


# Progress


@both
@pytest.mark.parametrize("token", ["abc", "", 0, 17, -1, 10**20, "ü\u2028"])
def test_progress_byte_for_byte(serve: Serve, tool: str, token: Any) -> None:
    client = speaking(
        serve,
        lambda ctx: [
            ctx.report_progress(0),
            ctx.report_progress(0.5, 2),
            ctx.report_progress(1, total=2.5, message="half"),
            ctx.report_progress(2, message=""),
        ],
    )
    reply = client.call(tool, progressToken=token)
    told = dumps(token)
    assert reply.status == 200
    assert reply.headers == SSE_HEADERS
    assert reply.body == frames(
        notification("progress", f'{{"progressToken":{told},"progress":0}}'),
        notification("progress", f'{{"progressToken":{told},"progress":0.5,"total":2}}'),
        notification("progress", f'{{"progressToken":{told},"progress":1,"total":2.5,"message":"half"}}'),
        notification("progress", f'{{"progressToken":{told},"progress":2,"message":""}}'),
        DONE,
    )


def test_progress_only_rises(serve: Serve) -> None:
    client = speaking(serve, lambda ctx: [ctx.report_progress(n) for n in (-1, 2, 2, 1, 2.0, 2.5, 0, 3)])
    told = [one["params"]["progress"] for one in client.call("plain", progressToken=1).notifications]
    assert told == [-1, 2, 2.5, 3]


@pytest.mark.parametrize("progress", [float("nan"), float("inf")])
def test_progress_is_a_number(serve: Serve, progress: float) -> None:
    """JSON has no others; null would break the client's schema."""
    reply = speaking(serve, lambda ctx: ctx.report_progress(progress)).call("plain", progressToken=1)
    assert b"null" not in reply.body


@both
def test_nobody_is_told_who_did_not_ask(serve: Serve, tool: str) -> None:
    reply = speaking(serve, lambda ctx: [ctx.report_progress(1), ctx.info("x")]).call(tool)
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == DONE


def test_each_call_has_its_own_progress(serve: Serve) -> None:
    client = speaking(serve, lambda ctx: ctx.report_progress(5))
    for token in (1, 2):
        (told,) = client.call("plain", progressToken=token).notifications
        assert told["params"] == {"progressToken": token, "progress": 5}


# Log messages


@pytest.mark.parametrize("wanted", LOG_LEVELS)
def test_messages_at_or_above_the_level_that_was_asked_for(serve: Serve, wanted: str) -> None:
    client = speaking(serve, lambda ctx: [getattr(ctx, level)(level) for level in LOG_LEVELS])
    told = [one["params"]["level"] for one in client.call("plain", logLevel=wanted).notifications]
    assert told == list(LOG_LEVELS)[list(LOG_LEVELS).index(wanted) :]


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_every_level_has_a_method_that_editors_can_explain(level: str) -> None:
    method = getattr(Context, level)
    assert str(inspect.signature(method)).startswith(
        "(self, data: 'Any', *, logger_name: 'str | None' = None)"
    )
    assert level in method.__doc__


def test_every_pair_of_levels(serve: Serve) -> None:
    severity = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
    for said, wanted in itertools.product(severity, severity):
        client = speaking(serve, lambda ctx: ctx.log(said, "x"))  # type: ignore[arg-type]  # noqa: B023
        heard = bool(client.call("plain", logLevel=wanted).notifications)
        assert heard is (severity.index(said) >= severity.index(wanted)), (said, wanted)


@both
def test_messages_byte_for_byte(serve: Serve, tool: str) -> None:
    client = speaking(
        serve,
        lambda ctx: [
            ctx.info("text"),
            ctx.warning({"b": 1, "a": [None, True]}, logger_name="db"),
            ctx.log("error", None, logger_name=""),
        ],
    )
    assert client.call(tool, logLevel="debug").body == frames(
        notification("message", '{"level":"info","data":"text"}'),
        notification("message", '{"level":"warning","data":{"b":1,"a":[null,true]},"logger":"db"}'),
        notification("message", '{"level":"error","data":null,"logger":""}'),
        DONE,
    )


@dataclass
class Order:
    id: str


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (Order("a"), '{"id":"a"}'),
        (dt.date(2026, 7, 28), '"2026-07-28"'),
        ("line\nbreak\r\n\n", '"line\\nbreak\\r\\n\\n"'),
        ("data: x\n\nevent: y", '"data: x\\n\\nevent: y"'),
        ("\u2028\U0001f600", '"\u2028\U0001f600"'),
    ],
)
def test_any_json_value_can_be_said_and_no_frame_be_broken(serve: Serve, data: Any, expected: str) -> None:
    reply = speaking(serve, lambda ctx: ctx.info(data)).call("plain", logLevel="debug")
    assert reply.body == frames(notification("message", f'{{"level":"info","data":{expected}}}'), DONE)


@pytest.mark.parametrize("data", [object(), "\ud800"])
def test_what_has_no_json_form_is_the_tools_failure(serve: Serve, data: Any) -> None:
    reply = speaking(serve, lambda ctx: ctx.info(data)).call("plain", logLevel="debug")
    assert reply.text.startswith("Error executing tool plain (reference ")


def test_levels_that_do_not_exist_are_the_tools_failure(serve: Serve) -> None:
    reply = speaking(serve, lambda ctx: ctx.log("loud", "x")).call("plain", logLevel="debug")  # type: ignore[arg-type]
    assert reply.text.startswith("Error executing tool plain (reference ")


def test_notifications_come_before_errors_as_well(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        ctx.info("before")
        raise RuntimeError

    reply = serve(mcp).call("t", logLevel="debug")
    assert [one["params"]["data"] for one in reply.notifications] == ["before"]
    assert reply.result["isError"] is True


def test_notifications_come_with_resources_and_prompts_as_well(serve: Serve) -> None:
    mcp = make_server()

    @mcp.resource("a://b")
    def read(ctx: Context) -> str:
        ctx.info("reading")
        return "x"

    @mcp.prompt()
    async def ask(ctx: Context) -> str:
        await ctx.report_progress(1)
        return "x"

    client = serve(mcp)
    assert client.read("a://b", logLevel="debug").notifications[0]["params"]["data"] == "reading"
    assert client.prompt("ask", progressToken=5).notifications[0]["params"]["progressToken"] == 5


def test_notifications_do_not_leak_into_the_next_call(serve: Serve) -> None:
    client = speaking(serve, lambda ctx: ctx.info("once"))
    assert len(client.call("plain", logLevel="debug").notifications) == 1
    assert client.call("plain").body == DONE


def test_a_question_may_follow_notifications(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        ctx.info("about to ask")
        return str(ctx.list_roots().result())

    reply = serve(mcp).call("t", logLevel="debug", capabilities={"roots": {}})
    assert [one["params"]["data"] for one in reply.notifications] == ["about to ask"]
    assert list(reply.questions) == ["roots-1"]


# What a handler knows


def test_everything_that_a_call_says_about_itself(serve: Serve) -> None:
    mcp = make_server()
    seen: dict[str, Any] = {}

    @mcp.tool()
    def t(ctx: Context) -> str:
        for name in (
            "request_id",
            "protocol_version",
            "headers",
            "client_info",
            "meta",
            "trace_parent",
            "trace_state",
            "baggage",
            "principal",
        ):
            seen[name] = getattr(ctx, name)
        capabilities = ctx.client_capabilities
        seen["capabilities"] = {
            name: getattr(capabilities, name) is not None
            for name in ("elicitation", "sampling", "roots", "extensions", "experimental")
        }
        seen["remaining"] = ctx.remaining_ms()
        return "done"

    extra = {
        "clientInfo": {"name": "tests", "version": "1", "title": "T"},
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
        "tracestate": "a=b",
        "baggage": "c=d",
        "com.example/k": [1, {"deep": None}],
    }
    capabilities = {"sampling": {}, "extensions": {"com.example/x": {}}}
    body = message("tools/call", {"name": "t"}, request_id="r-1", capabilities=capabilities, **extra)
    assert serve(mcp).post(body, {"X-Custom": "v"}).text == "done"
    assert seen == {
        "request_id": "r-1",
        "protocol_version": VERSION,
        "headers": {**headers_of(body), "x-custom": "v"},
        "client_info": {"name": "tests", "version": "1", "title": "T"},
        "meta": meta(capabilities, **extra),
        "trace_parent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
        "trace_state": "a=b",
        "baggage": "c=d",
        "principal": None,
        "capabilities": {
            "elicitation": False,
            "sampling": True,
            "roots": False,
            "extensions": True,
            "experimental": False,
        },
        "remaining": None,
    }
    assert f"{PREFIX}clientInfo" in seen["meta"]


@pytest.mark.parametrize("value", ["1e400", "9" * 5_000])
def test_meta_that_cannot_be_read_is_invalid_where_it_is_looked_at(serve: Serve, value: str) -> None:
    mcp = make_server()

    @mcp.tool()
    def look(ctx: Context) -> str:
        return str(len(ctx.meta))

    @mcp.tool()
    def ignore(ctx: Context) -> str:
        return "done"

    client = serve(mcp)

    def send(tool: str) -> Any:
        body = message("tools/call", {"name": tool}, **{"com.example/k": "§"})
        return client.post(dumps(body).replace('"§"', value), headers_of(body))

    assert send("ignore").text == "done"
    reply = send("look")
    assert (reply.status, reply.error["code"]) == (400, -32602)


def test_what_was_not_said_is_none(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        return repr((ctx.client_info, ctx.trace_parent, ctx.trace_state, ctx.baggage, ctx.principal))

    assert serve(mcp).call("t").text == "(None, None, None, None, None)"


def test_changes_are_told_nobody_where_nothing_can_deliver_them(serve: Serve) -> None:
    client = speaking(
        serve,
        lambda ctx: [
            ctx.notify_tools_changed(),
            ctx.notify_prompts_changed(),
            ctx.notify_resources_changed(),
            ctx.notify_resource_updated("a://b"),
        ],
    )
    for tool in ("plain", "async"):
        assert client.call(tool, logLevel="debug", progressToken=1).body == DONE
