"""Middleware: what it sees of requests and results, and what becomes of what it returns."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client

from lambent import Call, Handler
from lambent.compat.fastmcp import (
    Context,
    FastMCP,
    Middleware,
    MiddlewareContext,
    PromptResult,
    ResourceContent,
    ResourceResult,
    ToolError,
)

Serve = Callable[..., Client]


def shop(*middleware: Any) -> FastMCP:
    mcp = FastMCP("shop", middleware=middleware)

    @mcp.tool
    async def order(article: str, ctx: Context) -> dict[str, str]:
        if article == "nothing":
            raise ToolError("Nothing to order")
        if article == "broken":
            raise ValueError("the cause")
        return {"article": article, "user": str(await ctx.get_state("user"))}

    @mcp.resource("r://{name}", mime_type="text/markdown")
    def read(name: str) -> str | bytes:
        return b"bytes" if name == "blob" else name

    @mcp.prompt(description="Asks")
    def ask(what: str) -> str:
        return what

    return mcp


class Seen(Middleware):
    """Notes how requests end, as middleware sees it."""

    def __init__(self) -> None:
        self.ends: list[Any] = []

    async def on_request(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
        try:
            result = await call_next(context)
        except Exception as error:
            self.ends.append((type(error).__name__, str(error), type(error.__cause__).__name__))
            raise
        self.ends.append(result)
        return result


def test_errors_of_tools_are_raised(serve: Serve) -> None:
    seen = Seen()
    client = serve(shop(seen))
    assert client.call("order", {"article": "nothing"}).text == "Nothing to order"
    assert client.call("order", {"article": "broken"}).text == "Error calling tool 'order': the cause"
    assert client.call("order", {"colour": "red"}).result["isError"] is True
    assert client.read("x://y").error["code"] == -32602
    assert seen.ends[:2] == [
        ("ToolError", "Nothing to order", "NoneType"),
        ("ToolError", "Error calling tool 'order': the cause", "ValueError"),
    ]
    assert seen.ends[2].is_error
    assert seen.ends[3][0] == "ResourceNotFoundError"


def test_an_error_may_be_handled(serve: Serve) -> None:
    class Calm(Middleware):
        async def on_call_tool(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
            try:
                return await call_next(context)
            except ToolError as error:
                raise ToolError(f"Sorry: {error}") from error

    assert serve(shop(Calm())).call("order", {"article": "nothing"}).text == "Sorry: Nothing to order"


def test_state_reaches_the_function(serve: Serve) -> None:
    class User(Middleware):
        async def on_call_tool(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
            assert context.fastmcp_context is not None
            await context.fastmcp_context.set_state("user", context.fastmcp_context.fastmcp.name)
            return await call_next(context)

    reply = serve(shop(User())).call("order", {"article": "pen"})
    assert reply.result["structuredContent"] == {"article": "pen", "user": "shop"}


def test_results_may_be_replaced(serve: Serve) -> None:
    class Replace(Middleware):
        async def on_read_resource(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
            result = await call_next(context)
            if context.message.uri == "r://own":
                return ResourceResult([ResourceContent({"a": 1}, meta={"n": 1})], meta={"m": 1})
            return ResourceResult([*result.contents, ResourceContent("more")], meta=result.meta)

        async def on_get_prompt(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
            message = context.message.model_copy(update={"arguments": {"what": "other"}})
            result = await call_next(context.copy(message=message))
            assert result.description == "Asks"
            return PromptResult([*result.messages, "more"], meta={"n": 1})

        async def on_list_resource_templates(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
            found = await call_next(context)
            return [one.model_copy(update={"title": f"{one.name} {one.uri_template}"}) for one in found]

    client = serve(shop(Replace()))
    contents = client.read("r://blob").result["contents"]
    assert contents == [
        {"uri": "r://blob", "blob": "Ynl0ZXM=", "mimeType": "text/markdown"},
        {"uri": "r://blob", "text": "more", "mimeType": "text/plain"},
    ]
    own = client.read("r://own").result
    assert (own["contents"][0]["_meta"], own["_meta"]["m"]) == ({"n": 1}, 1)
    prompt = client.prompt("ask", {"what": "this"}).result
    assert [one["content"]["text"] for one in prompt["messages"]] == ["other", "more"]
    assert prompt["_meta"]["n"] == 1
    assert "description" not in prompt
    [template] = client.request("resources/templates/list").result["resourceTemplates"]
    assert template["title"] == "read r://{name}"


def test_what_is_no_result_is_an_error(serve: Serve) -> None:
    class Wrong(Middleware):
        async def on_get_prompt(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
            return 3

    assert serve(shop(Wrong())).prompt("ask", {"what": "x"}).error["code"] == -32603


def test_parameters_that_do_not_fit_are_refused(serve: Serve) -> None:
    class Wrong(Middleware):
        async def on_call_tool(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
            return await call_next(context.copy(message=context.message.model_copy(update={"name": 3})))

    assert serve(shop(Wrong())).call("order", {"article": "x"}).error["code"] == -32602


def test_middleware_of_lambent_and_of_the_same_shape(serve: Serve) -> None:
    seen: list[str] = []

    class Own:
        """No subclass."""

        async def on_message(self, context: Any, call_next: Any) -> Any:
            raise NotImplementedError

        async def __call__(self, context: Any, call_next: Any) -> Any:
            seen.append(f"own {context.method}")
            return await call_next(context)

    def native(call: Call, following: Handler) -> Any:
        seen.append(f"native {call.method}")
        return following(call)

    client = serve(shop(native, Own()))
    client.call("order", {"article": "x"})
    assert client.request("server/discover").result["supportedVersions"]
    assert seen == ["native tools/call", "own tools/call", "native server/discover", "own server/discover"]


def test_middleware_comes_before_requests(serve: Serve) -> None:
    mcp = shop()
    serve(mcp)
    with pytest.raises(TypeError, match="Middleware comes too late"):
        mcp.add_middleware(Middleware())


def test_middleware_cannot_ask(serve: Serve) -> None:
    class Asks(Middleware):
        async def on_call_tool(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
            assert context.fastmcp_context is not None
            await context.fastmcp_context.elicit("Sure?", None)

    reply = serve(shop(Asks())).call("order", {"article": "x"}, capabilities={"elicitation": {"form": {}}})
    assert "cannot be asked here" in reply.text
