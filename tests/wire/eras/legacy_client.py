"""A client of the legacy era, and what the versions' schemas say of what it gets."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from tests.support import Client, Reply, dumps, http_api

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Newest first."""

HEADERED = VERSIONS[:2]
"""The versions whose clients send a version header."""

INFO = {"name": "tests", "version": "1"}
MODERN_MEMBERS = ("resultType", "ttlMs", "cacheScope", "requestState", "inputRequests")

_SCHEMAS = Path(__file__).parent / "schemas.json"
"""Definitions of results and notifications of the server, without their descriptions.

From schema/<version>/schema.json of modelcontextprotocol/modelcontextprotocol at b0f60ba. Each version has
only what differs from the one before; none has taken a definition away.
"""

_OF_METHOD = {
    "initialize": "InitializeResult",
    "ping": "EmptyResult",
    "logging/setLevel": "EmptyResult",
    "resources/subscribe": "EmptyResult",
    "resources/unsubscribe": "EmptyResult",
    "tools/list": "ListToolsResult",
    "tools/call": "CallToolResult",
    "resources/list": "ListResourcesResult",
    "resources/templates/list": "ListResourceTemplatesResult",
    "resources/read": "ReadResourceResult",
    "prompts/list": "ListPromptsResult",
    "prompts/get": "GetPromptResult",
    "completion/complete": "CompleteResult",
    "notifications/progress": "ProgressNotification",
    "notifications/message": "LoggingMessageNotification",
}
_OPEN = frozenset({"inputSchema", "outputSchema", "structuredContent", "_meta"})
"""Members that may have others than the schema names."""


def rpc(method: str, params: Any = None, request_id: Any = 1) -> dict[str, Any]:
    """A request of the legacy era; without an id where that is None."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if request_id is not None:
        message["id"] = request_id
    return message if params is None else {**message, "params": params}


def initialize(version: Any, capabilities: Any = None, info: Any = None, **more: Any) -> dict[str, Any]:
    params = {"protocolVersion": version, "capabilities": capabilities or {}, "clientInfo": info or INFO}
    return rpc("initialize", {**params, **more})


class LegacyClient:
    """Sends what a client of a version sends.

    Attributes:
        session: the id of the session, once ``start`` got one.
    """

    def __init__(self, client: Client, version: str) -> None:
        self.client = client
        self.version = version
        self.session: str | None = None

    def start(self, capabilities: Any = None) -> Reply:
        """Shake hands."""
        reply = self.post(initialize(self.version, capabilities), {"mcp-protocol-version": None})
        self.session = reply.headers.get("mcp-session-id")
        assert self.post(rpc("notifications/initialized", request_id=None)).status == 202
        return reply

    def post(self, body: Any, headers: Mapping[str, str | None] | None = None, **event: Any) -> Reply:
        """Send a body; ``headers`` replaces some headers, None removes one."""
        given: dict[str, str | None] = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": self.version if self.version in HEADERED else None,
            "mcp-session-id": self.session,
            **(headers or {}),
        }
        if not isinstance(body, str | bytes | None):
            body = dumps(body)
        sent = {name: value for name, value in given.items() if value is not None}
        return self.client.event(http_api(body, sent, **event))

    def request(self, method: str, params: Any = None, **more: Any) -> Reply:
        """Send a request; what comes back must be of the version.

        Clients without a version header have a session: nothing else tells their version.
        """
        if self.session is None and self.version not in HEADERED:
            self.start()
        reply = self.post(rpc(method, params), **more)
        assert reply.status == 200
        check(self.version, method, reply.messages)
        return reply

    def call(self, tool: str, arguments: Any = None, **more: Any) -> Reply:
        """Call a tool."""
        return self.request("tools/call", {"name": tool, "arguments": arguments or {}, **more})


def check(version: str, method: str, messages: list[dict[str, Any]]) -> None:
    """Check that messages have what the version's schema demands, and nothing that it does not know."""
    *notifications, response = messages
    for notification in notifications:
        params = {name: notification[name] for name in ("method", "params")}
        validate(version, _OF_METHOD[notification["method"]], {"jsonrpc": "2.0", **params})
        assert notification.keys() == {"jsonrpc", "method", "params"}
    assert response["jsonrpc"] == "2.0"
    if "result" in response:
        validate(version, _OF_METHOD[method], response["result"])
        assert not set(MODERN_MEMBERS) & response["result"].keys()


def validate(version: str, name: str, value: Any) -> None:
    """Check a value against a definition of a version's schema."""
    definition = "Result" if name == "EmptyResult" else name
    if name == "EmptyResult":
        assert value == {}
    errors = [
        f"{error.json_path}: {error.message}" for error in _validator(version, definition).iter_errors(value)
    ]
    assert errors == [], dumps(value)


@functools.cache
def _validator(version: str, name: str) -> Draft202012Validator:
    definitions: dict[str, Any] = {}
    for date, changed in sorted(json.loads(_SCHEMAS.read_text()).items()):
        if date <= version:
            definitions |= changed
    if "Notification" in name:  # their message has no "jsonrpc" in the older schemas
        definitions[name]["properties"]["jsonrpc"] = {"const": "2.0"}
    for one in definitions.values():
        _close(one)
    # SEP-2133 came later, and clients of these versions look for extensions there as well.
    definitions["ServerCapabilities"]["properties"]["extensions"] = {"type": "object"}
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})


def _close(schema: Any) -> None:
    """Allow only the members that a schema names."""
    if not isinstance(schema, dict):
        return
    if "properties" in schema and "additionalProperties" not in schema:
        schema["additionalProperties"] = False
    for name, member in schema.get("properties", {}).items():
        if name not in _OPEN:
            _close(member)
    _close(schema.get("items"))
    for option in schema.get("anyOf", ()):
        _close(option)
