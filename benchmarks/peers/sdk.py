"""The official SDK, stateless and with JSON responses, with tools as plain functions."""

from mcp.server.mcpserver import MCPServer
from peers.lifespan import serve
from peers.tools import PLAIN, many


def build():
    return make(PLAIN)


def build_many(count):
    return make(many(count))


def build_asking(questions):
    """The SDK's own way to ask: resolvers, each of which depends on the one before."""
    from typing import Annotated

    from mcp.server.mcpserver.resolve import Elicit, Resolve
    from pydantic import BaseModel

    class Confirm(BaseModel):
        ok: bool

    def question(number):
        async def first() -> Elicit[Confirm]:
            return Elicit(f"Question {number}?", Confirm)

        async def later(before) -> Elicit[Confirm]:
            return await first()

        resolver = later if number else first
        resolver.__name__ = resolver.__qualname__ = f"question_{number}"
        if number:
            later.__annotations__["before"] = Annotated[Confirm, Resolve(question(number - 1))]
        return resolver

    def ask(subject: str, last) -> str:
        """Ask until everything is confirmed."""
        return f"{subject}: {questions * last.ok}"

    ask.__annotations__["last"] = Annotated[Confirm, Resolve(question(questions - 1))]
    return make([ask])


def make(tools):
    """Make the handler of a server with these tools."""
    from mcp.server.request_state import RequestStateSecurity

    mcp = MCPServer(
        "benchmark", version="1.0.0", request_state_security=RequestStateSecurity(keys=["k" * 64])
    )
    for tool in tools:
        mcp.tool()(tool)
    app = mcp.streamable_http_app(
        json_response=True,
        stateless_http=True,
        host="0.0.0.0",  # not localhost, so its guard against DNS rebinding is off
        max_request_body_size=8 * 1024 * 1024,
    )
    return serve(app, app.router.lifespan_context(app))
