"""Decorators with and without parentheses, names, descriptions and parameters."""

from typing import Annotated

from pydantic import Field

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("basics", "Adds numbers", version="1.2.3")


@mcp.tool
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


@mcp.tool()
def subtract(a: int, b: int) -> int:
    return a - b


@mcp.tool("times")
async def multiply(a: float, b: float) -> float:
    """Multiply.

    Args:
        a: the first factor
        b: the second factor
    """
    return a * b


@mcp.tool(name="greet-user")
def greet(
    name: Annotated[str, "who is greeted"], polite: Annotated[bool, Field(description="or not")] = True
) -> str:
    """Greet someone."""
    return f"{'Dear' if polite else 'Hi'} {name}"


def halve(number: float) -> float:
    """Halve a number."""
    return number / 2


mcp.tool(halve, name="half")

REQUESTS = [
    ("server/discover", {}),
    ("tools/list", {}),
    ("tools/call", {"name": "add", "arguments": {"a": 1}}),
    ("tools/call", {"name": "add", "arguments": {"a": "1", "b": 5}}),
    ("tools/call", {"name": "subtract", "arguments": {"a": 1, "b": 5}}),
    ("tools/call", {"name": "times", "arguments": {"a": 1.5, "b": 5}}),
    ("tools/call", {"name": "greet-user", "arguments": {"name": "Ann"}}),
    ("tools/call", {"name": "half", "arguments": {"number": 3}}),
    ("tools/call", {"name": "nothing", "arguments": {}}),
]
