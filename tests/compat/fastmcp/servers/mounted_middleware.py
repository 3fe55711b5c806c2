"""Middleware of mounted servers."""

from typing import Any

from lambent.compat.fastmcp import CallNext, FastMCP, Middleware, MiddlewareContext

events: list[str] = []


class Watch(Middleware):
    def __init__(self, name: str) -> None:
        self.name = name

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        assert context.fastmcp_context is not None
        events.append(f"{self.name} {context.message.name} {context.fastmcp_context.fastmcp.name}")
        return await call_next(context)

    async def on_read_resource(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        events.append(f"{self.name} {context.message.uri}")
        return await call_next(context)


inner = FastMCP("inner", middleware=[Watch("inner")])
mcp = FastMCP("outer", middleware=[Watch("outer")])


@inner.tool
def add(a: int) -> int:
    return a + 1


@inner.resource("notes://one")
def one() -> str:
    return "one"


@mcp.tool
def seen() -> list[str]:
    found = list(events)
    events.clear()
    return found


mcp.mount(inner, "in")

REQUESTS = [
    ("tools/call", {"name": "in_add", "arguments": {"a": 1}}),
    ("resources/read", {"uri": "notes://in/one"}),
    ("tools/call", {"name": "seen", "arguments": {}}),
]
