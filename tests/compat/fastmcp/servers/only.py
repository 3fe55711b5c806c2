"""Nothing but what has a tag."""

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("only")


@mcp.tool(tags={"public"})
def shown() -> str:
    return "shown"


@mcp.tool(tags={"public", "other"})
def disabled() -> str:
    return "disabled"


@mcp.tool
def hidden() -> str:
    return "hidden"


mcp.enable(tags={"public"}, only=True)

REQUESTS = [
    ("tools/list", {}),
    *[("tools/call", {"name": name, "arguments": {}}) for name in ("shown", "disabled", "hidden")],
]
