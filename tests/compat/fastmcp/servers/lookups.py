"""What the context reads from its own server."""

from lambent.compat.fastmcp import Context, FastMCP

mcp = FastMCP("lookups")


@mcp.resource("notes://one", mime_type="text/markdown")
def one() -> str:
    return "# one"


@mcp.resource("notes://n/{number}")
def some(number: int) -> dict[str, int]:
    return {"number": number}


@mcp.resource("blob://one")
def blob() -> bytes:
    return b"bytes"


@mcp.prompt
def ask(what: str) -> str:
    return f"What is {what}?"


@mcp.tool
async def read(uri: str, ctx: Context) -> list[str]:
    result = await ctx.read_resource(uri)
    return [f"{item.content!r} {item.mime_type}" for item in result.contents]


@mcp.tool
async def prompts(ctx: Context) -> list[str]:
    found = await ctx.list_prompts()
    text = await ctx.get_prompt("ask", {"what": "this"})
    return [one.name for one in found] + [text.messages[0].content.text]  # type: ignore[union-attr]


@mcp.tool
async def resources(ctx: Context) -> list[str]:
    return [str(one.uri) for one in await ctx.list_resources()]


REQUESTS = [
    ("tools/call", {"name": "read", "arguments": {"uri": "notes://one"}}),
    ("tools/call", {"name": "read", "arguments": {"uri": "notes://n/5"}}),
    ("tools/call", {"name": "read", "arguments": {"uri": "blob://one"}}),
    ("tools/call", {"name": "prompts", "arguments": {}}),
    ("tools/call", {"name": "resources", "arguments": {}}),
]
