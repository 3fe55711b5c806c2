"""Lambent with a tool that takes the context and does not use it."""

from peers.lambent import serve
from peers.tools import PLAIN

from lambent import Context


def build():
    def add(a: int, b: int, ctx: Context) -> int:
        """Add two numbers."""
        return a + b

    return serve([add, *PLAIN[1:]])
