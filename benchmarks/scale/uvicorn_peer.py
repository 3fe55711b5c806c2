"""A server behind uvicorn, one process: python uvicorn_peer.py sdk|lambent coroutine|function PORT."""

import sys


async def coroutine(a: int, b: int) -> int:
    """Add two numbers, on the event loop."""
    return a + b


def function(a: int, b: int) -> int:
    """Add two numbers, on a thread."""
    return a + b


def build(kind: str, tool: str) -> object:
    """The application."""
    add = coroutine if tool == "coroutine" else function
    if kind == "sdk":
        from mcp.server.mcpserver import MCPServer as SdkServer

        sdk = SdkServer("scale", version="1.0.0")
        sdk.tool(name="add")(add)
        return sdk.streamable_http_app(json_response=True, stateless_http=True, host="0.0.0.0")
    from lambent import MCPServer

    mcp = MCPServer("scale", version="1.0.0")
    mcp.tool(name="add")(add)
    return mcp.asgi()


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(build(sys.argv[1], sys.argv[2]), host="127.0.0.1", port=int(sys.argv[3]), log_level="error")
