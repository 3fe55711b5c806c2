"""A server that takes access tokens, whose tools need different scopes.

The variable ``INTEROP_OAUTH`` has the members of ``OAuth``, as JSON.
"""

import json
import os
from typing import Any

from lambent import Context, MCPServer
from lambent.auth.oauth import Introspection, OAuth

options = json.loads(os.environ["INTEROP_OAUTH"])
if "introspection" in options:
    options["introspection"] = Introspection(**options["introspection"])

mcp = MCPServer("lambent-guarded", version="1.0.0", auth=OAuth(**options))


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
