"""Server-sent events: one frame a message (HTML standard, "Server-sent events")."""

from __future__ import annotations

SSE_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"}

KEEP_ALIVE = b":\n\n"
"""A comment that keeps an idle stream open; clients ignore it."""


def frame(message: bytes) -> bytes:
    """Wrap one encoded JSON-RPC message, which has no line breaks, as an event."""
    return b"event: message\ndata: " + message + b"\n\n"
