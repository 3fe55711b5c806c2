"""A session tool, and nothing else: what a session costs."""

from dataclasses import dataclass, field

from lambent import Context, MCPServer, Session


@dataclass
class Cart:
    items: list[str] = field(default_factory=list)


mcp = MCPServer("carts", version="1.0.0")


@mcp.tool()
def new_cart(ctx: Context) -> str:
    """Begin a cart."""
    return ctx.sessions.create(Cart)


@mcp.tool()
def put(cart: Session[Cart], item: str) -> int:
    """Put something into a cart; how many things are in it."""
    cart.items[:] = [*cart.items, item][-5:]
    return len(cart.items)


handler = mcp.lambda_handler()
