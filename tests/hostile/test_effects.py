"""No second effect: what ``fuzz.states`` promises, and exactly that.

The rules themselves (S1 to T2) are checked on everything that any test here sends. These tests add what needs
more than one request to be seen, and pin what is *not* promised, so that it changes knowingly or not at all.
"""

import json
from collections import Counter
from typing import Any

import pytest
from fuzz import corpus
from fuzz.states import REFUSAL
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.arena import FLOWS, Arena, hostile, text_of, token_of
from tests.hostile.strategies import JSON

from lambent.errors import DeadlineReached
from lambent.execution.invocation import Invocation

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


def order(arena: Arena, **also: Any) -> Any:
    return arena.call("order", {"item": "book"}, **also)


# Promised


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow[0] + str(flow[1].get("name", "")))
def test_every_step_of_a_flow_runs_once(arena: Arena, flow: tuple[str, dict[str, Any]]) -> None:
    answer, done = arena.request(*flow), Counter(arena.effects)
    while answer.outcome == "input_required":
        answer = arena.retry(token_of(answer))
        done.update(arena.effects)
    assert answer.outcome == "complete"
    assert set(done.values()) == {1}
    assert len(done) > 1


@hostile
@given(st.data())
def test_any_order_of_starts_retries_and_replays(arena: Arena, data: st.DataObject) -> None:
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
            answer = order(arena, **({} if answers is None else {"inputResponses": answers}))
            held: frozenset[str] = frozenset()
        else:
            answer = arena.retry(token, answers)
            held = arena.states[token].steps
        ran.update(arena.effects)
        could.update({"order/reserve", "order/pay", "order/ship"} - held)
        if answer.outcome == "input_required":
            tokens.append(token_of(answer))
    assert ran <= could


def test_what_a_state_holds_never_runs_again(arena: Arena) -> None:
    first = token_of(order(arena))
    second = token_of(arena.retry(first, SIZE))
    assert arena.effects == ["order/pay"]
    for _ in range(5):
        arena.retry(second, {})
        assert arena.effects == []
    for _ in range(5):
        arena.retry(second, WORD)
        assert arena.effects == ["order/ship"]


def test_an_answer_that_is_sealed_cannot_be_taken_back(arena: Arena) -> None:
    """What was paid for is what was agreed to: later answers to the same question are not looked at."""
    second = token_of(arena.retry(token_of(order(arena)), SIZE))
    for other in (LARGE, NO, {"size": "nonsense"}, {"size": None}):
        answer = arena.retry(second, {**other, **WORD})
        assert json.loads(text_of(answer))["size"] == "M"


def test_an_answer_counts_for_open_questions_only(arena: Arena) -> None:
    """Nobody can answer ahead of a question that depends on what comes before it."""
    second = arena.retry(token_of(order(arena)), {**SIZE, **WORD})
    assert second.outcome == "input_required"
    assert arena.effects == ["order/pay"]


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
    arena: Arena, answers: dict[str, Any]
) -> None:
    first = token_of(order(arena))
    for _ in range(3):
        arena.retry(first, answers)
        assert arena.effects == []


@hostile
@given(st.dictionaries(st.sampled_from(["size", "word", "x", ""]), JSON, max_size=3) | JSON)
def test_input_responses_of_any_shape(arena: Arena, answers: Any) -> None:
    first = token_of(order(arena))
    arena.call("order", {"item": "book"}, requestState=first, inputResponses=answers)
    assert arena.effects in ([], ["order/pay"])
    assert arena.effects == [] or answers["size"]["action"] == "accept"
    arena.call(
        "travel", {}, inputResponses={"elicitation-1": answers, "roots-2": answers, "elicitation-3": answers}
    )
    arena.request("resources/read", {"uri": "vault://box", "inputResponses": {"size": answers}})
    arena.request(
        "prompts/get", {"name": "interview", "arguments": {"topic": "x"}, "inputResponses": answers}
    )


@hostile
@given(st.fixed_dictionaries({}, optional={name: JSON | st.just(good) for name, good in FILLED_IN.items()}))
def test_forms_filled_in_with_anything(arena: Arena, content: dict[str, Any]) -> None:
    token = token_of(arena.call("travel", {}))
    asked = arena.states[token].asked
    answers = {**corpus.answer_all(asked), "elicitation-1": {"action": "accept", "content": content}}
    answer = arena.retry(token, answers)
    assert (answer.outcome == "input_required") <= (isinstance(content.get("city"), str))
    assert arena.effects in ([], ["travel/book"])


def test_two_flows_cannot_be_joined(arena: Arena) -> None:
    """Neither can steps of one be taken into the other, nor the answers."""
    one = token_of(order(arena))
    other = token_of(arena.call("refund", {"item": "book"}))
    for token, tool in ((one, "refund"), (other, "order")):
        answer = arena.call(tool, {"item": "book"}, requestState=token, inputResponses=SIZE)
        assert answer.error["message"] == REFUSAL
        assert arena.effects == []


def test_missing_capabilities_stop_a_flow_where_they_are_missed(arena: Arena) -> None:
    first = token_of(order(arena))
    params = corpus.retry(arena.states[first], first, SIZE)
    params["_meta"] = {**params["_meta"], f"{corpus.PREFIX}clientCapabilities": {"elicitation": {}}}
    answer = arena.request("tools/call", params)
    assert answer.outcome == "-32021"
    assert arena.effects == ["order/pay"]


# Not promised, and why


def test_a_state_may_be_presented_again_and_runs_what_is_behind_it_again(arena: Arena) -> None:
    """Nothing outside the messages remembers it. Where that must not be, there is ``single_use``."""
    first = token_of(order(arena))
    for _ in range(3):
        arena.retry(first, SIZE)
        assert arena.effects == ["order/pay"]


def test_a_request_without_its_state_is_a_new_flow(arena: Arena) -> None:
    """With answers that nobody asked for it even skips the round; to the client's own harm, if to any."""
    order(arena)
    answer = order(arena, inputResponses={**SIZE, **WORD})
    assert answer.outcome == "complete"
    assert arena.effects == ["order/reserve", "order/pay", "order/ship"]


def test_steps_of_a_request_that_ends_in_an_error_are_not_remembered(arena: Arena) -> None:
    for _ in range(2):
        answer = order(arena, inputResponses={**SIZE, "word": "nonsense"})
        assert answer.outcome == "-32602"
        assert arena.effects == ["order/reserve", "order/pay"]


# With a store


def test_a_single_use_state_counts_once(stored: Arena) -> None:
    first = token_of(stored.call("redeem", {"code": "c"}))
    assert stored.retry(first).outcome == "complete"
    assert stored.effects == ["redeem/redeem"]
    for _ in range(3):
        assert stored.retry(first).error["message"] == REFUSAL
        assert stored.effects == []


@pytest.mark.parametrize("spoiler", ["nonsense", "another call", "another principal", "bad answer"])
def test_a_single_use_state_is_not_used_up_by_what_comes_to_nothing(stored: Arena, spoiler: str) -> None:
    first = token_of(stored.call("redeem", {"code": "c"}, user="alice"))
    for _ in range(3):
        if spoiler == "nonsense":
            stored.call("redeem", {"code": "c"}, user="alice", requestState=first[:-1])
        elif spoiler == "another call":
            stored.call("redeem", {"code": "d"}, user="alice", requestState=first)
        elif spoiler == "another principal":
            stored.call("redeem", {"code": "c"}, user="bob", requestState=first)
        else:
            stored.retry(first, {"consent": 1})
        assert stored.effects == []
    assert stored.retry(first).outcome == "complete"


@hostile
@given(JSON, JSON)
def test_idempotent_calls_with_any_key_take_effect_once(stored: Arena, key: Any, meta_key: Any) -> None:
    for _ in range(3):
        answer = stored.request(
            "tools/call",
            {"name": "pay", "arguments": {"order": {"id": key}}},
            **{"com.example/key": meta_key},
        )
        assert answer.outcome in ("complete", "isError", "-32700", "-32602")


def test_an_idempotency_key_is_nobody_elses(stored: Arena) -> None:
    book = stored.target.book.of_keys
    before = sum(book.values())
    for user in ("alice", "bob", None, "alice", "bob", None):
        assert text_of(stored.call("pay", {"order": {"id": "shared"}}, user=user)) == "paid"
    assert sum(book.values()) == before + 3


def test_an_idempotency_key_with_other_arguments_is_refused(stored: Arena) -> None:
    stored.call("pay", {"order": {"id": "k", "amount": 1}})
    answer = stored.call("pay", {"order": {"id": "k", "amount": 1000}})
    assert answer.outcome == "isError"
    assert stored.target.book.of_keys[json.dumps(["", "argument", "k"])] == 1


@pytest.mark.parametrize(
    "handle", ["", "x", "x" * 100_000, "\u00e9", "\x00", "../", "TASK#x", "SESSION#", "{0}\x00", "{0} "]
)
def test_handles_of_sessions_that_are_none(stored: Arena, handle: str) -> None:
    mine = text_of(stored.call("cart_open", {}))
    for tool, more in (("cart_add", {"item": "x"}), ("cart_pay", {})):
        answer = stored.call(tool, {"cart": handle.format(mine), **more})
        assert answer.outcome == "isError"
        assert stored.effects == []
        assert "There is no session" in text_of(answer)


def test_a_session_is_nobody_elses(stored: Arena) -> None:
    mine = text_of(stored.call("cart_open", {}, user="alice"))
    assert stored.call("cart_add", {"cart": mine, "item": "x"}, user="alice").outcome == "complete"
    unknown = text_of(stored.call("cart_add", {"cart": "unknown", "item": "x"}, user="bob"))
    for user in ("bob", None):
        assert text_of(stored.call("cart_add", {"cart": mine, "item": "x"}, user=user)) == unknown


def task_of(stored: Arena, **more: Any) -> str:
    answer = stored.call("report", {"month": "May"}, **more)
    assert answer.outcome == "task"
    task: str = (answer.result or {})["taskId"]
    return task


def get(stored: Arena, task: str, **more: Any) -> dict[str, Any]:
    answer = stored.request("tasks/get", {"taskId": task}, **more)
    assert answer.result is not None, answer.response
    return answer.result


def test_a_task_runs_each_step_once_however_often_it_is_delivered(stored: Arena) -> None:
    task = task_of(stored)
    answers = {"consent": {"action": "accept", "content": {"agree": True}}}
    for _ in range(4):
        stored.target.queue.messages = [(task, 0.0)] * 5
        stored.target.work()
        get(stored, task)
        for _ in range(2):
            stored.request("tasks/update", {"taskId": task, "inputResponses": answers})
    assert get(stored, task)["status"] == "completed"
    assert {step: n for (of, step), n in stored.target.book.of_tasks.items() if of == task} == {
        "report/gather": 1,
        "report/write": 1,
    }


def test_a_cancelled_task_stays_cancelled(stored: Arena) -> None:
    task = task_of(stored)
    stored.request("tasks/cancel", {"taskId": task})
    stored.target.queue.messages = [(task, 0.0)] * 3
    stored.target.work()
    assert get(stored, task)["status"] == "cancelled"
    assert not [of for of, _ in stored.target.book.of_tasks if of == task]


class _Dying(Invocation):
    """An invocation that is over at once, whenever the handler looks."""

    def check(self) -> None:
        self.expired = True
        raise DeadlineReached


def test_a_worker_that_dies_between_steps_leaves_what_was_done(stored: Arena) -> None:
    task = task_of(stored)
    for _ in range(2):
        stored.target.queue.messages = [(task, 0.0)]
        stored.target.work(_Dying(stored.target.loop))
    stored.target.queue.messages = [(task, 0.0)]
    stored.target.work()
    assert get(stored, task)["status"] == "input_required"
    assert stored.target.book.of_tasks[task, "report/gather"] == 1


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_a_task_is_nobody_elses(stored: Arena, method: str) -> None:
    mine = task_of(stored, user="alice")
    more = {"inputResponses": {}} if method == "tasks/update" else {}
    unknown = stored.request(method, {"taskId": "unknown", **more}).response
    for user in ("bob", None, "Alice"):
        assert stored.request(method, {"taskId": mine, **more}, user=user).response == unknown
    assert stored.request(method, {"taskId": mine, **more}, user="alice").outcome == "complete"


@hostile
@given(JSON, JSON)
def test_tasks_with_anything(stored: Arena, task: Any, answers: Any) -> None:
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        answer = stored.request(method, {"taskId": task, "inputResponses": answers})
        assert answer.status == 400
    mine = task_of(stored)
    stored.target.work()
    stored.request("tasks/update", {"taskId": mine, "inputResponses": {"consent": answers}})
    stored.target.work()
    assert get(stored, mine)["status"] in ("input_required", "completed")
