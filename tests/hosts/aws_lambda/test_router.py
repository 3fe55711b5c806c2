"""One endpoint in front of several servers, each behind its own handler."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.hosts.aws_lambda.events import Sent, alb, alb_multi_value
from tests.support import (
    SETTINGS,
    Client,
    Reply,
    accept,
    dumps,
    headers_of,
    http_api,
    make_handler,
    make_server,
    message,
)

from lambent import CacheHint, ConfigurationError, Context, MCPServer, Settings, StoreError
from lambent.hosts.aws_lambda.events import UnknownEventError
from lambent.hosts.aws_lambda.router import FunctionRouter

NO_FIELDS = {"type": "object", "properties": {}}
PUBLIC = {"tools/list": CacheHint(ttl_ms=30_000, scope="public")}


class Invoked:
    """Functions in this process, and which one was invoked how often."""

    def __init__(self, **handlers: Any) -> None:
        self.handlers = handlers
        self.calls: list[tuple[str, Any]] = []

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        self.calls.append((name, event))
        return self.handlers[name](event, None)

    def names(self) -> list[str]:
        """Who was invoked since the last time."""
        found = sorted(name for name, _ in self.calls)
        self.calls.clear()
        return found


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def shop() -> Any:
    server = make_server(instructions="Look things up.", cache_hints=PUBLIC)

    @server.tool()
    def price(article: str) -> str:
        return f"{article}: 5"

    @server.tool()
    def both() -> str:
        return "shop"

    @server.resource("notes://{day}")
    def note(day: str) -> str:
        return f"on {day}"

    return make_handler(server)


def desk(settings: Settings = SETTINGS, name: str = "shop") -> Any:
    server = MCPServer(name, instructions="Ask before you act.", cache_hints=PUBLIC)

    @server.tool()
    def close(ctx: Context) -> str:
        return ctx.elicit("Sure?", NO_FIELDS, key="sure").result().action

    @server.tool()
    def both() -> str:
        return "desk"

    @server.prompt()
    def letter() -> str:
        return "Dear"

    return make_handler(server, settings)


@pytest.fixture
def functions() -> Invoked:
    return Invoked(shop=shop(), desk=desk())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(functions: Invoked, clock: Clock) -> Client:
    return Client(FunctionRouter({"a": "shop", "b": "desk"}, functions, clock))


def test_a_tool_is_called_where_it_is(client: Client, functions: Invoked) -> None:
    assert client.call("price", {"article": "tea"}).text == "tea: 5"
    assert functions.names() == ["desk", "shop", "shop"]  # both were asked for their tools
    assert client.call("price", {"article": "milk"}).text == "milk: 5"
    assert functions.names() == ["shop"]


def test_what_is_passed_on_is_the_event_of_the_client(client: Client, functions: Invoked) -> None:
    client.call("price", {"article": "tea"})
    functions.calls.clear()
    params = {"name": "price", "arguments": {"article": "ü"}}
    event = http_api(dumps(message("tools/call", params)).encode(), headers_of(message("tools/call", params)))
    client.event(event)
    assert functions.calls == [("shop", event)]


def test_a_question_and_its_answer_go_to_the_same_function(client: Client) -> None:
    assert client.answered("close", {"sure": accept()}).text == "accept"


def test_a_prompt_and_a_resource_of_a_template(client: Client, functions: Invoked) -> None:
    assert client.prompt("letter").result["messages"][0]["content"]["text"] == "Dear"
    assert client.read("notes://monday").result["contents"][0]["text"] == "on monday"


def test_lists_have_what_all_functions_list(client: Client) -> None:
    listed = client.request("tools/list").result
    assert [tool["name"] for tool in listed["tools"]] == ["price", "both", "close"]
    assert (listed["ttlMs"], listed["cacheScope"]) == (30_000, "public")
    assert [one["name"] for one in client.request("prompts/list").result["prompts"]] == ["letter"]


def test_of_two_tools_of_one_name_the_first_function_has_it(client: Client) -> None:
    assert client.call("both").text == "shop"


def test_a_list_is_kept_as_long_as_its_hints_say(client: Client, functions: Invoked, clock: Clock) -> None:
    first = client.request("tools/list", request_id=1).result
    functions.calls.clear()
    again = client.request("tools/list", request_id="x")
    assert (again.result, json.loads(again.body)["id"]) == (first, "x")
    assert functions.names() == []
    clock.now += 30
    assert client.request("tools/list").result == first
    assert functions.names() == ["desk", "shop"]


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "x-our-own-key", "cookie"])
def test_a_list_is_kept_for_one_caller(client: Client, functions: Invoked, header: str) -> None:
    client.request("tools/list", headers={header: "one"})
    functions.calls.clear()
    client.request("tools/list", headers={header: "other"})
    client.request("tools/list")
    assert functions.names() == ["desk", "desk", "shop", "shop"]


def test_what_one_function_may_not_share_is_not_kept(functions: Invoked) -> None:
    functions.handlers["desk"] = make_handler(
        make_server(cache_hints={"server/discover": CacheHint(ttl_ms=5, scope="private")})
    )
    client = Client(FunctionRouter({"a": "shop", "b": "desk"}, functions))
    for _ in range(2):
        found = client.request("server/discover").result
        assert (found["ttlMs"], found["cacheScope"]) == (5, "private")
    assert functions.names() == ["desk", "desk", "shop", "shop"]


def test_a_name_that_is_new_is_found(client: Client, functions: Invoked) -> None:
    client.call("price", {"article": "tea"})
    functions.handlers["shop"], functions.handlers["desk"] = desk(), shop()
    assert client.prompt("letter").result["messages"]


def test_a_tool_that_has_moved_is_found(client: Client, functions: Invoked, clock: Clock) -> None:
    client.call("price", {"article": "tea"})
    functions.handlers["shop"], functions.handlers["desk"] = desk(), shop()
    functions.calls.clear()
    assert client.call("price", {"article": "tea"}).text == "tea: 5"
    assert functions.names() == ["desk", "shop"]
    clock.now += 30
    client.call("price", {"article": "tea"})
    functions.calls.clear()
    assert client.call("price", {"article": "tea"}).text == "tea: 5"
    assert functions.names() == ["desk"]


def test_what_one_caller_may_see_does_not_hide_what_another_may(functions: Invoked) -> None:
    def closed(event: Any, context: Any) -> Any:
        """It has the tool of the other function too, for one caller alone."""
        is_known = event["headers"].get("authorization") == "Bearer known"
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": 1}
        if json.loads(event["body"])["method"] == "tools/list":
            answer["result"] = {"tools": [{"name": "price"}] if is_known else []}
        elif is_known:
            answer["result"] = {"content": [{"type": "text", "text": "closed"}]}
        else:
            answer["error"] = {"code": -32602, "message": "Unknown tool: price"}
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": dumps(answer)}

    functions.handlers["desk"] = closed
    client = Client(FunctionRouter({"b": "desk", "a": "shop"}, functions))
    known = {"authorization": "Bearer known"}
    assert client.call("price", {"article": "tea"}, headers=known).text == "closed"
    assert client.call("price", {"article": "tea"}).text == "tea: 5"


def test_what_nobody_has_is_refused_by_the_first_function(client: Client) -> None:
    assert client.call("nothing").error == {"code": -32602, "message": "Unknown tool: nothing"}
    assert client.request("no/method").error["code"] == -32601


def test_abilities_are_those_of_all(client: Client) -> None:
    found = client.request("server/discover").result
    assert {"tools", "prompts", "resources"} <= set(found["capabilities"])
    assert found["instructions"] == "Look things up.\n\nAsk before you act."
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "shop"


def test_a_function_that_refuses_the_caller_refuses_for_all(functions: Invoked) -> None:
    def refuse(event: Any, context: Any) -> Any:
        return {"statusCode": 401, "headers": {"www-authenticate": "Bearer"}, "body": ""}

    functions.handlers["desk"] = refuse
    reply = Client(FunctionRouter({"a": "shop", "b": "desk"}, functions)).request("tools/list")
    assert (reply.status, reply.headers) == (401, {"www-authenticate": "Bearer"})


def test_a_list_of_several_pages_is_one(functions: Invoked) -> None:
    pages = {None: ("one", "2"), "2": ("two", None)}

    def listing(event: Any, context: Any) -> Any:
        cursor = json.loads(event["body"])["params"].get("cursor")
        name, following = pages[cursor]
        result: dict[str, Any] = {"tools": [{"name": name}]}
        if following:
            result["nextCursor"] = following
        return {
            "statusCode": 200,
            "headers": {},
            "body": dumps({"jsonrpc": "2.0", "id": 1, "result": result}),
        }

    functions.handlers["desk"] = listing
    listed = Client(FunctionRouter({"b": "desk", "a": "shop"}, functions)).request("tools/list").result
    assert [tool["name"] for tool in listed["tools"]] == ["one", "two", "price", "both"]
    assert "nextCursor" not in listed


def lists(**result: Any) -> Any:
    """A function that answers everything with this result."""

    def answer(event: Any, context: Any) -> Any:
        body = dumps({"jsonrpc": "2.0", "id": 1, "result": result})
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}

    return answer


def test_pages_without_an_end_are_not_followed(functions: Invoked, caplog: pytest.LogCaptureFixture) -> None:
    functions.handlers["desk"] = lists(tools=[{"name": "one"}], nextCursor="again")
    reply = Client(FunctionRouter({"b": "desk"}, functions)).request("tools/list")
    assert (reply.status, reply.error["message"]) == (502, "Internal error")
    assert functions.names() == ["desk", "desk"]
    assert "the pages of tools/list have no end" in caplog.text


@pytest.mark.parametrize("tools", [[{"title": "no name"}, {"name": "one"}], [5, {"name": "one"}]])
def test_what_has_no_name_is_not_listed(functions: Invoked, tools: Any) -> None:
    functions.handlers["desk"] = lists(tools=tools)
    client = Client(FunctionRouter({"b": "desk"}, functions))
    assert client.request("tools/list").result["tools"] == [{"name": "one"}]
    assert client.call("one").status == 200


@pytest.mark.parametrize("returned", [None, "text", {"errorMessage": "no response"}])
def test_what_a_function_returns_that_is_no_response_is_passed_on(functions: Invoked, returned: Any) -> None:
    """What is in front of the router makes of it what it makes of the function's own."""
    functions.handlers["desk"] = lambda event, context: returned
    router = FunctionRouter({"b": "desk"}, functions)
    for method in ("tools/list", "tools/call"):
        body = message(method, {"name": "one"} if method == "tools/call" else {})
        assert router(http_api(dumps(body), headers_of(body)), None) == returned
        assert router(alb(sent(method, {"name": "one"})), None) == returned


def test_tasks_go_back_to_the_function_that_has_them(functions: Invoked) -> None:
    def tasks(event: Any, context: Any) -> Any:
        body = json.loads(event["body"])
        if body["method"] == "tools/list":
            result: Any = {"tools": [{"name": "slow"}]}
        else:
            result = {"resultType": "task", "taskId": body["params"].get("taskId", "7f")}
            assert event["headers"].get("mcp-name") in ("slow", "7f")
        return {
            "statusCode": 200,
            "headers": {},
            "body": dumps({"jsonrpc": "2.0", "id": 1, "result": result}),
        }

    functions.handlers["desk"] = tasks
    client = Client(FunctionRouter({"a": "shop", "b": "desk"}, functions))
    created = client.call("slow").result["taskId"]
    assert created == "b~7f"
    functions.calls.clear()
    shown = client.request("tasks/get", {"taskId": created}, headers={"mcp-name": created}).result
    assert shown["taskId"] == created
    assert functions.names() == ["desk"]
    # Nobody made that one: the first function says so.
    assert client.request("tasks/get", {"taskId": "c~1"}, headers={"mcp-name": "c~1"}).status == 404


def test_clients_of_earlier_versions_have_a_session_with_each_function(functions: Invoked) -> None:
    settings = Settings(state_keys=("another secret, of thirty-two bytes",))
    functions.handlers |= {"desk": desk(settings=settings, name="desk"), "none": desk(settings=Settings())}
    client = Client(FunctionRouter({"a": "shop", "b": "desk", "c": "none"}, functions))

    def post(method: str, params: Any, session: str | None = None) -> Reply:
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if session:
            headers |= {"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return client.event(http_api(dumps(body), headers))

    begun = post(
        "initialize",
        {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "old", "version": "1"},
        },
    )
    assert {"tools", "prompts"} <= set(begun.result["capabilities"])
    session = begun.headers["mcp-session-id"]
    assert [one["name"] for one in post("tools/list", {}, session).result["tools"]] == [
        "price",
        "both",
        "close",
    ]
    called = post("tools/call", {"name": "both", "arguments": {}}, session)
    assert called.result["content"][0]["text"] == "shop"


def test_what_is_no_post_goes_to_the_first_function(client: Client, functions: Invoked) -> None:
    assert client.event(http_api(None, method="GET", path="/mcp/server-card")).status == 200
    assert functions.names() == ["shop"]


def test_a_function_that_fails_tells_nothing(functions: Invoked, caplog: pytest.LogCaptureFixture) -> None:
    def fail(event: Any, context: Any) -> Any:
        raise StoreError("lambda: 'desk' raised an error")

    functions.handlers["shop"] = functions.handlers["desk"] = fail
    reply = Client(FunctionRouter({"a": "shop", "b": "desk"}, functions)).call("price")
    assert reply.error == {"code": -32603, "message": "Internal error"}
    assert reply.status == 502
    assert "A function behind the router failed" in caplog.text


def test_a_function_without_room_is_told_to_be_called_again(functions: Invoked) -> None:
    def fail(event: Any, context: Any) -> Any:
        cause = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "Rate"}}, "Invoke")
        raise StoreError("lambda: InvokeFunction of 'desk' failed") from cause

    functions.handlers["shop"] = functions.handlers["desk"] = fail
    reply = Client(FunctionRouter({"a": "shop", "b": "desk"}, functions)).call("price")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.error == {"code": -32603, "message": "Too many calls at once: try again in a second"}


def sent(method: str, params: dict[str, Any], *, encoded: bool = False) -> Sent:
    body = message(method, params)
    headers = (*headers_of(body).items(), ("X-Forwarded-For", "198.51.100.1, 203.0.113.7"))
    text = dumps(body)
    return Sent(headers=headers, body=text.encode() if encoded else text)


@pytest.mark.parametrize("encoded", [False, True])
def test_a_load_balancer_with_one_value_for_each_header(
    client: Client, functions: Invoked, *, encoded: bool
) -> None:
    params = {"name": "price", "arguments": {"article": "tea"}}
    written = client.handler(alb(sent("tools/call", params, encoded=encoded)), None)
    assert (written["statusCode"], written["statusDescription"]) == (200, "200 OK")
    assert written["isBase64Encoded"] is False
    assert written["headers"]["content-type"] == "application/json"
    assert json.loads(written["body"])["result"]["content"][0]["text"] == "tea: 5"
    _, event = functions.calls[-1]
    assert event["rawPath"] == "/mcp"
    assert event["requestContext"]["http"]["sourceIp"] == "203.0.113.7"
    assert event["headers"]["mcp-name"] == "price"


def test_a_function_keeps_to_the_limit_of_the_load_balancer(client: Client) -> None:
    params = {"name": "price", "arguments": {"article": "tea" * 400_000}}
    written = client.handler(alb(sent("tools/call", params)), None)
    assert len(dumps(written)) < 1_000_000
    assert "limit" in json.loads(written["body"])["result"]["content"][0]["text"]


def test_a_load_balancer_with_all_values_of_headers(client: Client) -> None:
    written = client.handler(alb_multi_value(sent("tools/list", {})), None)
    assert "headers" not in written
    assert written["multiValueHeaders"]["content-type"] == ["application/json"]
    listed = json.loads(written["body"])["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["price", "both", "close"]


def test_a_load_balancer_gets_the_status_of_a_refusal(client: Client) -> None:
    written = client.handler(alb_multi_value(sent("no/method", {})), None)
    assert (written["statusCode"], written["statusDescription"]) == (404, "404 Not Found")
    got = client.handler(alb(Sent(method="GET", path="/mcp/server-card")), None)
    assert (got["statusCode"], json.loads(got["body"])["name"]) == (200, "localhost/shop")


def large(letter: str, size: int) -> Any:
    """A function whose list has a tool with a long description."""
    server = MCPServer(letter)
    server.tool(name=letter, description=letter * size)(lambda: letter)
    return make_handler(server)


def test_a_list_that_only_together_is_too_large_is_refused() -> None:
    """Each function keeps to the limit of the load balancer; the list of both would break it."""
    functions = Invoked(shop=large("x", 600_000), desk=large("y", 600_000))
    router = FunctionRouter({"a": "shop", "b": "desk"}, functions)
    written = router(alb(sent("tools/list", {})), None)
    assert len(dumps(written)) < 1_000_000
    assert written["statusCode"] == 502
    assert "limit" in json.loads(written["body"])["error"]["message"]
    body = message("tools/list", {})
    reply = router(http_api(dumps(body), headers_of(body)), None)  # which takes 6 MB
    assert len(json.loads(reply["body"])["result"]["tools"]) == 2


def test_a_request_that_lambda_does_not_take_is_too_large(functions: Invoked) -> None:
    def fail(event: Any, context: Any) -> Any:
        answer: Any = {
            "Error": {"Code": "RequestTooLargeException", "Message": "6291456"},
            "ResponseMetadata": {"HTTPStatusCode": 413},
        }
        raise StoreError("lambda: InvokeFunction of 'desk' failed") from ClientError(answer, "Invoke")

    functions.handlers["shop"] = functions.handlers["desk"] = fail
    reply = Client(FunctionRouter({"a": "shop", "b": "desk"}, functions)).call("price")
    assert reply.status == 413
    assert reply.error == {"code": -32600, "message": "The request is too large"}


@pytest.mark.parametrize("body", ["", "no JSON", "[]", '"x"'])
def test_what_is_no_message_is_refused_by_a_function(client: Client, body: str) -> None:
    reply = client.event(http_api(body, {"content-type": "application/json"}))
    assert reply.error["code"] in (-32700, -32600)


def test_a_broken_header_is_refused(client: Client) -> None:
    reply = client.call("price", headers={"mcp-name": "=?base64?!?="})
    assert (reply.status, reply.error["code"]) == (400, -32020)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": []},
        {"httpMethod": "POST", "requestContext": {"stage": "live"}},
        {"requestContext": {"elb": {}}, "headers": 5},
    ],
)
def test_other_events_are_refused(client: Client, event: Any) -> None:
    with pytest.raises(UnknownEventError, match="payload"):
        client.handler(event, None)


@pytest.mark.parametrize("functions", [{}, {"": "f"}, {"a~b": "f"}])
def test_functions_have_names(functions: Any) -> None:
    with pytest.raises(ConfigurationError, match="short names"):
        FunctionRouter(functions)
