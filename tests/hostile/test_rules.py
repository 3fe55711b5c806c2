"""The rules can fail: answers that break one, made of answers that do not, are caught by that rule."""

import dataclasses
import http
import json
from collections.abc import Callable
from typing import Any

import pytest
from fuzz import corpus
from fuzz.events import KINDS, Http
from fuzz.invariants import Violation, check
from fuzz.ledger import Book, Ledger
from fuzz.sent import PREFIX
from fuzz.states import States, check_book
from fuzz.target import Exchange
from tests.hostile.arena import FLOWS, Arena

PING = ("server/discover", {})
READ = ("resources/read", {"uri": "static://readme"})
UNKNOWN = ("tools/call", {"name": "nobody", "arguments": {}})
BROKEN = ("resources/read", {"uri": "static://broken"})
REFUSE = ("tools/call", {"name": "refuse", "arguments": {"reason": "x"}})
NARRATE = ("tools/call", {"name": "narrate", "arguments": {}})


def exchange_of(
    arena: Arena, request: tuple[str, dict[str, Any]], kind: str = "http api", **http_: Any
) -> Exchange:
    """A good exchange."""
    meta = {"progressToken": "p", f"{PREFIX}logLevel": "debug"} if request is NARRATE else {}
    message = corpus.message(*request, 1, **meta)
    http_ = {"headers": corpus.headers_of(message), "body": json.dumps(message), **http_}
    exchange = arena.target.send(KINDS[kind](Http(**http_)))
    check(exchange)
    return exchange


def doctored(exchange: Exchange, change: Callable[[dict[str, Any]], Any]) -> Exchange:
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
    ("leak", UNKNOWN, error(message="no", data={"x": "lambent.execution.run"})),
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
def test_what_breaks_a_rule_is_caught_by_it(arena: Arena, rule: str, request_: Any, change: Any) -> None:
    with pytest.raises(Violation) as caught:
        check(doctored(exchange_of(arena, request_), change))
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
def test_responses_that_a_platform_does_not_take(arena: Arena, kind: str, change: Any) -> None:
    with pytest.raises(Violation, match="lambda response"):
        check(doctored(exchange_of(arena, PING, kind), change))


def test_a_405_says_what_is_allowed(arena: Arena) -> None:
    exchange = exchange_of(arena, PING, method="GET")
    with pytest.raises(Violation, match="allow"):
        check(doctored(exchange, lambda response: response["headers"].pop("allow") and None))


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
        (why, Http(method, list(told.items()), json.dumps(body)))
        for why, (body, told, method) in cases.items()
    ]


@pytest.mark.parametrize(
    ("why", "sent"), bad_requests(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_result_for_a_bad_request_is_caught(arena: Arena, why: str, sent: Http) -> None:
    good = exchange_of(arena, ("tools/call", {"name": "echo", "arguments": {}}))
    event = KINDS["http api"](sent)
    refused = arena.target.send(event)
    check(refused)
    with pytest.raises(Violation, match=why):
        check(dataclasses.replace(good, event=event))


@pytest.mark.parametrize("capability", ["elicitation", "sampling", "roots"])
def test_a_question_that_was_not_declared_is_caught(arena: Arena, capability: str) -> None:
    method = {
        "elicitation": "elicitation/create",
        "sampling": "sampling/createMessage",
        "roots": "roots/list",
    }
    message = corpus.message(*FLOWS[0], 1, **{f"{PREFIX}clientCapabilities": {}})
    event = KINDS["http api"](Http(headers=corpus.headers_of(message), body=json.dumps(message)))
    asked = exchange_of(arena, FLOWS[0])
    change = result(inputRequests={"x": {"method": method[capability], "params": {}}})
    with pytest.raises(Violation, match=f"{capability} is not declared"):
        check(doctored(dataclasses.replace(asked, event=event), change))


def test_an_internal_error_that_nobody_caused_on_purpose_is_caught(arena: Arena) -> None:
    exchange = exchange_of(arena, BROKEN)
    with pytest.raises(Violation, match="internal error"):
        check(dataclasses.replace(exchange, ledger=Ledger()))


def test_exceptions_hidden_failures_and_hangs_are_caught(arena: Arena) -> None:
    good = exchange_of(arena, PING)
    for rule, change in {
        "raised": {"raised": KeyError("x"), "response": None},
        "failure": {"ledger": Ledger(failures=["KeyError in f: 'x'"])},
        "time": {"ledger": Ledger(is_late=True)},
    }.items():
        with pytest.raises(Violation) as caught:
            check(dataclasses.replace(good, **change))
        assert caught.value.rule == rule
    check(dataclasses.replace(good, ledger=Ledger(failures=["x"], on_purpose=True)))


# States and effects


def asked_and_answered(arena: Arena, states: States) -> tuple[Exchange, str]:
    """A first round, noted, and its state."""
    exchange = exchange_of(arena, FLOWS[0])
    token = states.check(exchange, check(exchange))
    assert token is not None
    return exchange, token


def second_round(arena: Arena, states: States, token: str) -> Exchange:
    return exchange_of(arena, ("tools/call", corpus.retry(states[token], token)))


def caught(states: States, exchange: Exchange) -> str:
    with pytest.raises(Violation) as found:
        states.check(exchange, check(exchange))
    return found.value.rule


def test_a_step_that_runs_again_is_caught(arena: Arena) -> None:
    states = States()
    _, token = asked_and_answered(arena, states)
    exchange = second_round(arena, states, token)
    exchange.ledger.effects.append("order/reserve")
    assert caught(states, exchange) == "effect again"


def test_a_step_that_runs_twice_in_a_request_is_caught(arena: Arena) -> None:
    states = States()
    exchange = exchange_of(arena, FLOWS[0])
    exchange.ledger.effects.append("order/reserve")
    assert caught(states, exchange) == "effect twice in a request"


def test_a_step_of_a_refused_request_is_caught(arena: Arena) -> None:
    refused = exchange_of(arena, (FLOWS[0][0], {**FLOWS[0][1], "requestState": "x"}))
    refused.ledger.effects.append("order/pay")
    assert caught(States(), refused) == "effect of a refused state"
    unread = exchange_of(arena, FLOWS[0], headers=[])
    unread.ledger.effects.append("order/pay")
    assert caught(States(), unread) == "effect of an error"


def test_a_state_that_is_taken_elsewhere_is_caught(arena: Arena) -> None:
    states = States()
    _, token = asked_and_answered(arena, states)
    exchange = second_round(arena, states, token)
    assert caught(States(), exchange) == "state"  # of nobody's making
    others = States()
    others.add(token, dataclasses.replace(states[token], target=("tools/call", "refund", "{}", "")))
    assert caught(others, exchange) == "state"  # made for another call
    other = States()
    other.add(token, dataclasses.replace(states[token], target=(*states[token].target[:3], "alice")))
    assert caught(other, exchange) == "state"  # made for another principal


def test_a_state_that_is_refused_though_it_is_good_is_caught(arena: Arena) -> None:
    states = States()
    _, token = asked_and_answered(arena, states)
    refused = exchange_of(arena, (FLOWS[0][0], {**FLOWS[0][1], "requestState": "x"}))
    accepted = second_round(arena, states, token)
    assert (
        caught(states, dataclasses.replace(accepted, response=refused.response, ledger=Ledger())) == "state"
    )


def test_a_state_that_is_given_out_again_is_caught(arena: Arena) -> None:
    states = States()
    exchange, _ = asked_and_answered(arena, states)
    assert caught(states, exchange) == "state"


def test_a_single_use_state_that_is_used_again_is_caught(stored: Arena) -> None:
    states = States()
    redeem = ("tools/call", {"name": "redeem", "arguments": {"code": "c"}})
    exchange = exchange_of(stored, redeem)
    token = states.check(exchange, check(exchange))
    assert token is not None
    used = exchange_of(stored, ("tools/call", corpus.retry(states[token], token)))
    states.check(used, check(used))
    assert caught(states, used) == "single use"


def test_a_task_that_is_shown_to_another_is_caught(stored: Arena) -> None:
    states = States()
    exchange = exchange_of(stored, ("tools/call", {"name": "report", "arguments": {"month": "May"}}))
    task = states.check(exchange, check(exchange))
    assert task is not None
    shown = exchange_of(stored, ("tasks/get", {"taskId": task}))
    states.check(shown, check(shown))
    assert caught(States(), shown) == "task"
    other = States()
    other.add(task, dataclasses.replace(states[task], target=(*states[task].target[:3], "alice")))
    assert caught(other, shown) == "task"


def test_effects_over_many_requests_are_counted() -> None:
    for again in (lambda book: book.paid("alice", "meta", [1]), lambda book: book.do("gather")):
        book = Book()
        book.task = "t"
        again(book)
        check_book(book)
        again(book)
        with pytest.raises(Violation, match="effect again"):
            check_book(book)


def test_the_statuses_of_the_rules_are_http_statuses() -> None:
    from fuzz.invariants import STATUSES

    assert {http.HTTPStatus(status) for status in STATUSES}
