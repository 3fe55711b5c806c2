"""What hostile tests share: a target, the rules that hold whatever is sent to it, and how much is sent."""

import json
import os
from collections.abc import Mapping
from typing import Any

import hypothesis
from fuzz import corpus
from fuzz.events import KINDS, Http
from fuzz.invariants import Answer, check
from fuzz.states import Issued, States, check_book
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
    # The same inputs every time, nothing timed, nothing left behind.
    "quick": _QUICK,
    "long": hypothesis.settings(_QUICK, max_examples=5000, derandomize=False),
}
hostile = PROFILES.get(os.environ.get("HYPOTHESIS_PROFILE", "quick"), _QUICK)
"""Decorates every property test here; ``HYPOTHESIS_PROFILE=long`` looks further, and anew every time."""


class Arena:
    """Sends things to a target; what comes back has been checked.

    Args:
        target: the server.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.states = States()
        self.exchange: Exchange | None = None

    def event(self, event: Mapping[str, Any], context: Any = None) -> Answer:
        """Send an event."""
        self.exchange = exchange = self.target.send(event, context)
        answer = check(exchange)
        self.states.check(exchange, answer)
        check_book(self.target.book)
        return answer

    def http(self, http: Http, kind: str = "http api") -> Answer:
        """Send an HTTP request as an event of some kind."""
        return self.event(KINDS[kind](http))

    def body(self, body: str | bytes | None, headers: list[tuple[str, str]] | None = None) -> Answer:
        """Send a body, with the headers of a good ``tools/call`` unless there are others."""
        return self.http(Http(headers=GOOD_HEADERS if headers is None else headers, body=body))

    def message(self, message: Any, headers: list[tuple[str, str]] | None = None) -> Answer:
        """Send a message, with the headers that belong to it unless there are others."""
        told = corpus.headers_of(message) if headers is None else headers
        return self.http(Http(headers=told, body=json.dumps(message)))

    def request(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        user: str | None = None,
        request_id: Any = 1,
        **meta: Any,
    ) -> Answer:
        """Send a request that keeps the rules, as far as its parameters do."""
        message = corpus.message(method, params, request_id, **meta)
        headers = corpus.headers_of(message)
        return self.message(message, headers if user is None else [*headers, ("X-User", user)])

    def call(self, tool: str, arguments: Any, *, user: str | None = None, **also: Any) -> Answer:
        """Call a tool; what else there is goes into the parameters."""
        return self.request("tools/call", {"name": tool, "arguments": arguments, **also}, user=user)

    def retry(
        self, token: str, answers: Mapping[str, Any] | None = None, *, user: str | None = None, **also: Any
    ) -> Answer:
        """Go on from a state, with good answers unless there are others."""
        issued = self.states[token]
        params = {**corpus.retry(issued, token, answers), **also}
        return self.request(issued.target[0], params, user=issued.target[3] if user is None else user)

    @property
    def effects(self) -> list[str]:
        """The steps that the last request really ran."""
        assert self.exchange is not None
        return self.exchange.ledger.effects


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
"""Calls that ask, of every method that may."""


def token_of(answer: Answer) -> str:
    """The state that an answer asks to be sent back."""
    assert answer.outcome == "input_required", answer.response
    token: str = (answer.result or {})["requestState"]
    return token


def issued_for(answer: Answer, arena: Arena) -> Issued:
    """What is known of the state that an answer brought."""
    return arena.states[token_of(answer)]


def text_of(answer: Answer) -> str:
    """The text of a tool's result."""
    assert answer.result is not None, answer.response
    text: str = answer.result["content"][0]["text"]
    return text
