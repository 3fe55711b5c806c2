"""A tool that emits, and event types that are delivered to endpoints: what an event costs."""

from dataclasses import dataclass
from typing import Any

from lambent import Context, MCPServer, Principal


@dataclass
class Refund:
    order: str
    cents: int


def identify(call: Any, following: Any) -> Any:
    return following(call.as_principal(Principal("ann", "https://issuer.example")))


mcp = MCPServer("events", version="1.0.0", middleware=[identify])


def happened() -> None:
    """Something happened."""


for name in ("emitted", "delivered", "found"):
    mcp.event(name, payload=Refund, delivery=["poll", "webhook"])(happened)


@mcp.tool()
def refund(ctx: Context, event: str, order: str, cents: int) -> str:
    """Pay money back."""
    ctx.events.emit(event, Refund(order, cents))
    return "done"


handler = mcp.lambda_handler()
