"""A shop, and what clients can wait for in it; callers are identified by keys, or not at all."""

import hashlib
from dataclasses import dataclass

from lambent import ApiKey, ApiKeys, Context, MCPServer, Principal
from lambent.hosts.asgi import AsgiApp

KEYS = {"ann": "lmb_interop_ann", "bob": "lmb_interop_bob"}
"""By subject."""


@dataclass
class Refund:
    order: str
    cents: int


@dataclass
class Wanted:
    least: int = 0


closed: set[int] = set()
"""What nobody may wait for any more, in this process."""


def may_watch(wanted: Wanted, caller: Principal | None) -> bool:
    return wanted.least < 1_000_000 and wanted.least not in closed


def make_shop(auth: tuple[ApiKeys, ...]) -> MCPServer:
    mcp = MCPServer("shop", version="1.0.0", auth=auth)

    @mcp.event(
        "order.refunded", payload=Refund, arguments=Wanted, delivery=["poll", "webhook"], allow=may_watch
    )
    def order_refunded(refund: Refund, wanted: Wanted) -> bool:
        """A refund was paid out."""
        return refund.cents >= wanted.least

    @mcp.event("order.counted", payload=Refund, delivery=["poll"])
    def order_counted() -> None:
        """Somebody has counted the orders."""

    @mcp.tool()
    def refund(ctx: Context, order: str, cents: int) -> str:
        """Pay money back."""
        ctx.events.emit("order.refunded", Refund(order, cents), event_id=f"refund-{order}")
        return "done"

    @mcp.tool()
    def announce(ctx: Context, size: int, cents: int) -> str:
        """Pay money back for an order whose name has so many characters."""
        ctx.events.emit("order.refunded", Refund("x" * size, cents))
        return "done"

    @mcp.tool()
    def close(least: int) -> str:
        """Let nobody wait any more for refunds of at least so many cents."""
        closed.add(least)
        return "done"

    return mcp


def _key(subject: str) -> ApiKey:
    return ApiKey(hash=hashlib.sha256(KEYS[subject].encode()).hexdigest(), subject=subject)


mcp = make_shop((ApiKeys({subject: _key(subject) for subject in KEYS}),))


def asgi() -> AsgiApp:
    """The live host, which needs no table."""
    return mcp.asgi()


def open_asgi() -> AsgiApp:
    """The same for a server that identifies nobody."""
    return make_shop(()).asgi()
