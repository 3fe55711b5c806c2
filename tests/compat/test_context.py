"""``Context`` with the members of the official SDK."""

from typing import Any

import pytest
from pydantic import BaseModel
from tests.support import SETTINGS, headers_of, http_api, message

from lambent import AcceptedElicitation, Principal
from lambent.compat import Context, MCPServer, ServerSession, TextResource
from lambent.testing import TestClient


class State:
    pass


def show(read: Any, **options: Any) -> str:
    """What a tool finds in its context."""
    mcp = MCPServer("shop")

    @mcp.tool()
    def look(ctx: Context[ServerSession, State]) -> str:
        return str(read(ctx))

    return TestClient(mcp, **options).call("look").text


def test_what_a_handler_knows_of_its_call() -> None:
    assert show(lambda ctx: repr(ctx.request_id)) == "'1'"
    assert show(lambda ctx: repr(ctx.request_context.request_id)) == "1"
    assert show(lambda ctx: ctx.protocol_version) == "2026-07-28"
    assert show(lambda ctx: ctx.request_context.protocol_version) == "2026-07-28"
    assert show(lambda ctx: ctx.request_context.method) == "tools/call"
    assert show(lambda ctx: ctx.request_context.params["name"]) == "look"
    assert show(lambda ctx: ctx.request_context.lifespan_context) == "{}"
    assert show(lambda ctx: ctx.request_context.session is ctx.session) == "True"
    assert show(lambda ctx: ctx.request_context.close_sse_stream) == "None"
    assert show(lambda ctx: ctx.client_id) == "None"
    assert show(lambda ctx: ctx.client_id, principal=Principal("ana", client_id="app")) == "app"
    assert show(lambda ctx: (ctx.mcp_server.name, ctx.fastmcp.name)) == "('shop', 'shop')"


def test_headers_have_names_in_any_case() -> None:
    options: dict[str, Any] = {"headers": {"x-tenant": "acme"}}
    assert show(lambda ctx: ctx.headers["X-Tenant"], **options) == "acme"
    assert show(lambda ctx: "X-Tenant" in ctx.headers, **options) == "True"
    assert show(lambda ctx: ctx.headers.get("X-Nothing", "none"), **options) == "none"
    assert show(lambda ctx: 7 in ctx.headers) == "False"


def test_the_meta_of_a_request_has_attributes() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def look(ctx: Context) -> str:
        meta = ctx.request_context.meta
        names = meta.progressToken, meta.progress_token, meta["progress_token"]
        return repr((*names, meta["trace"], meta.nothing, ctx.client_id))

    body = message(
        "tools/call", {"name": "look", "arguments": {}}, progressToken="p", trace="t", client_id="app"
    )
    event = http_api(body=__import__("json").dumps(body), headers=headers_of(body))
    assert "\"('p', 'p', 'p', 't', None, 'app')\"" in mcp.lambda_handler(SETTINGS)(event, None)["body"]


def test_the_request_is_that_of_starlette() -> None:
    def read(ctx: Any) -> Any:
        request = ctx.request_context.request
        return request.method, request.headers["X-Tenant"], request.url.path

    assert show(read, headers={"x-tenant": "acme"}) == "('POST', 'acme', '/mcp')"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lambda ctx: ctx.colour, "There is no ctx.colour here: the members of ctx are those of Context"),
        (lambda ctx: ctx.request_context.colour, "There is no ctx.request_context.colour here: see what"),
        (
            lambda ctx: ctx.session.send_ping(),
            "There is no ctx.session.send_ping here: a server cannot",
        ),
        (
            lambda ctx: ctx.session.experimental,
            "There is no ctx.session.experimental here: mark the tool",
        ),
    ],
)
def test_what_is_not_there_says_what_to_use_to_the_model(read: Any, text: str) -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def look(ctx: Context) -> str:
        return str(read(ctx))

    result = TestClient(mcp).attempt("look")
    assert (result.is_error, result.text.startswith(f"Error executing tool look: {text}")) == (True, True)
    assert result.text.endswith("(docs/porting.md)")


# What a handler tells its client


def logged(speak: Any) -> list[Any]:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def speaks(ctx: Context) -> str:
        await speak(ctx)
        return "done"

    result = TestClient(mcp).call("speaks")
    return [(entry.level, entry.data, entry.logger) for entry in result.logs]


@pytest.mark.parametrize(
    ("speak", "expected"),
    [
        (lambda ctx: ctx.info("hello"), ("info", "hello", None)),
        (lambda ctx: ctx.debug({"n": 1}), ("debug", {"n": 1}, None)),
        (lambda ctx: ctx.warning("careful", logger_name="db"), ("warning", "careful", "db")),
        (lambda ctx: ctx.error(message="old"), ("error", "old", None)),
        (lambda ctx: ctx.info("hello", user="ana"), ("info", {"message": "hello", "user": "ana"}, None)),
        (lambda ctx: ctx.info("hello", extra={"n": 1}), ("info", {"message": "hello", "n": 1}, None)),
        (lambda ctx: ctx.log("critical", "down"), ("critical", "down", None)),
        (lambda ctx: ctx.log("info", message="old", logger_name="db"), ("info", "old", "db")),
        (lambda ctx: ctx.session.send_log_message("info", {"n": 1}, "db"), ("info", {"n": 1}, "db")),
    ],
)
def test_logs(speak: Any, expected: Any) -> None:
    assert logged(speak) == [expected]


def test_progress() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def works(ctx: Context) -> str:
        await ctx.report_progress(1, 4, "one")
        await ctx.session.report_progress(2, 4)
        token = ctx.request_context.meta.progressToken
        await ctx.session.send_progress_notification(token, 3, 4, "three")
        with pytest.raises(ValueError, match="by its own token"):
            await ctx.session.send_progress_notification("another", 4)
        await ctx.close_sse_stream()
        return "done"

    result = TestClient(mcp).call("works")
    assert [(one.progress, one.total, one.message) for one in result.progress] == [
        (1, 4, "one"),
        (2, 4, None),
        (3, 4, "three"),
    ]


def test_changes_can_be_told_of() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def changes(ctx: Context) -> str:
        await ctx.notify_resource_updated("note://a")
        await ctx.session.send_resource_updated("note://a")
        await ctx.session.send_resource_list_changed()
        await ctx.session.send_tool_list_changed()
        await ctx.session.send_prompt_list_changed()
        await ctx.session.send_elicit_complete("id")
        return "done"

    assert TestClient(mcp).call("changes").text == "done"


def test_notifications_of_any_kind_are_sent() -> None:
    class Inner(BaseModel):
        method: str = "notifications/custom"
        params: dict[str, Any] = {"n": 1, "nothing": None}

    class Wrapped(BaseModel):
        root: Inner = Inner()

    mcp = MCPServer("shop")

    @mcp.tool()
    async def tell(ctx: Context) -> str:
        await ctx.session.send_notification(Inner())
        await ctx.session.send_notification(Wrapped())
        return "done"

    client = TestClient(mcp)
    client.call("tell")
    assert client.last is not None
    told = [one for one in client.last.messages if "id" not in one]
    assert told == [{"jsonrpc": "2.0", "method": "notifications/custom", "params": {"n": 1}}] * 2


# Reading resources


def test_a_handler_reads_resources() -> None:
    mcp = MCPServer("shop", resources=[TextResource(uri="note://a", text="A", mime_type="text/markdown")])

    @mcp.resource("img://a")
    def image() -> bytes:
        return b"\x89PNG"

    @mcp.tool()
    async def read(uri: str, ctx: Context) -> str:
        (found,) = await ctx.read_resource(uri)
        return repr((found.content, found.mime_type))

    @mcp.tool()
    def read_plainly(uri: str, ctx: Context) -> str:
        (found,) = ctx.read_resource(uri).result()
        return repr((found.content, found.mime_type))

    client = TestClient(mcp)
    for tool in ("read", "read_plainly"):
        assert client.call(tool, uri="note://a").text == "('A', 'text/markdown')"
        assert client.call(tool, uri="img://a").text.startswith("(b'\\x89PNG',")
        assert client.attempt(tool, uri="note://b").text == (
            f"Error executing tool {tool}: Unknown resource: note://b"
        )


# Without a parameter


def test_a_function_below_a_handler_finds_its_context() -> None:
    mcp = MCPServer("shop", resources=[TextResource(uri="note://a", text="A")])

    @mcp.resource("orders://{order}")
    def order(order: str, ctx: Context) -> str:
        return order

    async def deep() -> str:
        context = mcp.get_context()
        await context.info("deep")
        return str((await context.elicit("How large?", Size)).action)

    @mcp.tool()
    async def ask(ctx: Context) -> str:
        assert mcp.get_context() is ctx
        await ctx.read_resource("orders://7")
        assert mcp.get_context() is ctx
        return await deep()

    result = TestClient(mcp, answers=[{"size": 3}]).call("ask")
    assert (result.text, [one.data for one in result.logs]) == ("accept", ["deep", "deep"])


def test_a_handler_that_takes_none_can_do_all_but_ask() -> None:
    mcp = MCPServer("shop", resources=[TextResource(uri="note://a", text="A")])

    @mcp.tool()
    async def read() -> str:
        context = mcp.get_context()
        await context.info("reading")
        (found,) = await context.read_resource("note://a")
        return f"{found.content} {context.request_id}"

    @mcp.tool()
    async def ask() -> str:
        return str(await mcp.get_context().elicit("How large?", Size))

    result = TestClient(mcp).call("read")
    assert (result.text, [one.data for one in result.logs]) == ("A 1", ["reading"])
    refused = TestClient(mcp).attempt("ask")
    assert "The client cannot be asked here: take ctx: Context as a parameter" in refused.text


def test_there_is_no_context_outside_of_calls() -> None:
    with pytest.raises(ValueError, match="only while a handler runs"):
        MCPServer("shop").get_context()


# Asking


class Size(BaseModel):
    size: int


def test_questions() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def ask(ctx: Context) -> str:
        form = await ctx.elicit(message="How large?", schema=Size)
        assert isinstance(form, AcceptedElicitation)
        page = await ctx.elicit_url("Pay", "https://pay.example.com", "id-7")
        return f"{form.action} {form.data.size} {page.action}"

    client = TestClient(mcp, answers=[{"size": 3}, AcceptedElicitation(None)])
    assert client.call("ask").text == "accept 3 accept"
