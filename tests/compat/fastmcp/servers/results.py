"""What tools return: values of every kind."""

import datetime
import decimal
import enum
import uuid
from typing import Any

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("results")


class Colour(enum.Enum):
    RED = "red"


@mcp.tool
def text() -> str:
    return "text"


@mcp.tool
def untyped():  # type: ignore[no-untyped-def]
    return "text"


@mcp.tool
def nothing() -> None:
    return None


@mcp.tool
def number() -> int:
    return 7


@mcp.tool
def numbers() -> list[int]:
    return [1, 2]


@mcp.tool
def texts() -> list[str]:
    return ["a", "b"]


@mcp.tool
def any_list() -> list:  # type: ignore[type-arg]
    return ["a", {"b": 1}]


@mcp.tool
def empty() -> list[str]:
    return []


@mcp.tool
def record() -> dict[str, Any]:
    return {"a": 1, "b": [True, None]}


@mcp.tool
def counts() -> dict[str, int]:
    return {"a": 1}


@mcp.tool
def untyped_record():  # type: ignore[no-untyped-def]
    return {"a": 1}


@mcp.tool
def anything() -> Any:
    return {"a": 1}


@mcp.tool
def pair() -> tuple[int, str]:
    return 1, "a"


@mcp.tool
def optional(found: bool) -> int | None:
    return 1 if found else None


@mcp.tool
def colour() -> Colour:
    return Colour.RED


@mcp.tool
def day() -> datetime.date:
    return datetime.date(2026, 7, 28)


@mcp.tool
def moment() -> datetime.datetime:
    return datetime.datetime(2026, 7, 28, 12, 30, tzinfo=datetime.UTC)


@mcp.tool
def identifier() -> uuid.UUID:
    return uuid.UUID(int=5)


@mcp.tool
def price() -> decimal.Decimal:
    return decimal.Decimal("1.50")


@mcp.tool
def raw() -> bytes:
    return b"bytes"


REQUESTS = [
    ("tools/list", {}),
    *[
        ("tools/call", {"name": name, "arguments": {}})
        for name in (
            "text",
            "untyped",
            "nothing",
            "number",
            "numbers",
            "texts",
            "any_list",
            "empty",
            "record",
            "counts",
            "untyped_record",
            "anything",
            "pair",
            "colour",
            "day",
            "moment",
            "identifier",
            "price",
            "raw",
        )
    ],
    ("tools/call", {"name": "optional", "arguments": {"found": True}}),
    ("tools/call", {"name": "optional", "arguments": {"found": False}}),
]
