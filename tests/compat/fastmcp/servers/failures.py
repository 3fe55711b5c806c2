"""Errors of tools, resources and prompts."""

from lambent.compat.fastmcp import FastMCP, PromptError, ResourceError, ToolError

mcp = FastMCP("failures")


@mcp.tool
def refused() -> str:
    raise ToolError("Not today")


@mcp.tool
def broken() -> str:
    raise ValueError("the cause")


@mcp.resource("bad://refused")
def resource_refused() -> str:
    raise ResourceError("No such thing")


@mcp.resource("bad://broken")
def resource_broken() -> str:
    raise ValueError("the cause")


@mcp.prompt
def prompt_refused() -> str:
    raise PromptError("No words")


@mcp.prompt
def prompt_broken() -> str:
    raise ValueError("the cause")


REQUESTS = [
    ("tools/call", {"name": "refused", "arguments": {}}),
    ("tools/call", {"name": "broken", "arguments": {}}),
    ("resources/read", {"uri": "bad://refused"}),
    ("resources/read", {"uri": "bad://broken"}),
    ("resources/read", {"uri": "bad://missing"}),
    ("prompts/get", {"name": "prompt_refused"}),
    ("prompts/get", {"name": "prompt_broken"}),
    ("prompts/get", {"name": "missing"}),
]
