"""Calls the orders function as API Gateway does."""

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "functions" / "orders"
MODULES = ("app", "cursors", "ledgers", "orders", "refunds")
KEYS = "the-first-secret-of-the-orders-tests,the-second-secret-of-the-orders-tests"
VERSION = "2026-07-28"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}

IN_A_NEW_INTERPRETER = """
import json, sys
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
import app
print(json.dumps(app.handler(json.load(sys.stdin), SimpleNamespace(**json.loads(sys.argv[2])))))
"""


def http_event(method: str, params: dict[str, Any], capabilities: dict[str, Any]) -> dict[str, Any]:
    """An HTTP API event (payload 2.0) that carries one request of a well-behaved client."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1.0.0"},
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    }
    headers = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "host": "orders.example.com",
        "mcp-protocol-version": VERSION,
        "mcp-method": method,
    }
    if method in NAMED_BY:
        headers["mcp-name"] = params[NAMED_BY[method]]
    if region := params.get("arguments", {}).get("region"):
        headers["mcp-param-region"] = region
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    return {
        "version": "2.0",
        "routeKey": "POST /mcp",
        "rawPath": "/mcp",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "orders",
            "domainName": "orders.example.com",
            "http": {
                "method": "POST",
                "path": "/mcp",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "tests",
            },
            "requestId": "request-1",
            "routeKey": "POST /mcp",
            "stage": "$default",
            "time": "01/Aug/2026:12:00:00 +0000",
            "timeEpoch": 1785585600000,
        },
        "body": json.dumps(request),
        "isBase64Encoded": False,
    }


class Answer:
    """What came back: the HTTP status, the headers and the JSON-RPC response."""

    def __init__(self, response: dict[str, Any]) -> None:
        self.status: int = response["statusCode"]
        self.headers: dict[str, str] = response["headers"]
        self.message: dict[str, Any] = json.loads(response["body"])

    @property
    def result(self) -> dict[str, Any]:
        assert self.status == 200, self.message
        result: dict[str, Any] = self.message["result"]
        return result

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.message["error"]
        return error

    @property
    def value(self) -> Any:
        """A tool's structured output."""
        assert not self.result.get("isError"), self.result
        return self.result["structuredContent"]

    @property
    def complaint(self) -> str:
        """What a tool that failed tells the model."""
        assert self.result["isError"] is True, self.result
        text: str = self.result["content"][0]["text"]
        return text


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The function's modules, imported anew, as a cold start would."""
    monkeypatch.setenv("LAMBENT_STATE_KEYS", KEYS)
    monkeypatch.delenv("REFUND_LEDGER", raising=False)
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    loops: list[asyncio.AbstractEventLoop] = []

    def new_loop(make: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop) -> Any:
        loops.append(make())
        return loops[-1]

    # An environment keeps the loop of its async tools for life; this one's life ends with the test.
    monkeypatch.setattr(asyncio, "new_event_loop", new_loop)
    others = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        for name in MODULES:
            sys.modules.pop(name, None)
        sys.modules.update(others)
        for loop in loops:
            loop.close()


@pytest.fixture
def ask(function: dict[str, ModuleType]) -> Callable[..., Answer]:
    """Send one request to the handler."""

    def send(
        method: str,
        /,
        capabilities: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> Answer:
        event = http_event(method, params, capabilities or {})
        event["headers"] |= headers or {}
        return Answer(function["app"].handler(event, SimpleNamespace(**lambda_context())))

    return send


@pytest.fixture
def call(ask: Callable[..., Answer]) -> Callable[..., Answer]:
    """Call a tool."""
    return lambda name, **arguments: ask("tools/call", name=name, arguments=arguments)


@pytest.fixture
def ask_elsewhere() -> Callable[..., Answer]:
    """Send one request to an execution environment of its own, which is gone afterwards."""

    def send(method: str, /, capabilities: dict[str, Any] | None = None, **params: Any) -> Answer:
        done = subprocess.run(
            [sys.executable, "-c", IN_A_NEW_INTERPRETER, str(FOLDER), json.dumps(lambda_context())],
            input=json.dumps(http_event(method, params, capabilities or {})),
            env={**os.environ, "LAMBENT_STATE_KEYS": KEYS, "REFUND_LEDGER": ""},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return Answer(json.loads(done.stdout.splitlines()[-1]))

    return send


def lambda_context() -> dict[str, str]:
    return {"aws_request_id": "00000000-0000-4000-8000-000000000001", "function_name": "orders"}
