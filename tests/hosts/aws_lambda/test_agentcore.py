"""Calls of AgentCore Gateway, with the client context that AWS documents."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from tests.hosts.aws_lambda.test_direct import Sure, lambda_context
from tests.support import SETTINGS, Client, full_server, http_api, make_server, message

from lambent import ApiKey, ApiKeys, Context, Image, MCPServer, PlatformClaims, ToolError
from lambent.auth.api_keys import hash_of
from lambent.hosts.aws_lambda.agentcore import tool_of
from lambent.hosts.aws_lambda.events import UnknownEventError

AGENTCORE = msgspec.structs.replace(SETTINGS, agentcore=True)
KEY = "open-sesame-open-sesame"
NO_QUESTIONS = (
    "This tool asks something of its caller (elicitation, sampling or roots), and a call through an "
    "AgentCore gateway cannot be asked: call the server itself"
)


def gateway_context(tool: str, **also: Any) -> Any:
    """What the gateway sends along with a call of a tool."""
    custom = {
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCoreAwsRequestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "bedrockAgentCoreMcpMessageId": "invoke-tool-request",
        "bedrockAgentCoreGatewayId": "shop-abcdefghij",
        "bedrockAgentCoreTargetId": "TARGET1234",
        "bedrockAgentCoreToolName": f"orders___{tool}",
    }
    return lambda_context({**custom, **also})


def failed(text: str) -> dict[str, Any]:
    return {"isError": True, "content": [{"type": "text", "text": text}]}


@dataclass
class Order:
    """A result."""

    id: str
    total: float


def shop(**options: Any) -> MCPServer:
    mcp = make_server(**options)

    @mcp.tool()
    def order(order_id: str) -> Order:
        return Order(order_id, 9.5)

    @mcp.tool(structured_output=False)
    def text() -> str:
        return "two\nlines"

    @mcp.tool()
    def picture() -> Image:
        return Image(data=b"png")

    @mcp.tool()
    def nothing() -> None:
        return None

    @mcp.tool()
    def two___parts(httpMethod: str = "", requestContext: Any = None) -> str:  # noqa: N803
        return f"{httpMethod} {json.dumps(requestContext)}"

    @mcp.tool()
    def ask(ctx: Context) -> str:
        return str(ctx.elicit("Sure?", Sure).result())

    @mcp.tool()
    def fail() -> str:
        raise ToolError("no such order")

    @mcp.tool()
    def crash() -> str:
        raise LookupError("secret detail")

    @mcp.tool()
    def whoami(ctx: Context) -> str:
        return "nobody" if ctx.principal is None else ctx.principal.subject

    return mcp


@pytest.fixture
def handler(serve: Callable[..., Client]) -> Any:
    return serve(shop(), AGENTCORE).handler


@pytest.mark.parametrize(
    ("tool", "arguments", "value"),
    [
        ("order", {"order_id": "A-1"}, {"id": "A-1", "total": 9.5}),
        ("text", {}, "two\nlines"),
        ("picture", {}, {"content": [{"type": "image", "data": "cG5n", "mimeType": "image/png"}]}),
        ("whoami", {}, {"result": "nobody"}),
    ],
)
def test_the_value_of_a_tool_is_returned(handler: Any, tool: str, arguments: Any, value: Any) -> None:
    assert handler(arguments, gateway_context(tool)) == value


def test_a_tool_that_returns_nothing(handler: Any) -> None:
    assert handler({}, gateway_context("nothing")) in ({"content": []}, {"result": None})


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("ask", {}, NO_QUESTIONS),
        ("fail", {}, "Error executing tool fail: no such order"),
        ("fly", {}, "Unknown tool: fly"),
        (
            "order",
            {},
            "Error executing tool order: Invalid arguments: Object missing required field `order_id`",
        ),
        ("order", [1], "Invalid params: Expected `object` - at `$.params.arguments`"),
    ],
)
def test_failures_are_returned_and_not_raised(handler: Any, tool: str, arguments: Any, text: str) -> None:
    assert handler(arguments, gateway_context(tool)) == failed(text)


def test_a_crash_is_for_the_log(handler: Any, caplog: pytest.LogCaptureFixture) -> None:
    found = handler({}, gateway_context("crash"))
    assert found["isError"] is True
    assert "secret detail" not in str(found)
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("name", "tool"),
    [("orders___order", "order"), ("a___two___parts", "two___parts"), ("order", "order"), ("a__b", "a__b")],
)
def test_the_name_of_the_target_is_taken_off(name: str, tool: str) -> None:
    assert tool_of(name) == tool


def test_arguments_that_look_like_an_http_request_are_arguments(serve: Callable[..., Client]) -> None:
    """A model chooses them: they could say that an authorizer has let somebody through."""
    handler = serve(shop(auth=PlatformClaims("jwt")), AGENTCORE).handler
    event = http_api(json.dumps(message("tools/call", {"name": "whoami"})))
    event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "root", "iss": "me"}}}
    for arguments in (event, {**event, "httpMethod": "POST"}, message("tools/list"), {"lambent": "sweep"}):
        assert handler(arguments, gateway_context("two___parts")) == failed("This server needs credentials")


def test_an_argument_may_have_any_name(handler: Any) -> None:
    arguments = {"httpMethod": "GET", "requestContext": {"http": {"method": "POST"}}}
    value = handler(arguments, gateway_context("two___parts"))
    assert value == {"result": 'GET {"http": {"method": "POST"}}'}


@pytest.mark.parametrize("form", [dict, json.dumps])
def test_credentials_come_in_headers_that_the_target_lets_through(
    serve: Callable[..., Client], form: Callable[[Any], Any]
) -> None:
    keys = ApiKeys({"nightly": ApiKey(subject="batch", hash=hash_of(KEY))})
    handler = serve(shop(auth=keys), AGENTCORE).handler
    known = gateway_context("whoami", bedrockAgentCorePropagatedHeaders=form({"X-Api-Key": KEY}))
    assert handler({}, known) == {"result": "batch"}
    for wrong in (form({"X-Api-Key": "x"}), form({}), "{", 3, None):
        context = gateway_context("whoami", bedrockAgentCorePropagatedHeaders=wrong)
        assert handler({}, context)["isError"] is True


def test_other_events_are_answered_as_ever(serve: Callable[..., Client]) -> None:
    client = serve(full_server(), AGENTCORE)
    assert client.call("add", {"a": 1, "b": 2}).text == "3"
    call = message("tools/call", {"name": "add", "arguments": {"a": 1}})
    assert client.handler(call, lambda_context())["result"]["structuredContent"] == {"result": 1}
    assert client.handler({"warmer": True}, None)["body"] == '{"warm":true}'


def test_a_gateway_has_to_be_allowed(serve: Callable[..., Client]) -> None:
    handler = serve(shop()).handler
    with pytest.raises(
        UnknownEventError, match="is a call of an AgentCore gateway: set LAMBENT_AGENTCORE=true; "
    ):
        handler({"order_id": "A-1"}, gateway_context("order"))
    with pytest.raises(UnknownEventError, match=r"balancers, but the event has the keys: order_id$"):
        handler({"order_id": "A-1"}, lambda_context())
