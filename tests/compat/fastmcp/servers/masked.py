"""Errors whose details are not shown."""

from lambent.compat.fastmcp import FastMCP, ToolError

mcp = FastMCP("masked", mask_error_details=True)


@mcp.tool
def refused() -> str:
    raise ToolError("Not today")


@mcp.tool
def broken() -> str:
    raise ValueError("the cause")


@mcp.resource("bad://broken")
def resource_broken() -> str:
    raise ValueError("the cause")


@mcp.prompt
def prompt_broken() -> str:
    raise ValueError("the cause")


REQUESTS = [
    ("tools/call", {"name": "refused", "arguments": {}}),
    ("tools/call", {"name": "broken", "arguments": {}}),
    ("resources/read", {"uri": "bad://broken"}),
    ("prompts/get", {"name": "prompt_broken"}),
]
