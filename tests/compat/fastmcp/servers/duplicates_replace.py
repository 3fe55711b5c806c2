"""Two features of one name, where on_duplicate is replace."""

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("duplicates", on_duplicate="replace")


@mcp.tool(name="same")
def first() -> str:
    """First."""
    return "first"


@mcp.tool(name="same")
def second() -> str:
    """Second."""
    return "second"


@mcp.resource("r://same")
def one() -> str:
    return "first"


@mcp.resource("r://same")
def two() -> str:
    return "second"


@mcp.prompt(name="same")
def ask() -> str:
    return "first"


@mcp.prompt(name="same")
def ask_again() -> str:
    return "second"


REQUESTS = [
    ("tools/list", {}),
    ("resources/list", {}),
    ("prompts/list", {}),
    ("tools/call", {"name": "same", "arguments": {}}),
    ("resources/read", {"uri": "r://same"}),
    ("prompts/get", {"name": "same"}),
]
