"""A client of 2026-07-28 that notes everything it gets, and answers questions by their schemas."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from tests.porting.drive import samples
from tests.porting.drive.hosting import Reply

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
CAPABILITIES: dict[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}, "context": {}},
    "roots": {},
    "extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}},
}
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_MOST_ROUNDS = 6

Json = dict[str, Any]


class Client:
    """Sends requests to a host.

    Args:
        host: has ``send``.
        path: of the endpoint.
        extensions: what it says to support besides, by identifier.
    """

    def __init__(self, host: Any, path: str, extensions: Mapping[str, Any] = {}) -> None:
        self.host = host
        self.path = path
        self.token: str | None = None
        self.capabilities = {**CAPABILITIES, "extensions": {**CAPABILITIES["extensions"], **extensions}}
        self.mirrored: dict[str, dict[str, str]] = {}

    def exchange(self, request: Json) -> list[Json]:
        """The rounds of a request: what came back each time.

        Args:
            request: ``method``, ``params``, and optionally ``policy``: how questions are answered
                (``accept``, ``other``, ``decline``, ``cancel``), and ``bare``: the client can do nothing.
        """
        rounds: list[Json] = []
        retry: Json = {}
        while len(rounds) < _MOST_ROUNDS:
            reply = self._send(request, retry)
            rounds.append(_noted(reply))
            result = rounds[-1].get("result", {})
            if result.get("resultType") != "input_required":
                return rounds
            asked = result.get("inputRequests") or {}
            policy = request.get("policy", "accept")
            retry = {"inputResponses": {key: answer(one, policy) for key, one in asked.items()}}
            if "requestState" in result:
                retry["requestState"] = result["requestState"]
        return rounds

    def result(self, method: str, params: Json) -> Json:
        """The result of a request; empty where it failed."""
        found: Json = self.exchange({"method": method, "params": params})[-1].get("result", {})
        return found

    def get(self, path: str, method: str) -> Json:
        """The response to a plain HTTP request."""
        reply = self.host.send(method, path, {"accept": "*/*"}, b"")
        noted: Json = {"status": reply.status, "type": reply.headers.get("content-type")}
        try:
            noted["json"] = json.loads(reply.text)
        except ValueError:
            noted["text"] = reply.text
        return noted

    def _send(self, request: Json, retry: Json) -> Reply:
        method, params = request["method"], request["params"]
        sent = {**params, **retry, "_meta": {**self._meta(request), **params.get("_meta", {})}}
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": VERSION,
            "mcp-method": method,
        }
        if method in _NAMED and isinstance(params.get(_NAMED[method]), str):
            headers["mcp-name"] = _header(params[_NAMED[method]])
        if method == "tools/call":
            for name, header in self.mirrored.get(params.get("name", ""), {}).items():
                if (one := (params.get("arguments") or {}).get(name)) is not None:
                    headers[header] = _header(one if isinstance(one, str) else json.dumps(one))
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": sent}
        reply: Reply = self.host.send("POST", self.path, headers, json.dumps(body).encode())
        return reply

    def _meta(self, request: Json) -> Json:
        return {
            f"{PREFIX}protocolVersion": VERSION,
            f"{PREFIX}clientCapabilities": {} if request.get("bare") else self.capabilities,
            f"{PREFIX}clientInfo": {"name": "porting", "version": "1"},
            f"{PREFIX}logLevel": "debug",
            "progressToken": 1,
        }


def answer(question: Json, policy: str) -> Json:
    """The answer to a question of a server."""
    params = question.get("params") or {}
    match question.get("method"):
        case "elicitation/create" if policy in ("decline", "cancel"):
            return {"action": policy}
        case "elicitation/create" if "requestedSchema" in params:
            schema = params["requestedSchema"]
            return {"action": "accept", "content": samples.record(schema, int(policy == "other"), schema)}
        case "elicitation/create":
            return {"action": "accept"}
        case "sampling/createMessage":
            content = {"type": "text", "text": "sampled"}
            return {"role": "assistant", "content": content, "model": "a-model", "stopReason": "endTurn"}
        case _:
            return {"roots": [{"uri": "file:///work", "name": "work"}]}


def mirrored_of(tool: Json) -> dict[str, str]:
    """The arguments of a tool that are repeated in headers."""
    found = {}
    for name, one in (tool.get("inputSchema", {}).get("properties") or {}).items():
        if isinstance(one, dict) and isinstance(one.get("x-mcp-header"), str):
            found[name] = f"mcp-param-{one['x-mcp-header'].lower()}"
    return found


def _header(value: str) -> str:
    if value.isascii() and value.isprintable() and value == value.strip():
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def _noted(reply: Reply) -> Json:
    noted: Json = {"status": reply.status}
    notifications = []
    for message in reply.messages:
        if "method" in message:
            notifications.append({"method": message["method"], "params": message.get("params")})
        elif "result" in message:
            noted["result"] = message["result"]
        elif "error" in message:
            noted["error"] = message["error"]
    if notifications:
        noted["notifications"] = notifications
    if "result" not in noted and "error" not in noted:
        noted["text"] = reply.text
    if challenge := reply.headers.get("www-authenticate"):
        noted["challenge"] = challenge
    return noted
