"""What is asked of every peer, and what it must answer: requests as Lambda events, answers checked."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

MODERN = "2026-07-28"
NEWEST_LEGACY = "2025-11-25"
LEGACY = "2024-11-05"

ORDER = {
    "id": "o-1",
    "items": [{"sku": "tea", "quantity": 2, "price": 4.5}, {"sku": "pot", "quantity": 1, "price": 12.25}],
    "note": "ring twice",
}
RECEIPT = {"order_id": "o-1", "total": 21.25, "lines": 2}

_HOST = "abc123.execute-api.eu-west-1.amazonaws.com"

ENDPOINT = f"https://{_HOST}/mcp"
"""The URL that the events are for."""

Handler = Callable[[Any, Any], dict[str, Any]]


class WrongAnswerError(Exception):
    """A handler does not do what is about to be timed."""


class RefusedError(WrongAnswerError):
    """A handler refuses a request for its size."""


class Exchange(NamedTuple):
    """A request and the check of its response.

    Attributes:
        event: the Lambda event as JSON: every invocation gets an object of its own, as in Lambda.
        check: raises ``WrongAnswerError``.
    """

    event: str
    check: Callable[[dict[str, Any]], None]


def initialize(protocol: str) -> str:
    """The event with which a client of the legacy era begins, as JSON."""
    params = {
        "protocolVersion": protocol,
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1.0"},
    }
    return _event(protocol, "initialize", params, None)


def call(
    protocol: str,
    name: str,
    arguments: dict[str, Any],
    expected: Any,
    session: str | None = None,
    token: str | None = None,
) -> Exchange:
    """A tool call that must give a value; in the legacy era with the id of a session."""

    def check(response: dict[str, Any]) -> None:
        found = _value(_result(response))
        if found != expected and found != str(expected):
            raise WrongAnswerError(f"{name} gave {found!r} instead of {expected!r}")

    params = {"name": name, "arguments": arguments}
    return Exchange(_event(protocol, "tools/call", params, name, session=session, token=token), check)


def listing(protocol: str, count: int) -> Exchange:
    """A list that must name all the tools, with their parameters."""

    def check(response: dict[str, Any]) -> None:
        tools = _result(response)["tools"]
        names = [
            tool["name"] for tool in tools if {"a", "b", "note"} <= set(tool["inputSchema"]["properties"])
        ]
        if names != [f"add_{number}" for number in range(count)]:
            raise WrongAnswerError(f"{len(names)} tools listed instead of {count}")

    return Exchange(_event(protocol, "tools/list", {}, None), check)


def conversation(handler: Handler, context: Any, questions: int) -> list[Exchange]:
    """Answer a tool's questions until it is done, and keep the rounds to be timed.

    Raises:
        WrongAnswerError: a round is not as it should be.
    """
    params: dict[str, Any] = {"name": "ask", "arguments": {"subject": "refund"}}
    rounds = []
    for number in range(questions + 1):
        event = _event(MODERN, "tools/call", params, "ask", {"elicitation": {"form": {}}})
        check = _finished(questions) if number == questions else _asks(number)
        response = handler(json.loads(event), context)
        check(response)
        rounds.append(Exchange(event, check))
        if number < questions:
            result = _result(response)
            answers = {key: {"action": "accept", "content": {"ok": True}} for key in result["inputRequests"]}
            params = {**params, "inputResponses": answers, "requestState": result["requestState"]}
    return rounds


def _asks(number: int) -> Callable[[dict[str, Any]], None]:
    def check(response: dict[str, Any]) -> None:
        result = _result(response)
        asked = [request["params"]["message"] for request in result.get("inputRequests", {}).values()]
        if asked != [f"Question {number}?"] or not result.get("requestState"):
            raise WrongAnswerError(f"Round {number + 1} asked {asked}")

    return check


def _finished(questions: int) -> Callable[[dict[str, Any]], None]:
    def check(response: dict[str, Any]) -> None:
        if _value(_result(response)) != f"refund: {questions}":
            raise WrongAnswerError(f"The last of {questions} answers gave {response['body'][:500]}")

    return check


def _result(response: dict[str, Any]) -> dict[str, Any]:
    if response.get("statusCode") == 413:
        raise RefusedError("413")
    if response.get("statusCode") != 200:
        raise WrongAnswerError(f"Status {response.get('statusCode')}: {str(response.get('body'))[:500]}")
    message = json.loads(response["body"])
    if "result" not in message or message["result"].get("isError"):
        raise WrongAnswerError(f"An error: {response['body'][:500]}")
    result: dict[str, Any] = message["result"]
    return result


def _value(result: dict[str, Any]) -> Any:
    """What a tool returned, however its server words it."""
    structured = result.get("structuredContent")
    if structured is not None:
        return (
            structured["result"]
            if isinstance(structured, dict) and set(structured) == {"result"}
            else structured
        )
    text = result["content"][0]["text"]
    return json.loads(text) if text[:1] == "{" else text


def _event(
    protocol: str,
    method: str,
    params: dict[str, Any],
    name: str | None,
    capabilities: dict[str, Any] | None = None,
    session: str | None = None,
    token: str | None = None,
) -> str:
    """An HTTP API 2.0 event with the headers that API Gateway adds, as JSON."""
    headers = {
        "accept": "application/json, text/event-stream",
        "accept-encoding": "gzip, br",
        "content-type": "application/json",
        "host": _HOST,
        "user-agent": "benchmark/1.0",
        "x-amzn-trace-id": "Root=1-65a0b1c2-0123456789abcdef01234567",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    if protocol == MODERN:
        headers |= {"mcp-protocol-version": protocol, "mcp-method": method}
        if name is not None:
            headers["mcp-name"] = name
        params = {
            **params,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": protocol,
                "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1.0"},
                "io.modelcontextprotocol/clientCapabilities": capabilities or {},
            },
        }
    elif protocol == NEWEST_LEGACY:
        headers["mcp-protocol-version"] = protocol
        if session is not None:
            headers["mcp-session-id"] = session
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    headers["content-length"] = str(len(body))
    event = {
        "version": "2.0",
        "routeKey": "POST /mcp",
        "rawPath": "/mcp",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": _HOST,
            "domainPrefix": "abc123",
            "http": {
                "method": "POST",
                "path": "/mcp",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "benchmark/1.0",
            },
            "requestId": "AbCdEfGhIjKlMnO=",
            "routeKey": "POST /mcp",
            "stage": "$default",
            "time": "12/Jan/2026:10:00:00 +0000",
            "timeEpoch": 1768212000000,
        },
        "body": body,
        "isBase64Encoded": False,
    }
    return json.dumps(event)
