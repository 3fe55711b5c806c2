"""Reading a resource of the same server from within a call."""

from typing import Any

import pytest

from lambent import Context, MCPServer, Principal, TextResourceContents
from lambent.testing import TestClient, ToolFailed


def shop() -> MCPServer:
    mcp = MCPServer("shop")

    @mcp.resource("config://theme", mime_type="text/css")
    def theme() -> str:
        return "dark"

    @mcp.resource("config://theme/async")
    async def later() -> str:
        return "light"

    @mcp.resource("orders://{order_id}")
    async def order(order_id: int, ctx: Context) -> list[Any]:
        inner = await ctx.read_resource("config://theme")
        return [*inner, TextResourceContents(uri="orders://seen", text=f"{order_id} by {ctx.request_id}")]

    @mcp.resource("config://ask")
    async def ask(ctx: Context) -> str:
        await ctx.elicit("Which?", {"type": "object", "properties": {}})
        return "answered"

    @mcp.resource("config://asks-in-def")
    def ask_plainly(ctx: Context) -> str:
        ctx.elicit("Which?", {"type": "object", "properties": {}}).result()
        return "answered"

    @mcp.resource("config://secret", scopes=["admin"])
    def secret() -> str:
        return "hush"

    @mcp.tool()
    async def read(uri: str, ctx: Context) -> str:
        return repr([(one.uri, one.text, one.mime_type) for one in await ctx.read_resource(uri)])

    @mcp.tool()
    def read_plainly(uri: str, ctx: Context) -> str:
        return repr([(one.uri, one.text, one.mime_type) for one in ctx.read_resource(uri).result()])

    return mcp


both = pytest.mark.parametrize("tool", ["read", "read_plainly"])


@both
@pytest.mark.parametrize(
    ("uri", "contents"),
    [
        ("config://theme", [("config://theme", "dark", "text/css")]),
        ("config://theme/async", [("config://theme/async", "light", "text/plain")]),
        ("orders://7", [("config://theme", "dark", "text/css"), ("orders://seen", "7 by 1", None)]),
    ],
)
def test_contents_are_those_that_a_client_reads(tool: str, uri: str, contents: list[Any]) -> None:
    assert TestClient(shop()).call(tool, uri=uri).text == repr(contents)


@both
def test_a_resource_that_is_not_there_is_an_error_of_the_call(tool: str) -> None:
    with pytest.raises(Exception, match="Resource not found"):
        TestClient(shop()).call(tool, uri="config://nothing")


@both
@pytest.mark.parametrize("uri", ["config://ask", "config://asks-in-def"])
def test_a_resource_that_asks_cannot_be_read_within_a_call(
    tool: str, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ToolFailed, match=r"\(reference "):
        TestClient(shop()).call(tool, uri=uri)
    assert f"{uri} asks its client, so it cannot be used within another call" in caplog.text


@both
def test_a_caller_reads_what_it_has_the_scopes_for(tool: str) -> None:
    client = TestClient(shop(), principal=Principal(subject="ana", scopes=frozenset({"admin"})))
    assert client.call(tool, uri="config://secret").text == repr([("config://secret", "hush", "text/plain")])


@both
def test_to_a_caller_without_the_scopes_it_is_not_there(tool: str) -> None:
    with pytest.raises(Exception, match="Resource not found"):
        TestClient(shop(), principal=Principal(subject="ana")).call(tool, uri="config://secret")


def test_a_resource_reads_another_one_in_turn() -> None:
    contents = TestClient(shop()).read("orders://7").contents
    assert [one.text for one in contents] == ["dark", "7 by 1"]
