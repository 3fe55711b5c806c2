"""The official SDK at its fastest: tools as ``async def``, questions asked by hand."""

from peers.async_tools import ASYNC, many
from peers.sdk import make


def build():
    return make(ASYNC)


def build_many(count):
    return make(many(count))


def build_asking(questions):
    from mcp.server.mcpserver import Context
    from peers.by_hand import asking

    return make([asking(Context, questions)])
