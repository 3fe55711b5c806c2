"""A server behind uvicorn, one process: python uvicorn_peer.py sdk|lambent PORT. Its tool is quick."""

import sys


async def add_async(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def build(kind: str) -> object:
    """The application; the SDK with a coroutine function, which spares it a thread for each call."""
    if kind == "sdk":
        from mcp.server.mcpserver import MCPServer as SdkServer

        sdk = SdkServer("scale", version="1.0.0")
        sdk.tool(name="add")(add_async)
        return sdk.streamable_http_app(json_response=True, stateless_http=True, host="0.0.0.0")
    from lambent import MCPServer

    mcp = MCPServer("scale", version="1.0.0")
    mcp.tool(name="add")(add_async)
    return mcp.asgi()


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(build(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
