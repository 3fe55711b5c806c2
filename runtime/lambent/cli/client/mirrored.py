"""Headers that repeat what is in the body (basic/transports/streamable-http, "Request Metadata")."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any


def mirrored_headers(schema: Any, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The headers that repeat arguments (server/tools, "x-mcp-header").

    Args:
        schema: The input schema of the tool.
        arguments: The arguments.
    """
    return dict(_mirrored(schema, arguments))


def _mirrored(schema: Any, arguments: Any) -> Iterable[tuple[str, str]]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, one in properties.items() if isinstance(properties, dict) else ():
        value = arguments.get(name) if isinstance(arguments, dict) else None
        if not isinstance(one, dict) or value is None:
            continue
        if isinstance(header := one.get("x-mcp-header"), str):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield f"mcp-param-{header}".lower(), header_value(text)
        yield from _mirrored(one, value)


def header_value(text: str) -> str:
    """A header's value, in the Base64 sentinel form where it has other characters ("Value Encoding").

    Args:
        text: The value.
    """
    plain = text.isascii() and text.isprintable() and text == text.strip()
    if plain and not (text.startswith("=?base64?") and text.endswith("?=")):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="
