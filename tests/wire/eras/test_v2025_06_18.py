"""Version 2025-06-18: no icons, and little of the server."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client, dumps
from tests.wire.eras.legacy_client import LegacyClient
from tests.wire.eras.legacy_server import META, REQUESTS, legacy_server

VERSION = "2025-06-18"
HINTS = {"audience": ["user"], "priority": 0.5, "lastModified": "2025-01-12T15:00:58Z"}
NODE = {
    "title": "Node",
    "type": "object",
    "properties": {
        "value": {"type": "integer", "title": "Value"},
        "children": {
            "type": "array",
            "items": {"$ref": "#/$defs/Node"},
            "default": [],
            "title": "Children",
        },
    },
    "required": ["value"],
}
LINE = {
    "title": "Line",
    "type": "object",
    "properties": {
        "sku": {"type": "string", "title": "Sku"},
        "count": {"type": "integer", "default": 1, "title": "Count"},
    },
    "required": ["sku"],
}

INITIALIZED: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {
        "logging": {},
        "tools": {},
        "resources": {},
        "prompts": {},
        "completions": {},
        "extensions": {"com.example/extra": {}},
    },
    "serverInfo": {"name": "shop", "version": "1.2.3", "title": "The shop"},
    "instructions": "Be kind.",
}

TOOLS: dict[str, Any] = {
    "add": {
        "name": "add",
        "title": "Add two",
        "description": "Add two numbers.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "title": "A"},
                "b": {"type": "integer", "title": "B", "default": 0},
            },
            "required": ["a"],
            "additionalProperties": False,
            "title": "addArguments",
        },
        "outputSchema": {
            "type": "object",
            "properties": {"result": {"type": "integer"}},
            "required": ["result"],
        },
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
        "_meta": META,
    },
    "say": {
        "name": "say",
        "title": "Not shown",
        "description": "Repeat.",
        "inputSchema": {
            "type": "object",
            "properties": {"text": {"type": "string", "title": "Text"}},
            "required": ["text"],
            "additionalProperties": False,
            "title": "sayArguments",
        },
        "annotations": {"title": "Say it"},
    },
    "maybe": {
        "name": "maybe",
        "description": "",
        "inputSchema": {
            "type": "object",
            "properties": {"is_there": {"type": "boolean", "title": "Is There", "default": False}},
            "additionalProperties": False,
            "title": "maybeArguments",
        },
        "outputSchema": {
            "$defs": {"Line": LINE},
            "type": "object",
            "properties": {"result": {"anyOf": [{"$ref": "#/$defs/Line"}, {"type": "null"}]}},
            "required": ["result"],
        },
    },
    "tree": {
        "name": "tree",
        "description": "",
        "inputSchema": {
            "type": "object",
            "properties": {},
            "additionalProperties": False,
            "title": "treeArguments",
        },
        "outputSchema": {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}, "type": "object"},
    },
}

RESULTS: dict[str, Any] = {
    "resources": {
        "resources": [
            {
                "uri": "note://today",
                "name": "today",
                "title": "Today",
                "description": "Notes of today.",
                "mimeType": "text/plain",
                "size": 4,
                "annotations": HINTS,
                "_meta": META,
            }
        ]
    },
    "templates": {
        "resourceTemplates": [
            {
                "uriTemplate": "note://{day}/text",
                "name": "note",
                "title": "A day",
                "description": "",
                "mimeType": "text/plain",
                "annotations": HINTS,
                "_meta": META,
            }
        ]
    },
    "prompts": {
        "prompts": [
            {
                "name": "greet",
                "title": "Greet",
                "description": "Say hello.",
                "arguments": [{"name": "name", "required": True}],
                "_meta": META,
            }
        ]
    },
    "read": {"contents": [{"uri": "note://today", "text": "Milk", "mimeType": "text/plain", "_meta": META}]},
    "prompt": {
        "description": "Say hello.",
        "messages": [
            {"role": "user", "content": {"type": "text", "text": "Hello Ada"}},
            {"role": "user", "content": {"type": "audio", "data": "AAEC", "mimeType": "audio/wav"}},
            {"role": "user", "content": {"type": "resource_link", "uri": "note://today", "name": "today"}},
        ],
    },
    "add": {"content": [{"type": "text", "text": "3"}], "structuredContent": {"result": 3}},
    "maybe": {"content": [{"type": "text", "text": "null"}], "structuredContent": {"result": None}},
    "tree": {
        "content": [{"type": "text", "text": '{"value":1,"children":[{"value":2,"children":[]}]}'}],
        "structuredContent": {"value": 1, "children": [{"value": 2, "children": []}]},
    },
    "wrong": {
        "content": [{"type": "text", "text": "Sold out"}],
        "structuredContent": {"result": [1]},
        "isError": True,
    },
    "loose": {"content": [{"type": "text", "text": "loose"}], "structuredContent": {"a": 1}},
    "media": {
        "_meta": META,
        "content": [
            {"type": "text", "text": "Look", "annotations": HINTS, "_meta": META},
            {"type": "image", "data": "AAEC", "mimeType": "image/png", "annotations": HINTS, "_meta": META},
            {"type": "audio", "data": "AAEC", "mimeType": "audio/wav", "annotations": HINTS, "_meta": META},
            {
                "type": "resource_link",
                "uri": "note://today",
                "name": "today",
                "title": "Today",
                "description": "Notes",
                "mimeType": "text/plain",
                "size": 4,
                "annotations": HINTS,
                "_meta": META,
            },
            {"type": "resource_link", "uri": "note://other", "name": "other"},
            {
                "type": "resource",
                "resource": {"uri": "note://today", "text": "Milk", "mimeType": "text/plain", "_meta": META},
                "annotations": HINTS,
                "_meta": META,
            },
            {"type": "resource", "resource": {"uri": "note://logo", "blob": "AAEC"}},
        ],
    },
}

PROGRESS: list[Any] = [
    {"progressToken": "p", "progress": 1, "total": 2, "message": "Half"},
    {"progressToken": "p", "progress": 2},
]


@pytest.fixture
def client(serve: Callable[..., Client]) -> LegacyClient:
    return LegacyClient(serve(legacy_server()), VERSION)


def response(result: Any) -> bytes:
    return dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


def test_initialize(client: LegacyClient) -> None:
    assert client.start().body == response(INITIALIZED)


def test_definitions_of_tools(client: LegacyClient) -> None:
    listed = client.request("tools/list").result["tools"]
    assert [dumps(tool) for tool in listed if tool["name"] in TOOLS] == [
        dumps(tool) for tool in TOOLS.values()
    ]


@pytest.mark.parametrize("name", REQUESTS)
def test_results(client: LegacyClient, name: str) -> None:
    assert client.request(*REQUESTS[name]).body == response(RESULTS[name])


def test_progress(client: LegacyClient) -> None:
    client.start()
    notifications = client.call("talk", _meta={"progressToken": "p"}).notifications
    shown = [one["params"] for one in notifications if one["method"] == "notifications/progress"]
    assert list(map(dumps, shown)) == list(map(dumps, PROGRESS))
