"""The smallest MCP server: one tool, one function, one URL."""

from lambent import MCPServer

mcp = MCPServer("hello", version="1.0.0")


@mcp.tool()
def hello(name: str = "world") -> str:
    """Greet somebody."""
    return f"Hello, {name}!"


handler = mcp.lambda_handler()
