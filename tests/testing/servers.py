"""A server with something of everything, for the clients of tests."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated, Any

from lambent import (
    Context,
    HttpRefusal,
    Idempotency,
    Image,
    McpHeader,
    MCPServer,
    RetryableError,
    Session,
    TaskPolicy,
    ToolError,
    ToolResult,
)


@dataclass
class Address:
    street: str
    number: int = 1


@dataclass
class Cart:
    items: list[str] = field(default_factory=list)


def make_shop(**options: Any) -> MCPServer:
    """The server; its tools count how often they run in ``runs``."""
    mcp = MCPServer("shop", version="1.2.3", **options)
    runs: dict[str, int] = {}

    def count(name: str) -> int:
        runs[name] = runs.get(name, 0) + 1
        return runs[name]

    @mcp.tool()
    def add(a: int, b: int = 0) -> int:
        """Add two numbers."""
        return a + b

    @mcp.tool()
    def move(to: Address, on: date) -> Address:
        return Address(to.street, to.number + on.day)

    @mcp.tool()
    def fail() -> str:
        raise ToolError("Sold out")

    @mcp.tool()
    def refuse() -> str:
        raise HttpRefusal(429, "Slow down", {"Retry-After": "7"})

    @mcp.tool()
    def picture() -> ToolResult:
        return ToolResult(content=[Image(b"png").to_content(), "A picture"], meta={"a": 1})

    @mcp.tool()
    async def report(ctx: Context) -> str:
        await ctx.report_progress(1, 2, "half")
        await asyncio.sleep(0)
        await ctx.warning({"left": 1}, logger_name="shop")
        ctx.notify_resource_updated("shop://today")
        return "done"

    @mcp.tool()
    async def ask(ctx: Context) -> str:
        """Ask for two things, one after the other."""
        first = await ctx.elicit("Where to?", Address)
        if first.action != "accept":
            return first.action
        second = await ctx.sample("Write a greeting")
        return f"{first.data.street}: {second.text}"

    @mcp.tool()
    def ask_plainly(ctx: Context) -> str:
        roots = ctx.list_roots().result()
        return ",".join(root.uri for root in roots)

    @mcp.tool()
    def visit(ctx: Context) -> str:
        return ctx.elicit_url("Sign in", "https://login.example.com/").result().action

    @mcp.tool(task=TaskPolicy(support="required", ttl=timedelta(hours=1)))
    async def build(month: str, ctx: Context) -> int:
        """A task that works in steps, fails once, and asks."""
        steps = await ctx.step("fetch", count, f"fetch {month}")
        if count(f"tries {month}") == 1:
            raise RetryableError("not yet")
        answer = await ctx.elicit("Include cancelled orders?", Address)
        return steps if answer.action == "accept" else -1

    @mcp.tool(task=TaskPolicy(support="required", max_attempts=1))
    def break_down() -> str:
        raise ToolError("broken")

    @mcp.tool()
    def new_cart(ctx: Context) -> str:
        return ctx.sessions.create(Cart, ttl=timedelta(hours=2))

    @mcp.tool()
    def put(cart: Session[Cart], item: str) -> int:
        cart.items.append(item)
        return len(cart.items)

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> int:
        return count(f"pay {order}")

    @mcp.tool()
    def routed(region: Annotated[str, McpHeader("Region")]) -> str:
        return region

    @mcp.tool(scopes=["admin"])
    def whoami(ctx: Context) -> str:
        assert ctx.principal is not None
        return ctx.principal.subject

    @mcp.resource("shop://today", mime_type="application/json")
    def today() -> dict[str, int]:
        return {"open": 9}

    @mcp.resource("shop://logo", mime_type="image/png")
    def logo() -> bytes:
        return b"\x89PNG"

    @mcp.resource("shop://{day}/hours")
    def hours(day: str) -> str:
        return f"{day}: 9 to 5"

    @mcp.prompt()
    def greet(name: str, tone: str = "kind") -> str:
        """Greet somebody."""
        return f"Greet {name}, be {tone}"

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        others = context.arguments if context else {}
        return [f"{type(ref).__name__} {argument.name} {argument.value} {others.get('tone', '-')}"]

    return mcp
