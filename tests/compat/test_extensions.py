"""Extensions as classes, as the official SDK has them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pydantic
import pytest
from tests.legacy import LegacyClient
from tests.support import VERSION, Client, accept, make_handler, success

from lambent import DeclarationError, TextContent
from lambent.compat import (
    CallNext,
    Context,
    Extension,
    HandlerResult,
    MCPServer,
    MethodBinding,
    ResourceBinding,
    ServerRequestContext,
    ToolBinding,
    require_client_extension,
    validate_extension_identifier,
)
from lambent.wire.results import CallToolResult

Serve = Callable[..., Client]
Ctx = ServerRequestContext[Any, Any]
SEARCH = "com.example/search"
ABLE = {"extensions": {SEARCH: {}}}


def serving(*extensions: Extension) -> MCPServer:
    mcp = MCPServer("shop", version="1.2.3", extensions=extensions)

    @mcp.tool()
    def buy(item: str) -> str:
        return f"Bought {item}"

    return mcp


def text_of(reply: Any) -> str:
    text: str = reply.result["content"][0]["text"]
    return text


def stamp(text: str) -> str:
    """Stamp a text."""
    return f"[{text}]"


class Note:
    def add_to(self, server: Any) -> None:
        server.resource("note://today", name="today")(lambda: "Buy milk.")


class Stamps(Extension):
    identifier = "com.example/stamps"

    def settings(self) -> dict[str, Any]:
        return {"sealed": True}

    def tools(self) -> Sequence[ToolBinding]:
        return [ToolBinding(stamp), ToolBinding(stamp, {"a": 1}, {"name": "seal", "title": "Seal it"})]

    def resources(self) -> Sequence[ResourceBinding]:
        return [ResourceBinding(Note())]


def test_a_server_has_what_it_contributes(serve: Serve) -> None:
    client = serve(serving(Stamps()))
    capabilities = client.request("server/discover").result["capabilities"]
    assert capabilities["extensions"] == {"com.example/stamps": {"sealed": True}}
    assert client.tool("stamp")["description"] == "Stamp a text."
    assert client.tool("seal")["title"] == "Seal it"
    assert client.tool("seal")["_meta"] == {"a": 1}
    assert text_of(client.call("stamp", {"text": "a"})) == "[a]"
    assert client.read("note://today").result["contents"][0]["text"] == "Buy milk."
    assert text_of(client.call("buy", {"item": "pen"})) == "Bought pen"


class Params(pydantic.BaseModel):
    query: str
    limit: int = pydantic.Field(default=2, ge=1, le=3)


class Result(pydantic.BaseModel):
    items: list[str]
    note: str | None = None


async def find(ctx: Ctx, params: Params) -> Result:
    require_client_extension(ctx, SEARCH)
    return Result(items=[f"{params.query}-{number}" for number in range(params.limit)])


class Search(Extension):
    identifier = SEARCH
    versions: frozenset[str] | None = None

    def methods(self) -> Sequence[MethodBinding]:
        return [MethodBinding(SEARCH, Params, find, protocol_versions=self.versions)]


def test_a_method_has_a_model_of_its_parameters(serve: Serve) -> None:
    client = serve(serving(Search()))
    body = client.request(SEARCH, {"query": "a", "limit": 1}, capabilities=ABLE).body
    assert body == success('"items":["a-0"]')
    refused = client.request(SEARCH, {"query": "a"})
    assert refused.error["data"] == {"requiredCapabilities": {"extensions": {SEARCH: {}}}}
    assert client.request(SEARCH, {"limit": 1}).error["code"] == -32602
    assert client.request(SEARCH, {"query": "a", "limit": 9}).error["code"] == -32602


def test_a_method_may_be_one_of_some_versions_only(serve: Serve) -> None:
    class Modern(Search):
        versions = frozenset({VERSION})

    assert serve(serving(Modern())).request(SEARCH, {"query": "a"}, capabilities=ABLE).status == 200
    handler = make_handler(serving(Modern()))
    assert LegacyClient(lambda: handler).request(SEARCH, query="a").error["code"] == -32601
    handler.close()


def test_a_method_sees_its_request(serve: Serve) -> None:
    @dataclasses.dataclass
    class Anything:
        query: str = ""

    seen: list[Any] = []

    async def look(ctx: Ctx, params: Any) -> None:
        seen.extend([ctx.method, (ctx.params or {})["query"], ctx.protocol_version, params.query])

    class Looking(Extension):
        identifier = SEARCH

        def methods(self) -> Sequence[MethodBinding]:
            return [MethodBinding(SEARCH, Params, look)]

    assert serve(serving(Looking())).request(SEARCH, {"query": "a"}).body == success()
    assert seen == [SEARCH, "a", VERSION, "a"]


def test_a_method_may_ask(serve: Serve) -> None:
    async def sure(ctx: Ctx, params: Params) -> dict[str, Any]:
        form = {"type": "object", "properties": {}}
        return {"action": (await ctx.session.elicit_form("Sure?", form)).action}

    class Asking(Extension):
        identifier = SEARCH

        def methods(self) -> Sequence[MethodBinding]:
            return [MethodBinding(SEARCH, Params, sure)]

    *_, last = serve(serving(Asking())).converse(SEARCH, {"query": "a"}, {"elicitation-1": accept()})
    assert last.result["action"] == "accept"


@pytest.mark.parametrize("name", ["tools/call", "initialize"])
def test_a_method_has_a_name_of_its_own(name: str) -> None:
    with pytest.raises(DeclarationError, match="is a name of the protocol"):
        MethodBinding(name, Params, find)


def test_a_method_is_one_of_a_version() -> None:
    with pytest.raises(DeclarationError, match="protocol_versions is a list"):
        MethodBinding(SEARCH, Params, find, protocol_versions=frozenset())


def test_two_methods_have_two_names() -> None:
    class Twice(Search):
        def methods(self) -> Sequence[MethodBinding]:
            return [*super().methods(), *super().methods()]

    with pytest.raises(DeclarationError, match="already"):
        serving(Twice())


@pytest.mark.parametrize("identifier", ["stamps", "com.example/", "", None])
def test_an_identifier_has_a_form(identifier: Any) -> None:
    with pytest.raises(DeclarationError, match=r"Wrong: .* is no extension identifier"):
        type("Wrong", (Extension,), {"identifier": identifier})
    with pytest.raises(DeclarationError, match="is no extension identifier"):
        validate_extension_identifier(identifier, owner="it")


def test_an_identifier_may_be_one_of_an_object() -> None:
    class Named(Extension):
        def __init__(self, identifier: str) -> None:
            self.identifier = identifier

    handler = make_handler(serving(Named("a/a"), Named("b/b")))
    found = Client(handler).request("server/discover").result["capabilities"]["extensions"]
    assert found == {"a/a": {}, "b/b": {}}
    handler.close()
    with pytest.raises(DeclarationError, match="None is no extension identifier"):
        serving(type("Nameless", (Extension,), {})())
    with pytest.raises(DeclarationError, match="Two extensions have one identifier"):
        serving(Named("a/a"), Named("a/a"))


# Interceptors of calls of tools.


class Receipts(Extension):
    identifier = "com.example/receipts"

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer or {"resultType": "receipt", "receiptToken": "r-117"}

    async def intercept_tool_call(self, params: Any, ctx: Ctx, call_next: CallNext) -> HandlerResult:
        if params.name == "buy" and params.arguments["item"] == "lamp":
            return self.answer
        return await call_next(ctx)


def test_it_may_answer_in_place_of_a_tool(serve: Serve) -> None:
    client = serve(serving(Receipts()))
    result = client.call("buy", {"item": "lamp"}).result
    assert (result["resultType"], result["receiptToken"]) == ("receipt", "r-117")
    assert text_of(client.call("buy", {"item": "pen"})) == "Bought pen"


@pytest.mark.parametrize(
    "answer",
    [
        CallToolResult(content=[TextContent(text="no")], is_error=True),
        {"content": [{"type": "text", "text": "no"}], "isError": True},
    ],
)
def test_its_answer_is_a_result_of_a_tool(answer: Any, serve: Serve) -> None:
    expected = success('"content":[{"type":"text","text":"no"}],"isError":true')
    assert serve(serving(Receipts(answer))).call("buy", {"item": "lamp"}).body == expected


def test_the_first_one_is_the_outermost(serve: Serve) -> None:
    seen: list[str] = []

    class Noting(Extension):
        def __init__(self, identifier: str) -> None:
            self.identifier = identifier

        async def intercept_tool_call(self, params: Any, ctx: Ctx, call_next: CallNext) -> HandlerResult:
            seen.append(f"{self.identifier} {params.name}")
            result = await call_next(ctx)
            seen.append(f"{self.identifier} {result.content[0].text}")
            return result

    client = serve(serving(Noting("a/a"), Noting("b/b")))
    assert text_of(client.call("buy", {"item": "pen"})) == "Bought pen"
    assert seen == ["a/a buy", "b/b buy", "b/b Bought pen", "a/a Bought pen"]
    client.request("tools/list")
    assert len(seen) == 4


def test_one_that_does_nothing_is_not_around_tools() -> None:
    assert serving(Stamps())._tool_middleware == []


def test_a_handler_may_require_an_extension(serve: Serve) -> None:
    mcp = MCPServer("shop", version="1.2.3")

    @mcp.tool()
    def only(ctx: Context) -> str:
        require_client_extension(ctx, SEARCH)
        return "yes"

    client = serve(mcp)
    assert client.call("only").error["code"] == -32021
    assert text_of(client.call("only", capabilities=ABLE)) == "yes"
