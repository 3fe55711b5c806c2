"""Lambent, as its README shows it."""

from peers.tools import PLAIN, many

from lambent import Context, MCPServer


def build():
    return serve(PLAIN)


def build_many(count):
    return serve(many(count))


def build_asking(questions):
    from dataclasses import dataclass

    @dataclass
    class Confirm:
        ok: bool

    def ask(subject: str, ctx: Context) -> str:
        """Ask until everything is confirmed."""
        confirmed = 0
        for number in range(questions):
            confirmed += ctx.elicit(f"Question {number}?", Confirm).result().data.ok
        return f"{subject}: {confirmed}"

    return serve([ask])


def serve(tools):
    mcp = MCPServer("benchmark", version="1.0.0")
    for tool in tools:
        mcp.tool()(tool)
    return mcp.lambda_handler()
