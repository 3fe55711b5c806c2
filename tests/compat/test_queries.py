"""What a server says of itself to the code that has it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lambent.compat import MCPServer


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


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (lambda mcp: mcp.call_tool("add", {"a": 1}), r"TestClient\(mcp\)\.call\(name, \*\*arguments\)"),
        (
            lambda mcp: mcp.read_resource("note://a"),
            r"ctx\.read_resource\(uri\) in .*\.read\(uri\)",
        ),
        (lambda mcp: mcp.get_prompt("ask", {}), r"TestClient\(mcp\)\.get\(name, \*\*arguments\)"),
    ],
)
def test_it_is_called_by_clients_alone(mcp: MCPServer[Any], call: Callable[[Any], Any], instead: str) -> None:
    with pytest.raises(AttributeError, match=instead):
        call(mcp)
