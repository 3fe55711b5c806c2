"""The invariants detect violations: a response that is changed to break a rule is caught by that rule."""

import dataclasses
import http
import json
from collections.abc import Callable
from typing import Any

import pytest
from fuzz import corpus
from fuzz.events import KINDS, Http
from fuzz.invariants import check
from fuzz.recorder import RequestRecord
from fuzz.request_model import PREFIX
from fuzz.target import Exchange
from fuzz.violations import Violation
from tests.hostile.client import FLOWS, CheckedClient, exchange_of

PING = ("server/discover", {})
READ = ("resources/read", {"uri": "static://readme"})
UNKNOWN = ("tools/call", {"name": "nobody", "arguments": {}})
BROKEN = ("resources/read", {"uri": "static://broken"})
REFUSE = ("tools/call", {"name": "refuse", "arguments": {"reason": "x"}})
NARRATE = ("tools/call", {"name": "narrate", "arguments": {}})


def changed(exchange: Exchange, change: Callable[[dict[str, Any]], Any]) -> Exchange:
    """The same with another response."""
    response = json.loads(json.dumps(exchange.response))
    changed = change(response)
    return dataclasses.replace(exchange, response=response if changed is None else changed)


def rpc(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    """A change of the JSON-RPC response."""

    def apply(response: dict[str, Any]) -> None:
        head, _, message = response["body"].rpartition("data: ")
        message = json.loads(message)
        change(message)
        response["body"] = f"{head}data: {json.dumps(message)}\n\n" if head else json.dumps(message)

    return apply


def result(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """A change of the result; ``...`` removes a member."""

    def change(message: dict[str, Any]) -> None:
        for name, value in changes.items():
            message["result"].pop(name, None)
            if value is not ...:
                message["result"][name] = value

    return rpc(change)


def error(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """A change of the error."""
    return rpc(lambda message: message["error"].update(changes))


CASES: list[tuple[str, Any, Callable[[dict[str, Any]], Any]]] = [
    ("lambda response", PING, lambda response: [response]),
    ("lambda response", PING, lambda response: response.pop("isBase64Encoded") and None),
    ("lambda response", PING, lambda response: response.update(isBase64Encoded=True)),
    ("lambda response", PING, lambda response: response.update(statusCode="200")),
    ("lambda response", PING, lambda response: response.update(body=b"{}")),
    ("lambda response", PING, lambda response: response.update(body=response["body"] + "\ud800")),
    ("lambda response", PING, lambda response: response.update(multiValueHeaders={})),
    ("header", PING, lambda response: response["headers"].update({"x": "a\r\nb: c"})),
    ("header", PING, lambda response: response["headers"].update({"x": "\u00e9"})),
    ("header", PING, lambda response: response["headers"].update({"x y": "z"})),
    ("header", PING, lambda response: response["headers"].update({"x": None})),
    ("status", PING, lambda response: response.update(statusCode=500)),
    ("status", PING, lambda response: response.update(statusCode=418)),
    ("status", PING, lambda response: response.update(statusCode=400)),
    ("empty body", PING, lambda response: response.update(body="")),
    ("empty body", PING, lambda response: response.update(body="", statusCode=202)),
    ("empty body", PING, lambda response: response.update(body="", statusCode=204)),
    ("body", PING, lambda response: response.update(statusCode=202)),
    ("content type", PING, lambda response: response["headers"].update({"content-type": "text/html"})),
    ("content type", PING, lambda response: response["headers"].clear()),
    ("no json", PING, lambda response: response.update(body=response["body"][:-1])),
    ("no json", PING, lambda response: response.update(body=response["body"].replace("60000", "NaN"))),
    ("no object", PING, lambda response: response.update(body=f"[{response['body']}]")),
    ("stream", PING, lambda response: response["headers"].update({"content-type": "text/event-stream"})),
    ("stream", NARRATE, lambda response: response.update(body=response["body"][:-1])),
    ("stream", NARRATE, lambda response: response.update(body=response["body"].replace("event:", "id:", 1))),
    ("stream", NARRATE, lambda response: response.update(body=response["body"].replace(",", ",\r", 1))),
    ("jsonrpc", PING, rpc(lambda message: message.update(jsonrpc="1.0"))),
    ("jsonrpc", PING, rpc(lambda message: message.pop("jsonrpc"))),
    ("result or error", PING, rpc(lambda message: message.pop("result"))),
    ("result or error", PING, rpc(lambda message: message.update(error={"code": -32603, "message": "x"}))),
    ("members", PING, rpc(lambda message: message.update(extra=1))),
    ("result", PING, rpc(lambda message: message.update(result=[]))),
    ("id", PING, rpc(lambda message: message.update(id=2))),
    ("id", PING, rpc(lambda message: message.update(id="1"))),
    ("id", PING, rpc(lambda message: message.update(id=1.0))),
    ("id", PING, rpc(lambda message: message.update(id=None))),
    ("id", PING, rpc(lambda message: message.pop("id"))),
    ("id", UNKNOWN, rpc(lambda message: message.pop("id"))),
    ("error", UNKNOWN, error(code="-32602")),
    ("error", UNKNOWN, error(message="")),
    ("error", UNKNOWN, error(extra=1)),
    ("code", UNKNOWN, error(code=-32002)),
    ("code", UNKNOWN, error(code=-32000)),
    ("code", UNKNOWN, error(code=-32601)),
    ("capability error", UNKNOWN, error(code=-32021)),
    ("version error", UNKNOWN, error(code=-32022, data={"supported": []})),
    ("leak", UNKNOWN, error(message="Traceback (most recent call last)")),
    ("leak", UNKNOWN, error(message="ValidationError: no")),
    ("leak", UNKNOWN, error(message="no", data={"x": "lambent.execution.rounds.run"})),
    ("leak", UNKNOWN, error(message="in /app/server.py, line 1")),
    ("leak", UNKNOWN, error(message="<object object at 0x7f>")),
    ("leak", UNKNOWN, error(message="'NoneType' has no attribute")),
    ("leak", REFUSE, result(content=[{"type": "text", "text": "KeyError: 'x'"}])),
    ("amplification", UNKNOWN, error(message="x" * 20_000)),
    ("amplification", REFUSE, result(content=[{"type": "text", "text": "x" * 20_000}])),
    ("result type", PING, result(resultType=...)),
    ("result type", PING, result(resultType="task")),
    ("result type", PING, result(resultType="done")),
    ("server info", PING, result(_meta=...)),
    ("server info", PING, result(_meta={f"{PREFIX}serverInfo": {"name": "x"}})),
    ("caching", PING, result(ttlMs=...)),
    ("caching", PING, result(ttlMs=-1)),
    ("caching", READ, result(cacheScope="all")),
    ("result", PING, result(supportedVersions=...)),
    ("result", READ, result(contents={})),
    ("questions", PING, result(resultType="input_required", requestState="x")),
    ("questions", FLOWS[0], result(inputRequests=..., requestState=...)),
    ("questions", FLOWS[0], result(ttlMs=0)),
    ("questions", FLOWS[0], result(inputRequests={"x": {"method": "ping", "params": {}}})),
    ("notification", NARRATE, lambda reply: reply.update(body=reply["body"].replace("progress", ""))),
    ("progress", NARRATE, lambda response: response.update(body=response["body"].replace('"p"', '"q"'))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "request_", "change"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)]
)
def test_what_breaks_a_rule_is_caught_by_it(
    client: CheckedClient, rule: str, request_: Any, change: Any
) -> None:
    with pytest.raises(Violation) as caught:
        check(changed(exchange_of(client, request_), change))
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("alb", lambda response: response.pop("statusDescription") and None),
        ("alb", lambda response: response.update(statusDescription="200")),
        ("alb multi", lambda response: response.update(headers=response.pop("multiValueHeaders"))),
        ("alb multi", lambda response: response["multiValueHeaders"].update({"x": "y"})),
        ("rest", lambda response: response["multiValueHeaders"].update({"x": ["y", "z"]})),
        ("http api", lambda response: response.update(statusDescription="200 OK")),
    ],
)
def test_responses_that_a_platform_does_not_take(client: CheckedClient, kind: str, change: Any) -> None:
    with pytest.raises(Violation, match="lambda response"):
        check(changed(exchange_of(client, PING, kind), change))


def test_a_405_says_what_is_allowed(client: CheckedClient) -> None:
    exchange = exchange_of(client, PING, method="GET")
    with pytest.raises(Violation, match="allow"):
        check(changed(exchange, lambda response: response["headers"].pop("allow") and None))


def bad_requests() -> list[tuple[str, Http]]:
    """Requests that must not get a result, each for one reason."""
    message = corpus.message("tools/call", {"name": "route", "arguments": {"region": "x"}})
    headers = dict(corpus.headers_of(message))
    no_version = corpus.message("tools/call", message["params"])
    no_version["params"] = {**message["params"], "_meta": {}}
    cases = {
        "not a POST": (message, headers, "PUT"),
        "content type": (message, {**headers, "Content-Type": "text/plain"}, "POST"),
        "no JSON-RPC": ({**message, "jsonrpc": 2}, headers, "POST"),
        "protocol version": (no_version, headers, "POST"),
        "mcp-method": (message, {**headers, "Mcp-Method": "tools/list"}, "POST"),
        "mcp-name": (message, {**headers, "Mcp-Name": "echo"}, "POST"),
        "mcp-protocol-version": (message, {**headers, "MCP-Protocol-Version": "2025-11-25"}, "POST"),
        "mcp-param-region": (message, {**headers, "Mcp-Param-Region": "y"}, "POST"),
    }
    return [
        (why, Http(method, list(headers.items()), json.dumps(body)))
        for why, (body, headers, method) in cases.items()
    ]


@pytest.mark.parametrize(
    ("why", "sent"), bad_requests(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_result_for_a_bad_request_is_caught(client: CheckedClient, why: str, sent: Http) -> None:
    good = exchange_of(client, ("tools/call", {"name": "echo", "arguments": {}}))
    event = KINDS["http api"](sent)
    refused = client.target.send(event)
    check(refused)
    with pytest.raises(Violation, match=why):
        check(dataclasses.replace(good, event=event))


@pytest.mark.parametrize("capability", ["elicitation", "sampling", "roots"])
def test_a_question_that_was_not_declared_is_caught(client: CheckedClient, capability: str) -> None:
    method = {
        "elicitation": "elicitation/create",
        "sampling": "sampling/createMessage",
        "roots": "roots/list",
    }
    message = corpus.message(*FLOWS[0], 1, **{f"{PREFIX}clientCapabilities": {}})
    event = KINDS["http api"](Http(headers=corpus.headers_of(message), body=json.dumps(message)))
    asked = exchange_of(client, FLOWS[0])
    change = result(inputRequests={"x": {"method": method[capability], "params": {}}})
    with pytest.raises(Violation, match=f"{capability} is not declared"):
        check(changed(dataclasses.replace(asked, event=event), change))


def test_an_unintended_internal_error_is_caught(client: CheckedClient) -> None:
    exchange = exchange_of(client, BROKEN)
    with pytest.raises(Violation, match="internal error"):
        check(dataclasses.replace(exchange, record=RequestRecord()))


def test_exceptions_hidden_failures_and_hangs_are_caught(client: CheckedClient) -> None:
    good = exchange_of(client, PING)
    for rule, change in {
        "raised": {"raised": KeyError("x"), "response": None},
        "failure": {"record": RequestRecord(failures=["KeyError in f: 'x'"])},
        "time": {"record": RequestRecord(timed_out=True)},
    }.items():
        with pytest.raises(Violation) as caught:
            check(dataclasses.replace(good, **change))
        assert caught.value.rule == rule
    check(dataclasses.replace(good, record=RequestRecord(failures=["x"], is_intended_failure=True)))


def test_the_statuses_of_the_rules_are_http_statuses() -> None:
    from fuzz.invariants import STATUSES

    assert {http.HTTPStatus(status) for status in STATUSES}
