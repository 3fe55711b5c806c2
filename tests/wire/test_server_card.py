"""Cards and registry entries, byte for byte."""

from typing import Any

import jsonschema
import msgspec
import pytest
from tests.support import dumps
from tests.wire.cards import CARD, PLAIN, RICH, URL

from lambent import CardDetails
from lambent.wire.server_card import (
    ServerSummary,
    card_name,
    host_of,
    older_card,
    publisher,
    registry_entry,
    server_card,
)

V1 = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
NO_FEATURES = {
    "tools": [],
    "resources": [],
    "resourceTemplates": [],
    "prompts": [],
    "scopes": [],
    "transports": [{"type": "streamable-http", "url": f"{URL}/shop/mcp"}],
}
HEADERS = [
    {
        "name": "Authorization",
        "isRequired": True,
        "isSecret": True,
        "value": "Bearer {token}",
        "variables": {"token": {"isRequired": True, "isSecret": True}},
    },
    {"name": "X-Region", "default": "eu", "choices": ["eu", "us"]},
]
IDENTITY = {
    "name": "com.example/orders",
    "version": "2.0.0",
    "description": "Look up and refund orders.",
    "title": "Shop orders",
    "websiteUrl": "https://example.com/orders",
    "repository": {"url": "https://code.example/shop", "source": "code", "subfolder": "orders"},
    "icons": [{"src": "https://example.com/box.png", "mimeType": "image/png", "sizes": ["48x48"]}],
}
FEATURES = {
    "tools": [{"name": "find", "description": "Find\nan order.", "inputSchema": {"type": "object"}}],
    "resources": [{"uri": "orders://policy", "name": "policy"}],
    "resourceTemplates": [{"uriTemplate": "orders://{id}", "name": "order"}],
    "prompts": [{"name": "complaint"}],
    "scopes": ["orders:read"],
    "transports": [{"type": "streamable-http", "url": f"{URL}/orders/mcp"}],
}


def written(card: Any) -> str:
    return msgspec.json.encode(card).decode()


def renamed(summary: ServerSummary, **info: Any) -> ServerSummary:
    return msgspec.structs.replace(summary, info=msgspec.structs.replace(summary.info, **info))


def test_the_card_of_a_server_that_says_little() -> None:
    assert written(server_card(PLAIN, URL)) == dumps(
        {
            "$schema": V1,
            "name": "com.example.mcp/shop",
            "version": "1.2.3",
            "description": "The MCP server shop",
            "remotes": [
                {
                    "type": "streamable-http",
                    "url": f"{URL}/shop/mcp",
                    "supportedProtocolVersions": ["2026-07-28"],
                }
            ],
            "_meta": {"lambent/features": NO_FEATURES},
        }
    )


def test_the_card_of_a_server_that_says_all_there_is() -> None:
    remote = {
        "type": "streamable-http",
        "url": f"{URL}/orders/mcp",
        "headers": HEADERS,
        "supportedProtocolVersions": ["2026-07-28", "2025-11-25"],
    }
    assert written(server_card(RICH, URL)) == dumps(
        {"$schema": V1, **IDENTITY, "remotes": [remote], "_meta": {"lambent/features": FEATURES}}
    )


def test_registries_get_the_same_without_versions_and_features() -> None:
    schema = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
    remote = {"type": "streamable-http", "url": f"{URL}/orders/mcp", "headers": HEADERS}
    assert written(registry_entry(RICH, URL)) == dumps({"$schema": schema, **IDENTITY, "remotes": [remote]})


def test_earlier_proposals_name_features_in_the_card_itself() -> None:
    schema = "https://static.modelcontextprotocol.io/schemas/mcp-server-card/v1.json"
    assert written(older_card(RICH, URL)) == dumps(
        {
            "$schema": schema,
            **IDENTITY,
            "protocolVersion": "2026-07-28",
            "serverInfo": {"name": "orders", "version": "2.0.0", "title": "Shop orders"},
            "transport": {"type": "streamable-http", "endpoint": "/orders/mcp"},
            "capabilities": {"tools": {}, "logging": {}},
            **FEATURES,
            "instructions": "Find an order first.",
        }
    )


@pytest.mark.parametrize("summary", [PLAIN, RICH])
@pytest.mark.parametrize("url", [URL, None])
def test_every_card_is_one(summary: ServerSummary, url: str | None) -> None:
    jsonschema.Draft202012Validator(CARD).validate(msgspec.json.decode(written(server_card(summary, url))))


@pytest.mark.parametrize("make", [server_card, registry_entry, older_card])
def test_without_an_address_nothing_is_said_of_one(make: Any) -> None:
    assert "remotes" not in make(RICH, None)
    assert (
        "http"
        not in written(make(renamed(PLAIN), None)).replace("streamable-http", "").partition("schema")[0]
    )


def test_features_can_be_kept_back() -> None:
    quiet = msgspec.structs.replace(RICH, card=msgspec.structs.replace(RICH.card, lists_features=False))
    assert "_meta" not in server_card(quiet, URL)
    assert "instructions" not in older_card(quiet, URL)
    assert all("find" not in written(make(quiet, URL)) for make in (server_card, older_card, registry_entry))


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        ("orders", None, "com.example.mcp/orders"),
        ("orders", "org.shop", "org.shop/orders"),
        ("org.shop/orders", "com.example", "org.shop/orders"),
        ("My orders & more", None, "com.example.mcp/My-orders-more"),
        ("注文", None, "com.example.mcp/server"),
        ("a/b/c", None, "com.example.mcp/a-b-c"),
    ],
)
def test_names_are_in_reverse_dns(name: str, namespace: str | None, expected: str) -> None:
    summary = msgspec.structs.replace(renamed(PLAIN, name=name), card=CardDetails(namespace=namespace))
    assert card_name(summary, URL) == expected
    jsonschema.Draft202012Validator(CARD["properties"]["name"]).validate(expected)


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        ("orders", None, "mcp.example.com"),
        ("orders", "org.shop", "shop.org"),
        ("org.shop/orders", None, "shop.org"),
    ],
)
def test_the_publisher_is_a_domain(name: str, namespace: str | None, expected: str) -> None:
    summary = msgspec.structs.replace(renamed(PLAIN, name=name), card=CardDetails(namespace=namespace))
    assert publisher(summary, URL) == expected


@pytest.mark.parametrize(
    "url", [None, "http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000", "https://8.8.8.8"]
)
def test_an_address_is_nobodys_domain(url: str | None) -> None:
    assert publisher(PLAIN, url) == "localhost"
    assert card_name(PLAIN, url) == "localhost/shop"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Two\n  lines", "Two lines"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
        ("word " * 18 + "word, longer words", "word " * 18 + "word…"),
    ],
)
def test_descriptions_and_titles_fit(text: str, shown: str) -> None:
    card = server_card(renamed(PLAIN, title=text, description=text), URL)
    assert card["description"] == card["title"] == shown
    assert len(shown) <= 100


@pytest.mark.parametrize(("title", "shown"), [("Shop", "Shop"), (" ", "The MCP server shop")])
def test_a_blank_description_is_none(title: str, shown: str) -> None:
    card = server_card(renamed(PLAIN, title=title, description=" \n"), URL)
    assert card["description"] == shown


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.com/a@b", "example.com"),
        ("https://user:secret@example.com:8443/", "example.com"),
        ("https://[2001:DB8::1]:443/x", "2001:db8::1"),
        ("nonsense", ""),
        ("https://[nonsense", ""),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host
