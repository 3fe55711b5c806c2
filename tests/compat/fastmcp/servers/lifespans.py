"""What a lifespan gives, of the server and of one mounted in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lambent.compat.fastmcp import Context, FastMCP, lifespan


@asynccontextmanager
async def life(server: FastMCP) -> AsyncIterator[dict[str, Any]]:
    yield {"of": server.name}


@lifespan
async def first(server: FastMCP) -> AsyncIterator[dict[str, Any]]:
    yield {"first": 1}


@lifespan
async def second(server: FastMCP) -> AsyncIterator[dict[str, Any]]:
    yield {"second": 2}


inner = FastMCP("inner", lifespan=first | second)
mcp = FastMCP("outer", lifespan=life)


@mcp.tool
async def known(ctx: Context) -> dict[str, Any]:
    return dict(ctx.lifespan_context)


@inner.tool(name="known")
async def known_inside(ctx: Context) -> dict[str, Any]:
    return dict(ctx.lifespan_context)


mcp.mount(inner, "in")

REQUESTS = [
    ("tools/call", {"name": "known", "arguments": {}}),
    ("tools/call", {"name": "in_known", "arguments": {}}),
]
