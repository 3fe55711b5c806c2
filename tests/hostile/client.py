"""What hostile tests share: a client that checks every response, and the settings of Hypothesis."""

import json
import os
from collections.abc import Mapping
from typing import Any

import hypothesis
from fuzz import corpus
from fuzz.events import KINDS, Http
from fuzz.invariants import CheckedResponse, check
from fuzz.states import REFUSAL, IssuedState, IssuedStates, check_repeated_effects
from fuzz.target import Exchange, Target
from hypothesis import HealthCheck

_QUICK = hypothesis.settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)
PROFILES = {
    # The same inputs every time, no time limit, no database of examples.
    "quick": _QUICK,
    "long": hypothesis.settings(_QUICK, max_examples=5000, derandomize=False),
}
hostile = PROFILES.get(os.environ.get("HYPOTHESIS_PROFILE", "quick"), _QUICK)
"""Decorates every property test here; ``HYPOTHESIS_PROFILE=long`` sends more requests, others every time."""


class CheckedClient:
    """Sends requests to a target and checks every response.

    Args:
        target: the server.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.states = IssuedStates()
        self.exchange: Exchange | None = None

    def event(self, event: Mapping[str, Any], context: Any = None) -> CheckedResponse:
        """Send an event."""
        self.exchange = exchange = self.target.send(event, context)
        answer = check(exchange)
        self.states.check(exchange, answer)
        check_repeated_effects(self.target.recorder)
        return answer

    def http(self, http: Http, kind: str = "http api") -> CheckedResponse:
        """Send an HTTP request as an event of some kind."""
        return self.event(KINDS[kind](http))

    def body(self, body: str | bytes | None, headers: list[tuple[str, str]] | None = None) -> CheckedResponse:
        """Send a body, by default with the headers of a valid ``tools/call``."""
        return self.http(Http(headers=GOOD_HEADERS if headers is None else headers, body=body))

    def message(self, message: Any, headers: list[tuple[str, str]] | None = None) -> CheckedResponse:
        """Send a message, by default with the headers that belong to it."""
        headers = corpus.headers_of(message) if headers is None else headers
        return self.http(Http(headers=headers, body=json.dumps(message)))

    def request(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        user: str | None = None,
        request_id: Any = 1,
        **meta: Any,
    ) -> CheckedResponse:
        """Send a request that is valid if its parameters are."""
        message = corpus.message(method, params, request_id, **meta)
        headers = corpus.headers_of(message)
        return self.message(message, headers if user is None else [*headers, ("X-User", user)])

    def call(self, tool: str, arguments: Any, *, user: str | None = None, **also: Any) -> CheckedResponse:
        """Call a tool; further arguments become parameters."""
        return self.request("tools/call", {"name": tool, "arguments": arguments, **also}, user=user)

    def retry(
        self, token: str, answers: Mapping[str, Any] | None = None, *, user: str | None = None, **also: Any
    ) -> CheckedResponse:
        """Send a state back, by default with valid answers."""
        issued = self.states[token]
        params = {**corpus.retry(issued, token, answers), **also}
        return self.request(issued.target[0], params, user=issued.target[3] if user is None else user)

    @property
    def effects(self) -> list[str]:
        """The steps that the last request ran."""
        assert self.exchange is not None
        return self.exchange.record.effects


GOOD = corpus.message("tools/call", {"name": "echo", "arguments": {"value": {"a": [1, "x"]}}})
GOOD_HEADERS = corpus.headers_of(GOOD)
GOOD_BODY = json.dumps(GOOD)

FLOWS: list[tuple[str, dict[str, Any]]] = [
    ("tools/call", {"name": "order", "arguments": {"item": "book", "quantity": 2, "note": {"n": [1]}}}),
    ("tools/call", {"name": "travel", "arguments": {"to": "there"}}),
    ("tools/call", {"name": "approve", "arguments": {"amount": 30}}),
    ("resources/read", {"uri": "vault://box"}),
    ("prompts/get", {"name": "interview", "arguments": {"topic": "tea"}}),
]
"""Calls that ask questions, of every method that may."""


def token_of(answer: CheckedResponse) -> str:
    """The state of a response that asks questions."""
    assert answer.outcome == "input_required", answer.response
    token: str = (answer.result or {})["requestState"]
    return token


def issued_for(answer: CheckedResponse, client: CheckedClient) -> IssuedState:
    """What the state of a response holds."""
    return client.states[token_of(answer)]


def text_of(answer: CheckedResponse) -> str:
    """The text of a tool's result."""
    assert answer.result is not None, answer.response
    text: str = answer.result["content"][0]["text"]
    return text


def open_flow(
    client: CheckedClient, flow: tuple[str, dict[str, Any]] = FLOWS[0], user: str | None = None
) -> str:
    return token_of(client.request(*flow, user=user))


def refuse(
    client: CheckedClient, token: Any, flow: tuple[str, dict[str, Any]] = FLOWS[0], **more: Any
) -> None:
    """Send a value as a state; the error is the same for every invalid one."""
    method, params = flow
    answers = {"size": {"action": "accept", "content": {"size": "M"}}}
    answer = client.request(method, {**params, "requestState": token, "inputResponses": answers}, **more)
    assert answer.response == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32602, "message": REFUSAL},
    }
    assert answer.status == 400
    assert client.effects == []


def exchange_of(
    client: CheckedClient, request: tuple[str, dict[str, Any]], kind: str = "http api", **http_: Any
) -> Exchange:
    """Send a request; returns the exchange, with its response checked."""
    meta = {"progressToken": "p", f"{corpus.PREFIX}logLevel": "debug"}
    message = corpus.message(*request, 1, **meta)
    http_ = {"headers": corpus.headers_of(message), "body": json.dumps(message), **http_}
    exchange = client.target.send(KINDS[kind](Http(**http_)))
    check(exchange)
    return exchange
