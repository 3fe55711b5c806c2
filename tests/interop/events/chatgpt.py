"""ChatGPT as its documentation describes it (developers.openai.com/plugins/build/mcp-events, October 2026).

It looks for ``events`` among the capabilities, in ``server/discover`` or ``initialize``. It takes deliveries
by webhook alone, one occurrence a request of at most 256 KiB, and no other message than the verification of
its endpoint. The application itself cannot be run here.
"""

import base64
import hashlib
import hmac
import http.client
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

MOST_BYTES = 256 * 1024
_OLDER_VERSION = "2025-03-26"
_PREFIX = "io.modelcontextprotocol/"


class Refused(Exception):  # noqa: N818 - says what happened
    """A JSON-RPC error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error)
        self.code = error["code"]
        self.data = error.get("data")


class ChatGPT:
    """A workspace that has added a server.

    Args:
        server: the URL of the server.
        headers: with which it is asked.
        era: ``modern``, or ``legacy`` for a server that it knows as one of ``initialize``.
        endpoint: where its deliveries arrive.
    """

    def __init__(self, server: str, headers: dict[str, str], era: str, endpoint: "Endpoint") -> None:
        self._url = urlsplit(server)
        self._era = era
        self._endpoint = endpoint
        self._headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **headers,
        }
        self.capabilities = self._open()

    def _open(self) -> dict[str, Any]:
        if self._era == "modern":
            found: dict[str, Any] = self.ask("server/discover")["capabilities"]
            return found
        client = {"name": "ChatGPT", "version": "1.0.0"}
        agreed = self.ask("initialize", protocolVersion=_OLDER_VERSION, capabilities={}, clientInfo=client)
        assert agreed["protocolVersion"] == _OLDER_VERSION
        capabilities: dict[str, Any] = agreed["capabilities"]
        return capabilities

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request; its result."""
        headers = dict(self._headers)
        if self._era == "modern":
            headers |= {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
            if method == "tools/call":
                headers["mcp-name"] = params["name"]
            params["_meta"] = {
                f"{_PREFIX}protocolVersion": "2026-07-28",
                f"{_PREFIX}clientCapabilities": {},
            }
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        connection = http.client.HTTPConnection(str(self._url.hostname), self._url.port, timeout=30)
        connection.request("POST", self._url.path, json.dumps(message), headers)
        response = connection.getresponse()
        body = response.read().decode()
        if session := response.headers.get("mcp-session-id"):
            self._headers["mcp-session-id"] = session
        connection.close()
        if "error" in (answer := json.loads(body)):
            raise Refused(answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; its result."""
        return self.ask("tools/call", name=tool, arguments=arguments)

    def event_types(self) -> dict[str, dict[str, Any]]:
        """What it can wait for at this server."""
        if "events" not in self.capabilities:
            return {}
        found = self.ask("events/list")["events"]
        return {one["name"]: one for one in found if "webhook" in one["delivery"]}

    def subscribe(self, name: str, arguments: dict[str, Any], **wishes: Any) -> dict[str, Any]:
        """Wait for something; the same again is a refresh, with a new secret."""
        secret = secrets.token_bytes(32)
        text = f"whsec_{base64.b64encode(secret).decode()}"
        delivery = {"mode": "webhook", "url": self._endpoint.url, "secret": text}
        self._endpoint.pending = secret
        granted = self.ask(
            "events/subscribe", name=name, arguments=arguments, delivery=delivery, cursor=None, **wishes
        )
        self._endpoint.secrets[granted["id"]] = secret
        return granted

    def unsubscribe(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Wait no more."""
        delivery = {"mode": "webhook", "url": self._endpoint.url}
        return self.ask("events/unsubscribe", name=name, arguments=arguments, delivery=delivery)


class Endpoint:
    """Where deliveries arrive.

    Attributes:
        url: of it.
        requests: the type, the status and the number of bytes of each.
        received: their headers and bodies.
        secrets: by the id of the subscription, the newest one alone.
        pending: the secret of the subscription whose id is not known yet.
    """

    def __init__(self) -> None:
        self.url = ""
        self.secrets: dict[str, bytes] = {}
        self.pending = b""
        self.requests: list[tuple[str, int, int]] = []
        self.received: list[tuple[dict[str, str], bytes]] = []
        self._events: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()

    def wait(self, count: int) -> list[dict[str, Any]]:
        """The occurrences that have come, each once, as soon as there are so many."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) >= count, timeout=30)
            return list(self._events.values())

    def wait_for_requests(self, count: int) -> list[tuple[str, int]]:
        """The type and the status of the requests that have come, as soon as there are so many."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.requests) >= count, timeout=30)
            return [(kind, status) for kind, status, _ in self.requests]

    def take(self, headers: Any, body: bytes) -> tuple[int, bytes]:
        """Answer a request: the status and the body."""
        kind, status, answer = self._answer(headers, body)
        with self._changed:
            self.requests.append((kind, status, len(body)))
            self.received.append(({name.lower(): value for name, value in headers.items()}, body))
            self._changed.notify_all()
        return status, answer

    def _answer(self, headers: Any, body: bytes) -> tuple[str, int, bytes]:
        if len(body) > MOST_BYTES:
            return "large", 413, b""
        if headers["content-type"] != "application/json" or not headers["x-mcp-subscription-id"]:
            return "unknown", 400, b""
        if not self._is_signed(headers, body):
            return "forged", 401, b""
        message = json.loads(body)
        if message.get("type") == "verification":
            return "verification", 200, json.dumps({"challenge": message["challenge"]}).encode()
        if "type" in message or message["eventId"] != headers["webhook-id"]:
            return str(message.get("type")), 400, b""
        self._events[message["eventId"]] = message
        return "event", 200, b""

    def _is_signed(self, headers: Any, body: bytes) -> bool:
        secret = self.secrets.get(headers["x-mcp-subscription-id"], self.pending)
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.digest(secret, signed, hashlib.sha256)
        expected = f"v1,{base64.b64encode(digest).decode()}"
        return expected in headers["webhook-signature"].split()


@contextmanager
def serving() -> Iterator[Endpoint]:
    """An endpoint on this machine."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = endpoint.take(self.headers, body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_port}/receive/{secrets.token_hex(8)}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join(10)
