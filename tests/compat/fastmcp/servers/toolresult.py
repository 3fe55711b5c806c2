"""Results that tools make themselves."""

from lambent import ImageContent, TextContent
from lambent.compat.fastmcp import FastMCP, ToolResult

mcp = FastMCP("toolresult")


@mcp.tool
def both() -> ToolResult:
    return ToolResult(content=[TextContent(text="one")], structured_content={"n": 1})


@mcp.tool
def structured_only() -> ToolResult:
    return ToolResult(structured_content={"n": 1})


@mcp.tool
def text_only() -> ToolResult:
    return ToolResult("words")


@mcp.tool
def with_meta() -> ToolResult:
    return ToolResult(content="words", meta={"took": 3})


@mcp.tool
def failed() -> ToolResult:
    return ToolResult(content="no", is_error=True)


@mcp.tool
def mixed() -> ToolResult:
    return ToolResult(content=["words", {"a": 1}, ImageContent(data="AA==", mime_type="image/png")])


@mcp.tool
def blocks() -> list[TextContent]:
    return [TextContent(text="a"), TextContent(text="b")]


@mcp.tool
def block() -> TextContent:
    return TextContent(text="a")


NAMES = ("both", "structured_only", "text_only", "with_meta", "failed", "mixed", "blocks", "block")
REQUESTS = [("tools/list", {}), *[("tools/call", {"name": name, "arguments": {}}) for name in NAMES]]
