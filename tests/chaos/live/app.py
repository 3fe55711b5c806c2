"""What uvicorn serves to the clients of ``run``."""

import asyncio
import gc
import os
import threading
from datetime import timedelta
from pathlib import Path

from tests.support import SETTINGS

from lambent import Context, Idempotency, MCPServer, TaskPolicy

mcp = MCPServer("live", version="1.0.0")


@mcp.tool()
def ping() -> str:
    return "pong"


@mcp.tool()
def usage() -> dict[str, int]:
    """Megabytes of memory, and threads."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"mb": pages * os.sysconf("SC_PAGE_SIZE") // 2**20, "threads": threading.active_count()}


@mcp.tool()
def talk(ctx: Context) -> str:
    for _ in range(20_000):
        ctx.info("x" * 50_000)
    return "said"


@mcp.tool()
async def talk_async(ctx: Context) -> str:
    for _ in range(20_000):
        await ctx.info("x" * 50_000)
    return "said"


@mcp.tool(idempotency=Idempotency(key="key", window=timedelta(seconds=1)))
async def slow(key: str) -> str:
    await asyncio.sleep(2)
    return key


@mcp.tool(task=TaskPolicy(ttl=timedelta(seconds=1)))
def large(size: int) -> str:
    return "y" * size


@mcp.tool()
def change(ctx: Context) -> str:
    ctx.notify_tools_changed()
    return "changed"


app = mcp.asgi(SETTINGS)
