"""The shop with other libraries, and requests whose answers are compared."""

import base64
import http.client
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import installed
from tests.interop import install
from tests.interop.events.shop import KEYS

HERE = Path(__file__).parent
SECONDS = 60
_PREFIX = "io.modelcontextprotocol/"

NAMES = {
    -32601: "MethodNotFound",
    -32602: "InvalidParams",
    **dict.fromkeys((-32011, -32023), "NotFound"),
    **dict.fromkeys((-32012, -32024), "Forbidden"),
    **dict.fromkeys((-32014, -32026), "Unsupported"),
    **dict.fromkeys((-32015, -32027), "CallbackEndpointError"),
}
"""Errors by their numbers: of the draft that came before the extension, and of the extension."""

URL = "https://hook.example/shop"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()

Answer = Any
"""A result as ``of_result`` gives it, or the name of an error and its data."""


@dataclass(frozen=True)
class Row:
    """A request, and what the shop answers.

    Attributes:
        method: of the request.
        params: of it.
        ours: the answer of Lambent.
        handler: that of mcp-handler where it is another one.
        webhook_events: that of mcp-webhook-events where it is another one.
        because: why they differ.
        caller: who sends it.
        before: requests that have been answered before, of ``ann``.
    """

    method: str
    params: dict[str, Any]
    ours: Answer
    handler: Answer = None
    webhook_events: Answer = None
    because: str = ""
    caller: str | None = "ann"
    before: Sequence[tuple[str, dict[str, Any]]] = field(default_factory=tuple)

    def of(self, peer: str) -> Answer:
        """The answer that a peer gives."""
        return self.ours if (other := getattr(self, peer)) is None else other


def subscribing(**changes: Any) -> dict[str, Any]:
    """Parameters of ``events/subscribe``."""
    delivery = {"mode": "webhook", "url": URL, "secret": SECRET, **changes.pop("delivery", {})}
    return {"name": "order.refunded", "arguments": {}, "delivery": delivery, **changes}


def unsubscribing(**changes: Any) -> dict[str, Any]:
    """Parameters of ``events/unsubscribe``."""
    delivery = {"url": URL, **changes.pop("delivery", {})}
    return {"name": "order.refunded", "arguments": {}, "delivery": delivery, **changes}


def ended(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of ``events/unsubscribe`` for those of ``events/subscribe``."""
    where = {"mode": "webhook", "url": params["delivery"]["url"]}
    return {"name": params["name"], "arguments": params.get("arguments", {}), "delivery": where}


def granted(seconds: int = 86_400, cursor: str | None = "a cursor", **others: Any) -> dict[str, Any]:
    """The result of ``events/subscribe``."""
    return {"id": "sub_", "refreshBefore": seconds, "cursor": cursor, "truncated": False, **others}


def ask(url: str, era: str, method: str, params: Mapping[str, Any], caller: str | None) -> Answer:
    """Send a request; the answer."""
    target = urlsplit(url)
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    if caller is not None:
        headers |= {"authorization": f"Bearer {caller}", "x-api-key": KEYS[caller]}
    if era == "modern":
        headers |= {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
        meta = {f"{_PREFIX}protocolVersion": "2026-07-28", f"{_PREFIX}clientCapabilities": {}}
        params = {**params, "_meta": meta}
    else:
        headers |= {"mcp-protocol-version": "2025-11-25"}
    connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=SECONDS)
    connection.request(
        "POST",
        target.path,
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
        headers,
    )
    body = connection.getresponse().read().decode()
    connection.close()
    answer = json.loads(body.rpartition("data: ")[2])
    if "error" in answer:
        error = answer["error"]
        data = error.get("data")
        return (NAMES[error["code"]], data) if isinstance(data, dict) else (NAMES[error["code"]],)
    return of_result(answer["result"])


def of_result(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what is different each time."""
    found = {key: value for key, value in result.items() if key not in {"_meta", "resultType"}}
    if "events" in found:
        found["events"] = [_type(one) for one in found["events"]]
    if "id" in found:
        found["id"] = found["id"][:4]
    if "refreshBefore" in found:
        left = datetime.fromisoformat(found["refreshBefore"]) - datetime.now(UTC)
        found["refreshBefore"] = round(left.total_seconds() / 60) * 60
    if found.get("cursor") is not None:
        found["cursor"] = "a cursor"
    return found


def _type(event: dict[str, Any]) -> dict[str, Any]:
    """An event type without the words of libraries in schemas."""
    schemas = {name: sorted(event[name]["properties"]) for name in ("inputSchema", "payloadSchema")}
    return {**event, **schemas}


@contextmanager
def handler() -> Iterator[str]:
    """mcp-handler, and what of the shop it leaves to its user; the address."""
    installed.npm(HERE)
    with _started(str(installed.NODE), str(HERE / "handler_peer.mjs")) as url:
        yield url


@contextmanager
def webhook_events(folder: Path) -> Iterator[str]:
    """mcp-webhook-events; the address."""
    python = str(install.python("events"))
    with _started(python, str(HERE / "webhook_events_peer.py"), str(folder)) as url:
        yield url


@contextmanager
def _started(*command: str) -> Iterator[str]:
    """A server that prints its address, and ends with its standard input."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Timer(SECONDS, process.kill)
        late.start()
        try:
            url = process.stdout.readline().strip()
            late.cancel()
            assert url, command
            yield url
        finally:
            process.stdin.close()
            late = threading.Timer(SECONDS, process.kill)
            late.start()
            process.wait()
            late.cancel()
