"""Running tasks: leases, attempts, questions, endings. Every row of the table of transitions."""

import asyncio
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from tests.execution.durable.tasks.harness import (
    INVOCATION,
    START,
    Died,
    World,
    task_server,
    worlds,
)
from tests.support import accept, marshal

from lambent import (
    Context,
    Idempotency,
    InvalidParamsError,
    MissingCapabilityError,
    RetryableError,
    StoreError,
    TaskPolicy,
    ToolError,
    ToolResult,
)
from lambent.errors import DeadlineReached, ItemTooLargeError
from lambent.execution.durable.records import LeaseLost
from lambent.execution.execute import AttemptFailed

SKEW = 30.0
"""How far the clocks of two workers may be apart, as the library has it."""

world = pytest.fixture(worlds)
Worlds = Callable[..., World]


@dataclass
class Ok:
    ok: bool


def of(*functions: Callable[..., Any], **policy: Any) -> Any:
    """A server with these functions as tools that are always tasks."""
    mcp = task_server()
    for function in functions:
        mcp.tool(task=TaskPolicy(**policy))(function)
    return mcp


def text(result: dict[str, Any]) -> str:
    (block,) = result["result"]["content"]
    assert block["type"] == "text"
    said: str = block["text"]
    return said


class Steps:
    """Effects that are counted."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, name: str) -> str:
        self.done.append(name)
        return f"{name} {len(self.done)}"


# Completed.


def plain(ctx: Context) -> str:
    return "done"


async def asynchronous(ctx: Context) -> str:
    await asyncio.sleep(0)
    return "done"


def without_context() -> str:
    return "done"


@pytest.mark.parametrize("function", [plain, asynchronous, without_context])
def test_a_tool_that_returns_completes_its_task(world: Worlds, function: Any) -> None:
    here = world(of(function))
    task_id = here.client.start(function.__name__)
    assert here.client.status(task_id) == "working"
    here.deliver()
    shown = here.client.get(task_id).result
    assert (shown["status"], text(shown)) == ("completed", "done")
    assert not here.queue.messages


def test_structured_results_and_their_meta_are_kept(world: Worlds) -> None:
    def numbers() -> list[int]:
        return [1, 2]

    def ready() -> ToolResult:
        return ToolResult(content=[], structured_content={"a": 1}, meta={"com.example/x": 1})

    here = world(of(numbers, ready))
    tasks = [here.client.start(name) for name in ("numbers", "ready")]
    here.run_all()
    first, second = (here.client.get(task_id).result["result"] for task_id in tasks)
    assert first == {
        "resultType": "complete",
        "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}],
        "structuredContent": {"result": [1, 2]},
    }
    assert second == {
        "resultType": "complete",
        "_meta": {"com.example/x": 1},
        "content": [],
        "structuredContent": {"a": 1},
    }


def test_errors_that_a_call_would_show_complete_a_task(world: Worlds) -> None:
    def anticipated() -> str:
        raise ToolError("No such month")

    def unexpected() -> str:
        raise KeyError("secret")

    def unfit() -> int:
        return "text"  # type: ignore[return-value]

    def left() -> str:
        raise SystemExit(3)

    names = ["anticipated", "unexpected", "unfit", "left"]
    here = world(of(anticipated, unexpected, unfit, left))
    tasks = [here.client.start(name) for name in names]
    here.run_all()
    shown = [here.client.get(task_id).result for task_id in tasks]
    assert {each["status"] for each in shown} == {"completed"}
    assert all(each["result"]["isError"] is True for each in shown)
    said = [text(each) for each in shown]
    assert said[0] == "Error executing tool anticipated: No such month"
    assert all(said[at].startswith(f"Error executing tool {names[at]} (reference ") for at in (1, 2, 3))
    assert "secret" not in json.dumps(shown)


def test_the_arguments_are_those_of_the_call(world: Worlds) -> None:
    seen: list[Any] = []

    def take(month: str, ctx: Context, days: int = 3) -> None:
        seen.append(
            (month, days, ctx.meta["com.example/trace"], ctx.client_capabilities.sampling is not None)
        )

    here = world(of(take))
    body = {"month": "März", "days": "5"}
    here.client.start("take", body, **{"com.example/trace": "t1"})
    here.deliver()
    assert seen == [("März", 5, "t1", True)]


def test_the_principal_is_that_of_the_call(world: Worlds) -> None:
    seen: list[Any] = []

    def who(ctx: Context) -> None:
        seen.append(ctx.principal)

    here = world(of(who))
    here.here.client_of("ada").start("who")
    here.client.start("who")
    here.run_all()
    assert [each.subject if each is not None else None for each in seen] == ["ada", None]


def test_notifications_of_a_task_go_nowhere(world: Worlds) -> None:
    def talk(ctx: Context) -> str:
        ctx.info("hello")
        ctx.report_progress(1, 2)
        return "done"

    here = world(of(talk))
    task_id = here.client.start("talk", progressToken="p", logLevel="debug")
    here.deliver()
    assert here.client.status(task_id) == "completed"


# Failed.


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            InvalidParamsError("No such order", {"order": 7}),
            {"code": -32602, "message": "No such order", "data": {"order": 7}},
        ),
        (
            MissingCapabilityError({"sampling": {}}),
            {
                "code": -32021,
                "message": "The client did not declare a capability that this request needs: sampling",
                "data": {"requiredCapabilities": {"sampling": {}}},
            },
        ),
    ],
)
def test_a_protocol_error_fails_a_task(world: Worlds, error: Exception, shown: dict[str, Any]) -> None:
    def fail() -> str:
        raise error

    here = world(of(fail))
    task_id = here.client.start("fail")
    here.deliver()
    result = here.client.get(task_id).result
    assert (result["status"], result["error"]) == ("failed", shown)
    assert result["statusMessage"] == shown["message"]
    assert "result" not in result


def test_a_question_that_the_client_cannot_answer_fails_a_task(world: Worlds) -> None:
    def ask(ctx: Context) -> str:
        return str(ctx.elicit("ok?", Ok).result())

    here = world(of(ask))
    only_tasks = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    task_id = here.client.start("ask", capabilities=only_tasks)
    here.deliver()
    assert here.client.get(task_id).result["error"]["code"] == -32021


def test_a_tool_that_is_gone_fails_its_tasks(world: Worlds) -> None:
    before, after = world(of(plain)), world(of(without_context))
    task_id = before.client.start("plain")
    after.store, after.queue = before.store, before.queue
    after.deliver()
    result = before.client.get(task_id).result
    assert result["status"] == "failed"
    assert result["error"] == {"code": -32602, "message": "Unknown tool: plain"}


def test_a_dead_letter_fails_its_task(world: Worlds) -> None:
    here = world(of(plain))
    task_id = here.client.start("plain")
    here.here.worker.fail_undelivered(task_id)
    result = here.client.get(task_id).result
    assert result["status"] == "failed"
    assert result["error"] == {"code": -32603, "message": "The task could not be run"}


def test_a_dead_letter_fails_no_task_that_waits_for_its_client(world: Worlds) -> None:
    """The letter is of an earlier delivery: the one that asked has ended well."""

    def ask(ctx: Context) -> str:
        return str(ctx.elicit("ok?", Ok).result().action)

    here = world(of(ask))
    task_id = here.client.start("ask")
    here.deliver()
    here.here.worker.fail_undelivered(task_id)
    assert here.client.status(task_id) == "input_required"
    here.client.update(task_id, {"elicitation-1": accept(ok=True)})
    here.run_all()
    assert text(here.client.get(task_id).result) == "accept"


def test_a_dead_letter_leaves_a_task_to_the_worker_that_has_it(world: Worlds) -> None:
    def slow(ctx: Context) -> str:
        here.environment().worker.fail_undelivered(task_id)
        return "done"

    here = world(of(slow))
    task_id = here.client.start("slow")
    here.deliver()
    assert here.client.status(task_id) == "completed"


@pytest.mark.parametrize("end", ["completed", "cancelled", "failed"])
def test_a_dead_letter_of_a_task_that_has_ended_is_nothing(world: Worlds, end: str) -> None:
    def finish() -> str:
        if end == "failed":
            raise InvalidParamsError("no")
        return "done"

    here = world(of(finish))
    task_id = here.client.start("finish")
    if end == "cancelled":
        here.client.cancel(task_id)
    here.run_all()
    before = here.record(task_id), here.version(task_id)
    here.here.worker.fail_undelivered(task_id)
    assert (here.record(task_id), here.version(task_id)) == before
    here.here.worker.fail_undelivered("unknown")


def test_a_task_that_ends_while_it_is_buried_stays_as_it_ended(world: Worlds) -> None:
    here = world(of(plain))
    task_id = here.client.start("plain")
    other = here.environment()

    def end_it(call: str) -> None:
        if call == "replace TASK":
            here.store.before = lambda _: None
            other.client.cancel(task_id)

    here.store.before = end_it
    here.here.worker.fail_undelivered(task_id)
    assert here.client.status(task_id) == "cancelled"


# Attempts.


def flaky(failures: int, error: Exception) -> tuple[Any, list[float]]:
    tries: list[float] = []

    def work() -> str:
        tries.append(0)
        if len(tries) <= failures:
            raise error
        return f"done in {len(tries)}"

    return work, tries


@pytest.mark.parametrize(
    ("error", "retry_on"),
    [(RetryableError("later"), ()), (TimeoutError("slow"), (OSError,)), (ToolError("odd"), (ToolError,))],
)
def test_what_may_pass_is_tried_again(world: Worlds, error: Exception, retry_on: Any) -> None:
    work, tries = flaky(2, error)
    here = world(of(work, retry_on=retry_on))
    task_id = here.client.start("work")
    here.deliver()
    assert here.client.status(task_id) == "working"
    assert here.record(task_id).lease is None
    here.run_all()
    assert text(here.client.get(task_id).result) == "done in 3"
    assert len(tries) == 3


def test_what_the_policy_does_not_name_is_not_tried_again(world: Worlds) -> None:
    work, tries = flaky(1, TimeoutError("slow"))
    here = world(of(work, retry_on=(LookupError,)))
    task_id = here.client.start("work")
    here.run_all()
    assert here.client.get(task_id).result["result"]["isError"] is True
    assert len(tries) == 1


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_last_attempt_fails_with_the_error(world: Worlds, attempts: int) -> None:
    work, tries = flaky(99, RetryableError("the bank is closed"))
    here = world(of(work, max_attempts=attempts))
    task_id = here.client.start("work")
    here.run_all()
    result = here.client.get(task_id).result
    assert (result["status"], result["result"]["isError"]) == ("completed", True)
    assert text(result) == "Error executing tool work: the bank is closed"
    assert len(tries) == attempts


def test_the_text_of_an_exception_that_retry_on_names_stays_in_the_log(
    world: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    """As that of any exception which a tool does not raise for its client."""
    work, _ = flaky(99, OSError("connection of admin:hunter2 was reset"))
    here = world(of(work, retry_on=(OSError,), max_attempts=2))
    task_id = here.client.start("work")
    here.deliver()
    first = here.client.get(task_id)
    pattern = r"Attempt 1 failed, another one follows \(reference ([0-9a-f]{12})\)"
    found = re.fullmatch(pattern, first.result["statusMessage"])
    assert found is not None
    here.run_all()
    last = here.client.get(task_id)
    again = re.fullmatch(r"Error executing tool work \(reference ([0-9a-f]{12})\)", text(last.result))
    assert again is not None
    assert "statusMessage" not in last.result
    assert b"hunter2" not in first.body + last.body
    for reference in (found[1], again[1]):
        assert f"reference {reference}" in caplog.text
    assert "OSError: connection of admin:hunter2 was reset" in caplog.text


@pytest.mark.parametrize(
    ("said", "shown"),
    [("the bank is closed", "the bank is closed"), ("x" * 500_000, "x" * 960 + "…"), ("a\ud800", "a?")],
    ids=["words", "long", "surrogate"],
)
def test_what_a_tool_says_of_an_attempt_is_its_status_message(world: Worlds, said: str, shown: str) -> None:
    work, _ = flaky(1, RetryableError(said))
    here = world(of(work))
    task_id = here.client.start("work")
    here.clock.now += 1
    here.deliver()
    result = here.client.get(task_id).result
    assert result["statusMessage"] == f"Attempt 1 failed, another one follows: {shown}"
    assert result["lastUpdatedAt"] > result["createdAt"]
    here.run_all()
    assert text(here.client.get(task_id).result) == "done in 2"


def test_a_long_progress_message_is_cut(world: Worlds) -> None:
    def work(ctx: Context) -> str:
        ctx.report_progress(1, message="x" * 500_000)
        return ctx.elicit("Sure?", Ok, key="ok").result().action

    here = world(of(work))
    task_id = here.client.start("work")
    here.run_all()
    assert here.client.get(task_id).result["statusMessage"] == "x" * 999 + "…"
    here.client.update(task_id, {"ok": accept(ok=True)})
    here.run_all()
    assert text(here.client.get(task_id).result) == "accept"


# Results and Lambda's limit for a response.


@pytest.mark.parametrize("character", ["x", '"', "é"])
def test_every_result_of_a_task_can_be_fetched(world: Worlds, character: str) -> None:
    """One that has no room in the response of ``tasks/get`` is refused when it is made."""
    asked = {"x": 1, '"': 4, "é": 6}[character]

    def work(times: int) -> Any:  # without structured content, which would be as large as the text
        return character * times

    here = world(of(work))
    sizes = (6_291_556 - 20_000, 6_291_556 - 16_000, 6_291_556)
    shown = []
    for size in sizes:
        task_id = here.client.start("work", {"times": size // asked})
        here.run_all()
        reply = here.client.get(
            task_id, headers={"origin": "http://localhost", "accept": "text/event-stream"}
        )
        assert reply.result["status"] == "completed"
        assert len(marshal(reply.written)) <= 6_291_556
        shown.append(text(reply.result))
    assert shown[0] == character * (sizes[0] // asked)
    for said in shown[1:]:
        assert re.fullmatch(
            r"The result would take \d{7} bytes, the limit is 6291556: return less, or a ResourceLink", said
        )


def test_a_subscription_leaves_out_results_that_do_not_fit(world: Worlds) -> None:
    def work() -> Any:
        return "x" * 4_000_000

    here = world(of(work))
    ids = [here.client.start("work") for _ in range(2)]
    here.run_all()
    reply = here.client.request("subscriptions/listen", {"notifications": {"taskIds": ids}})
    acknowledged, task = reply.notifications
    assert acknowledged["params"]["notifications"]["taskIds"] == ids
    assert task["params"]["taskId"] == ids[1]
    assert len(marshal(reply.written)) <= 6_291_556


def test_an_idempotent_call_whose_result_was_too_large_is_not_done_again(world: Worlds) -> None:
    effects: list[int] = []
    mcp = task_server()

    @mcp.tool(idempotency=Idempotency(key="order"))
    def export(order: int) -> str:
        effects.append(order)
        return "x" * 7_000_000

    here = world(mcp)
    first, second = (here.client.call("export", {"order": 1}) for _ in range(2))
    assert first.result["isError"] is True
    assert "the limit is 6291556: return less, or a ResourceLink" in first.text
    assert "its result is too large to be given again" in second.text
    assert effects == [1]


def test_the_wait_between_attempts_doubles_up_to_half_a_minute(world: Worlds) -> None:
    work, _ = flaky(1000, RetryableError("later"))
    here = world(of(work, max_attempts=10))
    for _ in range(40):
        here.client.start("work")
    here.run_all(limit=1000)
    waits: dict[str, list[float]] = {}
    for message in here.queue.sent:
        waits.setdefault(message.task_id, []).append(message.delay)
    for number in range(1, 10):
        bound = min(2.0 ** (number - 1), 30.0)
        drawn = [of_task[number] for of_task in waits.values()]
        assert all(0 <= wait <= bound for wait in drawn)
        # Full jitter: drawn from the whole range. That 40 draws all miss an end of it never happens.
        assert min(drawn) < bound / 2 < max(drawn)


def test_however_many_attempts_there_are_the_wait_can_be_computed(world: Worlds) -> None:
    work, tries = flaky(1100, RetryableError("later"))
    here = world(of(work, max_attempts=1200, ttl=timedelta(days=2)))
    task_id = here.client.start("work")
    here.run_all(limit=1200)
    assert len(tries) == 1101
    assert max(message.receives for message in here.queue.sent) == 1  # none failed
    assert here.client.status(task_id) == "completed"


def test_finished_steps_are_not_run_again_by_another_attempt(world: Worlds) -> None:
    did = Steps()

    async def work(ctx: Context) -> str:
        first = await ctx.step("first", did, "first")
        second = await ctx.step("second", did, "second")
        if len(did.done) < 4:
            did("failed")
            raise RetryableError("later")
        return f"{first}, {second}"

    here = world(of(work, max_attempts=9))
    task_id = here.client.start("work")
    here.run_all()
    assert text(here.client.get(task_id).result) == "first 1, second 2"
    assert did.done == ["first", "second", "failed", "failed"]


# Leases.


def leased(here: World, tool: Callable[..., Any]) -> str:
    """A task whose worker has just died, its lease not over."""
    task_id = here.client.start(tool.__name__)
    with pytest.raises(Died):
        here.deliver()
    return task_id


def test_a_lease_lasts_as_long_as_the_invocation_and_the_clocks_may_differ(world: Worlds) -> None:
    seen: list[Any] = []

    def look(ctx: Context) -> None:
        seen.append(here.record(task_id))

    here = world(of(look))
    task_id = here.client.start("look")
    here.deliver(seconds=100)
    (record,) = seen
    assert record.attempt == 1
    assert record.lease.until == START + 100 + SKEW
    assert len(record.lease.owner) >= 16
    assert here.record(task_id).lease is None


def test_a_second_delivery_only_looks_again_later(world: Worlds) -> None:
    did = Steps()

    def slow(ctx: Context) -> str:
        did("work")
        before = here.record(task_id), here.version(task_id)
        assert here.environment().invoke(task_id) == []
        assert (here.record(task_id), here.version(task_id)) == before
        return "done"

    here = world(of(slow))
    task_id = here.client.start("slow")
    here.deliver()
    assert did.done == ["work"]
    (again,) = here.queue.messages
    assert again.task_id == task_id
    assert INVOCATION + SKEW < again.delay <= INVOCATION + SKEW + 5
    here.deliver()
    assert did.done == ["work"]
    assert here.client.status(task_id) == "completed"
    assert not here.queue.messages


def test_a_queue_is_not_asked_to_wait_for_longer_than_it_can(world: Worlds) -> None:
    def slow(ctx: Context) -> str:
        here.environment().invoke(task_id)
        return "done"

    here = world(of(slow))
    task_id = here.client.start("slow")
    here.deliver(seconds=900)
    assert here.queue.sent[-1].delay == 900


def test_a_dead_worker_is_replaced_when_its_lease_is_over_and_not_before(world: Worlds) -> None:
    did = Steps()

    def work(ctx: Context) -> str:
        if len(did.done) < 1:
            did("died")
            raise Died
        return "done"

    here = world(of(work))
    task_id = leased(here, work)
    here.clock.advance(INVOCATION + SKEW - 0.01)
    here.deliver()
    assert did.done == ["died"]
    assert here.record(task_id).attempt == 1
    here.run_all()
    assert text(here.client.get(task_id).result) == "done"


def test_finished_steps_of_a_dead_worker_are_not_run_again(world: Worlds) -> None:
    did = Steps()

    def die(name: str) -> str:
        did(name)
        raise Died

    def work(ctx: Context) -> str:
        first = ctx.step("first", did, "first").result()
        second = ctx.step("second", die if "second" not in did.done else did, "second").result()
        return f"{first}, {second}"

    here = world(of(work))
    task_id = leased(here, work)
    here.run_all()
    # The second was not finished: whether it took effect, nobody knows.
    assert did.done == ["first", "second", "second"]
    assert text(here.client.get(task_id).result) == "first 1, second 3"


def test_a_task_whose_workers_keep_dying_fails(world: Worlds) -> None:
    def die(ctx: Context) -> None:
        raise Died

    here = world(of(die, max_attempts=2))
    task_id = leased(here, die)
    here.clock.advance(INVOCATION + SKEW + 1)
    with pytest.raises(Died):
        here.deliver()
    here.run_all()
    result = here.client.get(task_id).result
    assert result["status"] == "failed"
    assert result["error"] == {"code": -32603, "message": "The task was interrupted 2 times"}


def overtaken(
    world: Worlds, finish: Callable[[Context, Steps], Any], skew: float = 0.0
) -> tuple[World, str, Steps]:
    """A worker that stops for so long that another one takes its task and finishes it; then it goes on."""
    did = Steps()

    def work(ctx: Context) -> Any:
        if not did.done:
            did("first worker")
            if not skew:
                here.clock.advance(INVOCATION + SKEW + 1)
            assert here.environment(skew).invoke(task_id) == []
            return finish(ctx, did)
        did("second worker")
        return "done by the second"

    here = world(of(work, max_attempts=5))
    task_id = here.client.start("work")
    here.deliver()
    return here, task_id, did


def fail(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize("skew", [0.0, INVOCATION + SKEW + 1])
@pytest.mark.parametrize(
    "finish",
    [
        lambda ctx, did: "done by the first",
        lambda ctx, did: ctx.step("late", did, "late step").result(),
        lambda ctx, did: ctx.report_progress(1, 2, "still here"),
        lambda ctx, did: ctx.elicit("ok?", Ok).result(),
        lambda ctx, did: fail(RetryableError("later")),
        lambda ctx, did: fail(ToolError("no")),
        lambda ctx, did: fail(ValueError("no")),
        lambda ctx, did: fail(InvalidParamsError("no")),
        lambda ctx, did: fail(ItemTooLargeError("no")),
        lambda ctx, did: fail(DeadlineReached()),
    ],
    ids=["return", "step", "progress", "ask", "retry", "fail", "crash", "protocol", "too large", "deadline"],
)
def test_a_worker_whose_lease_was_taken_writes_nothing_any_more(
    world: Worlds, finish: Any, skew: float
) -> None:
    here, task_id, did = overtaken(world, finish, skew)
    assert text(here.client.get(task_id).result) == "done by the second"
    assert did.done[:2] == ["first worker", "second worker"]
    assert here.record(task_id).attempt == 2
    assert not here.queue.messages


def test_a_worker_whose_lease_was_taken_leaves_the_other_alone(world: Worlds) -> None:
    """The other one is still at work when the first one goes on."""
    did = Steps()
    second = threading.Event()

    def work(ctx: Context) -> str:
        if not did.done:
            did("first")
            here.clock.advance(INVOCATION + SKEW + 1)
            thread = threading.Thread(target=other.invoke, args=(task_id,))
            thread.start()
            assert second.wait(30)
            try:
                ctx.step("late", did, "late").result()
            finally:
                go_on.set()
                thread.join(30)
        did("second")
        second.set()
        assert go_on.wait(30)
        mine = str(ctx.step("mine", did, "mine").result())
        kept.extend(here.record(task_id).state.steps)
        return mine

    kept: list[str] = []
    go_on = threading.Event()
    here = world(of(work))
    other = here.environment()
    task_id = here.client.start("work")
    here.deliver(other)
    shown = here.client.get(task_id).result
    assert text(shown) == "mine 4"
    assert kept == ["mine"]


def test_a_lost_lease_within_a_task_group_is_a_lost_lease(world: Worlds) -> None:
    did = Steps()

    async def work(ctx: Context) -> str:
        if did.done:
            return "done by the second"
        did("first worker")
        here.clock.advance(INVOCATION + SKEW + 1)
        thread = threading.Thread(target=other.invoke, args=(task_id,))
        thread.start()
        await asyncio.to_thread(thread.join)

        async def late(name: str) -> None:
            await ctx.step(name, did, name)

        async with asyncio.TaskGroup() as group:
            group.create_task(late("a"))
            group.create_task(late("b"))
        return "done by the first"

    here = world(of(work))
    other = here.environment()
    task_id = here.client.start("work")
    here.environment().invoke(task_id)
    assert text(here.client.get(task_id).result) == "done by the second"


@pytest.mark.parametrize("skew", [-15.0, 15.0])
def test_clocks_that_differ_as_much_as_they_may_never_let_two_workers_in(world: Worlds, skew: float) -> None:
    """The first one's clock is wrong one way, the second one's the other way."""
    did = Steps()

    def work(ctx: Context) -> str:
        did("work")
        if len(did.done) > 1:
            return "done"
        other = here.environment(-skew)
        for _ in range(int(INVOCATION)):  # until Lambda would kill it
            other.invoke(task_id)
            here.clock.advance(1.0)
        assert did.done == ["work"]
        raise Died

    here = world(of(work))
    task_id = here.client.start("work")
    with pytest.raises(Died):
        here.deliver(here.environment(skew))
    here.queue.messages.sort(key=lambda sent: sent.due)
    here.run_all(limit=200)
    assert here.client.status(task_id) == "completed"


def test_two_workers_that_come_at_once_are_one_worker(world: Worlds) -> None:
    did = Steps()

    def work(ctx: Context) -> str:
        return did("work")

    here = world(of(work))
    other = here.environment()
    task_id = here.client.start("work")
    first: list[bool] = [True]

    def let_other_in(call: str) -> None:
        if call == "replace TASK" and first:
            first.clear()
            other.invoke(task_id)

    here.store.before = let_other_in
    here.deliver(here.environment())
    assert did.done == ["work"]
    assert here.client.status(task_id) == "completed"


# What there is nothing to do for.


@pytest.mark.parametrize("end", ["completed", "cancelled", "failed"])
def test_a_delivery_of_a_task_that_has_ended_does_nothing(world: Worlds, end: str) -> None:
    did = Steps()

    def finish() -> str:
        did("work")
        if end == "failed":
            raise InvalidParamsError("no")
        return "done"

    here = world(of(finish))
    task_id = here.client.start("finish")
    if end == "cancelled":
        here.client.cancel(task_id)
    here.run_all()
    before, runs = (here.record(task_id), here.version(task_id)), len(did.done)
    assert before[0].status == end
    for _ in range(3):
        assert here.here.invoke(task_id) == []
    assert ((here.record(task_id), here.version(task_id)), len(did.done)) == (before, runs)
    assert not here.queue.messages


def test_a_delivery_of_a_task_that_waits_for_its_client_does_nothing(world: Worlds) -> None:
    def ask(ctx: Context) -> str:
        return str(ctx.elicit("ok?", Ok).result())

    here = world(of(ask))
    task_id = here.client.start("ask")
    here.deliver()
    version = here.version(task_id)
    assert here.here.invoke(task_id) == []
    assert here.version(task_id) == version
    assert not here.queue.messages


@pytest.mark.parametrize("body", ["unknown", "", "x" * 5000, "{}", "TASK#x"])
def test_a_delivery_of_no_task_does_nothing(world: Worlds, body: str) -> None:
    here = world(of(plain))
    assert here.here.invoke(body) == []
    assert not here.queue.sent


def test_an_expired_task_is_not_run(world: Worlds) -> None:
    did = Steps()

    def work() -> str:
        return did("work")

    here = world(of(work, ttl=timedelta(minutes=1)))
    here.client.start("work")
    here.clock.advance(60)
    here.deliver()
    assert did.done == []


# Interruptions.


def out_of_time(ctx: Context) -> NoReturn:
    """What an invocation does to a handler whose time is up."""
    ctx._call.invocation.expired = True
    raise DeadlineReached


def test_an_attempt_that_is_out_of_time_goes_on_in_the_next_invocation(world: Worlds) -> None:
    did = Steps()

    async def work(ctx: Context) -> str:
        for number in range(3):
            await ctx.step(str(number), did, str(number))
            if number == did.done.count("break") and number < 2:
                did("break")
                out_of_time(ctx)
        return ",".join(did.done)

    here = world(of(work, max_attempts=1))
    task_id = here.client.start("work")
    here.run_all()
    assert text(here.client.get(task_id).result) == "0,break,1,break,2"
    assert [message.delay for message in here.queue.sent] == [0.0] * 3


def test_attempts_that_get_nowhere_in_time_count(world: Worlds) -> None:
    def stuck(ctx: Context) -> str:
        out_of_time(ctx)

    here = world(of(stuck, max_attempts=2))
    task_id = here.client.start("stuck")
    here.run_all()
    assert here.client.get(task_id).result["error"]["message"] == "The task was interrupted 2 times"


def test_a_step_that_finished_when_the_time_was_up_is_kept(world: Worlds) -> None:
    """The alarm may ring while the result is on its way to the table."""
    did = Steps()

    contexts: list[Context] = []

    def work(ctx: Context) -> str:
        contexts.append(ctx)
        return str(ctx.step("one", did, "one").result())

    here = world(of(work))
    task_id = here.client.start("work")
    ringing = [True]

    def ring(call: str) -> None:
        if call == "replace TASK" and did.done and ringing:
            ringing.clear()
            out_of_time(contexts[0])

    here.store.before = ring
    here.run_all()
    assert text(here.client.get(task_id).result) == "one 1"
    assert did.done == ["one"]


def test_an_async_tool_is_stopped_before_its_invocation_is(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambent.execution.durable.tasks.worker._WORTHWHILE_SECONDS", 0.0)
    cleaned: list[str] = []

    async def slow(ctx: Context) -> str:
        if cleaned:
            return "done"
        await ctx.step("one", cleaned.append, "one")
        try:
            await asyncio.sleep(3600)
        finally:
            cleaned.append("up")
        return "never"

    here = world(of(slow))
    task_id = here.client.start("slow")
    here.deliver(seconds=2.01)  # all but a hundredth of a second is kept for saying so
    record = here.record(task_id)
    assert (record.status, record.lease, record.attempt) == ("working", None, 0)
    assert cleaned == ["one", "up"]
    here.run_all()
    assert text(here.client.get(task_id).result) == "done"


@pytest.mark.parametrize("seconds", [1.0, 2.0, 2.99, 3.1])
def test_workers_that_are_given_little_time_do_not_turn_in_circles(world: Worlds, seconds: float) -> None:
    """Three seconds is what Lambda gives a function by default."""

    def work() -> str:
        return "done"

    here = world(of(work))
    task_id = here.client.start("work")
    for _ in range(20):
        if here.queue.messages and here.queue.messages[0].receives < 5:
            here.deliver(seconds=seconds)
    # Either it was run, or its message is on its way to the dead letters: each delivery costs money.
    left = [message.receives for message in here.queue.messages]
    assert here.client.status(task_id) == "completed" or left == [5]


def test_a_message_that_comes_when_the_time_is_nearly_up_is_not_lost(world: Worlds) -> None:
    did = Steps()

    def slow(name: str) -> str:
        here.clock.advance(INVOCATION - 1)
        return did(name)

    here = world(of(slow))
    tasks = [here.client.start("slow", {"name": name}) for name in "ab"]
    here.queue.messages.clear()
    failed = here.here.invoke(*tasks)
    assert did.done == ["a"]
    waiting = [message.task_id for message in here.queue.messages]
    assert [*failed, *waiting] == [tasks[1]]
    assert here.record(tasks[1]).attempt == 0


# Cancellation.


@pytest.mark.parametrize("how", ["step", "progress"])
def test_a_cancellation_is_noticed_where_the_tool_looks(world: Worlds, how: str) -> None:
    did = Steps()

    def work(ctx: Context) -> str:
        here.client.cancel(task_id)
        assert here.client.status(task_id) == "working"
        for number in range(3):
            if how == "step":
                ctx.step(str(number), did, str(number)).result()
            else:
                here.clock.advance(2)
                ctx.report_progress(number)
                did(str(number))
        return "done"

    here = world(of(work))
    task_id = here.client.start("work")
    here.clock.advance(5)
    here.deliver()
    shown = here.client.get(task_id).result
    assert shown["status"] == "cancelled"
    assert shown["lastUpdatedAt"] > shown["createdAt"]
    assert len(did.done) < 2
    assert not here.queue.messages


def test_a_cancellation_within_a_task_group_is_noticed(world: Worlds) -> None:
    async def work(ctx: Context) -> str:
        async def one(name: str) -> None:
            await ctx.step(name, str, name)
            await ctx.step(f"{name} again", str, name)

        await asyncio.to_thread(other.client.cancel, task_id)
        async with asyncio.TaskGroup() as group:
            group.create_task(one("a"))
            group.create_task(one("b"))
        return "done"

    here = world(of(work))
    other = here.environment()
    task_id = here.client.start("work")
    here.environment().invoke(task_id)
    assert here.client.status(task_id) == "cancelled"


def test_a_tool_that_does_not_look_completes_although_it_was_cancelled(world: Worlds) -> None:
    def work(ctx: Context) -> str:
        assert here.client.cancel(task_id).status == 200
        return "done"

    here = world(of(work))
    task_id = here.client.start("work")
    here.deliver()
    assert here.client.status(task_id) == "completed"


def test_a_cancelled_task_that_would_ask_ends_instead(world: Worlds) -> None:
    def ask(ctx: Context) -> str:
        here.client.cancel(task_id)
        here.clock.advance(7)
        return str(ctx.elicit("ok?", Ok).result())

    here = world(of(ask))
    task_id = here.client.start("ask")
    here.deliver()
    shown = here.client.get(task_id).result
    assert shown["status"] == "cancelled"
    assert "inputRequests" not in shown
    assert shown["lastUpdatedAt"] > shown["createdAt"]


def test_a_cancelled_task_that_would_be_tried_again_ends_instead(world: Worlds) -> None:
    tries: list[int] = []

    def work(ctx: Context) -> str:
        tries.append(1)
        here.client.cancel(task_id)
        raise RetryableError("later")

    here = world(of(work))
    task_id = here.client.start("work")
    here.run_all()
    assert here.client.status(task_id) == "cancelled"
    assert len(tries) == 1


def test_a_task_that_was_cancelled_when_its_worker_died_ends_with_the_next_one(world: Worlds) -> None:
    did = Steps()

    def work(ctx: Context) -> str:
        did("work")
        here.client.cancel(task_id)
        raise Died

    here = world(of(work))
    task_id = here.client.start("work")
    with pytest.raises(Died):
        here.deliver()
    assert here.client.status(task_id) == "working"
    here.run_all()
    assert here.client.status(task_id) == "cancelled"
    assert did.done == ["work"]


def test_a_task_is_cancelled_at_once_where_its_worker_must_be_dead(world: Worlds) -> None:
    def work(ctx: Context) -> str:
        raise Died

    here = world(of(work))
    task_id = leased(here, work)
    here.clock.advance(INVOCATION + SKEW)
    here.client.cancel(task_id)
    assert here.client.status(task_id) == "cancelled"


# Progress.


def test_progress_is_the_tasks_message(world: Worlds) -> None:
    seen: list[Any] = []

    def work(ctx: Context) -> str:
        for said in [(1, 3), (2, 3, "two of them"), (2.5,), (3, 3, "")]:
            here.clock.advance(1.5)
            ctx.report_progress(*said)
            shown = here.client.get(task_id).result
            seen.append((shown["statusMessage"], shown["lastUpdatedAt"]))
        return "done"

    here = world(of(work))
    task_id = here.client.start("work")
    here.deliver()
    assert seen == [
        ("1 of 3", "2023-11-14T22:13:21.500Z"),
        ("two of them", "2023-11-14T22:13:23.000Z"),
        ("2.5", "2023-11-14T22:13:24.500Z"),
        ("", "2023-11-14T22:13:26.000Z"),
    ]
    assert "statusMessage" not in here.client.get(task_id).result


def test_progress_is_written_once_a_second_at_most(world: Worlds) -> None:
    def work(ctx: Context) -> str:
        for number in range(100):
            ctx.report_progress(number)
            here.clock.advance(0.05)
        return "done"

    here = world(of(work))
    here.client.start("work")
    del here.store.calls[:]
    here.deliver()
    # A lease, a result, and five seconds of progress.
    assert 2 + 5 <= here.store.calls.count("replace TASK") <= 2 + 6


# What happens when the ports fail.

ATTEMPTS = 4
"""How often a write is tried that fails."""


class Throttled(StoreError):  # noqa: N818 - as AWS calls it
    """What a store raises that cannot."""


def failing_once(here: World, when: Callable[[str], bool]) -> list[str]:
    """Make the next call of the store that is one of these fail, also where a write is tried again."""
    failed: list[str] = []

    def fail_once(call: str) -> None:
        if len(failed) < (1 if call.startswith("read") else ATTEMPTS) and when(call):
            failed.append(call)
            raise Throttled(call)

    here.store.before = fail_once
    return failed


def test_a_message_is_not_lost_where_its_task_cannot_be_read(world: Worlds) -> None:
    here = world(of(plain))
    task_id = here.client.start("plain")
    failing_once(here, lambda call: call == "read TASK")
    here.deliver()
    assert len(here.queue.messages) == 1
    here.run_all()
    assert here.client.status(task_id) == "completed"


def test_a_message_is_not_lost_where_its_task_cannot_be_taken(world: Worlds) -> None:
    here = world(of(plain))
    task_id = here.client.start("plain")
    failing_once(here, lambda call: call == "replace TASK")
    here.run_all()
    assert here.client.status(task_id) == "completed"


@pytest.mark.parametrize("shielded", [False, True])
def test_a_store_that_fails_is_no_failure_of_the_tool(world: Worlds, shielded: bool) -> None:
    """The step took effect; what failed was to note it. That must not become the task's result."""
    did = Steps()

    def work(ctx: Context) -> str:
        try:
            return str(ctx.step("one", did, "one").result())
        except Exception:
            if shielded:
                return "caught what was none of its business"
            raise

    here = world(of(work))
    task_id = here.client.start("work")
    assert failing_once(here, lambda call: call == "replace TASK" and bool(did.done)) == []
    here.run_all()
    shown = here.client.get(task_id).result
    assert shown["status"] == "completed"
    assert "isError" not in shown["result"]
    assert text(shown).startswith("one ")


def test_a_store_that_fails_when_progress_is_told_is_no_failure_of_the_tool(
    world: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    begun: list[int] = []

    def work(ctx: Context) -> str:
        begun.append(1)
        ctx.report_progress(1)
        return "done"

    here = world(of(work))
    task_id = here.client.start("work")
    failing_once(here, lambda call: call == "replace TASK" and bool(begun))
    here.run_all()
    assert text(here.client.get(task_id).result) == "done"
    (told,) = [message for message in caplog.messages if "the store failed" in message]
    assert told.endswith(": replace TASK")


@pytest.mark.parametrize(
    "ending",
    [
        lambda: "done",
        lambda: fail(ToolError("no")),
        lambda: fail(InvalidParamsError("no")),
        lambda: fail(RetryableError("later")),
        lambda: fail(DeadlineReached()),
    ],
    ids=["return", "fail", "protocol", "retry", "deadline"],
)
def test_a_task_whose_end_cannot_be_written_is_run_again(world: Worlds, ending: Any) -> None:
    tries: list[int] = []

    def work() -> str:
        tries.append(1)
        return str(ending()) if len(tries) == 1 else "done at last"

    here = world(of(work, max_attempts=9))
    task_id = here.client.start("work")
    failing_once(here, lambda call: call == "replace TASK" and bool(tries))
    here.run_all()
    shown = here.client.get(task_id).result
    assert (shown["status"], text(shown)) == ("completed", "done at last")


@pytest.mark.parametrize("error", [RetryableError("later"), DeadlineReached()], ids=["retry", "deadline"])
def test_a_task_that_cannot_be_queued_again_is_delivered_again(world: Worlds, error: BaseException) -> None:
    tries: list[int] = []

    def work(ctx: Context) -> str:
        tries.append(1)
        if len(tries) == 1:
            here.queue.before = fail_send
            ctx._call.invocation.expired = True
            raise error
        return "done"

    def fail_send() -> None:
        here.queue.before = lambda: None
        raise Throttled("send")

    here = world(of(work))
    task_id = here.client.start("work")
    here.deliver()
    assert len(here.queue.messages) == 1
    here.run_all()
    assert here.client.status(task_id) == "completed"


def test_a_bug_in_one_environment_is_told_by_its_batch_response(world: Worlds) -> None:
    here = world(of(plain))
    good, bad = here.client.start("plain"), here.client.start("plain")
    reads: list[str] = []

    def broken(call: str) -> None:
        reads.append(call)
        if len(reads) == 1:
            raise Throttled(call)

    here.store.before = broken
    assert here.here.invoke(bad, good) == [bad]
    assert here.client.status(good) == "completed"


def test_a_store_that_fails_in_a_task_group_is_no_cancellation(world: Worlds) -> None:
    did = Steps()

    async def work(ctx: Context) -> str:
        async def one(name: str) -> None:
            await ctx.step(name, did, name)

        async with asyncio.TaskGroup() as group:
            group.create_task(one("a"))
            group.create_task(one("b"))
        return "done"

    here = world(of(work))
    task_id = here.client.start("work")
    failing_once(here, lambda call: call == "replace TASK" and bool(did.done))
    here.run_all()
    assert text(here.client.get(task_id).result) == "done"
    assert sorted(did.done) == ["a", "b"]


def test_a_step_whose_result_could_not_be_kept_at_first_is_not_run_again(world: Worlds) -> None:
    did = Steps()

    def work(ctx: Context) -> str:
        return str(ctx.step("one", did, "one").result())

    here = world(of(work))
    task_id = here.client.start("work")
    failing_once(here, lambda call: call == "replace TASK" and bool(did.done))
    here.run_all()
    assert text(here.client.get(task_id).result) == "one 1"


def test_a_store_that_keeps_failing_leaves_it_to_the_queue(world: Worlds) -> None:
    did = Steps()

    def work(ctx: Context) -> str:
        return str(ctx.step("one", did, "one").result())

    here = world(of(work))
    task_id = here.client.start("work")

    def fail_always(call: str) -> None:
        if did.done and call.startswith("replace"):
            raise Throttled(call)

    here.store.before = fail_always
    here.deliver()
    assert [message.receives for message in here.queue.messages] == [1]
    here.store.before = lambda _: None
    here.run_all()
    assert here.client.status(task_id) == "completed"


@pytest.mark.parametrize("error", [LeaseLost, AttemptFailed])
def test_a_tool_does_not_catch_signals_by_mistake(error: type[BaseException]) -> None:
    assert not issubclass(error, Exception)
