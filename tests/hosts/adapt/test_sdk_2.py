"""Calls of servers of the official SDK 2.x, served unchanged."""

import asyncio
import json
import re
from typing import Any

import pytest
from mangum import Mangum
from mcp import types
from mcp.server.lowlevel import Server
from tests.hosts.adapt.apps import adapted, counted
from tests.hosts.adapt.servers import make
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.legacy import LegacyClient
from tests.support import Client, dumps, headers_of, message, meta

from lambent.testing import LambdaClient
from lambent.testing.events import FrontEnd


def test_the_second_call_works_which_it_does_not_with_mangum() -> None:
    asyncio.set_event_loop(loop := asyncio.new_event_loop())
    try:
        mangum = Client(Mangum(make().streamable_http_app(json_response=True, host="0.0.0.0")))
        assert mangum.call("add", {"a": 1, "b": 2}).text == "3"
        with pytest.raises(Exception, match=r"can only be called once"):
            mangum.call("add", {"a": 1, "b": 2})
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    with adapted(make()) as handler:
        client = Client(handler)
        assert [client.call("add", {"a": 1, "b": n}).text for n in range(4)] == ["1", "2", "3", "4"]
        assert len({client.call("loop").text for _ in range(3)}) == 1


def test_bytes_are_those_of_the_server() -> None:
    with adapted(make()) as handler:
        reply = Client(handler).call("add", {"a": 1, "b": 2}, headers={"accept": "application/json"})
    assert (reply.status, reply.headers) == (200, {"content-type": "application/json"})
    assert json.loads(reply.body) == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "content": [{"type": "text", "text": "3"}],
            "structuredContent": {"result": 3},
            "isError": False,
            "resultType": "complete",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "shop", "version": "1.2.3"}},
        },
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_in_every_kind_of_event(kind: str) -> None:
    body = message("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
    sent = Sent(headers=(*headers_of(body).items(), ("host", "api.test")), body=dumps(body))
    with adapted(make()) as handler:
        for _ in range(2):
            written = handler(KINDS[kind](sent), None)
            assert written["statusCode"] == 200
            assert json.loads(written["body"])["result"]["structuredContent"] == {"result": 3}


@pytest.mark.parametrize("lowlevel", [False, True])
def test_a_lifespan_is_entered_once(lowlevel: bool) -> None:
    entered: list[str] = []
    server = make(lifespan=counted(entered))
    with adapted(server._lowlevel_server if lowlevel else server) as handler:
        client = Client(handler)
        for _ in range(3):
            assert "entered" in client.call("count").text
        legacy = [LegacyClient(lambda: handler) for _ in range(2)]
        for one in legacy:
            assert "entered" in one.call("count").text
        assert entered == ["entered"]
    assert entered == ["entered", "left"]


def test_a_low_level_server() -> None:
    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool(name="echo", input_schema={"type": "object"})])

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(text=str(params.arguments))])

    server = Server("low", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    with adapted(server) as handler:
        client = Client(handler)
        for _ in range(2):
            assert [one["name"] for one in client.request("tools/list").result["tools"]] == ["echo"]
            assert client.call("echo", {"a": 1}).text == "{'a': 1}"
        legacy = LegacyClient(lambda: handler)
        assert legacy.call("echo", {"a": 2}).text == "{'a': 2}"


def test_notifications_are_collected_in_front_of_the_response() -> None:
    with adapted(make()) as handler:
        reply = Client(handler).call("count", also={"_meta": meta(progressToken=7)})
    assert reply.headers["content-type"] == "text/event-stream"
    (progress,) = reply.notifications
    assert progress["params"] == {"progressToken": 7, "progress": 1, "total": 2, "message": "half"}
    assert reply.response["id"] == 1


@pytest.mark.parametrize("front_end", ["http-api", "rest", "function-url", "alb"])
@pytest.mark.parametrize("version", [None, "2025-11-25"])
def test_the_client_for_tests_calls_it(front_end: FrontEnd, version: str | None) -> None:
    with adapted(make()) as handler:
        client = LambdaClient(handler, front_end=front_end, version=version, answers=[{"sure": True}])
        assert [client.call("add", a=1, b=number).text for number in range(3)] == ["1", "2", "3"]
        if version is not None:
            assert client.call("confirm", what="Remove").text == "accept True"


def test_a_subscription_is_acknowledged_and_ended() -> None:
    with adapted(make()) as handler:
        params = {"notifications": {"toolsListChanged": True}}
        reply = Client(handler).request("subscriptions/listen", params)
    assert reply.notifications[0]["method"] == "notifications/subscriptions/acknowledged"
    assert reply.result["resultType"] == "complete"


def test_a_server_that_is_too_late() -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 700

    server, ended = make(), []

    @server.tool()
    async def slow() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")
        return ""

    with adapted(server) as handler:
        client = Client(handler)
        late = client.call("slow", context=Context())
        assert (late.status, late.error["message"]) == (504, "The server has not answered in time")
        legacy = LegacyClient(lambda: handler)
        handler_with_context = LegacyClient(lambda: lambda event, _: handler(event, Context()))
        assert handler_with_context.call("slow").error["message"] == "The server has not answered in time"
        assert ended == ["cancelled"] * 2
        assert [client.call("add", {"a": 1}).text, legacy.call("add", {"a": 1}).text] == ["1", "1"]
        assert handler_with_context.call("add", {"a": 2}).text == "2"


def test_a_result_that_lambda_cannot_return_is_an_error_that_says_so() -> None:
    server = make()

    @server.tool()
    def large() -> str:
        return "x" * 7_000_000

    with adapted(server) as handler:
        client = Client(handler)
        reply = client.call("large")
        assert reply.result["isError"] is True
        wanted = r"The result would take \d+ bytes, the limit is 6291556: return less, or a ResourceLink"
        assert re.fullmatch(wanted, reply.text)
        assert client.call("add", {"a": 1}).text == "1"


async def _plain(scope: Any, receive: Any, send: Any) -> None:
    """An application that is no MCP server."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/plain"), (b"x-one", b"1")]
        await send({"type": "http.response.start", "status": 418, "headers": headers})
        await send({"type": "http.response.body", "body": b"a teapot"})


async def _broken(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        raise ValueError("the secret is 42")


@pytest.mark.parametrize("version", ["modern", "legacy"])
def test_an_answer_that_is_no_message_is_passed_on(version: str) -> None:
    body: dict[str, Any] = message("tools/list")
    headers: dict[str, str | None] = {}
    if version == "legacy":
        body, headers = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, {"mcp-protocol-version": None}
    with adapted(_plain) as handler:
        reply = Client(handler).post(body, {**headers, "mcp-method": None})
    assert (reply.status, reply.headers, reply.body) == (
        418,
        {"content-type": "text/plain", "x-one": "1"},
        b"a teapot",
    )


def test_an_exception_of_the_application_is_in_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    with adapted(_broken) as handler:
        reply = Client(handler).request("tools/list")
    assert reply.error["code"] == -32603
    assert b"secret" not in reply.body
    assert "the secret is 42" in caplog.text


def test_errors_are_those_of_the_server() -> None:
    with adapted(make()) as handler:
        client = Client(handler)
        unknown = client.request("no/method")
        assert (unknown.status, unknown.error["code"]) == (404, -32601)
        missing = client.request("resources/read", {"uri": "note://nothing"})
        assert missing.error["code"] == -32602
        assert client.call("fail").result["isError"] is True
        body = message("tools/list")
        wrong = client.post(body, {"mcp-method": "tools/call"})
        assert (wrong.status, wrong.error["code"]) == (400, -32020)
        body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01"
        newer = client.post(body, {"mcp-protocol-version": "2099-01-01"})
        assert (newer.status, newer.error["code"]) == (400, -32022)
        assert (
            newer.error["data"]["supported"] == client.request("server/discover").result["supportedVersions"]
        )
