"""Effects are not repeated: the guarantees of ``fuzz.states``, and what they leave open.

The rules themselves (S1 to T2) are checked on everything that any test here sends. These tests add what needs
more than one request, and pin what is *not* guaranteed, so that a change of it is noticed.
"""

import json
from collections import Counter
from typing import Any

import pytest
from fuzz import corpus
from fuzz.states import REFUSAL
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.client import FLOWS, CheckedClient, hostile, text_of, token_of
from tests.hostile.strategies import JSON

SIZE = {"size": {"action": "accept", "content": {"size": "M"}}}
LARGE = {"size": {"action": "accept", "content": {"size": "L"}}}
WORD = {"word": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Thanks"}}}
FILLED_IN = {
    "city": "Graz",
    "nights": 2,
    "budget": 1.5,
    "window": True,
    "class": "eco",
    "meals": ["veg"],
    "x": 1,
}
NO = {"size": {"action": "decline"}}


def order(client: CheckedClient, **also: Any) -> Any:
    return client.call("order", {"item": "book"}, **also)


# Guaranteed


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow[0] + str(flow[1].get("name", "")))
def test_every_step_of_a_flow_runs_once(client: CheckedClient, flow: tuple[str, dict[str, Any]]) -> None:
    answer, done = client.request(*flow), Counter(client.effects)
    while answer.outcome == "input_required":
        answer = client.retry(token_of(answer))
        done.update(client.effects)
    assert answer.outcome == "complete"
    assert set(done.values()) == {1}
    assert len(done) > 1


@hostile
@given(st.data())
def test_any_order_of_starts_retries_and_replays(client: CheckedClient, data: st.DataObject) -> None:
    """Many clients at once: each step runs at most as often as a request without it in its state was sent."""
    tokens: list[str] = []
    ran: Counter[str] = Counter()
    could: Counter[str] = Counter()
    for _ in range(data.draw(st.integers(1, 12), label="requests")):
        token = data.draw(st.sampled_from([None, *tokens]), label="state")
        answers = data.draw(
            st.sampled_from([None, SIZE, LARGE, NO, {}, {**SIZE, **WORD}, {"size": 1}]), label="answers"
        )
        if token is None:
            answer = order(client, **({} if answers is None else {"inputResponses": answers}))
            held: frozenset[str] = frozenset()
        else:
            answer = client.retry(token, answers)
            held = client.states[token].steps
        ran.update(client.effects)
        could.update({"order/reserve", "order/pay", "order/ship"} - held)
        if answer.outcome == "input_required":
            tokens.append(token_of(answer))
    assert ran <= could


def test_what_a_state_holds_never_runs_again(client: CheckedClient) -> None:
    first = token_of(order(client))
    second = token_of(client.retry(first, SIZE))
    assert client.effects == ["order/pay"]
    for _ in range(5):
        client.retry(second, {})
        assert client.effects == []
    for _ in range(5):
        client.retry(second, WORD)
        assert client.effects == ["order/ship"]


def test_an_answer_that_is_sealed_cannot_be_taken_back(client: CheckedClient) -> None:
    """Later answers to the same question are ignored."""
    second = token_of(client.retry(token_of(order(client)), SIZE))
    for other in (LARGE, NO, {"size": "nonsense"}, {"size": None}):
        answer = client.retry(second, {**other, **WORD})
        assert json.loads(text_of(answer))["size"] == "M"


def test_an_answer_counts_for_open_questions_only(client: CheckedClient) -> None:
    """Nobody can answer ahead of a question that depends on what comes before it."""
    second = client.retry(token_of(order(client)), {**SIZE, **WORD})
    assert second.outcome == "input_required"
    assert client.effects == ["order/pay"]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"word": 1},
        {"Size": 1},
        {"size": None},
        {"size": 1},
        {"size": {"action": "yes"}},
        {"size": {"action": "accept"}},
    ],
)
def test_without_a_good_answer_nothing_behind_the_question_runs(
    client: CheckedClient, answers: dict[str, Any]
) -> None:
    first = token_of(order(client))
    for _ in range(3):
        client.retry(first, answers)
        assert client.effects == []


@hostile
@given(st.dictionaries(st.sampled_from(["size", "word", "x", ""]), JSON, max_size=3) | JSON)
def test_input_responses_of_any_shape(client: CheckedClient, answers: Any) -> None:
    first = token_of(order(client))
    client.call("order", {"item": "book"}, requestState=first, inputResponses=answers)
    assert client.effects in ([], ["order/pay"])
    assert client.effects == [] or answers["size"]["action"] == "accept"
    client.call(
        "travel", {}, inputResponses={"elicitation-1": answers, "roots-2": answers, "elicitation-3": answers}
    )
    client.request("resources/read", {"uri": "vault://box", "inputResponses": {"size": answers}})
    client.request(
        "prompts/get", {"name": "interview", "arguments": {"topic": "x"}, "inputResponses": answers}
    )


@hostile
@given(st.fixed_dictionaries({}, optional={name: JSON | st.just(good) for name, good in FILLED_IN.items()}))
def test_forms_filled_in_with_anything(client: CheckedClient, content: dict[str, Any]) -> None:
    token = token_of(client.call("travel", {}))
    asked = client.states[token].asked
    answers = {**corpus.answer_all(asked), "elicitation-1": {"action": "accept", "content": content}}
    answer = client.retry(token, answers)
    assert (answer.outcome == "input_required") <= (isinstance(content.get("city"), str))
    assert client.effects in ([], ["travel/book"])


def test_two_flows_cannot_be_joined(client: CheckedClient) -> None:
    """Neither the steps nor the answers of one are accepted in the other."""
    one = token_of(order(client))
    other = token_of(client.call("refund", {"item": "book"}))
    for token, tool in ((one, "refund"), (other, "order")):
        answer = client.call(tool, {"item": "book"}, requestState=token, inputResponses=SIZE)
        assert answer.error["message"] == REFUSAL
        assert client.effects == []


def test_missing_capabilities_stop_a_flow_where_they_are_missed(client: CheckedClient) -> None:
    first = token_of(order(client))
    params = corpus.retry(client.states[first], first, SIZE)
    params["_meta"] = {**params["_meta"], f"{corpus.PREFIX}clientCapabilities": {"elicitation": {}}}
    answer = client.request("tools/call", params)
    assert answer.outcome == "-32021"
    assert client.effects == ["order/pay"]


# Not guaranteed


def test_a_state_may_be_presented_again_and_runs_what_is_behind_it_again(client: CheckedClient) -> None:
    """Nothing is stored outside the messages; ``single_use`` prevents it."""
    first = token_of(order(client))
    for _ in range(3):
        client.retry(first, SIZE)
        assert client.effects == ["order/pay"]


def test_a_request_without_its_state_is_a_new_flow(client: CheckedClient) -> None:
    """With answers that it was not asked for, the client even skips the round."""
    order(client)
    answer = order(client, inputResponses={**SIZE, **WORD})
    assert answer.outcome == "complete"
    assert client.effects == ["order/reserve", "order/pay", "order/ship"]


def test_steps_of_a_request_that_ends_in_an_error_are_not_remembered(client: CheckedClient) -> None:
    for _ in range(2):
        answer = order(client, inputResponses={**SIZE, "word": "nonsense"})
        assert answer.outcome == "-32602"
        assert client.effects == ["order/reserve", "order/pay"]
