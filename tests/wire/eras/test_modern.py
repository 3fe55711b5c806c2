"""The rules of a modern request, one by one."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import (
    EVERYTHING,
    PREFIX,
    REQUESTS,
    VERSION,
    Client,
    dumps,
    failure,
    full_server,
    headers_of,
    make_server,
    message,
    meta,
    sentinel,
    success,
)

from lambent import Context
from lambent.errors import HeaderMismatchError, InvalidParamsError, ProtocolError, UnsupportedVersionError
from lambent.wire import jsonrpc
from lambent.wire.eras import SUPPORTED_VERSIONS
from lambent.wire.eras.modern import ModernEra

SUPPORTED = {"supported": list(SUPPORTED_VERSIONS)}
NAMED = ["tools/call", "resources/read", "prompts/get"]


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    return serve(full_server())


def refused(
    client: Client,
    status: int,
    expected: bytes,
    method: str = "tools/call",
    *,
    headers: dict[str, str | None] | None = None,
    params: dict[str, Any] | None = None,
) -> None:
    """Check that a request is refused: status, headers and bytes."""
    body = message(method, {**REQUESTS.get(method, {}), **(params or {})})
    reply = client.post(body, headers)
    assert reply.body == expected
    assert reply.status == status
    assert reply.headers == {"content-type": "application/json"}


# _meta


@pytest.mark.parametrize("method", REQUESTS)
def test_every_method_is_served_when_all_rules_are_kept(client: Client, method: str) -> None:
    reply = client.request(method, REQUESTS[method])
    assert reply.status == 200
    assert reply.result["resultType"] == "complete"


@pytest.mark.parametrize("method", [*REQUESTS, "no/such"])
def test_meta_without_a_version_is_invalid(client: Client, method: str) -> None:
    refused(
        client,
        400,
        failure(-32602, f"params._meta must carry {PREFIX}protocolVersion", SUPPORTED),
        method,
        params={"_meta": {f"{PREFIX}clientCapabilities": {}}},
    )


@pytest.mark.parametrize("method", [*REQUESTS, "no/such"])
def test_meta_without_capabilities_is_invalid(client: Client, method: str) -> None:
    refused(
        client,
        400,
        failure(-32602, f"params._meta must carry {PREFIX}clientCapabilities"),
        method,
        params={"_meta": {f"{PREFIX}protocolVersion": VERSION}},
    )


@pytest.mark.parametrize("method", ["tools/call", "tools/list", "server/discover", "no/such"])
@pytest.mark.parametrize("params", [..., {}, {"name": "add"}])
def test_no_meta_at_all_is_invalid(client: Client, method: str, params: Any) -> None:
    body = {**message(method), "params": params}
    if params is ...:
        del body["params"]
    reply = client.post(body, {"mcp-name": "add"})
    reason = f"params._meta must carry {PREFIX}protocolVersion"
    if method == "tools/call" and params in (..., {}):
        reason = "Invalid params: Object missing required field `name`"
    assert reply.status == 400
    assert reply.body == failure(-32602, reason, SUPPORTED)


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_meta_that_is_no_object_is_invalid(client: Client, value: Any) -> None:
    reply = client.request("tools/list", {"_meta": value})
    assert (reply.status, reply.error["code"]) == (400, -32602)
    assert reply.error["message"].endswith("at `$.params._meta`")


@pytest.mark.parametrize("value", [None, 1, True, [], {}])
def test_a_version_that_is_no_string_is_invalid(client: Client, value: Any) -> None:
    reply = client.request("tools/list", {"_meta": {**meta(), f"{PREFIX}protocolVersion": value}})
    assert (reply.status, reply.error["code"]) == (400, -32602)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "x",
        [],
        True,
        {"elicitation": True},
        {"elicitation": []},
        {"elicitation": {"form": 1}},
        {"sampling": "x"},
        {"roots": []},
        {"extensions": {"a.b/c": 1}},
    ],
)
def test_capabilities_of_the_wrong_type_are_invalid(client: Client, value: Any) -> None:
    reply = client.request("tools/list", {"_meta": {**meta(), f"{PREFIX}clientCapabilities": value}})
    assert (reply.status, reply.error["code"]) == (400, -32602)
    assert "clientCapabilities" in reply.error["message"]


@pytest.mark.parametrize(
    "capabilities",
    [
        {},
        {"elicitation": {}, "sampling": {"context": {}, "tools": {}}, "roots": {"listChanged": True}},
        {"experimental": {"x": {}}, "extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["a"]}}},
        {"unknown": 1, "tasks": {}},
    ],
)
def test_capabilities_may_say_more_than_this_server_knows(client: Client, capabilities: Any) -> None:
    assert client.request("tools/list", capabilities=capabilities).status == 200


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("progressToken", True),
        ("progressToken", 1.5),
        ("progressToken", []),
        (f"{PREFIX}logLevel", "loud"),
        (f"{PREFIX}logLevel", "INFO"),
        (f"{PREFIX}logLevel", 1),
        (f"{PREFIX}clientInfo", "x"),
    ],
)
def test_reserved_keys_of_the_wrong_type_are_invalid(client: Client, key: str, value: Any) -> None:
    reply = client.request("tools/list", {"_meta": {**meta(), key: value}})
    assert (reply.status, reply.error["code"]) == (400, -32602)


@pytest.mark.parametrize(
    "extra",
    [
        {"clientInfo": {"name": "tests", "version": "1"}},
        {"clientInfo": {}},
        {"logLevel": "debug", "progressToken": "t"},
        {"progressToken": 0},
        {"com.example/anything": {"a": [1]}, "traceparent": "00-1-2-01", "": None},
    ],
)
def test_meta_may_carry_anything_else(client: Client, extra: dict[str, Any]) -> None:
    assert client.request("tools/list", **extra).status == 200


# Versions


@pytest.mark.parametrize("method", [*REQUESTS, "no/such", "initialize"])
@pytest.mark.parametrize("version", ["2025-11-25", "2099-01-01", "1.0", ""])
def test_an_unsupported_version_is_told_what_is_supported(client: Client, method: str, version: str) -> None:
    refused(
        client,
        400,
        failure(
            -32022,
            f"Unsupported protocol version; this server speaks {', '.join(SUPPORTED_VERSIONS)}",
            {**SUPPORTED, "requested": version},
        ),
        method,
        headers={"mcp-protocol-version": version},
        params={"_meta": {**meta(), f"{PREFIX}protocolVersion": version}},
    )


@pytest.mark.parametrize("version", ["2031-01-01", "latest", ""])
@pytest.mark.parametrize("method", ["tools/list", "no/such"])
def test_a_header_that_names_an_unknown_version_is_told_what_is_supported(
    client: Client, method: str, version: str
) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": method}
    reply = client.post(body, {"mcp-protocol-version": version, "mcp-method": None})
    assert (reply.status, reply.error["code"]) == (400, -32022)
    assert reply.error["data"] == {**SUPPORTED, "requested": version}


@pytest.mark.parametrize("method_header", [None, "initialize"])
def test_initialize_in_modern_clothes_names_the_supported_versions(
    client: Client, method_header: str | None
) -> None:
    reply = client.request("initialize", {}, headers={"mcp-method": method_header})
    assert reply.status == (404 if method_header else 400)
    assert reply.error["data"] == SUPPORTED


# Headers


HEADER_CASES: list[tuple[str, str | None, str]] = [
    ("MCP-Protocol-Version", None, "header is missing"),
    ("MCP-Protocol-Version", "", "header does not match the body"),
    ("MCP-Protocol-Version", "2025-11-25", "header does not match the body"),
    ("MCP-Protocol-Version", "2026-07-28,2026-07-28", "header does not match the body"),
    ("MCP-Protocol-Version", "2026-07-28, 2026-07-28", "header does not match the body"),
    ("MCP-Protocol-Version", "2026-07-2\uff18", "contains invalid characters"),
    ("Mcp-Method", None, "header is missing"),
    ("Mcp-Method", "", "header does not match the body"),
    ("Mcp-Method", "tools/list", "header does not match the body"),
    ("Mcp-Method", "Tools/Call", "header does not match the body"),
    ("Mcp-Method", "tools/call,tools/call", "header does not match the body"),
    ("Mcp-Method", "tools/call\x00", "contains invalid characters"),
    ("Mcp-Name", None, "header is missing"),
    ("Mcp-Name", "", "header does not match the body"),
    ("Mcp-Name", "subtract", "header does not match the body"),
    ("Mcp-Name", "ADD", "header does not match the body"),
    ("Mcp-Name", "add,add", "header does not match the body"),
    ("Mcp-Name", "add, subtract", "header does not match the body"),
    ("Mcp-Name", '"add"', "header does not match the body"),
    ("Mcp-Name", sentinel("subtract"), "header does not match the body"),
    ("Mcp-Name", "=?BASE64?YWRk?=", "header does not match the body"),
    ("Mcp-Name", "=?base64?YWRk", "header does not match the body"),
    ("Mcp-Name", "=?base64?YWR?=", "is not valid Base64 of UTF-8"),
    ("Mcp-Name", "=?base64?%?=", "is not valid Base64 of UTF-8"),
    ("Mcp-Name", "=?base64?/w==?=", "is not valid Base64 of UTF-8"),
    ("Mcp-Name", "ädd", "contains invalid characters"),
    ("Mcp-Name", "add\n", "contains invalid characters"),
]


@pytest.mark.parametrize(("name", "value", "reason"), HEADER_CASES)
def test_headers_that_differ_from_the_body(client: Client, name: str, value: str | None, reason: str) -> None:
    refused(
        client,
        400,
        failure(-32020, f"Header mismatch: {name} {reason}"),
        headers={name.lower(): value},
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mcp-protocol-version", " 2026-07-28\t"),
        ("mcp-method", " tools/call "),
        ("mcp-name", "\tadd "),
        ("mcp-name", sentinel("add")),
        ("mcp-name", f" {sentinel('add')} "),
    ],
)
def test_headers_that_say_the_same_as_the_body(client: Client, name: str, value: str) -> None:
    reply = client.request("tools/call", REQUESTS["tools/call"], headers={name: value})
    assert reply.status == 200
    assert reply.body == success('"content":[{"type":"text","text":"3"}],"structuredContent":{"result":3}')


@pytest.mark.parametrize(
    ("name", "value"), [("mcp-protocol-version", sentinel(VERSION)), ("mcp-method", sentinel("tools/call"))]
)
def test_only_names_and_parameters_may_be_base64(client: Client, name: str, value: str) -> None:
    """Intermediaries compare the other headers as they are ("Server Validation")."""
    reply = client.request("tools/call", REQUESTS["tools/call"], headers={name: value})
    assert (reply.status, reply.response.get("error", {}).get("code")) == (400, -32020)


@pytest.mark.parametrize("case", [str.upper, str.title, str.lower])
def test_header_names_have_no_case(client: Client, case: Callable[[str], str]) -> None:
    body = message("tools/call", REQUESTS["tools/call"])
    sent = {case(name): value for name, value in headers_of(body).items()}
    reply = client.post(body, {**dict.fromkeys(headers_of(body)), **sent})
    assert reply.status == 200


@pytest.mark.parametrize("method", NAMED)
def test_named_methods_need_the_name_header(client: Client, method: str) -> None:
    refused(
        client,
        400,
        failure(-32020, "Header mismatch: Mcp-Name header is missing"),
        method,
        headers={"mcp-name": None},
    )


@pytest.mark.parametrize("method", [method for method in REQUESTS if method not in NAMED])
def test_other_methods_do_not_look_at_the_name_header(client: Client, method: str) -> None:
    assert client.request(method, REQUESTS[method], headers={"mcp-name": "\x80"}).status == 200


@pytest.mark.filterwarnings("ignore::lambent.DeclarationWarning")
@pytest.mark.parametrize("name", ["größe", " padded", "a\tb\n", "=?base64?YQ==?=", "x" * 5000, "世界"])
def test_names_outside_of_ascii_travel_as_base64(serve: Callable[..., Client], name: str) -> None:
    mcp = make_server()

    @mcp.tool(name)
    def tool() -> str:
        return "found"

    client = serve(mcp)
    assert client.call(name, headers={"mcp-name": sentinel(name)}).text == "found"
    assert client.call(name, headers={"mcp-name": sentinel(name + "x")}).error["code"] == -32020


@pytest.mark.parametrize("header", ["mcp-session-id", "last-event-id"])
def test_headers_of_the_legacy_era_are_ignored(client: Client, header: str) -> None:
    plain = client.call("add", {"a": 1})
    assert client.call("add", {"a": 1}, headers={header: "1868a90c"}).written == plain.written


# Methods and parameters


@pytest.mark.parametrize(
    "method",
    ["no/such", "", "tools", "tools/call/", "TOOLS/CALL", "ping", "logging/setLevel", "é"],
)
def test_unknown_methods_are_not_found(client: Client, method: str) -> None:
    headers = {"mcp-method": sentinel(method)} if not method.isascii() else {}
    reply = client.request(method, headers=headers)
    if method.isascii():
        assert reply.status == 404
        assert reply.headers == {"content-type": "application/json"}
        assert reply.body == failure(-32601, "Method not found")
    else:
        assert reply.status in (400, 404)


@pytest.mark.parametrize("method", [method for method in REQUESTS if method[:6] not in ("server", "subscr")])
def test_methods_of_features_that_a_server_lacks_are_not_found(
    serve: Callable[..., Client], method: str
) -> None:
    reply = serve(make_server()).request(method, REQUESTS[method])
    assert reply.status == 404
    assert reply.body == failure(-32601, "Method not found")


@pytest.mark.parametrize(
    ("method", "params", "reason"),
    [
        ("tools/call", {"name": 1}, "Invalid params: Expected `str`, got `int` - at `$.params.name`"),
        ("tools/call", {"name": None}, "Invalid params: Expected `str`, got `null` - at `$.params.name`"),
        ("tools/call", {"arguments": []}, "Invalid params: Expected `object` - at `$.params.arguments`"),
        ("tools/call", {"arguments": "null"}, "Invalid params: Expected `object` - at `$.params.arguments`"),
        (
            "tools/call",
            {"requestState": None, "name": 1},
            "Invalid params: Expected `str`, got `int` - at `$.params.name`",
        ),
        (
            "tools/list",
            {"cursor": [None]},
            "Invalid params: Expected `str`, got `array` - at `$.params.cursor`",
        ),
        ("tools/call", {"arguments": "{}"}, "Invalid params: Expected `object` - at `$.params.arguments`"),
        ("tools/call", {"name": "no"}, "Unknown tool: no"),
        ("prompts/get", {"name": "no"}, "Unknown prompt: no"),
        (
            "prompts/get",
            {"arguments": {"name": 1}},
            "Invalid params: Expected `str`, got `int` - at `$.params.arguments[...]`",
        ),
        (
            "tools/call",
            {"requestState": 1},
            "Invalid params: Expected `str`, got `int` - at `$.params.requestState`",
        ),
        (
            "tools/call",
            {"inputResponses": []},
            "Invalid params: Expected `object`, got `array` - at `$.params.inputResponses`",
        ),
        ("tools/list", {"cursor": 1}, "Invalid params: Expected `str`, got `int` - at `$.params.cursor`"),
        (
            "completion/complete",
            {"ref": {"type": "ref/other"}},
            "Invalid params: Invalid value 'ref/other' - at `$.params.ref.type`",
        ),
        (
            "completion/complete",
            {"argument": {"name": "x"}},
            "Invalid params: Object missing required field `value` - at `$.params.argument`",
        ),
        (
            "subscriptions/listen",
            {"notifications": None},
            "Invalid params: Expected `object`, got `null` - at `$.params.notifications`",
        ),
    ],
)
def test_wrong_parameters_are_invalid(
    client: Client, method: str, params: dict[str, Any], reason: str
) -> None:
    refused(client, 400, failure(-32602, reason), method, params=params)


@pytest.mark.parametrize(
    ("method", "missing"),
    [
        ("tools/call", "name"),
        ("resources/read", "uri"),
        ("prompts/get", "name"),
        ("completion/complete", "ref"),
        ("completion/complete", "argument"),
        ("subscriptions/listen", "notifications"),
    ],
)
def test_missing_parameters_are_named(client: Client, method: str, missing: str) -> None:
    params = {name: value for name, value in REQUESTS[method].items() if name != missing}
    reply = client.request(method, params)
    assert reply.status == 400
    assert reply.body == failure(-32602, f"Invalid params: Object missing required field `{missing}`")


def test_a_call_without_arguments_has_none(serve: Callable[..., Client]) -> None:
    mcp = make_server()

    @mcp.tool()
    def nothing() -> str:
        return "done"

    assert serve(mcp).request("tools/call", {"name": "nothing"}).text == "done"


# Members that are null


def without_nulls(value: Any) -> Any:
    """A value without the members of objects that are null."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(member) for name, member in value.items() if member is not None}


META = {
    f"{PREFIX}protocolVersion": VERSION,
    f"{PREFIX}clientInfo": None,
    f"{PREFIX}logLevel": None,
    "progressToken": None,
    "traceparent": None,
    "tracestate": None,
    "baggage": None,
    "com.example/own": None,
}
CAPABILITIES: list[dict[str, Any]] = [
    {},
    dict.fromkeys(["elicitation", "sampling", "roots", "extensions", "experimental"]),
    {
        "elicitation": {"form": None, "url": None},
        "sampling": {"context": None, "tools": None},
        "roots": {"listChanged": None},
        "extensions": {"io.modelcontextprotocol/tasks": None, "com.example/x": {"y": None}},
        "experimental": {"x": None},
    },
]
ASKING = {"inputResponses": None, "requestState": None}
GREETING = {"ref": {"type": "ref/prompt", "name": "greet", "title": None}}
NULLS: list[tuple[str, dict[str, Any]]] = [
    ("server/discover", {"other": None}),
    ("tools/list", {"cursor": None}),
    ("resources/list", {"cursor": None}),
    ("resources/templates/list", {"cursor": None}),
    ("prompts/list", {"cursor": None}),
    ("tools/call", {"arguments": None, **ASKING}),
    ("tools/call", ASKING),
    ("resources/read", ASKING),
    ("prompts/get", {"arguments": None, **ASKING}),
    ("prompts/get", {"arguments": {"name": "Ada", "style": None}}),
    ("completion/complete", {**GREETING, "context": None}),
    ("completion/complete", {**GREETING, "context": {"arguments": None}}),
    ("completion/complete", {**GREETING, "context": {"arguments": {"style": None}}}),
    (
        "subscriptions/listen",
        {
            "notifications": {
                **dict.fromkeys(["toolsListChanged", "promptsListChanged", "resourcesListChanged"]),
                **dict.fromkeys(["resourceSubscriptions", "taskIds"]),
            }
        },
    ),
]


@pytest.mark.parametrize(("method", "nulls"), NULLS)
@pytest.mark.parametrize("capabilities", CAPABILITIES)
def test_an_optional_member_that_is_null_counts_as_absent(
    client: Client, method: str, nulls: dict[str, Any], capabilities: dict[str, Any]
) -> None:
    sent = {
        **REQUESTS[method],
        **nulls,
        "_meta": {**META, f"{PREFIX}clientCapabilities": capabilities},
    }
    reply, expected = client.request(method, sent), client.request(method, without_nulls(sent))
    assert (reply.status, reply.headers, reply.body) == (expected.status, expected.headers, expected.body)
    assert b"Expected" not in reply.body


def test_nulls_in_the_arguments_of_a_tool_are_left_to_the_tool(serve: Callable[..., Client]) -> None:
    mcp = make_server()

    @mcp.tool(structured_output=True)
    def echo(value: Any = "absent") -> Any:
        return value

    client = serve(mcp)
    for arguments in ({"value": None}, {"value": {"a": None, "b": [None]}}):
        assert client.call("echo", arguments, also=ASKING).value == arguments["value"]
    text = dumps(message("tools/call", {"name": "echo", "arguments": {"value": 1}, **ASKING}))
    number = "1234567890123456789012345"
    reply = client.post(
        text.replace('"value":1', f'"value":{number}'), {"mcp-method": "tools/call", "mcp-name": "echo"}
    )
    assert reply.text == number


def test_middleware_sees_no_arguments_where_they_are_null(serve: Callable[..., Client]) -> None:
    seen: list[bytes] = []

    def look(call: Any, following: Any) -> Any:
        seen.append(bytes(call.rpc.params.arguments))
        return following(call)

    mcp = make_server(middleware=[look])
    mcp.tool("nothing")(lambda: "done")
    client = serve(mcp)
    assert client.request("tools/call", {"name": "nothing", "arguments": None}).text == "done"
    assert client.request("tools/call", {"name": "nothing"}).text == "done"
    assert seen == [b"{}", b"{}"]


@pytest.mark.parametrize("asked_with", [{}, {"arguments": None}, {"arguments": {}}])
@pytest.mark.parametrize("answered_with", [{}, {"arguments": None}, {"arguments": {}}])
@pytest.mark.parametrize("method", ["tools/call", "prompts/get"])
def test_a_state_belongs_to_the_same_call_without_arguments(
    serve: Callable[..., Client], method: str, asked_with: dict[str, Any], answered_with: dict[str, Any]
) -> None:
    mcp = make_server()

    def sure(ctx: Context) -> str:
        return ctx.elicit("Sure?", {"type": "object", "properties": {}}, key="sure").result().action

    mcp.tool("sure")(sure)
    mcp.prompt("sure")(sure)
    client = serve(mcp)
    first = client.request(method, {"name": "sure", **asked_with}, capabilities=EVERYTHING)
    answers = {
        "inputResponses": {"sure": {"action": "decline", "content": None}},
        "requestState": first.state,
    }
    params = {"name": "sure", **answered_with, **answers}
    assert b"decline" in client.request(method, params, capabilities=EVERYTHING).body


# The order in which rules are applied, and what judging gives


@pytest.mark.parametrize(
    ("headers", "meta_of", "code"),
    [
        ({"mcp-protocol-version": None, "mcp-method": None, "mcp-name": None}, meta(), -32020),
        ({"mcp-method": "x", "mcp-name": "x"}, {**meta(), f"{PREFIX}protocolVersion": "2099-01-01"}, -32020),
        (
            {"mcp-protocol-version": "2099-01-01", "mcp-method": "x"},
            {f"{PREFIX}protocolVersion": "2099-01-01"},
            -32022,
        ),
        ({"mcp-method": "x"}, {f"{PREFIX}protocolVersion": VERSION}, -32020),
        ({"mcp-name": "x"}, {f"{PREFIX}protocolVersion": VERSION}, -32602),
        ({"mcp-name": "x"}, meta(), -32601),
    ],
)
def test_the_first_broken_rule_answers(
    client: Client, headers: dict[str, str | None], meta_of: dict[str, Any], code: int
) -> None:
    assert client.request("no/such", {"_meta": meta_of}, headers=headers).error["code"] == code


def decoded(body: dict[str, Any], headers: dict[str, str] | None) -> Any:
    return ModernEra().decode(jsonrpc.decode(dumps(body)), headers)


def test_a_decoded_request_is_typed() -> None:
    body = message(
        "tools/call",
        {"name": "add", "arguments": {"a": 1}},
        request_id="r",
        capabilities={"sampling": {}, "elicitation": {"url": {}}},
        logLevel="notice",
        progressToken=5,
    )
    request = decoded(body, headers_of(body))
    assert (request.id, request.method) == ("r", "tools/call")
    assert (request.params.name, bytes(request.params.arguments)) == ("add", b'{"a":1}')
    assert (request.meta.log_level, request.meta.progress_token) == ("notice", 5)
    assert request.client.sampling is not None
    assert request.client.roots is None
    assert request.client.elicitation.url == {}
    assert request.client.elicitation.form is None
    assert bytes(request.raw) == dumps(body["params"]).encode()


def test_without_headers_only_the_body_is_decoded() -> None:
    request = decoded(message("tools/call", {"name": "add"}), None)
    assert bytes(request.params.arguments) == b"{}"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"_meta": {}}, InvalidParamsError),
        ({"_meta": {f"{PREFIX}protocolVersion": "2025-11-25"}}, UnsupportedVersionError),
        ({"_meta": {f"{PREFIX}protocolVersion": VERSION}}, InvalidParamsError),
    ],
)
def test_without_headers_the_body_still_has_to_keep_the_rules(
    params: dict[str, Any], error: type[ProtocolError]
) -> None:
    with pytest.raises(error):
        decoded({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}, None)


def test_a_mismatch_is_found_without_a_host() -> None:
    body = message("tools/list")
    with pytest.raises(HeaderMismatchError, match="Mcp-Method header does not match the body"):
        decoded(body, {**headers_of(body), "mcp-method": "tools/call"})
