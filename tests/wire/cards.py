"""Servers to make cards of, and what the extension asks of a card, in a schema of the tests' own words."""

from typing import Any

from msgspec import Raw

from lambent import CardDetails, CardHeader, Icon, Repository
from lambent.wire.server_card import ServerSummary
from lambent.wire.values import Implementation

URL = "https://mcp.example.com"

PLAIN = ServerSummary(
    path="/shop/mcp",
    info=Implementation(name="shop", version="1.2.3"),
    card=CardDetails(),
    versions=("2026-07-28",),
)

RICH = ServerSummary(
    path="/orders/mcp",
    info=Implementation(
        name="orders",
        version="2.0.0",
        title="Shop orders",
        description="Look up and refund orders.",
        website_url="https://example.com/orders",
        icons=[Icon(src="https://example.com/box.png", mime_type="image/png", sizes=["48x48"])],
    ),
    card=CardDetails(
        namespace="com.example",
        repository=Repository(url="https://code.example/shop", source="code", subfolder="orders"),
        headers=[
            CardHeader(name="Authorization", is_required=True, is_secret=True, value="Bearer {token}"),
            CardHeader(name="X-Region", choices=["eu", "us"], default="eu"),
        ],
        scopes=["orders:read"],
    ),
    versions=("2026-07-28", "2025-11-25"),
    instructions="Find an order first.",
    capabilities={"tools": {}, "logging": {}},
    tools=(Raw(b'{"name":"find","description":"Find\\nan order.","inputSchema":{"type":"object"}}'),),
    resources=(Raw(b'{"uri":"orders://policy","name":"policy"}'),),
    resource_templates=(Raw(b'{"uriTemplate":"orders://{id}","name":"order"}'),),
    prompts=(Raw(b'{"name":"complaint"}'),),
)

_TEXT = {"type": "string", "minLength": 1}
_SHORT = {"type": "string", "minLength": 1, "maxLength": 100}
_INPUT: dict[str, Any] = {
    "description": _TEXT,
    "isRequired": {"type": "boolean"},
    "isSecret": {"type": "boolean"},
    "format": {"enum": ["string", "number", "boolean", "filepath"]},
    "default": {"type": "string"},
    "placeholder": {"type": "string"},
    "value": {"type": "string"},
    "choices": {"type": "array", "items": {"type": "string"}},
}


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


_HEADER = _closed(
    {**_INPUT, "name": _TEXT, "variables": {"type": "object", "additionalProperties": _closed(_INPUT, [])}},
    ["name"],
)
_REMOTE = _closed(
    {
        "type": {"enum": ["streamable-http", "sse"]},
        "url": {"type": "string", "pattern": r"^https?://\S+$"},
        "headers": {"type": "array", "items": _HEADER},
        "supportedProtocolVersions": {"type": "array", "items": _TEXT},
    },
    ["type", "url"],
)
CARD = _closed(
    {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"},
        "name": {"type": "string", "maxLength": 200, "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$"},
        "version": {"type": "string", "maxLength": 255},
        "description": _SHORT,
        "title": _SHORT,
        "websiteUrl": _TEXT,
        "repository": _closed(
            {"url": _TEXT, "source": _TEXT, "subfolder": _TEXT, "id": _TEXT}, ["url", "source"]
        ),
        "icons": {"type": "array", "items": {"type": "object", "required": ["src"]}},
        "remotes": {"type": "array", "items": _REMOTE},
        "_meta": {"type": "object"},
    },
    ["$schema", "name", "version", "description"],
)
"""Closed where the extension is open: a member that nobody has asked for is a mistake of ours."""
