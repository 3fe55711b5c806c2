"""Features that are switched off, by tags, names and kinds."""

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("visibility")


@mcp.tool(tags={"public"})
def shown() -> str:
    return "shown"


@mcp.tool(tags={"public", "internal"})
def internal() -> str:
    return "internal"


@mcp.tool
def untagged() -> str:
    return "untagged"


@mcp.tool(tags={"internal"})
def again() -> str:
    return "again"


@mcp.resource("r://one", tags={"internal"})
def one() -> str:
    return "one"


@mcp.resource("r://two")
def two() -> str:
    return "two"


@mcp.prompt(tags={"public"})
def ask() -> str:
    return "why?"


mcp.disable(tags={"internal"})
mcp.enable(names={"again"})
mcp.disable(names={"untagged"}, components={"tool"})
mcp.disable(names={"r://two"})

REQUESTS = [
    ("tools/list", {}),
    ("resources/list", {}),
    ("prompts/list", {}),
    *[("tools/call", {"name": name, "arguments": {}}) for name in ("shown", "internal", "untagged", "again")],
    ("resources/read", {"uri": "r://one"}),
    ("resources/read", {"uri": "r://two"}),
]
