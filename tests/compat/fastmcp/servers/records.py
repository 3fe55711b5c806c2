"""Records as arguments and results: data classes, models, typed dicts."""

from dataclasses import dataclass, field

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("records")


@dataclass
class Article:
    name: str
    count: int = 1


class Address(BaseModel):
    street: str
    city: str = Field(default="Graz", description="where")


class Order(BaseModel):
    articles: list[str]
    address: Address


class Point(TypedDict):
    x: int
    y: int


@dataclass
class Cart:
    articles: list[Article] = field(default_factory=list)


@mcp.tool
def article(article: Article) -> Article:
    return article


@mcp.tool
def order(order: Order) -> Order:
    return order


@mcp.tool
def point(point: Point) -> Point:
    return point


@mcp.tool
def cart(names: list[str]) -> Cart:
    return Cart([Article(name) for name in names])


@mcp.tool
def addresses() -> list[Address]:
    return [Address(street="a"), Address(street="b", city="Wien")]


REQUESTS = [
    ("tools/list", {}),
    ("tools/call", {"name": "article", "arguments": {"article": {"name": "pen"}}}),
    (
        "tools/call",
        {"name": "order", "arguments": {"order": {"articles": ["pen"], "address": {"street": "x"}}}},
    ),
    ("tools/call", {"name": "point", "arguments": {"point": {"x": 1, "y": 2}}}),
    ("tools/call", {"name": "cart", "arguments": {"names": ["pen", "ink"]}}),
    ("tools/call", {"name": "addresses", "arguments": {}}),
]
