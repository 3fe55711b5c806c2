"""FastMCP, stateless and with JSON responses, with tools as plain functions."""

from fastmcp import FastMCP
from peers.lifespan import serve
from peers.tools import PLAIN, many


def build():
    return make(PLAIN)


def build_many(count):
    return make(many(count))


def build_asking(questions):
    """By hand: ``ctx.elicit`` does not work in protocol 2026-07-28."""
    from fastmcp import Context
    from peers.by_hand import asking

    return make([asking(Context, questions)])


def make(tools):
    """Make the handler of a server with these tools."""
    from mcp.server.request_state import RequestStateSecurity

    mcp = FastMCP("benchmark", version="1.0.0", request_state_security=RequestStateSecurity(keys=["k" * 64]))
    for tool in tools:
        mcp.tool()(tool)
    app = mcp.http_app(json_response=True, stateless_http=True)
    return serve(app, app.router.lifespan_context(app))
