"""The journal where several things meet: tasks of asyncio, windows, kills, other keys and answers."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

import pytest
from tests.execution.durable.tasks.harness import Deadline, Died, World, by_header, worlds
from tests.execution.durable.test_journal_rules import (
    BY_ORDER,
    ORDER,
    Cart,
    Effects,
    Ok,
    call,
    first_then,
    made,
)
from tests.support import EVERYTHING, accept, make_server

from lambent import (
    Call,
    Context,
    Handler,
    HttpRefusal,
    Idempotency,
    ItemTooLargeError,
    Resolve,
    RetryableError,
    Session,
    TaskPolicy,
    ToolError,
)

world = pytest.fixture(worlds)
Worlds = Callable[..., World]


@pytest.fixture
def effects() -> Effects:
    return Effects()


def text_of_task(here: World, task_id: str) -> str:
    text: str = here.client.get(task_id).result["result"]["content"][0]["text"]
    return text


# Steps that are coroutines.


@pytest.mark.parametrize("task", [False, True], ids=["inline", "task"])
def test_a_step_that_exits_fails_its_call_and_no_other(world: Worlds, effects: Effects, task: bool) -> None:
    async def leave() -> None:
        raise SystemExit(2)

    async def slowly() -> str:
        await asyncio.sleep(0.02)
        return effects("pay")

    async def work(order: str, ctx: Context) -> str:
        await asyncio.gather(ctx.step("leave", leave), ctx.step("pay", slowly))
        return "done"

    mcp = made(work, task=task)
    mcp.tool("other")(slowly)
    here = world(mcp)
    if task:
        task_id = here.client.start("work", ORDER)
        here.run_all()
        assert "Error executing tool " in text_of_task(here, task_id)
    else:
        assert "Error executing tool " in call(here, capabilities=EVERYTHING).text
    assert effects.done == ["pay"]  # it ended within its own invocation
    assert here.client.call("other").text == "pay 2"


def test_no_step_begins_when_its_handler_has_ended(world: Worlds, effects: Effects) -> None:
    async def slowly(name: str) -> str:
        await asyncio.sleep(0.01)
        return effects(name)

    async def chain(ctx: Context) -> None:
        await ctx.step("b", slowly, "b")
        await ctx.step("c", slowly, "c")

    async def fail() -> None:
        raise ToolError("a failed")

    async def work(order: str, ctx: Context) -> str:
        if effects.done:
            await chain(ctx)
            return "done"
        await asyncio.gather(fail(), chain(ctx))
        return "never"

    async def other() -> str:
        await asyncio.sleep(0.05)
        return ",".join(effects.done)

    mcp = made(work, idempotency=BY_ORDER)
    mcp.tool("other")(other)
    here = world(mcp)
    assert call(here).text == "Error executing tool work: a failed"
    assert here.client.call("other").text == "b"
    assert call(here).text == "done"
    assert effects.done == ["b", "c"]


def test_a_step_may_be_waited_for_again(world: Worlds, effects: Effects) -> None:
    async def slowly() -> str:
        await asyncio.sleep(0.03)
        return effects("pay")

    async def fail() -> str:
        raise ToolError("declined")

    async def work(order: str, ctx: Context) -> str:
        step = ctx.step("pay", slowly)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(step, 0.001)
        return ",".join([await step, *await asyncio.gather(step, step)])

    def plain(order: str, ctx: Context) -> str:
        step, errors = ctx.step("fail", fail), []
        for _ in range(2):
            try:
                step.result()
            except ToolError as error:
                errors.append(str(error))
        return ",".join(errors)

    mcp = made(work)
    mcp.tool("plain")(plain)
    here = world(mcp)
    assert call(here).text == "pay 1,pay 1,pay 1"
    assert here.client.call("plain", ORDER).text == "declined,declined"


def test_a_step_made_before_a_swallowed_wait_does_not_begin_later(world: Worlds, effects: Effects) -> None:
    async def pay() -> str:
        return effects("pay")

    async def work(order: str, ctx: Context) -> str:
        step = ctx.step("pay", pay)
        with contextlib.suppress(BaseException):
            await ctx.elicit("ok?", Ok, key="ok")
        with contextlib.suppress(BaseException):
            await step
        return "refunded"

    here = world(made(work))
    assert list(call(here).questions) == ["ok"]
    assert effects.done == []


def test_a_step_too_large_that_the_handler_catches_is_over(world: Worlds, effects: Effects) -> None:
    async def large() -> str:
        effects("large")
        return "x" * 500_000

    async def small() -> str:
        return "s"

    async def work(order: str, ctx: Context) -> str:
        try:
            await ctx.step("large", large)
        except ItemTooLargeError:
            return f"went on: {await ctx.step('small', small)}"
        return "never"

    here = world(made(work, idempotency=BY_ORDER))
    assert call(here).text == "went on: s"
    assert effects.done == ["large"]


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_a_step_that_may_begin_once_may_ask(world: Worlds, effects: Effects, is_async: bool) -> None:
    def work(order: str, ctx: Context) -> str:
        def ask() -> str:
            return ctx.elicit("ok?", Ok, key="ok").result().action

        return ctx.step("ask", ask, at_most_once=True).result()

    async def work_async(order: str, ctx: Context) -> str:
        async def ask() -> str:
            return (await ctx.elicit("ok?", Ok, key="ok")).action

        return await ctx.step("ask", ask, at_most_once=True)

    here = world(made(work_async if is_async else work, idempotency=BY_ORDER))
    assert call(here, **first_then(here, call(here).state)).text == "accept"


def test_an_intent_that_could_not_be_written_is_none(world: Worlds, effects: Effects) -> None:
    from lambent import StoreError

    def work(order: str, ctx: Context) -> str:
        return ctx.step("pay", effects, "pay", at_most_once=True).result()

    here = world(made(work, task=TaskPolicy(max_attempts=3)))
    task_id = here.client.start("work", ORDER)
    failures = [0]

    def fail(done: str) -> None:
        if done == "replace TASK" and here.record(task_id).lease is not None and failures[0] < 4:
            failures[0] += 1
            raise StoreError("throttled")

    here.store.before = fail
    here.run_all()
    assert failures == [4]
    assert text_of_task(here, task_id) == "pay 1"


# Task groups.


@pytest.mark.parametrize("task", [False, True], ids=["inline", "task"])
def test_a_task_group_does_not_hide_what_went_wrong(world: Worlds, task: bool) -> None:
    errors = {"tool": ToolError("no"), "refusal": HttpRefusal(403, "no"), "later": RetryableError("later")}

    async def work(order: str) -> str:
        async def fail() -> None:
            raise errors[order]

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
        return "never"

    here = world(made(work, task=TaskPolicy(max_attempts=2) if task else False))

    def outcome(order: str) -> Any:
        if not task:
            response = call(here, {"order": order}, capabilities=EVERYTHING).response
            return response.get("error", response.get("result", {}).get("content"))
        task_id = here.client.start("work", {"order": order})
        here.run_all()
        shown = here.client.get(task_id).result
        return shown.get("error", shown.get("result", {}).get("content"))

    assert outcome("tool") == [{"type": "text", "text": "Error executing tool work: no"}]
    assert outcome("refusal") == {"code": -32600, "message": "no"}
    assert outcome("later") == [{"type": "text", "text": "Error executing tool work: later"}]


async def asks_in_a_group(ctx: Context) -> str:
    async def ask(key: str) -> str:
        return (await ctx.elicit(f"ok {key}?", Ok, key=key)).action

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(key)) for key in ("a", "b")]
    return ",".join(task.result() for task in tasks)


def test_a_resolver_may_ask_in_a_task_group(world: Worlds) -> None:
    def work(answers: Annotated[str, Resolve(asks_in_a_group)]) -> str:
        return answers

    here = world(made(work, task=True))
    asked = here.client.call("work")
    assert set(asked.questions) == {"a", "b"}
    answers = {key: accept(ok=True) for key in ("a", "b")}
    retry = {"requestState": asked.state, "inputResponses": answers}
    assert here.client.call("work", also=retry).result["resultType"] == "task"


# Middleware.


@pytest.mark.parametrize("task", [False, True], ids=["inline", "task"])
def test_middleware_may_run_a_call_again(world: Worlds, effects: Effects, task: bool) -> None:
    def twice(call: Call, following: Handler) -> Any:
        first = following(call)
        return following(call) if getattr(first, "is_error", False) is True else first

    def work(order: str, ctx: Context) -> str:
        receipt = ctx.step("pay", effects, "pay").result()
        if len(runs) == 1:
            runs.append(2)
            raise ToolError("no")
        return receipt

    runs = [1]
    mcp = make_server(middleware=[by_header, twice])
    mcp.tool("work", task=task)(work)
    here = world(mcp)
    if task:
        task_id = here.client.start("work", ORDER)
        here.run_all()
        assert text_of_task(here, task_id) == "pay 1"
    else:
        assert call(here, capabilities=EVERYTHING).text == "pay 2"  # a plain call keeps no journal


# Windows, keys and answers.


def test_a_window_shorter_than_the_lease_does_not_forget_a_step(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context) -> str:
        return ctx.step("pay", effects, "pay").result()

    def die(done: str) -> None:
        if done == "replace CALL" and here.store.calls.count(done) == 1:
            raise Died  # the step is recorded, the result is not

    here = world(made(work, idempotency=Idempotency(key="order", window=timedelta(seconds=60))))
    here.store.before = die
    with pytest.raises(Died):
        call(here, context=Deadline(here.clock, 900.0))
    here.store.before = lambda _: None
    here.clock.advance(931)
    assert call(here).text == "pay 1"


def test_a_task_that_has_not_ended_is_known_beyond_the_window(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context) -> str:
        receipt = ctx.step("pay", effects, "pay").result()
        return receipt + ctx.elicit("ok?", Ok, key="ok").result().action

    short = Idempotency(key="order", window=timedelta(minutes=10))
    here = world(made(work, idempotency=short, task=TaskPolicy(ttl=timedelta(hours=24))))
    task_id = here.client.start("work", ORDER)
    here.run_all()
    here.clock.advance(601)
    assert here.client.start("work", ORDER) == task_id
    here.client.update(task_id, {"ok": accept(ok=True)})
    here.run_all()
    assert here.client.start("work", ORDER) != task_id  # it has ended, and so has the window
    assert effects.done == ["pay"]


def test_a_state_belongs_to_the_key_that_it_came_with(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context) -> str:
        receipt = ctx.step("pay", effects, "pay").result()
        return receipt + ctx.elicit("ok?", Ok, key="ok").result().action

    meta_key = "com.example/key"
    here = world(made(work, idempotency=Idempotency(meta_key=meta_key)))
    state = call(here, **{meta_key: "k1"}).state
    retry = first_then(here, state)
    assert call(here, **retry, **{meta_key: "k2"}).error["code"] == -32602
    assert call(here, **retry).error["code"] == -32602
    assert call(here, **retry, **{meta_key: "k1"}).text == "pay 1accept"


def test_single_use_and_idempotency_together_give_one_result(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context) -> str:
        answer = ctx.elicit("ok?", Ok, key="ok").result()
        return ctx.step("pay", effects, answer.action).result()

    short = Idempotency(key="order", window=timedelta(seconds=60))
    here = world(made(work, idempotency=short, single_use=True))
    state = call(here).state
    no = {"requestState": state, "inputResponses": {"ok": {"action": "decline"}}}
    assert call(here, **first_then(here, state)).text == "accept 1"
    for seconds in (0, 61, 600):
        here.clock.advance(seconds)
        assert call(here, also=no).error["code"] == -32602
    assert effects.done == ["accept"]


# Time.


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_a_call_with_a_claim_says_when_its_time_is_up(
    world: Worlds, effects: Effects, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sleeps = [5.0, 0.0]

    def gateway() -> str:
        time.sleep(sleeps.pop(0))
        return effects("charge")

    async def gateway_async() -> str:
        await asyncio.sleep(sleeps.pop(0))
        return effects("charge")

    def work(order: str, ctx: Context) -> str:
        return ctx.step("charge", gateway).result()

    async def work_async(order: str, ctx: Context) -> str:
        return await ctx.step("charge", gateway_async)

    here = world(made(work_async if is_async else work, idempotency=BY_ORDER))
    assert "longer than its invocation" in call(here, context=Deadline(time.monotonic, 2.2)).text
    assert "Cut while running, because the time is up: step charge" in caplog.text
    assert call(here).text == "charge 1"


# Sessions.


def test_a_session_is_free_when_its_question_cannot_be_asked(world: Worlds, effects: Effects) -> None:
    import os

    def work(cart: Session[Cart], ctx: Context) -> str:
        ctx.step("note", lambda: os.urandom(40_000).hex()).result()
        return ctx.elicit("ok?", Ok, key="ok").result().action

    mcp = made(work)
    mcp.tool("new")(new_cart)
    mcp.tool("peek")(peek)
    here = world(mcp)
    handle = here.client.call("new").text
    assert "request state" in here.client.call("work", {"cart": handle}).error["message"]
    assert here.client.call("peek", {"cart": handle}).value == 0


def new_cart(ctx: Context) -> str:
    return ctx.sessions.create(Cart)


def peek(cart: Session[Cart]) -> int:
    return len(cart.items)


@pytest.mark.parametrize("steps", [False, True])
def test_a_process_that_dies_between_session_and_result_leaves_both_right(
    world: Worlds, effects: Effects, steps: bool
) -> None:
    def add(order: str, cart: Session[Cart], ctx: Context) -> int:
        if steps:
            ctx.step("pay", effects, "pay").result()
        cart.items[f"item {len(cart.items) + 1}"] = 1
        return len(cart.items)

    mcp = made(add, idempotency=BY_ORDER)
    mcp.tool("new")(new_cart)
    mcp.tool("peek")(peek)
    here = world(mcp)
    cart = {"cart": here.client.call("new").text}
    saved = [False]

    def die(done: str) -> None:
        saved[0] = saved[0] or done == "replace SESSION"
        if done == "replace SESSION" and here.store.calls.count("replace SESSION") == 1 + steps:
            raise Died

    here.store.after = die
    with pytest.raises(Died):
        call(here, {**ORDER, **cart}, context=Deadline(here.clock, 20.0))
    here.store.after = lambda _: None
    here.clock.advance(60)
    assert call(here, {**ORDER, **cart}).value == 1
    assert here.client.call("peek", cart).value == 1
    assert effects.done == (["pay"] if steps else [])
