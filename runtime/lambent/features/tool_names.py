"""Names of tools (server/tools, "Tool Names")."""

from __future__ import annotations

MAX_LENGTH = 128
"""Characters of a name that clients have to accept."""

_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")


def is_tool_name(name: str) -> bool:
    """Whether a name is as the specification wants names, so that every client and model can use it."""
    return 0 < len(name) <= MAX_LENGTH and _ALLOWED.issuperset(name)


def not_allowed(name: str) -> str:
    """The characters of a name that are not allowed, each once, as they are written in Python."""
    return ", ".join(ascii(one) for one in dict.fromkeys(name) if one not in _ALLOWED)
