"""Servers mounted under a namespace, one within another."""

from lambent.compat.fastmcp import Context, FastMCP

inner = FastMCP("inner")
middle = FastMCP("middle")
mcp = FastMCP("outer")


@inner.tool
def add(a: int, b: int) -> int:
    return a + b


@inner.tool
async def who(ctx: Context) -> str:
    return ctx.fastmcp.name


@inner.tool
async def look(ctx: Context) -> str:
    result = await ctx.read_resource("notes://one")
    return str(result.contents[0].content)


@inner.resource("notes://one")
def one() -> str:
    return "one"


@inner.resource("notes://{day}/text")
def day(day: str) -> str:
    return day


@inner.resource("mailto:a@example.com")
def mail() -> str:
    return "mail"


@inner.prompt
def ask(what: str) -> str:
    return f"What is {what}?"


@middle.tool
def middle_tool() -> str:
    return "middle"


@mcp.tool
def own() -> str:
    return "own"


middle.mount(inner, namespace="deep")
mcp.mount(middle, namespace="mid")
mcp.mount(inner, "in")


@inner.tool
def late() -> str:
    return "late"


REQUESTS = [
    ("tools/list", {}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("prompts/list", {}),
    ("tools/call", {"name": "in_add", "arguments": {"a": 1, "b": 2}}),
    ("tools/call", {"name": "mid_deep_add", "arguments": {"a": 1, "b": 2}}),
    ("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}),
    ("tools/call", {"name": "mid_middle_tool", "arguments": {}}),
    ("tools/call", {"name": "in_who", "arguments": {}}),
    ("tools/call", {"name": "in_look", "arguments": {}}),
    ("tools/call", {"name": "in_late", "arguments": {}}),
    ("resources/read", {"uri": "notes://in/one"}),
    ("resources/read", {"uri": "notes://mid/deep/one"}),
    ("resources/read", {"uri": "notes://in/monday/text"}),
    ("resources/read", {"uri": "notes://one"}),
    ("resources/read", {"uri": "mailto:a@example.com"}),
    ("prompts/get", {"name": "mid_deep_ask", "arguments": {"what": "it"}}),
]
