"""Private parts of a server that others reach into."""

import re
from typing import Any

import pytest
from tests.support import SETTINGS

from lambent import DeclarationError
from lambent.compat import FastMCP
from lambent.testing import TestClient


@pytest.fixture
def mcp() -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("shop", "Ask first")

    @mcp.tool(title="Add")
    def add(a: int) -> int:
        """Add one."""
        return a + 1

    return mcp


@pytest.mark.parametrize("part", ["_mcp_server", "_lowlevel_server"])
def test_what_the_server_says_it_is_can_be_changed(mcp: FastMCP[Any], part: str) -> None:
    server = getattr(mcp, part)
    assert (server.name, server.instructions) == ("shop", "Ask first")
    server.version = "1.2.3"
    server.instructions = "Ask twice"
    assert (server.version, server.instructions, mcp.version) == ("1.2.3", "Ask twice", "1.2.3")
    info = TestClient(mcp).discover()
    assert (info.version, info.instructions) == ("1.2.3", "Ask twice")


def test_it_cannot_once_requests_are_answered(mcp: FastMCP[Any]) -> None:
    mcp.lambda_handler(SETTINGS)
    with pytest.raises(DeclarationError, match="comes too late"):
        mcp._mcp_server.version = "1.2.3"


def test_the_context_of_a_request_is_found_there() -> None:
    mcp: FastMCP[Any] = FastMCP("shop")

    @mcp.tool()
    def look() -> str:
        context = mcp._mcp_server.request_context
        return f"{context.request_id} {context.lifespan_context}"

    assert TestClient(mcp).call("look").text == "1 {}"
    with pytest.raises(LookupError, match="only while a handler runs"):
        _ = mcp._mcp_server.request_context


def test_everything_else_below_is_not_there(mcp: FastMCP[Any]) -> None:
    text = re.escape("There is no mcp._mcp_server.run here") + ".*lambent.adapt"
    with pytest.raises(AttributeError, match=text):
        mcp._mcp_server.run()
    with pytest.raises(AttributeError, match=text.replace("run", "request_handlers")):
        mcp._mcp_server.request_handlers = {}


def test_tools_can_be_read(mcp: FastMCP[Any]) -> None:
    manager = mcp._tool_manager
    (tool,) = manager.list_tools()
    assert (tool.name, tool.title, tool.description, tool.fn(1)) == ("add", "Add", "Add one.", 2)
    assert tool.parameters["required"] == ["a"]
    assert (manager.get_tool("add"), manager.get_tool("none"), manager._tools) == (tool, None, {"add": tool})
    with pytest.raises(
        AttributeError, match=r"There is no mcp\._tool_manager\.add_tool here: write mcp\.add_tool"
    ):
        manager.add_tool(print)
    with pytest.raises(AttributeError, match="immutable"):
        setattr(tool, "description", "Changed")  # noqa: B010 - it has to fail when it runs
