"""Effects of tools with a store: single-use states, idempotent calls, sessions and tasks."""

import json
from typing import Any

import pytest
from fuzz.states import REFUSAL
from hypothesis import given
from tests.hostile.client import CheckedClient, hostile, text_of, token_of
from tests.hostile.strategies import JSON

from lambent.errors import DeadlineReached
from lambent.execution.invocation import Invocation


def test_a_single_use_state_counts_once(stored_client: CheckedClient) -> None:
    first = token_of(stored_client.call("redeem", {"code": "c"}))
    result = stored_client.retry(first).result
    assert stored_client.effects == ["redeem/redeem"]
    for _ in range(3):
        assert stored_client.retry(first).result == result
        assert stored_client.effects == []
        declined = {"consent": {"action": "decline"}}
        assert stored_client.retry(first, declined).error["message"] == REFUSAL
        assert stored_client.effects == []


@pytest.mark.parametrize("failure", ["nonsense", "another call", "another principal", "bad answer"])
def test_a_single_use_state_is_not_used_up_by_a_failed_request(
    stored_client: CheckedClient, failure: str
) -> None:
    first = token_of(stored_client.call("redeem", {"code": "c"}, user="alice"))
    for _ in range(3):
        if failure == "nonsense":
            stored_client.call("redeem", {"code": "c"}, user="alice", requestState=first[:-1])
        elif failure == "another call":
            stored_client.call("redeem", {"code": "d"}, user="alice", requestState=first)
        elif failure == "another principal":
            stored_client.call("redeem", {"code": "c"}, user="bob", requestState=first)
        else:
            stored_client.retry(first, {"consent": 1})
        assert stored_client.effects == []
    assert stored_client.retry(first).outcome == "complete"


@hostile
@given(JSON, JSON)
def test_idempotent_calls_with_any_key_take_effect_once(
    stored_client: CheckedClient, key: Any, meta_key: Any
) -> None:
    for _ in range(3):
        answer = stored_client.request(
            "tools/call",
            {"name": "pay", "arguments": {"order": {"id": key}}},
            **{"com.example/key": meta_key},
        )
        assert answer.outcome in ("complete", "isError", "-32700", "-32602")


def test_an_idempotency_key_belongs_to_one_principal(stored_client: CheckedClient) -> None:
    recorder = stored_client.target.recorder.payments
    before = sum(recorder.values())
    for user in ("alice", "bob", None, "alice", "bob", None):
        assert text_of(stored_client.call("pay", {"order": {"id": "shared"}}, user=user)) == "paid"
    assert sum(recorder.values()) == before + 3


def test_an_idempotency_key_with_other_arguments_is_refused(stored_client: CheckedClient) -> None:
    stored_client.call("pay", {"order": {"id": "k", "amount": 1}})
    answer = stored_client.call("pay", {"order": {"id": "k", "amount": 1000}})
    assert answer.outcome == "isError"
    assert stored_client.target.recorder.payments[json.dumps(["", "argument", "k"])] == 1


@pytest.mark.parametrize(
    "handle", ["", "x", "x" * 100_000, "\u00e9", "\x00", "../", "TASK#x", "SESSION#", "{0}\x00", "{0} "]
)
def test_handles_of_sessions_that_are_none(stored_client: CheckedClient, handle: str) -> None:
    mine = text_of(stored_client.call("cart_open", {}))
    for tool, more in (("cart_add", {"item": "x"}), ("cart_pay", {})):
        answer = stored_client.call(tool, {"cart": handle.format(mine), **more})
        assert answer.outcome == "isError"
        assert stored_client.effects == []
        assert "There is no session" in text_of(answer)


def test_a_session_belongs_to_one_principal(stored_client: CheckedClient) -> None:
    mine = text_of(stored_client.call("cart_open", {}, user="alice"))
    assert stored_client.call("cart_add", {"cart": mine, "item": "x"}, user="alice").outcome == "complete"
    unknown = text_of(stored_client.call("cart_add", {"cart": "unknown", "item": "x"}, user="bob"))
    for user in ("bob", None):
        assert text_of(stored_client.call("cart_add", {"cart": mine, "item": "x"}, user=user)) == unknown


def task_of(stored_client: CheckedClient, **more: Any) -> str:
    answer = stored_client.call("report", {"month": "May"}, **more)
    assert answer.outcome == "task"
    task: str = (answer.result or {})["taskId"]
    return task


def get(stored_client: CheckedClient, task: str, **more: Any) -> dict[str, Any]:
    answer = stored_client.request("tasks/get", {"taskId": task}, **more)
    assert answer.result is not None, answer.response
    return answer.result


def test_a_task_runs_each_step_once_however_often_it_is_delivered(stored_client: CheckedClient) -> None:
    task = task_of(stored_client)
    answers = {"consent": {"action": "accept", "content": {"agree": True}}}
    for _ in range(4):
        stored_client.target.queue.messages = [(task, 0.0)] * 5
        stored_client.target.work()
        get(stored_client, task)
        for _ in range(2):
            stored_client.request("tasks/update", {"taskId": task, "inputResponses": answers})
    assert get(stored_client, task)["status"] == "completed"
    assert {
        step: n for (of, step), n in stored_client.target.recorder.task_effects.items() if of == task
    } == {
        "report/gather": 1,
        "report/write": 1,
    }


def test_a_cancelled_task_stays_cancelled(stored_client: CheckedClient) -> None:
    task = task_of(stored_client)
    stored_client.request("tasks/cancel", {"taskId": task})
    stored_client.target.queue.messages = [(task, 0.0)] * 3
    stored_client.target.work()
    assert get(stored_client, task)["status"] == "cancelled"
    assert not [of for of, _ in stored_client.target.recorder.task_effects if of == task]


class _Dying(Invocation):
    """An invocation whose deadline has always passed."""

    def check(self) -> None:
        self.expired = True
        raise DeadlineReached


def test_a_worker_that_dies_between_steps_leaves_what_was_done(stored_client: CheckedClient) -> None:
    task = task_of(stored_client)
    for _ in range(2):
        stored_client.target.queue.messages = [(task, 0.0)]
        stored_client.target.work(_Dying(stored_client.target.loop))
    stored_client.target.queue.messages = [(task, 0.0)]
    stored_client.target.work()
    assert get(stored_client, task)["status"] == "input_required"
    assert stored_client.target.recorder.task_effects[task, "report/gather"] == 1


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_a_task_belongs_to_one_principal(stored_client: CheckedClient, method: str) -> None:
    mine = task_of(stored_client, user="alice")
    more = {"inputResponses": {}} if method == "tasks/update" else {}
    unknown = stored_client.request(method, {"taskId": "unknown", **more}).response
    for user in ("bob", None, "Alice"):
        assert stored_client.request(method, {"taskId": mine, **more}, user=user).response == unknown
    assert stored_client.request(method, {"taskId": mine, **more}, user="alice").outcome == "complete"


@hostile
@given(JSON, JSON)
def test_tasks_with_anything(stored_client: CheckedClient, task: Any, answers: Any) -> None:
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        answer = stored_client.request(method, {"taskId": task, "inputResponses": answers})
        assert answer.status == 400
    mine = task_of(stored_client)
    stored_client.target.work()
    stored_client.request("tasks/update", {"taskId": mine, "inputResponses": {"consent": answers}})
    stored_client.target.work()
    assert get(stored_client, mine)["status"] in ("input_required", "completed")
