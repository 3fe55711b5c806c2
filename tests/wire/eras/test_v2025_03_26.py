"""Version 2025-03-26: no titles, no structured results, no links; batches."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client, dumps
from tests.wire.eras.legacy_client import LegacyClient
from tests.wire.eras.legacy_server import META, REQUESTS, legacy_server

VERSION = "2025-03-26"
HINTS = {"audience": ["user"], "priority": 0.5}

INITIALIZED: dict[str, Any] = {
    "protocolVersion": "2025-03-26",
    "capabilities": {
        "logging": {},
        "tools": {},
        "resources": {},
        "prompts": {},
        "completions": {},
        "extensions": {"com.example/extra": {}},
    },
    "serverInfo": {"name": "shop", "version": "1.2.3"},
    "instructions": "Be kind.",
}

TOOLS: dict[str, Any] = {
    "add": {
        "name": "add",
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
        "annotations": {"title": "Add two", "readOnlyHint": True, "openWorldHint": False},
    },
    "say": {
        "name": "say",
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
    },
}

RESULTS: dict[str, Any] = {
    "resources": {
        "resources": [
            {
                "uri": "note://today",
                "name": "today",
                "description": "Notes of today.",
                "mimeType": "text/plain",
                "size": 4,
                "annotations": HINTS,
            }
        ]
    },
    "templates": {
        "resourceTemplates": [
            {
                "uriTemplate": "note://{day}/text",
                "name": "note",
                "description": "",
                "mimeType": "text/plain",
                "annotations": HINTS,
            }
        ]
    },
    "prompts": {
        "prompts": [
            {"name": "greet", "description": "Say hello.", "arguments": [{"name": "name", "required": True}]}
        ]
    },
    "read": {"contents": [{"uri": "note://today", "text": "Milk", "mimeType": "text/plain"}]},
    "prompt": {
        "description": "Say hello.",
        "messages": [
            {"role": "user", "content": {"type": "text", "text": "Hello Ada"}},
            {"role": "user", "content": {"type": "audio", "data": "AAEC", "mimeType": "audio/wav"}},
            {"role": "user", "content": {"type": "text", "text": "today: note://today"}},
        ],
    },
    "add": {"content": [{"type": "text", "text": "3"}]},
    "maybe": {"content": [{"type": "text", "text": "null"}]},
    "tree": {"content": [{"type": "text", "text": '{"value":1,"children":[{"value":2,"children":[]}]}'}]},
    "wrong": {"content": [{"type": "text", "text": "Sold out"}], "isError": True},
    "loose": {"content": [{"type": "text", "text": "loose"}]},
    "media": {
        "_meta": META,
        "content": [
            {"type": "text", "text": "Look", "annotations": HINTS},
            {"type": "image", "data": "AAEC", "mimeType": "image/png", "annotations": HINTS},
            {"type": "audio", "data": "AAEC", "mimeType": "audio/wav", "annotations": HINTS},
            {"type": "text", "text": "Today: note://today", "annotations": HINTS},
            {"type": "text", "text": "other: note://other"},
            {
                "type": "resource",
                "resource": {"uri": "note://today", "text": "Milk", "mimeType": "text/plain"},
                "annotations": HINTS,
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
