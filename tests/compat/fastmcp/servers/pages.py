"""Lists of several pages."""

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("pages", list_page_size=2)


@mcp.tool
def one() -> str:
    return "1"


@mcp.tool
def two() -> str:
    return "2"


@mcp.tool
def three() -> str:
    return "3"


REQUESTS = [("tools/list", {})]
