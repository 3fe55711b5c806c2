"""Servers mounted without a namespace, with names that both have, and with other names of tools."""

from lambent.compat.fastmcp import FastMCP

first = FastMCP("first")
second = FastMCP("second")
third = FastMCP("third")
mcp = FastMCP("outer")


@first.tool
def same() -> str:
    return "first"


@second.tool(name="same")
def same_again() -> str:
    return "second"


@first.resource("r://same")
def resource() -> str:
    return "first"


@second.resource("r://same")
def resource_again() -> str:
    return "second"


@third.tool
def old_name() -> str:
    return "third"


@mcp.tool
def mine() -> str:
    return "outer"


@first.tool(name="mine")
def mine_again() -> str:
    return "first"


mcp.mount(first)
mcp.mount(second)
mcp.mount(third, namespace="t", tool_names={"old_name": "new_name"})

REQUESTS = [
    ("tools/list", {}),
    ("resources/list", {}),
    ("tools/call", {"name": "same", "arguments": {}}),
    ("tools/call", {"name": "mine", "arguments": {}}),
    ("tools/call", {"name": "t_new_name", "arguments": {}}),
    ("tools/call", {"name": "t_old_name", "arguments": {}}),
    ("resources/read", {"uri": "r://same"}),
]
