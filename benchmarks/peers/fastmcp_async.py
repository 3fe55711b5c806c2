"""FastMCP at its fastest: tools as ``async def``."""

from peers.async_tools import ASYNC, many
from peers.fastmcp import make


def build():
    return make(ASYNC)


def build_many(count):
    return make(many(count))
