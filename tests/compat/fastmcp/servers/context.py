"""What the context tells of a call, and what it sends."""

from lambent.compat.fastmcp import Context, FastMCP, get_context

mcp = FastMCP("context")


@mcp.tool
async def tell(ctx: Context) -> str:
    await ctx.debug("hidden")
    await ctx.info("told")
    await ctx.warning("warned", logger_name="mine")
    await ctx.error("failed", extra={"code": 3})
    await ctx.log("more", level="notice")
    await ctx.report_progress(1, 2, "half")
    return "done"


@mcp.tool
async def know(ctx: Context) -> dict[str, str]:
    return {
        "request": ctx.request_id,
        "server": ctx.fastmcp.name,
        "same": str(get_context().request_id == ctx.request_id),
        "task": str(ctx.is_background_task),
        "roots": str(ctx.client_id),
    }


@mcp.tool
async def state(ctx: Context) -> list[str]:
    await ctx.set_state("a", {"n": 1})
    await ctx.set_state("b", object, serializable=False)
    found = [str(await ctx.get_state("a")), str(await ctx.get_state("b")), str(await ctx.get_state("c"))]
    await ctx.delete_state("a")
    return [*found, str(await ctx.get_state("a"))]


@mcp.tool
def optional(ctx: Context | None = None) -> str:
    return "none" if ctx is None else ctx.fastmcp.name


@mcp.resource("context://{name}")
async def resource(name: str, ctx: Context) -> str:
    return f"{name} {ctx.fastmcp.name}"


@mcp.prompt
async def prompt(name: str, ctx: Context) -> str:
    return f"{name} {ctx.fastmcp.name}"


REQUESTS = [
    ("tools/list", {}),
    ("tools/call", {"name": "tell", "arguments": {}}),
    ("tools/call", {"name": "know", "arguments": {}}),
    ("tools/call", {"name": "state", "arguments": {}}),
    ("tools/call", {"name": "optional", "arguments": {}}),
    ("resources/read", {"uri": "context://x"}),
    ("prompts/get", {"name": "prompt", "arguments": {"name": "x"}}),
    ("prompts/list", {}),
]
