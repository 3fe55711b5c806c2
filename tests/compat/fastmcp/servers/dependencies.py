"""Parameters that the server fills in."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from lambent.compat.fastmcp import Context, CurrentContext, CurrentFastMCP, Depends, FastMCP

mcp = FastMCP("dependencies")
closed: list[str] = []


def settings() -> dict[str, str]:
    return {"unit": "m"}


async def connection(config: dict[str, str] = Depends(settings)) -> str:
    return f"connected {config['unit']}"


@asynccontextmanager
async def resource() -> AsyncIterator[str]:
    yield "opened"
    closed.append("async")


@contextmanager
def plain_resource() -> Iterator[str]:
    yield "opened"
    closed.append("plain")


@mcp.tool
async def measure(
    length: int, config: dict[str, str] = Depends(settings), to: str = Depends(connection)
) -> str:
    return f"{length} {config['unit']} {to}"


@mcp.tool
def plain(length: int, config: dict[str, str] = Depends(settings)) -> str:
    return f"{length} {config['unit']}"


@mcp.tool
async def opened(one: str = Depends(resource), two: str = Depends(plain_resource)) -> str:
    return f"{one} {two} {len(closed)}"


@mcp.tool
def was_closed() -> list[str]:
    return closed


@mcp.tool
async def current(ctx: Context = CurrentContext(), server: FastMCP = CurrentFastMCP()) -> str:
    return f"{ctx.fastmcp.name} {server.name}"


@mcp.resource("d://{name}")
async def read(name: str, config: dict[str, str] = Depends(settings)) -> str:
    return f"{name} {config['unit']}"


@mcp.prompt
async def ask(name: str, config: dict[str, str] = Depends(settings)) -> str:
    return f"{name} {config['unit']}"


REQUESTS = [
    ("tools/list", {}),
    ("prompts/list", {}),
    ("tools/call", {"name": "measure", "arguments": {"length": 3}}),
    ("tools/call", {"name": "measure", "arguments": {"length": 3, "config": {"unit": "ft"}}}),
    ("tools/call", {"name": "plain", "arguments": {"length": 3}}),
    ("tools/call", {"name": "opened", "arguments": {}}),
    ("tools/call", {"name": "was_closed", "arguments": {}}),
    ("tools/call", {"name": "current", "arguments": {}}),
    ("resources/read", {"uri": "d://x"}),
    ("prompts/get", {"name": "ask", "arguments": {"name": "x"}}),
]
