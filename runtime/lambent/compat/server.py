"""``MCPServer`` with the constructor and methods of the official SDK; ``FastMCP``, its name in 1.x."""

from __future__ import annotations

from lambent.compat.extending import Extending


class MCPServer(Extending):
    """A server that is declared with the names of the official SDK."""


FastMCP = MCPServer
"""The name of version 1.x."""
