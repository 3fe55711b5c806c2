"""What is listed of features besides names: titles, tags, meta, annotations, icons, versions."""

from lambent.compat.fastmcp import FastMCP, Icon, ToolAnnotations

mcp = FastMCP("metadata", icons=[Icon(src="https://example.com/a.png")], website_url="https://example.com")


@mcp.tool(
    title="Do it",
    description="Does it",
    tags={"b", "a"},
    meta={"owner": "team"},
    annotations={"readOnlyHint": True, "title": "Annotated"},
    icons=[Icon(src="https://example.com/b.png", mime_type="image/png")],
)
def described() -> str:
    """Not shown."""
    return "done"


@mcp.tool(annotations=ToolAnnotations(title="Only annotated", destructive_hint=False))
def annotated() -> str:
    return "done"


@mcp.resource("notes://one", name="one", title="One", description="The one", tags={"x"}, meta={"k": 1})
def note() -> str:
    return "1"


@mcp.resource("notes://{number}", title="Any", tags={"y"})
def any_note(number: str) -> str:
    """A note."""
    return number


@mcp.prompt(name="ask", title="Ask", description="Asks", tags={"p"}, meta={"k": 2})
def question() -> str:
    return "why?"


REQUESTS = [
    ("server/discover", {}),
    ("tools/list", {}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("prompts/list", {}),
]
