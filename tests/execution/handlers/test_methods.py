"""Methods beyond those of the protocol."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from msgspec import Meta
from tests.legacy import ABLE, LegacyClient
from tests.support import (
    PREFIX,
    SETTINGS,
    VERSION,
    Client,
    MCPServer,
    accept,
    failure,
    make_handler,
    make_server,
    success,
)

from lambent import Context, DeclarationError, Extension, Handler, Principal, ToolError

Serve = Callable[..., Client]
SEARCH = "com.example/search"
NOT_FOUND = failure(-32601, "Method not found")


@dataclasses.dataclass
class Found:
    items: list[str]


def find(query: str, limit: Annotated[int, Meta(ge=1, le=3)] = 2) -> Found:
    return Found([f"{query}-{number}" for number in range(limit)])


def server(**options: Any) -> MCPServer:
    mcp = make_server()
    mcp.method(SEARCH, **options)(find)
    return mcp


@pytest.mark.parametrize(
    ("params", "body"),
    [
        ({"query": "a"}, success('"items":["a-0","a-1"]')),
        ({"query": "a", "limit": "1"}, success('"items":["a-0"]')),
        (
            {"query": "a", "limit": 9},
            failure(-32602, "Invalid params: Expected `int` <= 3 - at `$.limit`"),
        ),
        ({}, failure(-32602, "Invalid params: Object missing required field `query`")),
        (
            {"query": "a", "wrong": 1},
            failure(-32602, "Invalid params: Object contains unknown field `wrong`"),
        ),
    ],
)
def test_the_parameters_are_arguments_and_the_result_has_the_members(
    params: dict[str, Any], body: bytes, serve: Serve
) -> None:
    assert serve(server()).request(SEARCH, params).body == body


def test_names_without_a_method_are_still_unknown(serve: Serve) -> None:
    reply = serve(server()).request("com.example/other")
    assert (reply.status, reply.body) == (404, NOT_FOUND)


def test_the_rules_of_every_request_hold(serve: Serve) -> None:
    reply = serve(server()).request(SEARCH, {"query": "a"}, headers={"mcp-method": "tools/list"})
    assert reply.error["code"] == -32020


@pytest.mark.parametrize("name", ["tools/call", "tasks/get", "initialize", "ping", "notifications/x", ""])
def test_the_names_of_the_protocol_are_taken(name: str) -> None:
    with pytest.raises(DeclarationError, match="is a name of the protocol"):
        make_server().method(name)(find)


def test_a_name_is_declared_once() -> None:
    with pytest.raises(DeclarationError, match=r"There is a method 'com\.example/search' already"):
        server().method(SEARCH)(find)


def test_a_method_is_declared_before_the_handler_is_made() -> None:
    mcp = make_server()
    make_handler(mcp).close()
    with pytest.raises(DeclarationError, match="comes too late"):
        mcp.method(SEARCH)(find)


def test_a_decorator_needs_a_name() -> None:
    with pytest.raises(DeclarationError, match="with the name of the method"):
        make_server().method(find)  # type: ignore[arg-type]


@pytest.mark.parametrize("versions", [[], "2026-07-28"])
def test_versions_are_a_list(versions: Any) -> None:
    with pytest.raises(DeclarationError, match="protocol_versions is a list of versions"):
        make_server().method(SEARCH, protocol_versions=versions)(find)


def test_a_result_is_an_object() -> None:
    def count() -> int:
        return 1

    with pytest.raises(DeclarationError, match="a result is an object, so int is none"):
        make_server().method(SEARCH)(count)


def test_a_result_that_is_no_object_after_all_is_an_internal_error(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    mcp = make_server()

    @mcp.method(SEARCH)
    def anything():  # type: ignore[no-untyped-def]
        return [1]

    assert serve(mcp).request(SEARCH).error["code"] == -32603
    assert "com.example/search returned list, and a result is an object" in caplog.text


def test_none_is_a_result_without_members(serve: Serve) -> None:
    mcp = make_server()

    @mcp.method(SEARCH)
    async def nothing() -> None: ...

    assert serve(mcp).request(SEARCH).body == success()


def test_a_result_may_have_a_type_and_a_meta_of_its_own(serve: Serve) -> None:
    mcp = make_server()

    @mcp.method(SEARCH)
    def claimed() -> dict[str, Any]:
        return {"resultType": "receipt", "_meta": {"com.example/a": 1}, "token": "r-1"}

    result = serve(mcp).request(SEARCH).result
    assert result["resultType"] == "receipt"
    assert result["_meta"] == {
        f"{PREFIX}serverInfo": {"name": "shop", "version": "1.2.3"},
        "com.example/a": 1,
    }
    assert result["token"] == "r-1"


def test_a_tool_error_is_an_error_with_its_text(serve: Serve) -> None:
    mcp = make_server()

    @mcp.method(SEARCH)
    def broken() -> dict[str, Any]:
        raise ToolError("Nothing was found")

    assert serve(mcp).request(SEARCH).body == failure(-32603, "Nothing was found")


def test_an_extension_has_to_be_declared_by_the_client(serve: Serve) -> None:
    client = serve(server(extension="com.example/finding"))
    refused = client.request(SEARCH, {"query": "a"})
    assert refused.status == 400
    assert refused.error["code"] == -32021
    assert refused.error["data"] == {"requiredCapabilities": {"extensions": {"com.example/finding": {}}}}
    able = {"extensions": {"com.example/finding": {}}}
    assert client.request(SEARCH, {"query": "a"}, capabilities=able).result["items"] == ["a-0", "a-1"]


def legacy(mcp: MCPServer, settings: Any = SETTINGS) -> LegacyClient:
    handler = make_handler(mcp, settings)
    return LegacyClient(lambda: handler)


def test_clients_of_the_legacy_era_have_the_methods_too() -> None:
    response = legacy(server()).request(SEARCH, query="a", limit=1).response
    assert response == {"jsonrpc": "2.0", "id": 1, "result": {"items": ["a-0"]}}


def test_a_method_may_be_one_of_some_versions_only(serve: Serve) -> None:
    mcp = server(protocol_versions=[VERSION])
    assert serve(mcp).request(SEARCH, {"query": "a"}).status == 200
    assert legacy(mcp).request(SEARCH, query="a").error["code"] == -32601


def test_a_method_may_ask(serve: Serve) -> None:
    mcp = make_server()

    @mcp.method(SEARCH)
    async def sure(what: str, ctx: Context) -> dict[str, Any]:
        answer = await ctx.elicit(f"{what}?", {"type": "object", "properties": {}}, key="sure")
        return {"action": answer.action}

    *_, last = serve(mcp).converse(SEARCH, {"what": "Pay"}, {"sure": accept()})
    assert last.result["action"] == "accept"


def test_the_answer_to_a_question_is_for_the_same_parameters(serve: Serve) -> None:
    mcp = make_server()

    @mcp.method(SEARCH)
    async def sure(what: str, ctx: Context) -> dict[str, Any]:
        return {"action": (await ctx.elicit(what, {"type": "object", "properties": {}}, key="sure")).action}

    client = serve(mcp)
    asked = client.request(SEARCH, {"what": "Pay"}, capabilities=ABLE)
    retry = {"inputResponses": {"sure": accept()}, "requestState": asked.state}
    refused = client.request(SEARCH, {"what": "Steal", **retry}, capabilities=ABLE)
    assert refused.error["code"] == -32602
    assert client.request(SEARCH, {"what": "Pay", **retry}, capabilities=ABLE).result["action"] == "accept"


def test_scopes_count(serve: Serve) -> None:
    def as_ada(call: Any, following: Handler) -> Any:
        scopes = frozenset(call.headers.get("x-scopes", "").split())
        return following(call.as_principal(Principal("ada", "issuer", scopes=scopes)))

    mcp = make_server(middleware=[as_ada])
    mcp.method(SEARCH, scopes=["find"])(find)
    client = serve(mcp)
    assert client.request(SEARCH, {"query": "a"}).status == 403
    assert client.request(SEARCH, {"query": "a"}, headers={"x-scopes": "find"}).status == 200


def test_calls_are_audited(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    mcp = make_server(audit=True)
    mcp.method(SEARCH)(find)
    assert serve(mcp).request(SEARCH, {"query": "a secret"}).status == 200
    written = capsys.readouterr().out
    assert '"method":"com.example/search","outcome":"ok"' in written
    assert "a secret" not in written


def test_an_extension_contributes_a_method(serve: Serve) -> None:
    extension = Extension(SEARCH)
    extension.method(SEARCH)(find)
    extension.method("com.example/open", for_everybody=True)(find)
    client = serve(make_server(extensions=[extension]))
    assert client.request(SEARCH, {"query": "a"}).error["code"] == -32021
    assert client.request("com.example/open", {"query": "a"}).result["items"] == ["a-0", "a-1"]
    able = {"extensions": {SEARCH: {}}}
    assert client.request(SEARCH, {"query": "a"}, capabilities=able).result["items"] == ["a-0", "a-1"]
