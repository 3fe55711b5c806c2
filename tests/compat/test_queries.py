"""What a server has and does for the code that has it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lambent.compat import (
    Context,
    FastMCP,
    MCPServer,
    ResourceError,
    ResourceNotFoundError,
    ToolError,
)


@pytest.fixture
def mcp() -> MCPServer[Any]:
    mcp: MCPServer[Any] = MCPServer("shop")

    @mcp.tool(title="Add")
    def add(a: int, b: int = 0) -> int:
        """Add numbers."""
        return a + b

    @mcp.resource("note://a", mime_type="text/plain")
    def note() -> str:
        return "A"

    @mcp.resource("orders://{order}")
    def order(order: str) -> str:
        return order

    @mcp.prompt()
    def ask(topic: str) -> str:
        """Ask."""
        return topic

    return mcp


def test_it_lists_what_clients_see_and_stays_open(mcp: MCPServer[Any]) -> None:
    (tool,) = asyncio.run(mcp.list_tools())
    assert (tool.name, tool.title, tool.description) == ("add", "Add", "Add numbers.")
    assert tool.inputSchema["required"] == tool.input_schema["required"] == ["a"]
    assert (tool.meta, tool.nothing) == (None, None)
    (resource,) = asyncio.run(mcp.list_resources())
    assert (resource.uri, resource.mimeType, resource.mime_type) == ("note://a", "text/plain", "text/plain")
    (template,) = asyncio.run(mcp.list_resource_templates())
    assert (template.uriTemplate, template.name) == ("orders://{order}", "order")
    (prompt,) = asyncio.run(mcp.list_prompts())
    assert (prompt.name, prompt["arguments"][0]["name"]) == ("ask", "topic")
    mcp.add_tool(lambda: None, "another")
    with pytest.raises(AttributeError):
        _ = tool.__wrapped__


@pytest.fixture
def asking(mcp: MCPServer[Any]) -> MCPServer[Any]:
    form: dict[str, Any] = {"type": "object", "properties": {}}

    @mcp.tool()
    @mcp.prompt()
    @mcp.resource("questions://{name}")
    async def question(name: str, ctx: Context) -> str:
        return str((await ctx.elicit(name, form)).action)

    @mcp.tool()
    async def nest() -> str:
        return str(await mcp.call_tool("add", {"a": 1}))

    @mcp.tool()
    def fail() -> None:
        raise ToolError("No stock")

    @mcp.resource("books://{title}")
    def book(title: str) -> str:
        raise ResourceError(f"{title} is locked")

    return mcp


def test_its_tools_are_called(mcp: MCPServer[Any]) -> None:
    async def call() -> Any:
        return await mcp.call_tool("add", {"a": 1, "b": 2}), await mcp.call_tool("add", {"a": 1})

    first, second = asyncio.run(call())
    assert (first.content[0].text, first.is_error, second.content[0].text) == ("3", False, "1")


def test_version_1_gives_content_and_structured_content() -> None:
    mcp: FastMCP[Any] = FastMCP("shop")

    @mcp.tool()
    def find() -> dict[str, int]:
        return {"n": 1}

    @mcp.tool(structured_output=False)
    def say() -> str:
        return "hello"

    content, structured = asyncio.run(mcp.call_tool("find"))
    assert (json.loads(content[0].text), structured) == ({"n": 1}, {"n": 1})
    (block,) = asyncio.run(mcp.call_tool("say", {}))
    assert block.text == "hello"


def test_its_resources_are_read_and_its_prompts_made(mcp: MCPServer[Any]) -> None:
    (content,) = asyncio.run(mcp.read_resource("note://a"))
    assert (content.content, content.mime_type) == ("A", "text/plain")
    result = asyncio.run(mcp.get_prompt("ask", {"topic": "tea"}))
    assert (result.description, result.messages[0].content.text) == ("Ask.", "tea")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda mcp: mcp.call_tool("fail"), ToolError, "No stock"),
        (lambda mcp: mcp.call_tool("none"), ToolError, "Unknown tool: none"),
        (lambda mcp: mcp.call_tool("question", {"name": "x"}), ToolError, "elicitation"),
        (
            lambda mcp: mcp.call_tool("nest"),
            ToolError,
            "no calling a server from within its own requests",
        ),
        (lambda mcp: mcp.read_resource("none://x"), ResourceNotFoundError, "Unknown resource: none://x"),
        (lambda mcp: mcp.read_resource("books://Dune"), ResourceError, "Dune is locked"),
        (lambda mcp: mcp.read_resource("questions://x"), ResourceError, "elicitation"),
        (lambda mcp: mcp.get_prompt("none"), ValueError, "Unknown prompt: none"),
        (lambda mcp: mcp.get_prompt("question", {"name": "x"}), ValueError, "elicitation"),
    ],
)
def test_what_fails_raises(
    asking: MCPServer[Any], call: Callable[[Any], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        asyncio.run(call(asking))


def test_what_it_has_opened_is_closed_with_the_loop() -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(server: Any) -> AsyncIterator[str]:
        events.append("enter")
        try:
            yield "pool"
        finally:
            events.append("leave")

    mcp: MCPServer[str] = MCPServer("shop", lifespan=lifespan)

    @mcp.tool()
    async def opened(ctx: Context[Any, Any]) -> str:
        return str(ctx.lifespan_context)

    for _ in range(2):
        assert asyncio.run(mcp.call_tool("opened")).content[0].text == "pool"
    assert events == ["enter", "leave"] * 2
