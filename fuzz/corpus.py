"""Valid requests of every method, and what a correct client sends next."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from fuzz.request_model import LEGACY_VERSIONS, MIRRORED, PREFIX, VERSION
from fuzz.states import IssuedState

ALL_CAPABILITIES: dict[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}},
    "roots": {},
    "extensions": {"io.modelcontextprotocol/tasks": {}},
}
"""All client capabilities."""

Seed = tuple[str, dict[str, Any]]

FIRST_HEADER = "2025-06-18"
"""The first version whose clients send a version header."""

LEGACY_METHODS = frozenset(
    {
        "tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read",
        "prompts/list", "prompts/get", "completion/complete", "no/such/method",
    }
)  # fmt: skip
"""Those of the methods of the modern era that the legacy era has too, and one that no era has."""

_FILLED = {
    "size": "M", "gift": True, "agree": True, "note": "n", "times": 2, "rate": 1.5, "colors": ["red"],
    "city": "Graz", "nights": 2, "class": "eco", "meals": ["veg"], "window": False, "budget": 9,
}  # fmt: skip

_TOOLS: list[tuple[str, dict[str, Any]]] = [
    ("echo", {"value": {"a": [1, 2.5, None, "text", True]}}),
    ("add", {"a": 3, "b": 2}),
    ("narrate", {"steps": 2}),
    ("refuse", {"reason": "not today"}),
    ("ready", {"mark": "x"}),
    ("broken", {}),
    ("leaving", {}),
    ("route", {"region": "eu-west-1", "zone": 7, "dry": True}),
    ("anything", {"where": {"site": "north"}, "any": 1}),
    ("tree", {"node": {"value": 1, "children": [{"value": 2}, {"value": 3, "children": []}]}}),
    ("price", {"item": {"name": "x", "price": 2.5, "parts": [{"name": "y"}]}, "factor": 2}),
    (
        "typed",
        {
            "lines": [{"sku": "a", "count": 2, "tags": ["t"]}, {"sku": "b"}],
            "color": "blue",
            "day": "2026-11-20",
            "at": "2026-11-20T15:02:00Z",
            "took": "P1DT2H",
            "amount": "12.50",
            "key": "b1946ac9-2492-4a34-8d54-0123456789ab",
            "data": "AAEC",
            "pair": [1, "x"],
            "names": ["a", "b"],
            "either": [1, 2],
            "count": 1.5,
        },
    ),
    ("order", {"item": "book", "quantity": 2, "note": {"n": [1]}}),
    ("refund", {"item": "book", "quantity": 2, "note": {"n": [1]}}),
    ("visit", {"where": {"street": "Main", "zip": "1"}}),
    ("travel", {"to": "there"}),
    ("approve", {"amount": 30}),
    ("approve", {"amount": 3}),
]
_URIS = [
    "static://readme",
    "static://logo",
    "static://config",
    "static://broken",
    "orders://4711",
    "orders://4711/lines?page=2&size=5&tag=a&tag=b",
    "files://host/a/b/c.txt",
    "tags://host/a/b/c#end",
    "dates://2026-11-20.pdf",
    "pairs://1,2;c=3;d=4",
    "wide://a-b-c.txt",
    "math://12345",
    "vault://box",
]
_PROMPTS = [
    ("greet", {"name": "Ada", "style": "warm"}),
    ("count", {"number": "3", "day": "2026-11-20"}),
    ("interview", {"topic": "tea"}),
    ("broken", {}),
]
_COMPLETIONS: list[dict[str, Any]] = [
    {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "style", "value": "p"}},
    {
        "ref": {"type": "ref/resource", "uri": "orders://{order_id}"},
        "argument": {"name": "order_id", "value": "120"},
        "context": {"arguments": {"page": "1"}},
    },
    {"ref": {"type": "ref/prompt", "name": "count"}, "argument": {"name": "number", "value": "broken"}},
]
_LISTS = ["tools/list", "resources/list", "resources/templates/list", "prompts/list"]


_STORED: list[tuple[str, dict[str, Any]]] = [
    ("report", {"month": "May"}),
    ("archive", {"what": [1]}),
    ("cart_open", {}),
    ("cart_add", {"cart": "x", "item": "y"}),
    ("cart_pay", {"cart": "x"}),
    ("pay", {"order": {"id": "o1"}}),
    ("redeem", {"code": "c1"}),
    ("redeem", {"code": "c2"}),
]


def seeds(store: bool = False) -> list[Seed]:
    """One valid request of every kind: the method, and parameters without ``_meta``.

    Args:
        store: also those that need a store.
    """
    tools = _TOOLS + _STORED if store else _TOOLS
    found: list[Seed] = [("server/discover", {})]
    for method in _LISTS:
        found.append((method, {}))
        found.append((method, {"cursor": _cursor(method)}))
    found += [("tools/call", {"name": name, "arguments": arguments}) for name, arguments in tools]
    found += [("resources/read", {"uri": uri}) for uri in _URIS]
    found += [("prompts/get", {"name": name, "arguments": arguments}) for name, arguments in _PROMPTS]
    found += [("completion/complete", params) for params in _COMPLETIONS]
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["static://readme"]}
    found.append(("subscriptions/listen", {"notifications": wanted}))
    found += [("tasks/get", {"taskId": "t"}), ("tasks/cancel", {"taskId": "t"})]
    found.append(("tasks/update", {"taskId": "t", "inputResponses": {}}))
    found += [("initialize", {"protocolVersion": "2025-11-25"}), ("no/such/method", {})]
    return found


def _cursor(method: str) -> str:
    last = {"tools/list": "refuse", "prompts/list": "broken"}.get(method, "static://broken")
    return base64.urlsafe_b64encode(f"{method} {last}".encode()).decode().rstrip("=")


def legacy_seeds(store: bool = False) -> list[Seed]:
    """One valid request of every method that the legacy era has."""
    found = [seed for seed in seeds(store) if seed[0] in LEGACY_METHODS]
    for version in sorted(LEGACY_VERSIONS):
        info = {"name": "fuzz", "version": "1"}
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": info}
        found += [("initialize", params)] * 2
    found += [("ping", {})] * 3
    found += [("logging/setLevel", {"level": level}) for level in ("debug", "info", "emergency")]
    found += [("resources/subscribe", {"uri": uri}) for uri in _URIS[:3]]
    found += [("resources/unsubscribe", {"uri": uri}) for uri in _URIS[:3]]
    found += [("notifications/cancelled", {"requestId": 1}), ("server/discover", {})]
    return found


def legacy_message(method: str, params: Mapping[str, Any], request_id: Any = 1) -> dict[str, Any]:
    """A valid message of the legacy era."""
    full = {"_meta": {"progressToken": request_id}, **params}
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": full}
    if method.startswith("notifications/"):
        del message["id"]
    return message


def legacy_headers_of(version: str, session: str) -> list[tuple[str, str]]:
    """The headers that a client of a version sends; the older ones send no version."""
    headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")]
    if version >= FIRST_HEADER:
        headers.append(("MCP-Protocol-Version", version))
    return [*headers, ("Mcp-Session-Id", session)] if session else headers


def message(method: str, params: Mapping[str, Any], request_id: Any = 1, **meta: Any) -> dict[str, Any]:
    """A valid request; ``meta`` adds to ``_meta``."""
    full = {f"{PREFIX}protocolVersion": VERSION, f"{PREFIX}clientCapabilities": ALL_CAPABILITIES, **meta}
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": {"_meta": full, **params}}


def retry(issued: IssuedState, token: str, answers: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The parameters of a retry that answers the questions."""
    given = answer_all(issued.asked) if answers is None else answers
    return {**issued.params, "requestState": token, "inputResponses": given}


def task_requests(task: str) -> list[Seed]:
    """Requests about a task."""
    answers = {"consent": {"action": "accept", "content": {"agree": True}}}
    return [
        ("tasks/get", {"taskId": task}),
        ("tasks/update", {"taskId": task, "inputResponses": answers}),
        ("tasks/update", {"taskId": task, "inputResponses": answers}),
        ("tasks/cancel", {"taskId": task}),
    ]


def answer_all(questions: Mapping[str, Any]) -> dict[str, Any]:
    """Valid answers to questions."""
    return {key: answer(question) for key, question in questions.items()}


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """A valid answer to a question."""
    if question["method"] == "roots/list":
        return {"roots": [{"uri": "file:///work", "name": "work"}]}
    if question["method"] == "sampling/createMessage":
        return {"role": "assistant", "content": {"type": "text", "text": "Thank you"}, "model": "m"}
    if question["params"].get("mode") == "url":
        return {"action": "accept"}
    properties = question["params"]["requestedSchema"]["properties"]
    return {"action": "accept", "content": {name: _FILLED[name] for name in properties if name in _FILLED}}


def headers_of(body: Any) -> list[tuple[str, str]]:
    """The headers that a correct client sends with a message."""
    headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("MCP-Protocol-Version", VERSION),
    ]
    if not isinstance(body, dict) or not isinstance(body.get("method"), str):
        return headers
    method = body["method"]
    headers.append(("Mcp-Method", plain_or_encoded(method)))
    params = body.get("params")
    if not isinstance(params, dict):
        return headers
    name = params.get(MIRRORED.get(method, "taskId"))
    if isinstance(name, str):
        headers.append(("Mcp-Name", plain_or_encoded(name)))
    if method == "tools/call" and isinstance(params.get("arguments"), dict):
        headers += _mirrored(name, params["arguments"])
    return headers


def _mirrored(tool: Any, arguments: dict[str, Any]) -> list[tuple[str, str]]:
    values: dict[str, Any] = {}
    if tool == "route":
        values = {
            "Region": arguments.get("region"),
            "Zone": arguments.get("zone"),
            "Dry": arguments.get("dry"),
        }
    elif tool == "anything" and isinstance(arguments.get("where"), dict):
        values = {"Site": arguments["where"].get("site")}
    return [
        (f"Mcp-Param-{name}", plain_or_encoded(value if isinstance(value, str) else json.dumps(value)))
        for name, value in values.items()
        if value is not None
    ]


def plain_or_encoded(value: str) -> str:
    """A header value as it is, or in the Base64 sentinel form where it must be."""
    if (
        value.isascii()
        and value.isprintable()
        and value == value.strip()
        and not value.startswith("=?base64?")
    ):
        return value
    return f"=?base64?{base64.b64encode(value.encode(errors='replace')).decode()}?="
