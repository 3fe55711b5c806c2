"""Questions to the user."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from lambent.compat.fastmcp import AcceptedElicitation, Context, DeclinedElicitation, FastMCP

mcp = FastMCP("asks")


@dataclass
class Person:
    name: str
    age: int = 0


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@mcp.tool
async def person(ctx: Context) -> str:
    answer = await ctx.elicit("Who are you?", response_type=Person)
    if isinstance(answer, AcceptedElicitation):
        return f"{answer.data.name} {answer.data.age}"
    return "declined" if isinstance(answer, DeclinedElicitation) else "cancelled"


@mcp.tool
async def scalar(ctx: Context) -> str:
    answer = await ctx.elicit("How many?", int)
    return str(answer.data) if answer.action == "accept" else answer.action


@mcp.tool
async def choice(ctx: Context) -> str:
    answer = await ctx.elicit("Which?", ["a", "b"])
    return str(answer.data) if answer.action == "accept" else answer.action


@mcp.tool
async def literal(ctx: Context) -> str:
    answer = await ctx.elicit("Which?", Literal["a", "b"])
    return str(answer.data) if answer.action == "accept" else answer.action


@mcp.tool
async def enum(ctx: Context) -> str:
    answer = await ctx.elicit("Which?", Size)
    return str(answer.data) if answer.action == "accept" else answer.action


@mcp.tool
async def titled(ctx: Context) -> str:
    answer = await ctx.elicit(
        "Which?", {"a": {"title": "The A"}, "b": {"title": "The B"}}, response_title="Pick"
    )
    return str(answer.data) if answer.action == "accept" else answer.action


@mcp.tool
async def several(ctx: Context) -> str:
    answer = await ctx.elicit("Which?", [["a", "b"]])
    return str(answer.data) if answer.action == "accept" else answer.action


@mcp.tool
async def sure(ctx: Context) -> str:
    answer = await ctx.elicit("Sure?", bool)
    return str(answer.data) if answer.action == "accept" else answer.action


ANSWERS = {
    "person": {"name": "Ann", "age": 3},
    "scalar": {"value": 5},
    "choice": {"value": "b"},
    "literal": {"value": "b"},
    "enum": {"value": "large"},
    "titled": {"value": "b"},
    "several": {"value": ["a", "b"]},
    "sure": {"value": True},
}
"""What users answer, by tool; asked of clients of the legacy era, since the original asks no others."""
