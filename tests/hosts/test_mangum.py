"""A FastAPI application with an MCP endpoint on Lambda, through Mangum."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from mangum import Mangum
from tests import support
from tests.hosts.asgi.driving import make, progress, subscription, text_result, tool_call
from tests.hosts.aws_lambda.events import KINDS, Sent

from lambent import Context, MCPServer, ToolError
from lambent.hosts.settings import Settings

# From 3.12 on Python announces that the main thread will have no loop by default; Mangum knows and makes one.
WARNINGS = ("-W", "error", "-W", "ignore:There is no current event loop:DeprecationWarning")
ORDERS = Path(__file__).parents[2] / "functions" / "orders"

TWO_ROUNDS = """
import json, sys
from dataclasses import dataclass
from fastapi import FastAPI
from mangum import Mangum
from lambent import Context, MCPServer

@dataclass
class Confirm:
    sure: bool

mcp = MCPServer("shop", version="1.2.3")

@mcp.tool()
async def remove(name: str, ctx: Context) -> str:
    size = await ctx.step("measure", len, name)
    answer = await ctx.elicit(f"Remove {name}?", Confirm, key="sure")
    return f"{answer.action} {answer.data.sure} {size}"

app = FastAPI()
app.include_router(mcp.fastapi_router("/mcp"))
handler = Mangum(app, lifespan="off")
print(json.dumps(handler(json.load(sys.stdin), None)))
"""

ORDERS_IN_FASTAPI = """
import json, sys
sys.path.insert(0, sys.argv[1])
import app as orders
from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()
app.include_router(orders.mcp.fastapi_router("/mcp"))
handler = Mangum(app, lifespan="off")
for line in sys.stdin:
    print(json.dumps(handler(json.loads(line), None)))
"""


@pytest.fixture(autouse=True)
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop that Mangum finds in the thread, as it finds one in Lambda; closed in the end."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield loop
    loop.run_until_complete(asyncio.sleep(0))
    left = asyncio.all_tasks(loop)
    asyncio.set_event_loop(None)
    loop.close()
    assert not left
    assert not complaints, complaints


def handler_of(mcp: MCPServer, **options: Any) -> Callable[[Any, Any], dict[str, Any]]:
    app = FastAPI()
    app.include_router(mcp.fastapi_router("/mcp", lambda_settings()))
    return Mangum(app, **{"lifespan": "off", **options})


def lambda_settings() -> Settings:
    return Settings(state_keys=(support.SECRET,), in_lambda=True)


def event(message: Any) -> dict[str, Any]:
    return support.http_api(support.dumps(message), support.headers_of(message))


def run(program: str, events: list[Any], *arguments: str, **environment: str) -> list[support.Reply]:
    """Answer events in an interpreter that has imported nothing yet."""
    done = subprocess.run(
        [sys.executable, *WARNINGS, "-c", program, *arguments],
        input="\n".join(json.dumps(one) for one in events),
        env={
            **os.environ,
            "AWS_LAMBDA_FUNCTION_NAME": "shop",
            "LAMBENT_STATE_KEYS": support.SECRET,
            "LAMBENT_TABLE": "shop",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [support.Reply(json.loads(line)) for line in done.stdout.splitlines()]


def test_many_warm_calls_one_after_another(loop: asyncio.AbstractEventLoop) -> None:
    mcp = make()
    loops: list[asyncio.AbstractEventLoop] = []

    @mcp.tool()
    def plain(text: str) -> str:
        return text

    @mcp.tool()
    async def asynchronous(text: str) -> str:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return text

    @mcp.tool()
    def fails() -> None:
        raise ToolError("no")

    client = support.Client(handler_of(mcp))
    for number in range(100):
        for tool in ("plain", "asynchronous"):
            reply = client.call(tool, {"text": str(number)}, request_id=number)
            assert (reply.status, reply.body) == (200, text_result(str(number), number))
        assert client.call("fails").body == support.tool_error("Error executing tool fails: no")
    # The same loop for all of them, so what tools keep open on it stays warm.
    assert loops == [loop] * 100


@pytest.mark.parametrize("lifespan", ["off", "auto"])
def test_discovery_offers_nothing_that_cannot_be_delivered(lifespan: str) -> None:
    mcp = make()

    @mcp.tool()
    def only() -> None: ...

    @mcp.resource("x://y")
    def resource() -> str:
        return "z"

    capabilities = (
        support.Client(handler_of(mcp, lifespan=lifespan)).request("server/discover").result["capabilities"]
    )
    assert (capabilities["tools"], capabilities["resources"]) == ({}, {})


def test_notifications_ride_a_buffered_stream() -> None:
    mcp = make()

    @mcp.tool()
    async def work(ctx: Context) -> str:
        await ctx.report_progress(1)
        await asyncio.sleep(0)
        await ctx.report_progress(2)
        return "worked"

    reply = support.Reply(handler_of(mcp)(event(tool_call("work", progressToken="p")), None))
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.written["isBase64Encoded"] is False
    assert reply.body == support.frames(progress(1), progress(2), text_result("worked"))


def test_a_subscription_is_short() -> None:
    mcp = make()

    @mcp.tool()
    def only() -> None: ...

    reply = support.Reply(handler_of(mcp)(event(subscription(toolsListChanged=True)), None))
    acknowledged, response = reply.messages
    assert acknowledged["params"]["notifications"] == {}
    assert response["result"]["resultType"] == "complete"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_other_methods(method: str) -> None:
    mcp = make()
    reply = support.Reply(handler_of(mcp)(support.http_api(None, method=method), None))
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_cards_name_the_host_that_api_gateway_vouches_for() -> None:
    headers = {"host": "evil.example"}
    event = support.http_api(None, headers, method="GET", path="/mcp/server-card", domain="api.example.com")
    written = handler_of(make())(event, None)
    assert written["isBase64Encoded"]  # Mangum takes a media type that it does not know for binary
    (remote,) = json.loads(base64.b64decode(written["body"]))["remotes"]
    assert remote["url"] == "https://api.example.com/mcp"


def test_cards_can_be_text() -> None:
    """As docs/hosts.md has it for REST APIs."""
    types = ["text/", "application/json", "application/mcp-server-card+json"]
    event = support.http_api(None, method="GET", path="/mcp/server-card")
    written = handler_of(make(), text_mime_types=types)(event, None)
    assert not written["isBase64Encoded"]
    assert json.loads(written["body"])["remotes"]


def test_pages_of_that_host_may_call() -> None:
    message = support.message("server/discover")
    statuses = {}
    for origin in ("https://api.example.com", "https://evil.example"):
        headers = {**support.headers_of(message), "origin": origin, "host": "evil.example"}
        event = support.http_api(support.dumps(message), headers, domain="api.example.com")
        statuses[origin] = handler_of(make())(event, None)["statusCode"]
    assert statuses == {"https://api.example.com": 200, "https://evil.example": 403}


@pytest.mark.parametrize("kind", ["HTTP API", "REST API"])
def test_a_browser_gets_the_page(kind: str) -> None:
    sent = Sent("GET", headers=(("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),))
    written = handler_of(make())(KINDS[kind](sent), None)
    assert (written["statusCode"], written["isBase64Encoded"]) == (200, False)
    assert written["body"].startswith("<!doctype html>")
    headers = written.get("headers") or {k: v[0] for k, v in written["multiValueHeaders"].items()}
    assert headers["content-security-policy"].startswith("default-src 'none'; ")


def test_a_body_in_base64() -> None:
    mcp = make()

    @mcp.tool()
    def echo(text: str) -> str:
        return text

    message = tool_call("echo", {"text": "Grüße"})
    reply = support.Reply(
        handler_of(mcp)(support.http_api(support.dumps(message).encode(), support.headers_of(message)), None)
    )
    assert reply.body == text_result("Grüße")


@pytest.mark.parametrize("event_format", ["http", "rest", "alb"])
def test_the_events_that_mangum_reads(event_format: str) -> None:
    mcp = make()

    @mcp.tool()
    def echo(text: str) -> str:
        return text

    message = tool_call("echo", {"text": "hi"})
    headers, body = support.headers_of(message), support.dumps(message)
    context: dict[str, Any] = (
        {"elb": {"targetGroupArn": "arn"}} if event_format == "alb" else {"stage": "prod"}
    )
    older = {
        "resource": "/mcp",
        "path": "/mcp",
        "httpMethod": "POST",
        "headers": headers,
        "queryStringParameters": {},
        "requestContext": context,
        "body": base64.b64encode(body.encode()).decode(),
        "isBase64Encoded": True,
    }
    if event_format == "rest":
        older["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        older["multiValueQueryStringParameters"] = None
    reply = handler_of(mcp)(event(message) if event_format == "http" else older, None)
    assert (reply["statusCode"], reply["body"]) == (200, text_result("hi").decode())


def test_rest_routes_and_the_endpoint_take_turns() -> None:
    mcp = make()

    @mcp.tool()
    async def where() -> str:
        return "tool"

    app = FastAPI()
    app.include_router(mcp.fastapi_router("/mcp", lambda_settings()))

    @app.get("/where")
    async def rest(request: Request) -> str:
        return "rest"

    handler = Mangum(app, lifespan="off")
    for _ in range(10):
        assert handler(support.http_api(None, method="GET", path="/where"), None)["body"] == '"rest"'
        assert handler(event(tool_call("where")), None)["body"] == text_result("tool").decode()


def test_a_question_is_answered_in_another_environment() -> None:
    asked = {"name": "remove", "arguments": {"name": "the lamp"}}
    first = support.message("tools/call", asked, capabilities={"elicitation": {}})
    (round_one,) = run(TWO_ROUNDS, [event(first)])
    assert round_one.questions["sure"]["params"]["message"] == "Remove the lamp?"
    retry = {**asked, "inputResponses": {"sure": support.accept(sure=True)}, "requestState": round_one.state}
    second = support.message("tools/call", retry, capabilities={"elicitation": {}}, request_id=2)
    (round_two,) = run(TWO_ROUNDS, [event(second)])
    assert round_two.body == text_result("accept True 8", 2)


def test_without_shared_secrets_a_question_is_refused() -> None:
    asked = {"name": "remove", "arguments": {"name": "the lamp"}}
    first = support.message("tools/call", asked, capabilities={"elicitation": {}})
    (reply,) = run(TWO_ROUNDS, [event(first)], LAMBENT_STATE_KEYS="")
    # The operator's log has the reason, the client a reference.
    assert "LAMBENT_STATE_KEYS" not in reply.body.decode()
    assert "reference" in reply.body.decode()


def test_the_orders_server_in_a_cold_fastapi_application() -> None:
    looked_up = tool_call("lookup_order", {"order_id": "ORD-1005"})
    refund = tool_call("refund_order", {"order_id": "ORD-1005"}, capabilities={"elicitation": {}})
    order, question, policy = run(
        ORDERS_IN_FASTAPI,
        [
            event(looked_up),
            event(refund),
            event(support.message("resources/read", {"uri": "orders://policy"})),
        ],
        str(ORDERS),
    )
    assert order.value["id"] == "ORD-1005"
    assert list(question.questions) == ["confirmation"]
    assert policy.result["contents"][0]["mimeType"] == "text/markdown"


# Lambda's limit for a response.


@pytest.mark.parametrize("event_format", ["HTTP API", "HTTP API 1.0", "REST API", "ALB"])
@pytest.mark.parametrize("text", ["x", '"', "é", "😀"])
def test_nothing_larger_is_returned_than_lambda_takes(event_format: str, text: str) -> None:
    mcp = make()

    @mcp.tool()
    def repeat(times: int) -> Any:  # without structured content, which would be as large as the text
        return text * times

    handler = handler_of(mcp)
    limit = 1_048_576 if event_format == "ALB" else 6_291_556
    each = {"x": 1, '"': 4, "é": 6, "😀": 12}[text]

    def answer(times: int) -> dict[str, Any]:
        message = tool_call("repeat", {"times": times})
        headers = tuple(support.headers_of(message).items())
        return handler(KINDS[event_format](Sent(headers=headers, body=support.dumps(message))), None)

    fits = answer((limit - 6_000) // each)
    assert not fits["isBase64Encoded"]
    assert '"isError"' not in fits["body"]
    assert len(support.marshal(fits)) <= limit
    over = answer(limit // each)
    assert f"the limit is {limit}" in over["body"]


def test_the_oldest_log_messages_are_left_out_there_too() -> None:
    mcp = make()

    @mcp.tool()
    async def talk(ctx: Context) -> str:
        for number in range(10):
            await ctx.info(f"{number}" + "x" * 1_000_000)
        return "done"

    reply = support.Reply(handler_of(mcp)(event(tool_call("talk", logLevel="info")), None))
    assert reply.text == "done"
    assert len(support.marshal(reply.written)) <= 6_291_556
    first, *rest = [one["params"]["data"] for one in reply.notifications]
    assert first.endswith("log messages are left out: with them the response would be too large")
    assert [one[0] for one in rest] == ["4", "5", "6", "7", "8", "9"]


def test_a_subscription_is_one_stream_there_too() -> None:
    reply = support.Reply(handler_of(make())(event(subscription(toolsListChanged=True)), None))
    assert reply.headers["content-type"] == "text/event-stream"
    assert [one["method"] for one in reply.notifications] == ["notifications/subscriptions/acknowledged"]
