"""The rules of ``fuzz.states`` detect violations."""

import dataclasses

import pytest
from fuzz import corpus
from fuzz.invariants import check
from fuzz.recorder import EffectRecorder, RequestRecord
from fuzz.states import IssuedStates, check_repeated_effects
from fuzz.target import Exchange
from fuzz.violations import Violation
from tests.hostile.client import FLOWS, CheckedClient, exchange_of


def asked_and_answered(client: CheckedClient, states: IssuedStates) -> tuple[Exchange, str]:
    """A first round, noted, and its state."""
    exchange = exchange_of(client, FLOWS[0])
    token = states.check(exchange, check(exchange))
    assert token is not None
    return exchange, token


def second_round(client: CheckedClient, states: IssuedStates, token: str) -> Exchange:
    return exchange_of(client, ("tools/call", corpus.retry(states[token], token)))


def caught(states: IssuedStates, exchange: Exchange) -> str:
    with pytest.raises(Violation) as found:
        states.check(exchange, check(exchange))
    return found.value.rule


def test_a_step_that_runs_again_is_caught(client: CheckedClient) -> None:
    states = IssuedStates()
    _, token = asked_and_answered(client, states)
    exchange = second_round(client, states, token)
    exchange.record.effects.append("order/reserve")
    assert caught(states, exchange) == "effect again"


def test_a_step_that_runs_twice_in_a_request_is_caught(client: CheckedClient) -> None:
    states = IssuedStates()
    exchange = exchange_of(client, FLOWS[0])
    exchange.record.effects.append("order/reserve")
    assert caught(states, exchange) == "effect twice in a request"


def test_a_step_of_a_refused_request_is_caught(client: CheckedClient) -> None:
    refused = exchange_of(client, (FLOWS[0][0], {**FLOWS[0][1], "requestState": "x"}))
    refused.record.effects.append("order/pay")
    assert caught(IssuedStates(), refused) == "effect of a refused state"
    unread = exchange_of(client, FLOWS[0], headers=[])
    unread.record.effects.append("order/pay")
    assert caught(IssuedStates(), unread) == "effect of an error"


def test_a_state_that_is_taken_elsewhere_is_caught(client: CheckedClient) -> None:
    states = IssuedStates()
    _, token = asked_and_answered(client, states)
    exchange = second_round(client, states, token)
    assert caught(IssuedStates(), exchange) == "state"  # never issued
    others = IssuedStates()
    others.add(token, dataclasses.replace(states[token], target=("tools/call", "refund", "{}", "")))
    assert caught(others, exchange) == "state"  # made for another call
    other = IssuedStates()
    other.add(token, dataclasses.replace(states[token], target=(*states[token].target[:3], "alice")))
    assert caught(other, exchange) == "state"  # made for another principal


def test_a_state_that_is_refused_though_it_is_good_is_caught(client: CheckedClient) -> None:
    states = IssuedStates()
    _, token = asked_and_answered(client, states)
    refused = exchange_of(client, (FLOWS[0][0], {**FLOWS[0][1], "requestState": "x"}))
    accepted = second_round(client, states, token)
    assert (
        caught(states, dataclasses.replace(accepted, response=refused.response, record=RequestRecord()))
        == "state"
    )


def test_a_state_that_is_given_out_again_is_caught(client: CheckedClient) -> None:
    states = IssuedStates()
    exchange, _ = asked_and_answered(client, states)
    assert caught(states, exchange) == "state"


def test_a_single_use_state_that_is_used_again_is_caught(stored_client: CheckedClient) -> None:
    states = IssuedStates()
    redeem = ("tools/call", {"name": "redeem", "arguments": {"code": "c"}})
    exchange = exchange_of(stored_client, redeem)
    token = states.check(exchange, check(exchange))
    assert token is not None
    used = exchange_of(stored_client, ("tools/call", corpus.retry(states[token], token)))
    states.check(used, check(used))
    again = exchange_of(stored_client, ("tools/call", corpus.retry(states[token], token)))
    states.check(again, check(again))  # the same result, without effects
    assert caught(states, used) == "single use"  # the effect happens again


def test_a_task_that_is_shown_to_another_is_caught(stored_client: CheckedClient) -> None:
    states = IssuedStates()
    exchange = exchange_of(stored_client, ("tools/call", {"name": "report", "arguments": {"month": "May"}}))
    task = states.check(exchange, check(exchange))
    assert task is not None
    shown = exchange_of(stored_client, ("tasks/get", {"taskId": task}))
    states.check(shown, check(shown))
    assert caught(IssuedStates(), shown) == "task"
    other = IssuedStates()
    other.add(task, dataclasses.replace(states[task], target=(*states[task].target[:3], "alice")))
    assert caught(other, shown) == "task"


def test_effects_over_many_requests_are_counted() -> None:
    for again in (
        lambda recorder: recorder.payment("alice", "meta", [1]),
        lambda recorder: recorder.effect("gather"),
    ):
        recorder = EffectRecorder()
        recorder.task = "t"
        again(recorder)
        check_repeated_effects(recorder)
        again(recorder)
        with pytest.raises(Violation, match="effect again"):
            check_repeated_effects(recorder)
