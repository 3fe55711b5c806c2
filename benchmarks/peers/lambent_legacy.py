"""Lambent, called by a client of the legacy era."""

import json

from peers.lambent import build

__all__ = ["build", "open_session"]


def open_session(handler, begin):
    """Initialize, as a client does, and return the id of the session."""
    return handler(json.loads(begin), None)["headers"]["mcp-session-id"]
