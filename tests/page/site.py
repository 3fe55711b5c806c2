"""The server that the page shows in the tests: one of every kind of field, question, result and ending."""

import asyncio
import enum
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal

import msgspec
from tests.support import SECRET

from lambent import Context, Image, MCPServer, Settings, TaskPolicy, ToolAnnotations, ToolError

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080600000"
    "01f15c4890000000d49444154789c6360f8cf500f0003860180f3a5f5e50000000049454e44ae426082"
)
HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>\u202egnp.exe\u2066'
"""A text that is HTML, and turns the direction of writing."""


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Address:
    """Where it goes."""

    street: str
    city: str = "Bern"


@dataclass
class Confirm:
    sure: Annotated[bool, msgspec.Meta(title="Are you sure?")]
    reason: str = ""


def make_site(**options: Any) -> MCPServer:
    """The server."""
    mcp = MCPServer(
        "shop",
        **{
            "version": "1.2.3",
            "title": "Corner shop",
            "description": "Sells things that are near.",
            "instructions": "Ask before you refund.",
            **options,
        },
    )

    @mcp.event("shop.closed", payload=Confirm, arguments=Address)
    def shop_closed() -> None:
        """The shop has closed for today."""

    @mcp.tool(annotations=ToolAnnotations(read_only_hint=True))
    def add(
        left: Annotated[int, msgspec.Meta(ge=0, le=100, description="The first number.")], right: int = 1
    ) -> int:
        """Add two numbers.

        It does not do more than that.
        """
        return left + right

    @mcp.tool()
    def order(
        item: str,
        size: Size,
        on: date,
        to: Address,
        tags: list[str],
        extras: list[Literal["gift", "express"]],
        amounts: list[int] | None = None,
        price: float | None = None,
        is_paid: bool | None = None,
        is_urgent: bool = False,
        notes: Annotated[dict[str, Any] | None, msgspec.Meta(description="What else there is.")] = None,
    ) -> dict[str, Any]:
        """Take an order with every kind of field."""
        return {
            "item": item,
            "size": size.value,
            "on": on.isoformat(),
            "to": [to.street, to.city],
            "tags": tags,
            "extras": extras,
            "amounts": amounts,
            "price": price,
            "is_paid": is_paid,
            "is_urgent": is_urgent,
            "notes": notes,
        }

    @mcp.tool(annotations=ToolAnnotations(destructive_hint=True))
    def refund(number: int, ctx: Context) -> str:
        """Give the money back, after a question."""
        answer = ctx.elicit(f"Refund order {number}?", Confirm).result()
        if answer.action != "accept":
            return f"Order {number} was not refunded: {answer.action}"
        return f"Order {number} refunded: {answer.data}"

    @mcp.tool()
    async def count(to: int, ctx: Context) -> int:
        """Count, and tell how far it is."""
        for at in range(1, to + 1):
            await ctx.report_progress(at, to, f"counted to {at}")
            await ctx.info(f"This was {at}")
            await asyncio.sleep(0.02)
        return to

    @mcp.tool(task=TaskPolicy(support="required", poll_interval=timedelta(milliseconds=200)))
    async def report(month: str, ctx: Context) -> str:
        """Build a report as a task."""
        await ctx.report_progress(1, 2, f"reading {month}")
        answer = await ctx.elicit("Include what is not paid?", Confirm)
        return f"Report of {month}: {answer.data}"

    @mcp.tool(task=TaskPolicy(support="required", poll_interval=timedelta(milliseconds=200)))
    async def forever(ctx: Context) -> str:
        """A task that does not end."""
        while True:
            await ctx.report_progress(1, 2, "still at it")
            await asyncio.sleep(0.05)

    @mcp.tool()
    def pay(ctx: Context) -> str:
        """Ask to open an address."""
        return ctx.elicit_url("Pay for order 7", "https://pay.example.com/7").result().action

    @mcp.tool()
    def look_around(ctx: Context) -> list[str]:
        """Ask for folders."""
        return [root.uri for root in ctx.list_roots().result()]

    @mcp.tool()
    def think(ctx: Context) -> str:
        """Ask a model."""
        return ctx.sample("What is the answer?", max_tokens=10).result().text

    @mcp.tool()
    def picture() -> Image:
        """A picture."""
        return Image(data=PIXEL, format="png")

    @mcp.tool()
    def break_it(text: str = HOSTILE) -> str:
        """Fail, with a text that is HTML."""
        raise ToolError(text)

    @mcp.tool(name="hostile", title=HOSTILE, description=HOSTILE)
    def hostile(value: Annotated[str, msgspec.Meta(title=HOSTILE, description=HOSTILE)] = HOSTILE) -> str:
        return value

    @mcp.resource("shop://hours", mime_type="text/plain")
    def hours() -> str:
        """When the shop is open."""
        return "9 to 5"

    @mcp.resource("shop://{day}/menu")
    def menu(day: str) -> str:
        """What there is to eat on a day."""
        return f"Soup on {day}"

    @mcp.prompt()
    def greet(name: str) -> str:
        """Say hello."""
        return f"Hello {name}"

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return [one for one in ("monday", "tuesday") if one.startswith(argument.value)]

    return mcp


SITE_SETTINGS = Settings(state_keys=(SECRET,))
