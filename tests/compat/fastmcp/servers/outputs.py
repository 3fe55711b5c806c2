"""Output schemas: given, and switched off."""

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("outputs")

SCHEMA = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}


@mcp.tool(output_schema=SCHEMA)
def given() -> dict[str, int]:
    return {"total": 3}


@mcp.tool(output_schema=None)
def without() -> int:
    return 3


@mcp.tool(output_schema=None)
def without_but_dict() -> dict[str, int]:
    return {"a": 3}


REQUESTS = [
    ("tools/list", {}),
    *[("tools/call", {"name": name, "arguments": {}}) for name in ("given", "without", "without_but_dict")],
]
