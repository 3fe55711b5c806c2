"""What all versions of the legacy era have in common; every result fits the schema of its version."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.support import (
    PREFIX,
    REQUESTS,
    Client,
    Reply,
    dumps,
    failure,
    frames,
    full_server,
    http_api,
    make_server,
    meta,
    tool_error,
)
from tests.wire.eras.legacy_client import HEADERED, VERSIONS, LegacyClient, check, initialize, rpc
from tests.wire.eras.legacy_server import legacy_server

from lambent import (
    CacheHint,
    Call,
    Context,
    Handler,
    HttpRefusal,
    InvalidParamsError,
    McpHeader,
    MissingCapabilityError,
    ProtocolError,
    ToolAnnotations,
    ToolResult,
)
from lambent.wire.eras.legacy import is_wrapped, wrap_output_schema

Serve = Callable[..., Client]
NEWEST = VERSIONS[0]
NOT_FOUND = failure(-32601, "Method not found")


@pytest.fixture(params=VERSIONS)
def client(serve: Serve, request: pytest.FixtureRequest) -> LegacyClient:
    return LegacyClient(serve(legacy_server()), request.param)


def ok(body: str = "{}", request_id: Any = 1) -> bytes:
    return f'{{"jsonrpc":"2.0","id":{dumps(request_id)},"result":{body}}}'.encode()


# Lifecycle


@pytest.mark.parametrize(
    ("requested", "agreed"),
    [
        *((version, version) for version in VERSIONS),
        ("2026-07-28", NEWEST),
        ("2099-01-01", NEWEST),
        ("2025-11-25 ", NEWEST),
        ("1.0", NEWEST),
        ("", NEWEST),
        ("\u00e9\U0001f600", NEWEST),
    ],
)
@pytest.mark.parametrize("header", [None, "2026-07-28", "2024-11-05", "2025-11-25", "2099-01-01", "", "x"])
def test_initialize_agrees_on_a_version_whatever_the_header(
    serve: Serve, requested: str, agreed: str, header: str | None
) -> None:
    reply = LegacyClient(serve(make_server()), NEWEST).post(
        initialize(requested), {"mcp-protocol-version": header, "mcp-method": "tools/list"}
    )
    info = '"serverInfo":{"name":"shop","version":"1.2.3"}'
    assert reply.body == ok(f'{{"protocolVersion":"{agreed}","capabilities":{{"logging":{{}}}},{info}}}')
    assert reply.status == 200
    check(agreed, "initialize", reply.messages)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "Invalid params: Object missing required field `protocolVersion`"),
        ({"protocolVersion": 1}, "Invalid params: Expected `str`, got `int` - at `$.params.protocolVersion`"),
        (
            {"protocolVersion": None},
            "Invalid params: Expected `str`, got `null` - at `$.params.protocolVersion`",
        ),
        ([], "Invalid params: Expected `object`, got `array`"),
        ("x", "Invalid params: Expected `object`, got `str`"),
        (
            {"protocolVersion": NEWEST, "capabilities": {"roots": 1}},
            "Invalid params: Expected `object | null`, got `int` - at `$.params.capabilities.roots`",
        ),
        (
            {"protocolVersion": NEWEST, "clientInfo": "x"},
            "Invalid params: Expected `object | null`, got `str` - at `$.params.clientInfo`",
        ),
    ],
)
def test_parameters_of_initialize_that_are_wrong(serve: Serve, params: Any, reason: str) -> None:
    reply = LegacyClient(serve(make_server()), NEWEST).post(rpc("initialize", params))
    assert (reply.status, reply.body) == (200, failure(-32602, reason))
    assert "mcp-session-id" not in reply.headers


@pytest.mark.parametrize("params", [None, {"protocolVersion": NEWEST}, {"protocolVersion": NEWEST, "x": 1}])
def test_initialize_needs_a_version_only(serve: Serve, params: Any) -> None:
    reply = LegacyClient(serve(make_server()), NEWEST).post(rpc("initialize", params))
    assert ("error" in reply.response) == (params is None)


def test_the_capabilities_of_initialize(client: LegacyClient) -> None:
    capabilities = client.start().result["capabilities"]
    assert capabilities["extensions"] == {"com.example/extra": {}}
    assert set(capabilities) <= {"logging", "tools", "resources", "prompts", "completions", "extensions"}


def test_tasks_are_no_extension_of_initialize(serve: Serve) -> None:
    mcp = make_server(extensions={"io.modelcontextprotocol/tasks": {}})
    assert LegacyClient(serve(mcp), NEWEST).start().result["capabilities"] == {"logging": {}}


def test_a_server_without_features_offers_logging_only(serve: Serve) -> None:
    client = LegacyClient(serve(make_server()), NEWEST)
    assert client.start().result["capabilities"] == {"logging": {}}
    for method in (
        "tools/list",
        "resources/read",
        "resources/subscribe",
        "prompts/get",
        "completion/complete",
    ):
        assert client.post(rpc(method, REQUESTS.get(method, {"uri": "note://today"}))).body == NOT_FOUND


@pytest.mark.parametrize(
    "request_id", [0, -1, 2**63, 10**30, "", "x", "1", "\u00e9\U0001f600", "a" * 100_000]
)
def test_ping_echoes_its_id(client: LegacyClient, request_id: Any) -> None:
    reply = client.post(rpc("ping", request_id=request_id))
    assert (reply.status, reply.body) == (200, ok(request_id=request_id))
    assert reply.headers == {"content-type": "application/json"}


@pytest.mark.parametrize("params", [None, {}, {"_meta": {}}, {"_meta": {"progressToken": 1}}, {"x": 1}])
def test_ping_needs_no_session_and_takes_any_parameters(client: LegacyClient, params: Any) -> None:
    assert client.request("ping", params).body == ok()


@pytest.mark.parametrize(
    "message",
    [
        rpc("notifications/initialized", request_id=None),
        rpc("notifications/cancelled", {"requestId": 1}, None),
        rpc("notifications/cancelled", {"requestId": {}}, None),
        rpc("notifications/progress", {"progressToken": 1, "progress": 1}, None),
        rpc("notifications/roots/list_changed", request_id=None),
        rpc("notifications/no_such", request_id=None),
        rpc("tools/call", {"name": "refuse"}, None),
        rpc("initialize", {"protocolVersion": NEWEST}, None),
    ],
)
@pytest.mark.parametrize("session", [None, "lb1.x.y"])
def test_notifications_are_accepted(client: LegacyClient, message: Any, session: str | None) -> None:
    reply = client.post(message, {"mcp-session-id": session})
    assert (reply.status, reply.headers, reply.body) == (202, {}, b"")


# Logging


@pytest.mark.parametrize(
    "level", ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
)
def test_a_level_of_log_messages_is_taken(client: LegacyClient, level: str) -> None:
    client.start()
    reply = client.request("logging/setLevel", {"level": level})
    assert reply.body == ok()
    assert reply.headers["mcp-session-id"] not in (None, client.session)


@pytest.mark.parametrize("level", ["loud", "INFO", "", None, 1, ["info"]])
def test_a_level_that_there_is_not(client: LegacyClient, level: Any) -> None:
    client.start()
    reply = client.request("logging/setLevel", {"level": level})
    assert reply.error["code"] == -32602
    assert "mcp-session-id" not in reply.headers


def test_no_level_at_all(client: LegacyClient) -> None:
    reason = "Invalid params: Object missing required field `level`"
    assert client.request("logging/setLevel", {}).body == failure(-32602, reason)


def logged(reply: Reply) -> list[str]:
    return [one["params"]["level"] for one in reply.notifications if one["method"] == "notifications/message"]


def test_messages_from_info_on_are_sent_unless_another_level_is_set(client: LegacyClient) -> None:
    assert logged(client.call("talk")) == ["info", "error"]  # without a session too
    client.start()
    assert logged(client.call("talk")) == ["info", "error"]
    for level, expected in (
        ("debug", ["debug", "info", "error"]),
        ("error", ["error"]),
        ("emergency", []),
    ):
        reply = client.request("logging/setLevel", {"level": level})
        client.session = reply.headers["mcp-session-id"]
        assert logged(client.call("talk")) == expected


def test_the_level_of_a_client_that_keeps_its_first_token_stays(client: LegacyClient) -> None:
    client.start()
    client.request("logging/setLevel", {"level": "debug"})
    assert logged(client.call("talk")) == ["info", "error"]


def test_the_level_in_meta_is_not_one_of_the_legacy_era(client: LegacyClient) -> None:
    reply = client.call("talk", _meta={f"{PREFIX}logLevel": "debug"})
    assert logged(reply) == ["info", "error"]


def test_log_messages_as_bytes(client: LegacyClient) -> None:
    reply = client.call("talk")
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.body == frames(
        b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":{"a":[1]},"logger":"shop"}}',
        b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"e"}}',
        ok('{"content":[{"type":"text","text":"done"}]}'),
    )


def test_a_client_that_takes_json_only_gets_no_messages(client: LegacyClient) -> None:
    reply = client.call("talk", _meta={"progressToken": 1})
    assert len(reply.notifications) == 4
    body = rpc("tools/call", {"name": "talk", "_meta": {"progressToken": 1}})
    reply = client.post(body, {"accept": "application/json"})
    assert reply.body == ok('{"content":[{"type":"text","text":"done"}]}')


@pytest.mark.parametrize("token", ["t", 0, "\u00e9", 2**40])
def test_progress_has_its_token(client: LegacyClient, token: Any) -> None:
    shown = client.call("talk", _meta={"progressToken": token}).notifications[:2]
    assert [one["params"]["progressToken"] for one in shown] == [token, token]


# Lists


@pytest.mark.parametrize(
    "method", ["tools/list", "resources/list", "resources/templates/list", "prompts/list"]
)
def test_lists_fit_the_schema_page_by_page(serve: Serve, method: str) -> None:
    hints = {method: CacheHint(ttl_ms=5000, scope="public")}
    for version in VERSIONS:
        client = LegacyClient(serve(legacy_server(page_size=2, cache_hints=hints)), version)
        cursor: dict[str, Any] | None = None
        names: list[str] = []
        while True:
            result = client.request(method, cursor).result
            (items,) = (value for name, value in result.items() if name != "nextCursor")
            names += [item["name"] for item in items]
            if "nextCursor" not in result:
                break
            cursor = {"cursor": result["nextCursor"]}
        assert len(names) == len(set(names)) == (13 if method == "tools/list" else 1)


@pytest.mark.parametrize("cursor", ["x", "", "dG9vbHMvbGlzdCBub2JvZHk", "\u00e9", "a" * 5000])
def test_a_cursor_that_the_server_did_not_give(client: LegacyClient, cursor: str) -> None:
    reply = client.request("tools/list", {"cursor": cursor})
    assert reply.body == failure(-32602, "Invalid cursor: list from the start")


def test_a_list_is_the_same_for_both_eras_afterwards(serve: Serve) -> None:
    """What a version does not know is taken from copies."""
    inner = serve(legacy_server())
    for version in VERSIONS:
        LegacyClient(inner, version).request("tools/list")
        LegacyClient(inner, version).request("resources/list")
    tools = {tool["name"]: tool for tool in inner.request("tools/list").result["tools"]}
    assert tools["add"]["title"] == "Add two"
    assert tools["add"]["outputSchema"] == {"type": "integer"}
    assert tools["tree"]["outputSchema"].keys() == {"$ref", "$defs"}
    assert inner.request("resources/list").result["resources"][0]["icons"]


def test_a_title_of_annotations_is_kept_before_that_of_the_tool(serve: Serve) -> None:
    mcp = make_server()
    for number, given in enumerate([None, ToolAnnotations(), ToolAnnotations(title="Own")]):
        mcp.tool(name=f"t{number}", title="Tool's", annotations=given)(lambda: "x")
    client = LegacyClient(serve(mcp), "2025-03-26")
    titles = [tool["annotations"]["title"] for tool in client.request("tools/list").result["tools"]]
    assert titles == ["Tool's", "Tool's", "Own"]


# Structured results


@pytest.mark.parametrize("version", HEADERED)
@pytest.mark.parametrize("tool", ["line", "lines", "maybe", "tree", "trees", "prices", "add"])
def test_structured_results_fit_the_schemas_that_are_listed(serve: Serve, version: str, tool: str) -> None:
    """References stay right where the schema is wrapped."""
    client = LegacyClient(serve(legacy_server()), version)
    (listed,) = (one for one in client.request("tools/list").result["tools"] if one["name"] == tool)
    schema = listed["outputSchema"]
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    for arguments in [{"a": 1}] if tool == "add" else [{}, {"is_there": True}] if tool == "maybe" else [{}]:
        structured = client.call(tool, arguments).result["structuredContent"]
        Draft202012Validator(schema).validate(structured)
        assert not Draft202012Validator(schema).is_valid({"result": "wrong", "sku": 1, "value": "x", "a": 1})


@pytest.mark.parametrize("version", VERSIONS[2:])
def test_versions_without_structured_results_have_no_schemas_of_them(serve: Serve, version: str) -> None:
    client = LegacyClient(serve(legacy_server()), version)
    assert not any("outputSchema" in tool for tool in client.request("tools/list").result["tools"])
    assert client.call("lines").body == ok(
        '{"content":[{"type":"text","text":"[{\\"sku\\":\\"a\\",\\"count\\":2}]"}]}'
    )


@pytest.mark.parametrize("version", HEADERED)
@pytest.mark.parametrize("value", [None, 1, "x", [], [1], True, {}, {"a": 1}, {"result": 1}])
def test_structured_content_without_a_schema_is_an_object(serve: Serve, version: str, value: Any) -> None:
    structured = (
        LegacyClient(serve(legacy_server()), version)
        .call("loose", {"value": value})
        .result["structuredContent"]
    )
    assert structured == (value if isinstance(value, dict) else {"result": value})


@pytest.mark.parametrize("version", HEADERED)
@pytest.mark.parametrize("is_wrapped_tool", [False, True])
@pytest.mark.parametrize("value", [None, 1, [1], {"why": "x"}])
def test_structured_content_of_an_error_is_an_object(
    serve: Serve, version: str, is_wrapped_tool: bool, value: Any
) -> None:
    """It need not fit the tool's schema."""
    mcp = make_server()

    def fail() -> Any:
        return ToolResult(content=["no"], structured_content=value, is_error=True)

    fail.__annotations__["return"] = list[int] if is_wrapped_tool else dict[str, int]
    mcp.tool()(fail)
    result = LegacyClient(serve(mcp), version).call("fail").result
    assert result["structuredContent"] == (value if isinstance(value, dict) else {"result": value})


@pytest.mark.parametrize(
    ("schema", "wrapped"),
    [
        ({"type": "object"}, None),
        ({"type": "integer"}, {"properties": {"result": {"type": "integer"}}}),
        ({}, {"properties": {"result": {}}}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}}, None),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"type": "object"}}},
            None,
        ),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "array"}}},
            {"$defs": {"A": {"type": "array"}}, "properties": {"result": {"$ref": "#/$defs/A"}}},
        ),
        (
            {"type": ["object", "null"], "$schema": "s"},
            {"$schema": "s", "properties": {"result": {"type": ["object", "null"]}}},
        ),
    ],
)
def test_schemas_of_results(schema: dict[str, Any], wrapped: dict[str, Any] | None) -> None:
    assert is_wrapped(schema) == (wrapped is not None)
    members = {"outputSchema": json.loads(dumps(schema))}
    wrap_output_schema(members)
    assert members["outputSchema"] == {**(wrapped or schema), "type": "object"} | (
        {"required": ["result"]} if wrapped else {}
    )


# Calls that fail


def test_a_tool_that_says_no(client: LegacyClient) -> None:
    expected = ok(
        '{"content":[{"type":"text","text":"Error executing tool refuse: Sold out"}],"isError":true}'
    )
    assert client.call("refuse").body == expected
    assert expected == tool_error("Error executing tool refuse: Sold out").replace(
        b'"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"shop","version":"1.2.3"}},',
        b"",
    )


def test_a_tool_that_there_is_not(client: LegacyClient) -> None:
    assert client.call("nobody").body == failure(-32602, "Unknown tool: nobody")


def test_arguments_that_are_wrong_are_for_the_model(client: LegacyClient) -> None:
    text = "Error executing tool add: Invalid arguments: Expected `int`, got `str` - at `$.a`"
    assert client.call("add", {"a": "x"}).text == text


@pytest.mark.parametrize("arguments", [[], "x", 1, True])
def test_arguments_that_are_no_object(client: LegacyClient, arguments: Any) -> None:
    reply = client.request("tools/call", {"name": "add", "arguments": arguments})
    assert reply.body == failure(-32602, "Invalid params: Expected `object` - at `$.params.arguments`")


@pytest.mark.parametrize("params", [None, {}, {"arguments": {}}, [], {"name": 1}])
def test_a_call_without_a_name(client: LegacyClient, params: Any) -> None:
    assert client.request("tools/call", params).error["code"] == -32602


@pytest.mark.parametrize("member", [{"task": {"ttl": 1000}}, {"task": None}, {"_meta": {"a": 1}}, {"x": []}])
def test_members_that_are_not_known_are_ignored(client: LegacyClient, member: Any) -> None:
    """Tasks too: a server that does not declare them processes the request as usual."""
    assert client.call("say", {"text": "x"}, **member).text == "x"


@pytest.mark.parametrize("uri", ["note://no", "x://y", "", "\u00e9", "a" * 10_000])
@pytest.mark.parametrize("method", ["resources/read", "resources/subscribe", "resources/unsubscribe"])
def test_a_resource_that_there_is_not(client: LegacyClient, method: str, uri: str) -> None:
    reply = client.request(method, {"uri": uri})
    assert reply.body == failure(-32002, "Resource not found", {"uri": uri})


@pytest.mark.parametrize("method", ["resources/subscribe", "resources/unsubscribe"])
@pytest.mark.parametrize("uri", ["note://today", "note://monday/text"])
def test_a_subscription_is_acknowledged(client: LegacyClient, method: str, uri: str) -> None:
    assert client.request(method, {"uri": uri}).body == ok()


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("prompts/get", {"name": "nobody"}, "Unknown prompt: nobody"),
        (
            "prompts/get",
            {"name": "greet"},
            "Invalid arguments for prompt 'greet': Object missing required field `name`",
        ),
        ("resources/read", {}, "Invalid params: Object missing required field `uri`"),
        ("resources/subscribe", {}, "Invalid params: Object missing required field `uri`"),
        ("resources/read", {"uri": 1}, "Invalid params: Expected `str`, got `int` - at `$.params.uri`"),
    ],
)
def test_parameters_that_are_wrong(client: LegacyClient, method: str, params: Any, message: str) -> None:
    assert client.request(method, params).body == failure(-32602, message)


def test_completion(client: LegacyClient) -> None:
    params = {
        "ref": {"type": "ref/prompt", "name": "greet"},
        "argument": {"name": "name", "value": "A"},
        "context": {"arguments": {"x": "y"}},
    }
    assert client.request("completion/complete", params).body == ok(
        '{"completion":{"values":["A1","x"],"total":2,"hasMore":true}}'
    )


@pytest.mark.parametrize(
    "method",
    [
        "no/such",
        "",
        "tools/call ",
        "TOOLS/CALL",
        "\u00e9",
        "server/discover",
        "subscriptions/listen",
        "tasks/get",
        "tasks/list",
        "tasks/result",
        "tasks/cancel",
        "tasks/update",
        "sampling/createMessage",
        "notifications/initialized",
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "application/json, text/event-stream"])
def test_methods_that_are_not_of_the_era(client: LegacyClient, method: str, accept: str) -> None:
    reply = client.post(rpc(method, REQUESTS.get(method, {"taskId": "x"})), {"accept": accept})
    assert (reply.status, reply.body) == (200, NOT_FOUND)


@pytest.mark.parametrize(
    "extra",
    [
        {"inputResponses": {"q": {"action": "accept"}}},
        {"requestState": "x"},
        {"requestState": "x", "inputResponses": {}},
    ],
)
def test_no_member_of_a_retry_has_a_meaning(client: LegacyClient, extra: dict[str, Any]) -> None:
    """Answers are messages of their own, and a request has no state."""
    assert client.call("say", {"text": "x"}, **extra).text == "x"
    prompt = client.request("prompts/get", {"name": "greet", "arguments": {"name": "Ada"}, **extra})
    assert prompt.result["description"] == "Say hello."
    assert client.request("resources/read", {"uri": "note://today", **extra}).result["contents"]


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (InvalidParamsError("no"), -32602, 200),
        (ProtocolError("no", status=500), -32603, 200),
        (ProtocolError("no", headers={"Retry-After": "5"}), -32603, 200),
        (MissingCapabilityError({"roots": {}}), -32603, 200),
        (HttpRefusal(401, "no", {"WWW-Authenticate": "Bearer"}), -32600, 401),
        (HttpRefusal(403, "no"), -32600, 403),
        (HttpRefusal(429, "no", {"Retry-After": "5"}), -32600, 429),
    ],
)
@pytest.mark.parametrize("method", ["ping", "tools/list", "tools/call"])
def test_errors_of_middleware(
    serve: Serve, method: str, error: ProtocolError, code: int, status: int
) -> None:
    """Clients give up their connection at any status but 200, so only refusals of HTTP have one."""

    def fail(call: Call, following: Handler) -> Any:
        raise error

    client = LegacyClient(serve(full_server(middleware=[fail])), NEWEST)
    reply = client.post(rpc(method, REQUESTS.get(method)))
    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.headers == {"content-type": "application/json", **error.headers}


def test_an_error_that_nobody_expected(serve: Serve) -> None:
    mcp = make_server()

    @mcp.resource("note://broken")
    def broken() -> str:
        raise RuntimeError("secret")

    reply = LegacyClient(serve(mcp), NEWEST).request("resources/read", {"uri": "note://broken"})
    assert reply.error["code"] == -32603
    assert b"secret" not in reply.body


def test_what_a_client_cannot_do_is_told_to_the_model(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def where(ctx: Context) -> str:
        return str(ctx.list_roots().result())

    @mcp.resource("note://roots")
    def roots(ctx: Context) -> str:
        return str(ctx.list_roots().result())

    client = LegacyClient(serve(mcp), NEWEST)
    text = "The client did not declare a capability that this request needs: roots"
    unknown = (
        f"{text}. Without a session the server does not know what this client can do: send the "
        "Mcp-Session-Id that initialize has answered with"
    )
    assert client.call("where").text == unknown
    client.start()
    reply = client.call("where")
    assert (reply.text, reply.result["isError"]) == (text, True)
    error = client.request("resources/read", {"uri": "note://roots"}).error
    assert (error["code"], error["message"]) == (-32603, text)


def test_headers_of_the_modern_era_are_not_compared(serve: Serve) -> None:
    from typing import Annotated

    mcp = make_server()

    @mcp.tool()
    def route(region: Annotated[str, McpHeader("Region")]) -> str:
        return region

    wrong = {"mcp-method": "tools/list", "mcp-name": "other", "mcp-param-region": "other"}
    assert LegacyClient(serve(mcp), NEWEST).call("route", {"region": "eu"}).text == "eu"
    reply = LegacyClient(serve(mcp), NEWEST).post(
        rpc("tools/call", {"name": "route", "arguments": {"region": "eu"}}), wrong
    )
    assert reply.text == "eu"


@pytest.mark.parametrize("value", ["\\ud800", "x\\udfff"])
def test_lone_surrogates_end_as_errors(client: LegacyClient, value: str) -> None:
    params = f'{{"name":"say","arguments":{{"text":"{value}"}}}}'
    reply = client.post(f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}')
    assert reply.status in (200, 400)
    reply.body.decode()


def test_deep_nesting_ends_as_an_error(client: LegacyClient) -> None:
    for levels in (100, 900, 5000, 100_000):
        deep = "[" * levels + "]" * levels
        for params in (
            f'{{"name":"say","arguments":{{"text":{deep}}}}}',
            f'{{"_meta":{{"x":{deep}}},"name":"a"}}',
        ):
            reply = client.post(f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}')
            assert reply.status in (200, 400)
            assert reply.response.get("error", {}).get("code") in (None, -32602, -32700)


def test_a_modern_request_is_not_touched(serve: Serve) -> None:
    inner = serve(legacy_server())
    LegacyClient(inner, NEWEST).start()
    reply = inner.call("media")
    assert reply.result["resultType"] == "complete"
    assert [block["type"] for block in reply.result["content"]][3] == "resource_link"
    assert inner.call("add", {"a": 1}).value == 1


def test_the_version_in_meta_wins(client: LegacyClient) -> None:
    """Whatever the method, and with a session too (basic/versioning)."""
    client.start()
    for method in ("initialize", "ping", "logging/setLevel", "resources/subscribe"):
        params = {"_meta": meta(), "protocolVersion": NEWEST, "level": "info", "uri": "note://today"}
        headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
        reply = client.post(rpc(method, params), headers)
        assert (reply.status, reply.error["code"]) == (404, -32601)


def test_bytes_of_another_client_do_not_matter(serve: Serve) -> None:
    """A client that is none of the official ones: few headers, and a content type with a parameter."""
    inner = serve(legacy_server())
    reply = inner.event(http_api(dumps(rpc("ping")), {"content-type": "application/json; charset=utf-8"}))
    assert reply.body == ok()
