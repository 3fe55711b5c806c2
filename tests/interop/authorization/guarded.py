"""A server that takes access tokens, whose tools need different scopes.

The variable ``INTEROP_OAUTH`` has the members of ``OAuth``, as JSON; without it those of Lambent count.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

from lambent import Context, Introspection, MCPServer, OAuth


def _declared() -> Iterator[OAuth]:
    if "INTEROP_OAUTH" in os.environ:
        members = json.loads(os.environ["INTEROP_OAUTH"])
        if "introspection" in members:
            members["introspection"] = Introspection(**members["introspection"])
        yield OAuth(**members)


mcp = MCPServer("lambent-guarded", version="1.0.0", auth=tuple(_declared()))


@mcp.tool()
def whoami(ctx: Context) -> dict[str, Any]:
    """Tell who calls."""
    principal = ctx.principal
    assert principal is not None
    return {
        "subject": principal.subject,
        "client": principal.client_id,
        "scopes": sorted(principal.scopes),
    }


@mcp.tool(scopes=["orders:refund"])
def refund(order: str) -> str:
    """Refund an order."""
    return f"Refunded {order}"


@mcp.tool()
def export(size: int, ctx: Context) -> str:
    """Export orders; many of them need a scope of their own."""
    if size > 100:
        ctx.require("orders:export")
    return f"Exported {size}"


@mcp.tool(scopes=["orders:refund"])
async def refund_all(count: int, ctx: Context) -> str:
    """Refund some orders, and report each."""
    for done in range(1, count + 1):
        await ctx.report_progress(done, count, f"order {done}")
    return f"Refunded {count}"


handler = mcp.lambda_handler()
asgi = mcp.asgi()
