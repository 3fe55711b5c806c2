"""What requests do with tasks: create, get, update, cancel; what they write, and in which order."""

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.execution.durable.tasks.harness import START, TASKS, Died, World, task_server, worlds
from tests.support import accept

from lambent import Context, RetryableError, StoreError, TaskPolicy
from lambent.stores.memory import MAX_ITEM_BYTES, MemoryChanges

PICKUP = 60.0
"""Seconds after which a task that nobody picked up is queued again, as the library has it."""

DAY = 24 * 3600
world = pytest.fixture(worlds)
Worlds = Callable[..., World]


@dataclass
class Ok:
    ok: bool


@dataclass
class Name:
    name: str


def of(*functions: Callable[..., Any], **policy: Any) -> Any:
    mcp = task_server()
    for function in functions:
        mcp.tool(task=TaskPolicy(**policy))(function)
    return mcp


def work() -> str:
    return "done"


def text(shown: dict[str, Any]) -> str:
    (block,) = shown["result"]["content"]
    said: str = block["text"]
    return said


# Creating.


def test_a_task_is_kept_before_it_is_queued(world: Worlds) -> None:
    here = world(of(work))
    order = here.store.calls
    here.queue.before = lambda: order.append("send")
    task_id = here.client.start("work")
    assert order == ["insert TASK", "send"]
    (message,) = here.queue.messages
    assert (message.task_id, message.delay) == (task_id, 0.0)


def test_a_task_can_be_asked_for_when_its_handle_is_out(world: Worlds) -> None:
    here = world(of(work))
    seen: list[str] = []
    here.queue.before = lambda: seen.extend(key for key in here.store.kept._items)
    task_id = here.client.start("work")
    assert [key.rpartition("#")[2] for key in seen] == [task_id]
    assert here.client.status(task_id) == "working"


def test_what_cannot_be_queued_is_removed_again_and_the_call_fails(world: Worlds) -> None:
    here = world(of(work))

    def fail() -> None:
        raise ConnectionError("no queue")

    here.queue.before = fail
    reply = here.client.call("work")
    assert reply.result["isError"] is True
    assert "no queue" not in reply.body.decode()
    assert here.store.calls == ["insert TASK", "remove TASK"]
    assert not here.store.kept._items
    here.queue.before = lambda: None
    here.client.start("work")


def test_what_cannot_be_kept_is_not_queued_and_the_call_fails(world: Worlds) -> None:
    here = world(of(work))

    def fail(call: str) -> None:
        raise ConnectionError("no table")

    here.store.before = fail
    assert here.client.call("work").result["isError"] is True
    assert not here.queue.sent


def test_a_process_that_dies_between_the_two_leaves_a_task_that_nobody_knows(world: Worlds) -> None:
    here = world(of(work))

    def die() -> None:
        raise Died

    def refuse(call: str) -> None:
        if call.startswith("remove"):
            raise Died

    here.queue.before = die
    here.store.before = refuse
    with pytest.raises(Died):
        here.client.call("work")
    (item,) = here.store.kept._items.values()
    assert item.purge_at == START + 3600 + DAY


def test_ids_cannot_be_guessed(world: Worlds) -> None:
    here = world(of(work))
    ids = {here.client.start("work") for _ in range(100)}
    assert len(ids) == 100
    # 24 random bytes, in letters that a URL, a header and a file name can carry.
    assert all(len(each) == 32 and each.replace("-", "").replace("_", "").isalnum() for each in ids)


def test_the_policy_says_how_long_and_how_often(world: Worlds) -> None:
    here = world(of(work, ttl=timedelta(minutes=2), poll_interval=timedelta(milliseconds=1500)))
    task_id = here.client.start("work")
    shown = here.client.get(task_id).result
    assert (shown["ttlMs"], shown["pollIntervalMs"]) == (120_000, 1500)
    (item,) = here.store.kept._items.values()
    assert item.purge_at == START + 120 + DAY


def test_the_rounds_before_a_task_are_not_kept_in_it(world: Worlds) -> None:
    here = world(of(work))
    task_id = here.client.start("work", also={"inputResponses": {"q": {"action": "cancel"}}})
    params = msgspec.json.decode(here.record(task_id).params)
    assert set(params) == {"_meta", "name", "arguments"}


@pytest.mark.parametrize("nulls", [["arguments"], ["requestState"], ["inputResponses", "arguments", "extra"]])
def test_a_call_with_members_that_are_null_is_kept_as_one_without_them(
    world: Worlds, nulls: list[str]
) -> None:
    here = world(of(work))
    capabilities = {**TASKS, "extensions": {**TASKS["extensions"], "com.example/x": None}}
    params = {"name": "work", **dict.fromkeys(nulls)}
    plain = here.client.request("tools/call", {"name": "work"}).result["taskId"]
    task_id = here.client.request("tools/call", params, capabilities=capabilities).result["taskId"]
    kept = [msgspec.json.decode(here.record(each).params) for each in (plain, task_id)]
    assert kept[0] == kept[1]
    here.run_all()
    assert text(here.client.get(task_id).result) == "done"


# Large arguments and results.

LARGE = "x" * 300_000
HUGE = "".join(f"{number:x}" for number in range(150_000))
"""Larger than an item, however it is compressed."""


def test_large_arguments_lie_in_the_bucket(world: Worlds) -> None:
    def length(text: str) -> int:
        return len(text)

    here = world(of(length))
    task_id = here.client.start("length", {"text": HUGE})
    assert bytes(here.record(task_id).params) == b"null"
    assert here.blobs.get(f"arguments/{task_id}") is not None
    (item,) = here.store.kept._items.values()
    assert len(item.body) < 2000
    here.deliver()
    assert text(here.client.get(task_id).result) == str(len(HUGE))


def test_large_results_lie_in_the_bucket(world: Worlds) -> None:
    def large() -> str:
        return HUGE

    here = world(of(large))
    task_id = here.client.start("large")
    here.deliver()
    assert bytes(here.record(task_id).result) == b"null"
    assert here.blobs.get(f"results/{task_id}") is not None
    assert text(here.client.get(task_id).result) == HUGE


def test_large_arguments_without_a_bucket_fail_the_call_and_say_what_to_set(world: Worlds) -> None:
    def length(text: str) -> int:
        return len(text)

    here = world(of(length), has_bucket=False)
    reply = here.client.call("length", {"text": LARGE})
    assert "LAMBENT_BUCKET" in json.dumps(reply.response)
    assert not here.queue.sent
    assert not here.store.kept._items


def test_large_results_without_a_bucket_fail_the_task_and_say_what_to_set(world: Worlds) -> None:
    def large() -> str:
        return LARGE

    here = world(of(large), has_bucket=False)
    task_id = here.client.start("large")
    here.deliver()
    shown = here.client.get(task_id).result
    assert shown["status"] == "failed"
    assert "LAMBENT_BUCKET" in shown["error"]["message"]
    assert not here.queue.messages


@pytest.mark.parametrize("size", [255_000, 262_000, 263_000])
def test_results_are_kept_to_the_letter_on_both_sides_of_the_limit(world: Worlds, size: int) -> None:
    def sized() -> str:
        return "é" * (size // 2)

    here = world(of(sized))
    task_id = here.client.start("sized")
    here.deliver()
    assert text(here.client.get(task_id).result) == "é" * (size // 2)


def test_steps_that_no_item_can_hold_fail_the_task_and_say_so(world: Worlds) -> None:
    def many(ctx: Context) -> str:
        for number in range(5):
            ctx.step(str(number), lambda: LARGE[:100_000]).result()
        return "done"

    here = world(of(many))
    task_id = here.client.start("many")
    here.deliver()
    shown = here.client.get(task_id).result
    assert shown["status"] == "failed"
    assert (
        f"do not fit into an item of {MAX_ITEM_BYTES} bytes: keep large data in a store of your own"
        in shown["error"]["message"]
    )


def test_a_result_that_does_not_fit_beside_the_steps_goes_to_the_bucket(world: Worlds) -> None:
    def both(ctx: Context) -> str:
        ctx.step("one", lambda: LARGE[:250_000]).result()
        return LARGE[:250_000]

    here = world(of(both))
    task_id = here.client.start("both")
    here.deliver()
    shown = here.client.get(task_id).result
    assert shown["status"] == "completed", shown
    assert text(shown) == LARGE[:250_000]


def test_questions_that_no_item_can_hold_fail_the_task_and_say_so(world: Worlds) -> None:
    def ask(ctx: Context) -> str:
        ctx.step("one", lambda: LARGE).result()
        return str(ctx.elicit(LARGE, Ok).result())

    here = world(of(ask))
    task_id = here.client.start("ask")
    here.deliver()
    shown = here.client.get(task_id).result
    assert shown["status"] == "failed"
    assert (
        f"do not fit into an item of {MAX_ITEM_BYTES} bytes: keep large data in a store of your own"
        in shown["error"]["message"]
    )


def test_a_result_that_has_left_the_bucket_is_an_error_and_no_crash(world: Worlds) -> None:
    def large() -> str:
        return LARGE

    here = world(of(large))
    task_id = here.client.start("large")
    here.deliver()
    here.blobs.purge(math.inf)
    assert here.client.get(task_id).error == {
        "code": -32603,
        "message": "The task's data is not there any more",
    }


def test_arguments_that_have_left_the_bucket_fail_the_task(world: Worlds) -> None:
    def length(text: str) -> int:
        return len(text)

    here = world(of(length))
    task_id = here.client.start("length", {"text": LARGE})
    here.blobs.purge(math.inf)
    here.deliver()
    assert here.client.get(task_id).result["error"] == {
        "code": -32603,
        "message": "The task's data is not there any more",
    }


# Asking where it stands.


def test_asking_is_one_read(world: Worlds) -> None:
    here = world(of(work))
    task_id = here.client.start("work")
    for _ in range(2):
        del here.store.calls[:]
        here.client.get(task_id)
        assert here.store.calls == ["read TASK"]
        here.run_all()


def test_a_task_that_nobody_picked_up_is_queued_again_by_whoever_asks(world: Worlds) -> None:
    here = world(of(work))
    task_id = here.client.start("work")
    here.queue.messages.clear()  # the message is lost
    here.clock.advance(PICKUP)
    here.client.get(task_id)
    assert not here.queue.messages
    here.clock.advance(0.5)
    assert here.client.status(task_id) == "working"
    (message,) = here.queue.messages
    assert message.task_id == task_id
    for _ in range(5):
        here.client.get(task_id)  # once is enough
    assert len(here.queue.messages) == 1
    here.deliver()
    assert here.client.status(task_id) == "completed"


def test_a_task_whose_worker_died_is_queued_again_when_its_lease_is_over(world: Worlds) -> None:
    tries: list[int] = []

    def die() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise Died
        return "done"

    here = world(of(die))
    task_id = here.client.start("die")
    with pytest.raises(Died):
        here.deliver(seconds=10)
    here.queue.messages.clear()
    here.clock.advance(10 + 30)
    here.client.get(task_id)
    assert not here.queue.messages
    here.clock.advance(0.5)
    here.client.get(task_id)
    assert len(here.queue.messages) == 1
    here.run_all()
    assert here.client.status(task_id) == "completed"


def test_a_task_whose_next_attempt_was_lost_is_queued_again(world: Worlds) -> None:
    tries: list[int] = []

    def flaky() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise RetryableError("later")
        return "done"

    here = world(of(flaky))
    task_id = here.client.start("flaky")
    here.deliver()
    here.queue.messages.clear()
    here.clock.advance(PICKUP + 1.5)
    here.client.get(task_id)
    here.run_all()
    assert here.client.status(task_id) == "completed"


def test_a_task_that_is_at_work_or_has_ended_is_not_queued_again(world: Worlds) -> None:
    def look() -> str:
        here.clock.advance(5 + 29)  # of the thirty for which the lease outlives the invocation
        here.client.get(task_id)
        return "done"

    here = world(of(look))
    task_id = here.client.start("look")
    here.deliver(seconds=5)
    here.clock.advance(1000)
    here.client.get(task_id)
    assert len(here.queue.sent) == 1


def test_a_task_that_waits_for_its_client_is_not_queued_again(world: Worlds) -> None:
    def ask(ctx: Context) -> str:
        return str(ctx.elicit("ok?", Ok).result())

    here = world(of(ask))
    task_id = here.client.start("ask")
    here.deliver()
    here.clock.advance(1000)
    here.client.get(task_id)
    assert len(here.queue.sent) == 1


def test_asking_is_answered_also_where_queueing_again_fails(world: Worlds) -> None:
    here = world(of(work))
    task_id = here.client.start("work")
    here.queue.messages.clear()
    here.clock.advance(PICKUP + 1)

    def fail() -> None:
        raise StoreError("no queue")

    here.queue.before = fail
    assert here.client.get(task_id).result["status"] == "working"
    here.queue.before = lambda: None
    here.clock.advance(PICKUP + 1)
    here.client.get(task_id)
    assert len(here.queue.messages) == 1


def test_of_many_who_ask_at_once_one_queues_again(world: Worlds) -> None:
    here = world(of(work))
    task_id = here.client.start("work")
    here.clock.advance(PICKUP + 1)
    other = here.environment()

    def ask_too(call: str) -> None:
        if call == "replace TASK":
            here.store.before = lambda _: None
            other.client.get(task_id)

    here.store.before = ask_too
    here.client.get(task_id)
    assert len(here.queue.sent) == 2


# Whose they are, and for how long.


@pytest.mark.parametrize("request_", ["get", "update", "cancel"])
def test_unknown_and_somebody_elses_are_told_alike(world: Worlds, request_: str) -> None:
    here = world(of(work))
    mine = here.here.client_of("ada")
    task_id = mine.start("work")
    item = here.item(task_id)

    def ask(user: str | None, which: str) -> Any:
        client = here.here.client_of(user)
        more = [{}] if request_ == "update" else []
        return getattr(client, request_)(which, *more).response

    others = [ask("eve", task_id), ask(None, task_id), ask("ada", "A" * 32), ask("ada", "x"), ask("eve", "")]
    assert others == [{"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "Task not found"}}] * 5
    assert here.item(task_id) == item
    assert "result" in ask("ada", task_id)


def test_a_task_without_a_principal_is_none_of_a_principals_business(world: Worlds) -> None:
    here = world(of(work))
    task_id = here.client.start("work")
    assert here.here.client_of("ada").get(task_id).error["message"] == "Task not found"
    assert here.client.status(task_id) == "working"


@pytest.mark.parametrize("request_", ["get", "update", "cancel"])
def test_expired_is_told_apart_from_unknown_but_only_to_its_owner(world: Worlds, request_: str) -> None:
    here = world(of(work, ttl=timedelta(minutes=1)))
    ada, eve = here.here.client_of("ada"), here.here.client_of("eve")
    task_id = ada.start("work")
    more = [{}] if request_ == "update" else []
    here.clock.advance(59.99)
    assert ada.get(task_id).result["status"] == "working"
    here.clock.advance(0.01)
    reply = getattr(ada, request_)(task_id, *more)
    assert (reply.status, reply.error) == (400, {"code": -32602, "message": "Task has expired"})
    assert getattr(eve, request_)(task_id, *more).error["message"] == "Task not found"
    here.store.kept.purge(here.clock() + DAY - 1)
    assert getattr(ada, request_)(task_id, *more).error["message"] == "Task has expired"
    here.store.kept.purge(here.clock() + DAY + 1)
    assert getattr(ada, request_)(task_id, *more).error["message"] == "Task not found"


def test_results_expire_with_their_tasks(world: Worlds) -> None:
    here = world(of(work, ttl=timedelta(minutes=1)))
    task_id = here.client.start("work")
    here.deliver()
    here.clock.advance(60)
    assert here.client.get(task_id).error["message"] == "Task has expired"


# Cancelling.


@pytest.mark.parametrize("when", ["queued", "asking", "between attempts"])
def test_a_task_that_nobody_works_on_is_cancelled_at_once(world: Worlds, when: str) -> None:
    def wait(ctx: Context) -> str:
        if when == "asking":
            ctx.elicit("ok?", Ok).result()
        raise RetryableError("later")

    here = world(of(wait))
    task_id = here.client.start("wait")
    if when != "queued":
        here.deliver()
    here.clock.advance(1)
    del here.store.calls[:]
    here.client.cancel(task_id)
    assert here.store.calls == ["read TASK", "replace TASK"]
    shown = here.client.get(task_id).result
    assert shown["status"] == "cancelled"
    assert not {"inputRequests", "error", "result"} & set(shown)
    version = here.version(task_id)
    here.run_all()
    assert here.version(task_id) == version


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_cancelling_what_has_ended_is_acknowledged_and_changes_nothing(world: Worlds, end: str) -> None:
    here = world(of(work))
    task_id = here.client.start("work")
    if end == "cancelled":
        here.client.cancel(task_id)
    here.run_all()
    before = here.version(task_id)
    assert here.client.cancel(task_id).status == 200
    assert here.version(task_id) == before
    assert here.client.status(task_id) == end


def test_cancelling_twice_is_cancelling(world: Worlds) -> None:
    def slow() -> str:
        here.client.cancel(task_id)
        version = here.version(task_id)
        here.client.cancel(task_id)
        assert here.version(task_id) == version
        return "done"

    here = world(of(slow))
    task_id = here.client.start("slow")
    here.deliver()


def test_a_cancellation_that_meets_another_writer_is_not_lost(world: Worlds) -> None:
    seen: list[str] = []

    def slow(ctx: Context) -> str:
        here.store.before = lambda call: None
        ctx.report_progress(1)  # in between the reading and the writing of the cancellation
        seen.append(here.record(task_id).status)
        ctx.step("one", str, "x").result()
        return "done"

    here = world(of(slow))
    task_id = here.client.start("slow")

    def let_worker_in(call: str) -> None:
        if call == "replace TASK":
            here.store.before = lambda _: None
            here.deliver()

    here.store.before = let_worker_in
    assert here.client.cancel(task_id).status == 200
    assert here.client.status(task_id) in ("completed", "cancelled")


# Questions and answers.


def interview(ctx: Context) -> str:
    sure = ctx.elicit("Are you sure?", Ok, key="sure")
    name = ctx.elicit("Who are you?", Name, key="name")
    roots = ctx.list_roots(key="roots")
    said = sure.result(), name.result()
    return f"{said[0].action} {said[1].data.name} {[root.uri for root in roots.result()]}"  # type: ignore[union-attr]


SURE, ADA, ROOTS = accept(ok=True), accept(name="Ada"), {"roots": [{"uri": "file:///a"}]}
ANSWERS = {"sure": SURE, "name": ADA, "roots": ROOTS}
SAID = "accept Ada ['file:///a']"


@pytest.fixture
def asking(world: Worlds) -> tuple[World, str]:
    here = world(of(interview))
    task_id = here.client.start("interview")
    here.deliver()
    assert set(here.client.get(task_id).result["inputRequests"]) == set(ANSWERS)
    return here, task_id


def test_several_questions_are_answered_at_once(asking: tuple[World, str]) -> None:
    here, task_id = asking
    here.client.update(task_id, ANSWERS)
    assert here.client.status(task_id) == "working"
    here.deliver()
    assert text(here.client.get(task_id).result) == SAID
    assert len(here.queue.sent) == 2


@pytest.mark.parametrize("order", list(itertools.permutations(ANSWERS)))
def test_answers_may_come_one_by_one_in_any_order(asking: tuple[World, str], order: tuple[str, ...]) -> None:
    here, task_id = asking
    left = dict(ANSWERS)
    for key in order:
        shown = here.client.get(task_id).result
        assert (shown["status"], set(shown["inputRequests"])) == ("input_required", set(left))
        assert not here.queue.messages
        here.client.update(task_id, {key: left.pop(key)})
    assert here.client.status(task_id) == "working"
    here.deliver()
    assert text(here.client.get(task_id).result) == SAID


@pytest.mark.parametrize(
    "wrong",
    [
        {"sure": {"action": "accept", "content": {"ok": "perhaps"}}},
        {"sure": {"action": "accept"}},
        {"sure": {"action": "maybe"}},
        {"sure": "yes"},
        {"name": {"action": "accept", "content": {}}},
        {"roots": {"roots": [{"name": "no uri"}]}},
        {"roots": ROOTS, "name": accept(name="Ada"), "sure": {}},
    ],
)
def test_a_wrong_answer_is_refused_and_nothing_is_lost(asking: tuple[World, str], wrong: Any) -> None:
    here, task_id = asking
    before = here.version(task_id)
    reply = here.client.update(task_id, wrong)
    assert (reply.status, reply.error["code"]) == (400, -32602)
    assert here.version(task_id) == before
    assert set(here.client.get(task_id).result["inputRequests"]) == set(ANSWERS)
    here.client.update(task_id, ANSWERS)
    here.deliver()
    assert text(here.client.get(task_id).result) == SAID


@pytest.mark.parametrize("unknown", [{}, {"never": SURE}, {"never": "anything"}, {"elicitation-1": SURE}])
def test_answers_to_what_was_never_asked_are_ignored(asking: tuple[World, str], unknown: Any) -> None:
    here, task_id = asking
    before = here.version(task_id)
    assert here.client.update(task_id, unknown).status == 200
    assert here.version(task_id) == before
    here.client.update(task_id, {**unknown, **ANSWERS})
    here.deliver()
    assert text(here.client.get(task_id).result) == SAID


def test_a_second_answer_to_the_same_question_is_ignored(asking: tuple[World, str]) -> None:
    here, task_id = asking
    here.client.update(task_id, {"name": ADA})
    before = here.version(task_id)
    assert here.client.update(task_id, {"name": accept(name="Eve")}).status == 200
    assert here.version(task_id) == before
    here.client.update(task_id, {**ANSWERS, "name": accept(name="Eve")})
    here.client.update(task_id, ANSWERS)
    here.deliver()
    assert text(here.client.get(task_id).result) == SAID
    assert here.client.update(task_id, ANSWERS).status == 200
    assert not here.queue.messages


@pytest.mark.parametrize("no", [{"action": "decline"}, {"action": "cancel"}])
def test_a_no_is_an_answer(world: Worlds, no: Any) -> None:
    def ask(ctx: Context) -> str:
        return ctx.elicit("ok?", Ok).result().action

    here = world(of(ask))
    task_id = here.client.start("ask")
    here.deliver()
    here.client.update(task_id, {"elicitation-1": no})
    here.deliver()
    assert text(here.client.get(task_id).result) == no["action"]


def test_sampling_and_pages_are_questions_too(world: Worlds) -> None:
    def ask(ctx: Context) -> str:
        joke = ctx.sample("Tell a joke", max_tokens=10, key="joke")
        page = ctx.elicit_url("Pay here", "https://pay.example/1", key="page")
        return f"{joke.result().text} {page.result().action}"

    here = world(of(ask))
    task_id = here.client.start("ask")
    here.deliver()
    joke = {"role": "assistant", "content": {"type": "text", "text": "Ha"}, "model": "m"}
    assert here.client.update(task_id, {"joke": {"role": "assistant"}}).error["code"] == -32602
    here.client.update(task_id, {"joke": joke, "page": {"action": "accept"}})
    here.deliver()
    assert text(here.client.get(task_id).result) == "Ha accept"


def test_a_cancellation_while_the_client_is_asked_leaves_nothing_to_answer(asking: tuple[World, str]) -> None:
    here, task_id = asking
    here.client.update(task_id, {"name": ADA})
    here.client.cancel(task_id)
    shown = here.client.get(task_id).result
    assert shown["status"] == "cancelled"
    assert "inputRequests" not in shown
    before = here.version(task_id)
    assert here.client.update(task_id, ANSWERS).status == 200
    assert here.version(task_id) == before
    assert not here.queue.messages


def test_answers_that_cannot_be_queued_can_be_sent_again(asking: tuple[World, str]) -> None:
    here, task_id = asking

    def fail() -> None:
        raise ConnectionError("no queue")

    here.queue.before = fail
    for _ in range(3):
        assert here.client.update(task_id, ANSWERS).error["code"] == -32603
        shown = here.client.get(task_id).result
        assert (shown["status"], set(shown["inputRequests"])) == ("input_required", set(ANSWERS))
    here.queue.before = lambda: None
    here.client.update(task_id, ANSWERS)
    here.deliver()
    assert text(here.client.get(task_id).result) == SAID


def test_answers_whose_message_arrived_after_all_are_not_taken_back(asking: tuple[World, str]) -> None:
    """The queue's answer was lost, the message was not: a worker is at it when the client gets an error."""
    here, task_id = asking
    send = here.queue.send

    def send_and_fail(task: str, delay: float = 0.0) -> None:
        send(task, delay)
        here.deliver(here.environment())
        raise ConnectionError("timeout")

    here.queue.send = send_and_fail  # type: ignore[method-assign]
    assert here.client.update(task_id, ANSWERS).error["code"] == -32603
    assert text(here.client.get(task_id).result) == SAID
    assert here.client.update(task_id, ANSWERS).status == 200


def test_answers_are_not_lost_where_their_message_is(asking: tuple[World, str]) -> None:
    here, task_id = asking
    here.client.update(task_id, ANSWERS)
    here.queue.messages.clear()
    here.clock.advance(PICKUP + 1)
    here.client.get(task_id)
    here.deliver()
    assert text(here.client.get(task_id).result) == SAID


def test_two_partial_updates_at_once_are_both_kept(asking: tuple[World, str]) -> None:
    here, task_id = asking
    other = here.environment()

    def answer_too(call: str) -> None:
        if call == "replace TASK":
            here.store.before = lambda _: None
            other.client.update(task_id, {"name": ADA})

    here.store.before = answer_too
    here.client.update(task_id, {"sure": SURE})
    assert set(here.client.get(task_id).result["inputRequests"]) == {"roots"}
    here.client.update(task_id, {"roots": ROOTS})
    here.deliver()
    assert text(here.client.get(task_id).result) == SAID


def test_an_update_that_meets_a_cancellation_is_acknowledged(asking: tuple[World, str]) -> None:
    here, task_id = asking
    other = here.environment()

    def cancel(call: str) -> None:
        if call == "replace TASK":
            here.store.before = lambda _: None
            other.client.cancel(task_id)

    here.store.before = cancel
    assert here.client.update(task_id, ANSWERS).status == 200
    assert here.client.status(task_id) == "cancelled"
    assert not here.queue.messages


def test_questions_that_follow_from_answers_are_asked_in_turn(world: Worlds) -> None:
    async def talk(ctx: Context) -> str:
        names = []
        for number in range(4):
            answer = await ctx.elicit(f"Name {number}?", Name)
            names.append(answer.data.name)  # type: ignore[union-attr]
        return ",".join(names)

    here = world(of(talk, max_attempts=1))
    task_id = here.client.start("talk")
    here.deliver()
    seen: set[str] = set()
    for number in range(4):
        ((key, request),) = here.client.get(task_id).result["inputRequests"].items()
        assert key not in seen
        seen.add(key)
        assert request["params"]["message"] == f"Name {number}?"
        here.client.update(task_id, {key: accept(name=str(number))})
        here.deliver()
    assert text(here.client.get(task_id).result) == "0,1,2,3"


def keys_of(here: World, task_id: str) -> dict[str, Any]:
    shown = here.client.get(task_id).result
    return dict(shown.get("inputRequests", {}))


@pytest.mark.parametrize("asked", [["a?", "b?", "c?"], ["a?", "b?", "a?"], ["a?", "b?", "a?", "b?", "a?"]])
def test_a_key_is_never_used_for_another_question_nor_after_its_answer(
    world: Worlds, asked: list[str]
) -> None:
    """The tool asks something else under the same key in every run, which it should not."""
    runs: list[str] = []

    def fickle(ctx: Context) -> str:
        runs.append(asked[len(runs)] if len(runs) < len(asked) else asked[-1])
        return str(ctx.elicit(runs[-1], Ok, key="q").result().action)

    here = world(of(fickle))
    task_id = here.client.start("fickle")
    here.deliver()
    answered: dict[str, str] = {}
    for question in asked:
        ((key, request),) = keys_of(here, task_id).items()
        assert request["params"]["message"] == question
        assert key not in answered, f"{key} was answered before, to {answered[key]!r}"
        answered[key] = question
        here.client.update(task_id, {key: SURE})
        here.deliver()


def test_keys_of_the_tools_own_that_look_like_ours_are_kept_apart(world: Worlds) -> None:
    runs: list[int] = []

    def odd(ctx: Context) -> str:
        runs.append(1)
        if len(runs) == 1:
            ctx.elicit("first", Ok, key="q").result()
        pending = [ctx.elicit(f"{key} in run {len(runs)}", Ok, key=key) for key in ("q.2", "q", "q.3", "q.4")]
        return str([each.result().action for each in pending])

    here = world(of(odd))
    task_id = here.client.start("odd")
    here.deliver()
    first = keys_of(here, task_id)
    here.client.update(task_id, dict.fromkeys(first, SURE))
    here.deliver()
    asked = keys_of(here, task_id)
    assert sorted(each["params"]["message"] for each in asked.values()) == [
        f"{key} in run 2" for key in ("q", "q.2", "q.3", "q.4")
    ]
    assert not set(asked) & set(first)


def test_a_question_that_was_left_open_is_asked_again_under_its_key(world: Worlds) -> None:
    """Only the last missing answer wakes the task, so nothing is superseded while it waits."""
    runs: list[int] = []

    def work(ctx: Context) -> str:
        runs.append(1)
        first = ctx.elicit("a?", Ok, key="a").result()
        if len(runs) == 2:
            raise RetryableError("later")
        return f"{first.action} {ctx.elicit('b?', Ok, key='b').result().action}"

    here = world(of(work))
    task_id = here.client.start("work")
    here.deliver()
    here.client.update(task_id, {"a": SURE})
    here.run_all()
    assert set(keys_of(here, task_id)) == {"b"}
    here.client.update(task_id, {"b": SURE})
    here.run_all()
    assert text(here.client.get(task_id).result) == "accept accept"


def test_waiting_for_an_answer_costs_no_attempt(world: Worlds) -> None:
    async def talk(ctx: Context) -> str:
        for number in range(5):
            await ctx.elicit(f"{number}?", Ok)
        return "done"

    here = world(of(talk, max_attempts=2))
    task_id = here.client.start("talk")
    here.deliver()
    for number in range(5):
        here.client.update(task_id, {f"elicitation-{number + 1}": SURE})
        here.deliver()
    assert here.client.status(task_id) == "completed"


def test_steps_before_a_question_are_not_run_again(world: Worlds) -> None:
    done: list[str] = []

    async def buy(ctx: Context) -> str:
        await ctx.step("reserve", done.append, "reserve")
        await ctx.elicit("ok?", Ok)
        await ctx.step("pay", done.append, "pay")
        await ctx.elicit("again?", Ok)
        return ",".join(done)

    here = world(of(buy))
    task_id = here.client.start("buy")
    here.deliver()
    for number in (1, 2):
        here.client.update(task_id, {f"elicitation-{number}": SURE})
        here.deliver()
    assert text(here.client.get(task_id).result) == "reserve,pay"


# Who is told.


def test_every_change_that_shows_is_published_and_no_other(world: Worlds) -> None:
    changes = MemoryChanges()

    def work(ctx: Context) -> str:
        ctx.step("one", str, "x").result()  # shows nowhere
        here.clock.advance(2)
        ctx.report_progress(1)
        return ctx.elicit("ok?", Ok).result().action

    here = world(of(work), changes=changes)
    here.clock.advance(10)
    start = changes.position()
    task_id = here.client.start("work")
    topics: list[int] = []
    for act in (here.deliver, lambda: here.client.update(task_id, {"elicitation-1": SURE}), here.deliver):
        act()
        topics.append(changes.position() - start)
    heard, _ = changes.wait(start, 0)
    assert set(heard) == {"notifications/tasks"}
    # Progress and the question; working; the result, since the same progress again is no news.
    assert topics == [2, 3, 4]


def test_capabilities_are_read_from_every_request(world: Worlds) -> None:
    here = world(of(work))
    task_id = here.client.start("work")
    for able in ({}, {"extensions": {}}, {"elicitation": {}, "extensions": {"com.example/x": {}}}):
        for reply in (
            here.client.get(task_id, capabilities=able),
            here.client.update(task_id, {}, capabilities=able),
            here.client.cancel(task_id, capabilities=able),
        ):
            assert (reply.status, reply.error["code"]) == (400, -32021)
    assert here.client.get(task_id, capabilities=TASKS).status == 200
