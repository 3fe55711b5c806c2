"""Resources and what they return."""

import json

from lambent.compat.fastmcp import FastMCP, ResourceContent, ResourceResult, TextResource

mcp = FastMCP("resources")


@mcp.resource("r://text")
def text() -> str:
    return "text"


@mcp.resource("r://json", mime_type="application/json")
def as_json() -> str:
    return json.dumps({"a": 1})


@mcp.resource("r://bytes", mime_type="image/png")
def raw() -> bytes:
    return b"png"


@mcp.resource("r://result")
def result() -> ResourceResult:
    return ResourceResult(
        [ResourceContent("a"), ResourceContent(b"b", mime_type="image/png"), ResourceContent({"c": 1})],
        meta={"n": 1},
    )


@mcp.resource("r://plain-result")
async def plain_result() -> ResourceResult:
    return ResourceResult("a")


@mcp.resource("r://record", name="Record", description="A record")
def record() -> dict[str, int]:
    return {"a": 1}


mcp.add_resource(TextResource(uri="r://fixed", name="fixed", text="fixed words"))

REQUESTS = [
    ("resources/list", {}),
    *[
        ("resources/read", {"uri": f"r://{name}"})
        for name in ("text", "json", "bytes", "result", "plain-result", "record", "fixed", "missing")
    ],
]
