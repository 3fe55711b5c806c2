"""A server with everything that some version of the legacy era does not know."""

from typing import Any

import msgspec
from tests.support import make_server

from lambent import (
    Annotations,
    AudioContent,
    BlobResourceContents,
    Completion,
    Context,
    EmbeddedResource,
    Icon,
    ImageContent,
    MCPServer,
    PromptMessage,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
    ToolError,
    ToolResult,
    UserMessage,
)

ICONS = [Icon(src="https://example.com/i.png", mime_type="image/png", sizes=["48x48"], theme="dark")]
META = {"com.example/kept": True}
HINTS = Annotations(audience=["user"], priority=0.5, last_modified="2025-01-12T15:00:58Z")


class Line(msgspec.Struct):
    sku: str
    count: int = 1


class Node(msgspec.Struct):
    value: int
    children: "list[Node]" = []


def legacy_server(**options: Any) -> MCPServer:
    mcp = make_server(
        title="The shop",
        description="Sells books.",
        website_url="https://example.com",
        icons=ICONS,
        instructions="Be kind.",
        extensions={"com.example/extra": {}},
        strict_arguments=True,
        compact_results=True,
        **options,
    )
    _add_tools(mcp)
    _add_structured(mcp)
    _add_talk(mcp)
    _add_others(mcp)
    return mcp


def _add_tools(mcp: MCPServer) -> None:
    hints = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @mcp.tool(title="Add two", annotations=hints, icons=ICONS, meta=META)
    def add(a: int, b: int = 0) -> int:
        """Add two numbers."""
        return a + b

    @mcp.tool(title="Not shown", annotations=ToolAnnotations(title="Say it"))
    def say(text: str) -> str:
        """Repeat."""
        return text

    @mcp.tool()
    def refuse() -> str:
        raise ToolError("Sold out")

    @mcp.tool()
    def media() -> ToolResult:
        text = TextResourceContents(uri="note://today", text="Milk", mime_type="text/plain", meta=META)
        blob = BlobResourceContents(uri="note://logo", blob="AAEC")
        return ToolResult(
            content=[
                TextContent(text="Look", annotations=HINTS, meta=META),
                ImageContent(data="AAEC", mime_type="image/png", annotations=HINTS, meta=META),
                AudioContent(data="AAEC", mime_type="audio/wav", annotations=HINTS, meta=META),
                ResourceLink(
                    uri="note://today",
                    name="today",
                    title="Today",
                    description="Notes",
                    mime_type="text/plain",
                    size=4,
                    icons=ICONS,
                    annotations=HINTS,
                    meta=META,
                ),
                ResourceLink(uri="note://other", name="other"),
                EmbeddedResource(resource=text, annotations=HINTS, meta=META),
                EmbeddedResource(resource=blob),
            ],
            meta=META,
        )

    @mcp.tool()
    def loose(value: Any) -> ToolResult:
        return ToolResult(content=["loose"], structured_content=value)


def _add_structured(mcp: MCPServer) -> None:
    @mcp.tool()
    def line() -> Line:
        return Line("a")

    @mcp.tool()
    def lines() -> list[Line]:
        return [Line("a", 2)]

    @mcp.tool()
    def maybe(is_there: bool = False) -> Line | None:
        return Line("a") if is_there else None

    @mcp.tool()
    def tree() -> Node:
        return Node(1, [Node(2)])

    @mcp.tool()
    def trees() -> list[Node]:
        return [Node(1, [Node(2)])]

    @mcp.tool()
    def prices() -> dict[str, Line]:
        return {"a": Line("a")}

    @mcp.tool()
    def wrong() -> Line:
        return ToolResult(content=["Sold out"], structured_content=[1], is_error=True)  # type: ignore[return-value]


def _add_talk(mcp: MCPServer) -> None:
    @mcp.tool()
    def talk(ctx: Context) -> str:
        ctx.report_progress(1, 2, "Half")
        ctx.report_progress(2)
        ctx.debug("d")
        ctx.info({"a": [1]}, logger_name="shop")
        ctx.error("e")
        return "done"


def _add_others(mcp: MCPServer) -> None:
    @mcp.resource(
        "note://today",
        title="Today",
        mime_type="text/plain",
        size=4,
        icons=ICONS,
        annotations=HINTS,
        meta=META,
    )
    def today() -> TextResourceContents:
        """Notes of today."""
        return TextResourceContents(uri="note://today", text="Milk", mime_type="text/plain", meta=META)

    @mcp.resource(
        "note://{day}/text", title="A day", icons=ICONS, annotations=HINTS, meta=META, mime_type="text/plain"
    )
    def note(day: str) -> str:
        return f"Note of {day}"

    @mcp.prompt(title="Greet", icons=ICONS, meta=META)
    def greet(name: str) -> list[PromptMessage]:
        """Say hello."""
        return [
            UserMessage(f"Hello {name}"),
            UserMessage(AudioContent(data="AAEC", mime_type="audio/wav")),
            UserMessage(ResourceLink(uri="note://today", name="today", icons=ICONS)),
        ]

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> Completion:
        others = sorted(context.arguments) if context else []
        return Completion(values=[f"{argument.value}1", *others], total=2, has_more=True)


REQUESTS: dict[str, tuple[str, Any]] = {
    "resources": ("resources/list", None),
    "templates": ("resources/templates/list", None),
    "prompts": ("prompts/list", None),
    "read": ("resources/read", {"uri": "note://today"}),
    "prompt": ("prompts/get", {"name": "greet", "arguments": {"name": "Ada"}}),
    "add": ("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}),
    "maybe": ("tools/call", {"name": "maybe"}),
    "tree": ("tools/call", {"name": "tree"}),
    "wrong": ("tools/call", {"name": "wrong"}),
    "loose": ("tools/call", {"name": "loose", "arguments": {"value": {"a": 1}}}),
    "media": ("tools/call", {"name": "media"}),
}
"""Requests whose results differ between versions."""

TOOLS = ("add", "say", "maybe", "tree")
"""Tools whose definitions differ between versions."""
