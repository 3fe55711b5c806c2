"""Arguments that do not fit."""

from typing import Annotated, Literal

from pydantic import Field

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("validation")


@mcp.tool
def add(a: int, b: Annotated[int, Field(ge=0, le=10)] = 1) -> int:
    return a + b


@mcp.tool
def pick(size: Literal["s", "m"], names: list[str] | None = None) -> str:
    return f"{size} {names}"


REQUESTS = [
    ("tools/list", {}),
    ("tools/call", {"name": "add", "arguments": {"a": "5"}}),
    ("tools/call", {"name": "add", "arguments": {}}),
    ("tools/call", {"name": "add", "arguments": {"a": "x"}}),
    ("tools/call", {"name": "add", "arguments": {"a": 1, "b": 11}}),
    ("tools/call", {"name": "add", "arguments": {"a": 1, "c": 1}}),
    ("tools/call", {"name": "pick", "arguments": {"size": "s", "names": ["a"]}}),
    ("tools/call", {"name": "pick", "arguments": {"size": "l"}}),
]
