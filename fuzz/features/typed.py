"""Tools whose parameters have types of every kind, recursive ones included."""

import datetime
import decimal
import enum
import uuid
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, Field

from lambent import Context, McpHeader, MCPServer


class Color(enum.Enum):
    """An enumeration."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Line:
    """A dataclass in a dataclass."""

    sku: str
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    tags: list[str] = field(default_factory=list)


class Node(msgspec.Struct):
    """A type that refers to itself."""

    value: int = 0
    children: list["Node"] = []


class Item(BaseModel):
    """A model that refers to itself."""

    name: str = Field(max_length=2000)
    price: float = 0.0
    parts: list["Item"] = []


SCHEMA = {
    "type": "object",
    "properties": {
        "where": {"type": "object", "properties": {"site": {"type": "string", "x-mcp-header": "Site"}}},
        "any": {"$ref": "https://example.com/never-fetched.json"},
    },
}


def add(mcp: MCPServer) -> None:
    """Declare them."""

    @mcp.tool()
    def typed(
        lines: list[Line],
        color: Color = Color.RED,
        day: datetime.date | None = None,
        at: datetime.datetime | None = None,
        took: datetime.timedelta | None = None,
        amount: decimal.Decimal | None = None,
        key: uuid.UUID | None = None,
        data: bytes = b"",
        pair: tuple[int, str] | None = None,
        names: set[str] = frozenset(),  # type: ignore[assignment]
        either: int | str | list[int] | None = None,
        count: float = 0.0,
    ) -> list[str]:
        return [line.sku for line in lines]

    @mcp.tool()
    def tree(node: Node) -> int:
        total, todo = 0, [node]
        while todo:
            current = todo.pop()
            total, todo = total + 1, todo + current.children
        return total

    @mcp.tool()
    def price(item: Item, factor: float = 1.0) -> str:
        return item.name

    @mcp.tool()
    def route(
        region: Annotated[str, McpHeader("Region")],
        zone: Annotated[int | None, McpHeader("Zone")] = None,
        dry: Annotated[bool, McpHeader("Dry")] = False,
    ) -> str:
        return region

    @mcp.tool(input_schema=SCHEMA)
    def anything(ctx: Context, **arguments: Any) -> list[str]:
        return sorted(arguments)
