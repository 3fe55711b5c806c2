"""Extensions: one bundle of contributions for any number of servers."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from tests.legacy import LegacyClient
from tests.support import Client, make_handler, make_server, success

from lambent import Call, CallToolResult, Context, DeclarationError, Extension, Handler, TextContent

Serve = Callable[..., Client]
STAMPS = "com.example/stamps"


def stamps() -> Extension:
    extension = Extension(STAMPS, {"sealed": True})

    @extension.tool(title="Stamp it")
    def stamp(text: str, ctx: Context) -> str:
        return f"[{text}]"

    @extension.resource("stamp://{name}")
    def one(name: str) -> str:
        return name

    @extension.prompt("seal")
    def seal() -> str:
        return "Seal it"

    return extension


def test_a_server_has_what_it_contributes(serve: Serve) -> None:
    client = serve(make_server(extensions=[stamps()]))
    capabilities = client.request("server/discover").result["capabilities"]
    assert capabilities["extensions"] == {STAMPS: {"sealed": True}}
    assert client.tool("stamp")["title"] == "Stamp it"
    assert client.call("stamp", {"text": "a"}).text == "[a]"
    assert client.read("stamp://red").result["contents"][0]["text"] == "red"
    assert client.prompt("seal").result["messages"][0]["content"]["text"] == "Seal it"


def test_it_has_no_settings_unless_it_says_some(serve: Serve) -> None:
    client = serve(make_server(extensions=[Extension(STAMPS)]))
    assert client.request("server/discover").result["capabilities"]["extensions"] == {STAMPS: {}}


def test_several_servers_may_have_it(serve: Serve) -> None:
    extension = stamps()
    for _ in range(2):
        assert serve(make_server(extensions=[extension])).call("stamp", {"text": "a"}).text == "[a]"


def test_it_is_complete_when_a_server_gets_it() -> None:
    extension = stamps()
    make_server(extensions=[extension])
    with pytest.raises(DeclarationError, match=r"com\.example/stamps has a server already"):
        extension.tool()(str)


def test_its_features_are_features_like_any_others() -> None:
    extension = Extension(STAMPS)

    @extension.tool()
    def impossible(text: str, /) -> str:
        return text

    with pytest.raises(DeclarationError, match="must be one that can be named"):
        make_server(extensions=[extension])


@pytest.mark.parametrize("given", [Extension, "com.example/stamps", object()])
def test_what_is_no_extension_is_refused(given: Any) -> None:
    with pytest.raises(DeclarationError, match="is no extension: give objects of"):
        make_server(extensions=[given])


@pytest.mark.parametrize("identifier", ["stamps", "com.example/", "com..example/stamps", "1com/stamps"])
def test_an_identifier_has_a_form(identifier: str) -> None:
    with pytest.raises(DeclarationError, match="is no extension identifier"):
        make_server(extensions=[Extension(identifier)])


def test_two_have_two_identifiers() -> None:
    with pytest.raises(DeclarationError, match=f"Two extensions have one identifier: {STAMPS}"):
        make_server(extensions=[Extension(STAMPS), Extension(STAMPS)])


def test_settings_alone_may_still_be_given(serve: Serve) -> None:
    client = serve(make_server(extensions={STAMPS: {"a": 1}}))
    assert client.request("server/discover").result["capabilities"]["extensions"] == {STAMPS: {"a": 1}}


def test_clients_of_the_legacy_era_declare_it_once_but_no_tasks() -> None:
    tasks = "io.modelcontextprotocol/tasks"
    mcp = make_server(extensions={STAMPS: {}, tasks: {}})

    @mcp.tool()
    def declared(ctx: Context) -> str:
        return str(ctx.client_capabilities.extensions)

    with closing(make_handler(mcp)) as handler:
        able = {"extensions": {STAMPS: {"a": 1}, tasks: {}, "com.example/other": {}}}
        client = LegacyClient(lambda: handler, capabilities=able)
        assert client.call("declared").text == str({STAMPS: {"a": 1}})


# Middleware of tools.


def noting(identifier: str, seen: list[str]) -> Extension:
    extension = Extension(identifier)

    @extension.tool_middleware
    def note(call: Call, following: Handler) -> Any:
        seen.append(f"{identifier} {call.name}")
        return following(call)

    return extension


def test_it_is_around_the_tools_of_the_server_behind_its_middleware(serve: Serve) -> None:
    seen: list[str] = []

    def first(call: Call, following: Handler) -> Any:
        seen.append(call.method)
        return following(call)

    mcp = make_server(extensions=[noting("a/a", seen), noting("b/b", seen)], middleware=[first])
    mcp.tool("add")(lambda: "sum")
    client = serve(mcp)
    assert client.call("add").text == "sum"
    assert seen == ["tools/call", "a/a add", "b/b add"]
    client.request("tools/list")
    assert seen[3:] == ["tools/list"]


async def answer(call: Call, following: Handler) -> Any:
    if call.name == "buy":
        return CallToolResult(
            content=[TextContent(text="Bought elsewhere")], structured_content={"result": 7}
        )
    return await following(call)


def answering() -> Extension:
    extension = Extension("com.example/receipts")
    extension.tool_middleware(answer)
    return extension


def shop(**options: Any) -> Any:
    mcp = make_server(extensions=[answering()])

    @mcp.tool(**options)
    def buy() -> int:
        raise NotImplementedError

    @mcp.tool()
    def look() -> str:
        return "nice"

    return mcp


def test_it_may_answer_in_place_of_a_tool(serve: Serve) -> None:
    client = serve(shop())
    text = '"content":[{"type":"text","text":"Bought elsewhere"}],"structuredContent":{"result":7}'
    assert client.call("buy").body == success(text)
    assert client.call("look").text == "nice"


def test_it_does_not_answer_callers_without_the_scopes_of_the_tool(serve: Serve) -> None:
    assert serve(shop(scopes=["buy"])).call("buy").status == 401


def test_it_is_around_tools_of_the_legacy_era_too() -> None:
    handler = make_handler(shop())
    client = LegacyClient(lambda: handler)
    result = client.call("buy").result
    assert result["structuredContent"] == {"result": 7}
    assert client.call("look").text == "nice"
    handler.close()


def test_it_sees_tools_that_there_are_not() -> None:
    extension = Extension("com.example/any")

    @extension.tool_middleware
    def any_name(call: Call, following: Handler) -> Any:
        return CallToolResult(content=[], structured_content=[1])

    mcp = make_server(extensions=[extension])
    mcp.tool("one")(lambda: "")
    handler = make_handler(mcp)
    assert Client(handler).call("other").value == [1]
    assert LegacyClient(lambda: handler).call("other").result["structuredContent"] == {"result": [1]}
