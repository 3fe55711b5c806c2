"""The rules of the journal: what is finished is never done again, whatever ends a run."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from tests.execution.durable.tasks.harness import Deadline, Died, World, by_header, task_server, worlds
from tests.support import EVERYTHING, Reply, accept

from lambent import (
    Context,
    Idempotency,
    InvalidParamsError,
    MCPServer,
    RetryableError,
    Session,
    StepInterrupted,
    TaskPolicy,
    ToolError,
    ToolResult,
)

world = pytest.fixture(worlds)
Worlds = Callable[..., World]

BY_ORDER = Idempotency(key="order")
ORDER = {"order": "A1"}


@dataclass
class Ok:
    ok: bool


class Effects:
    """What steps did, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, what: str) -> str:
        self.done.append(what)
        return f"{what} {self.done.count(what)}"


@pytest.fixture
def effects() -> Effects:
    return Effects()


def made(function: Callable[..., Any], **options: Any) -> MCPServer:
    mcp = task_server()
    mcp.tool("work", **options)(function)
    return mcp


def call(here: World, arguments: Any = None, **more: Any) -> Reply:
    return here.client.call("work", ORDER if arguments is None else arguments, **more)


def first_then(here: World, state: str | None) -> dict[str, Any]:
    """What a retry sends: nothing more than the first call, or a state with the answer to its question."""
    if state is None:
        return {}
    return {"also": {"requestState": state, "inputResponses": {"ok": accept(ok=True)}}}


# 1. A finished step is never run again, whatever ends the run.

FAILURES: dict[str, Callable[[], Any]] = {
    "ToolError": lambda: ToolError("no"),
    "RetryableError": lambda: RetryableError("later"),
    "InvalidParamsError": lambda: InvalidParamsError("no"),
    "ValueError": lambda: ValueError("no"),
    "SystemExit": lambda: SystemExit(1),
    "killed": Died,
}


@pytest.mark.parametrize("single_use", [False, True], ids=["idempotent", "single use"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_after_a_step_does_not_repeat_the_step(
    world: Worlds, effects: Effects, failure: str, single_use: bool
) -> None:
    fails = [FAILURES[failure]()] * 3

    def work(order: str, ctx: Context) -> str:
        if single_use:
            ctx.elicit("ok?", Ok, key="ok").result()
        receipt = ctx.step("pay", effects, "pay").result()
        if fails:
            raise fails.pop()
        return f"{receipt}, mail {ctx.step('mail', effects, 'mail').result()}"

    here = world(made(work, **({"single_use": True} if single_use else {"idempotency": BY_ORDER})))
    retry = first_then(here, call(here).state if single_use else None)
    for _ in range(3):
        with contextlib.suppress(Died):
            call(here, context=Deadline(here.clock, 20.0), **retry)
        here.clock.advance(60.0)  # the lease of a process that was killed is over
    assert [call(here, **retry).text for _ in range(2)] == ["pay 1, mail mail 1"] * 2
    assert effects.done == ["pay", "mail"]


def test_a_result_unlike_its_schema_does_not_repeat_the_step(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context) -> int:
        receipt = ctx.step("pay", effects, "pay").result()
        return receipt if len(runs) > 1 else 1  # type: ignore[return-value]

    runs = [1, 2]
    here = world(made(work, idempotency=BY_ORDER))
    assert call(here).result["isError"] is True
    runs.pop()
    assert call(here).value == 1
    assert effects.done == ["pay"]


def test_a_question_whose_state_cannot_be_sealed_does_not_repeat_the_step(
    world: Worlds, effects: Effects
) -> None:
    import os

    def work(order: str, ctx: Context) -> str:
        ctx.step("pay", effects, "pay").result()
        ctx.step("note", lambda: os.urandom(40_000).hex()).result()
        return ctx.elicit("ok?", Ok, key="ok").result().action

    here = world(made(work, idempotency=BY_ORDER))
    for _ in range(3):
        assert "request state" in call(here).error["message"]
    assert effects.done == ["pay"]


@pytest.mark.parametrize("task", [False, True], ids=["idempotent", "task"])
@pytest.mark.parametrize("kind", ["too large", "no JSON"])
def test_a_step_whose_result_cannot_be_kept_is_not_run_again(
    world: Worlds, effects: Effects, kind: str, task: bool
) -> None:
    def work(order: str, ctx: Context) -> str:
        def pay() -> Any:
            effects("pay")
            return "x" * 500_000 if kind == "too large" else object()

        try:
            ctx.step("pay", pay).result()
        except StepInterrupted as interrupted:
            return f"look whether {interrupted.step} was done"
        return "paid"

    options: Any = {"task": TaskPolicy(max_attempts=3, retry_on=(Exception,))} if task else {}
    here = world(made(work, **(options or {"idempotency": BY_ORDER})))
    if task:
        task_id = here.client.start("work", ORDER)
        here.run_all()
        assert kind == "too large" or here.client.get(task_id).result["status"] == "completed"
    else:
        call(here, capabilities=EVERYTHING)
        assert call(here).text == "look whether pay was done"
    assert effects.done == ["pay"]


def test_a_step_that_nobody_waits_for_any_more_is_kept_too(world: Worlds, effects: Effects) -> None:
    async def slowly() -> str:
        await asyncio.sleep(0.05)
        return effects("pay")

    async def work(order: str, ctx: Context) -> str:
        try:
            return await asyncio.wait_for(ctx.step("pay", slowly), 0.01)
        except TimeoutError:
            raise ToolError("the bank is slow: try again") from None

    here = world(made(work, idempotency=BY_ORDER))
    assert call(here).result["isError"] is True
    assert effects.done == ["pay"]  # within its own invocation
    assert call(here).text == "pay 1"
    assert effects.done == ["pay"]


def test_the_journals_answers_count_more_than_new_ones(world: Worlds, effects: Effects) -> None:
    """A step was done on the strength of an answer: a retry cannot change it."""
    fails = [ToolError("no")]

    def work(order: str, ctx: Context) -> str:
        answer = ctx.elicit("ok?", Ok, key="ok").result()
        ctx.step("pay", effects, answer.action).result()
        if fails:
            raise fails.pop()
        return answer.action

    here = world(made(work, idempotency=BY_ORDER))
    state = call(here).state
    assert call(here, **first_then(here, state)).result["isError"] is True
    no = {"requestState": state, "inputResponses": {"ok": {"action": "decline"}}}
    assert call(here, also=no).text == "accept"
    assert effects.done == ["accept"]


# 2. A claim is given back only while nothing can have taken effect.


def test_a_failure_before_any_step_gives_the_claim_back(world: Worlds, effects: Effects) -> None:
    fails = [ToolError("no")]

    def work(order: str, ctx: Context, amount: int = 1) -> str:
        if fails:
            raise fails.pop()
        return ctx.step("pay", effects, str(amount)).result()

    here = world(made(work, idempotency=BY_ORDER))
    assert call(here).result["isError"] is True
    assert not here.store.kept._items
    assert call(here, {**ORDER, "amount": 2}).text == "2 1"


def test_after_a_step_the_key_belongs_to_its_arguments(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context, amount: int = 1) -> str:
        ctx.step("pay", effects, str(amount)).result()
        raise ToolError("no")

    here = world(made(work, idempotency=BY_ORDER))
    for amount in (1, 2, 1):
        call(here, {**ORDER, "amount": amount})
    assert effects.done == ["1"]


def test_an_idempotent_task_is_known_for_the_whole_window(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context) -> str:
        return ctx.step("pay", effects, "pay").result()

    day = Idempotency(key="order", window=timedelta(hours=24))
    here = world(made(work, idempotency=day, task=TaskPolicy(support="required", ttl=timedelta(hours=1))))
    task_id = here.client.start("work", ORDER)
    here.run_all()
    here.clock.advance(24 * 3600 - 1)
    assert here.client.start("work", ORDER) == task_id
    assert here.client.status(task_id) == "completed"
    assert effects.done == ["pay"]
    here.clock.advance(2)
    assert here.client.start("work", ORDER) != task_id


@pytest.mark.parametrize("ending", ["fails", "is an error", "is cancelled"])
def test_a_new_task_of_a_call_goes_on_behind_the_steps_of_the_failed_one(
    world: Worlds, effects: Effects, ending: str
) -> None:
    fails = [1]

    def work(order: str, ctx: Context) -> str:
        receipt = ctx.step("pay", effects, "pay").result()
        if fails:
            fails.pop()
            if ending == "is cancelled":
                here.client.cancel(here.client.start("work", ORDER))
                ctx.report_progress(1)
            raise InvalidParamsError("no") if ending == "fails" else ToolError("no")
        return receipt

    here = world(made(work, idempotency=BY_ORDER, task=True))
    first = here.client.start("work", ORDER)
    here.run_all()
    second = here.client.start("work", ORDER)
    assert second != first
    here.run_all()
    assert here.client.get(second).result["result"]["content"][0]["text"] == "pay 1"
    assert effects.done == ["pay"]


def test_a_process_that_dies_when_the_task_is_made_leaves_one_task(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context) -> str:
        return ctx.step("pay", effects, "pay").result()

    here = world(made(work, idempotency=BY_ORDER, task=True))

    def die(done: str) -> None:
        if done == "replace CALL":  # the task is made and queued; that it is, was about to be written
            raise Died

    here.store.before = die
    with pytest.raises(Died):
        call(here, context=Deadline(here.clock, 20.0))
    here.store.before = lambda _: None
    here.run_all()
    here.clock.advance(60.0)
    task_id = here.client.start("work", ORDER)
    here.run_all()
    assert here.client.status(task_id) == "completed"
    assert effects.done == ["pay"]


# 3. Steps that run at most once.


@pytest.mark.parametrize("kind", ["idempotent", "single use", "task"])
def test_a_step_that_died_in_flight_is_not_run_again(world: Worlds, effects: Effects, kind: str) -> None:
    dies = [True]

    def pay() -> str:
        effects("pay")
        if dies:
            dies.clear()
            raise Died
        return "paid"

    def work(order: str, ctx: Context) -> str:
        if kind == "single use":
            ctx.elicit("ok?", Ok, key="ok").result()
        try:
            return ctx.step("pay", pay, at_most_once=True).result()
        except StepInterrupted:
            return ctx.step("look", lambda: f"looked: {effects.done.count('pay')} payment").result()

    options: dict[str, Any] = {
        "idempotent": {"idempotency": BY_ORDER},
        "single use": {"single_use": True},
        "task": {"task": True},
    }[kind]
    here = world(made(work, **options))
    if kind == "task":
        task_id = here.client.start("work", ORDER)
        with pytest.raises(Died):
            here.deliver(seconds=20)
        here.clock.advance(60)
        here.run_all()
        text = here.client.get(task_id).result["result"]["content"][0]["text"]
    else:
        retry = first_then(here, call(here).state if kind == "single use" else None)
        with pytest.raises(Died):
            call(here, context=Deadline(here.clock, 20.0), **retry)
        here.clock.advance(60)
        text = call(here, **retry).text
    assert text == "looked: 1 payment"
    assert effects.done == ["pay"]


def test_an_interrupted_step_that_is_not_caught_is_told_to_the_model(world: Worlds, effects: Effects) -> None:
    def pay() -> str:
        effects("pay")
        raise TimeoutError

    def work(order: str, ctx: Context) -> str:
        return ctx.step("pay", pay, at_most_once=True).result()

    here = world(made(work, idempotency=BY_ORDER))
    call(here)
    assert call(here).text == (
        "Error executing tool work: The step 'pay' was interrupted: it may or may not have taken effect"
    )
    assert effects.done == ["pay"]


def test_a_step_at_most_once_costs_one_write_more(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context) -> str:
        return ctx.step("pay", effects, "pay", at_most_once=True).result()

    here = world(made(work, idempotency=BY_ORDER))
    call(here)
    assert here.store.calls == ["insert CALL", "replace CALL", "replace CALL", "replace CALL"]


def test_an_idempotent_call_costs_two_writes_and_one_for_each_step(world: Worlds, effects: Effects) -> None:
    def work(order: str, ctx: Context) -> str:
        return "".join(ctx.step(name, effects, name).result() for name in ("a", "b", "c"))

    here = world(made(work, idempotency=BY_ORDER))
    call(here)
    assert here.store.calls == ["insert CALL", *["replace CALL"] * 4]


# 4. A step that has begun ends within its own invocation.


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_promotion_does_not_cut_a_step(world: Worlds, effects: Effects, is_async: bool) -> None:
    def gateway() -> str:
        effects("charge")
        time.sleep(0.3)
        return "receipt"

    async def gateway_async() -> str:
        effects("charge")
        await asyncio.sleep(0.3)
        return "receipt"

    def work(order: str, ctx: Context) -> str:
        return ctx.step("charge", gateway).result()

    async def work_async(order: str, ctx: Context) -> str:
        return await ctx.step("charge", gateway_async)

    policy = TaskPolicy(support="auto", inline=timedelta(milliseconds=50))
    here = world(made(work_async if is_async else work, task=policy))
    task_id = here.client.start("work", ORDER, context=Deadline(time.monotonic, 29.0))
    assert set(here.record(task_id).state.steps) == {"charge"}
    here.run_all()
    assert here.client.get(task_id).result["result"]["content"][0]["text"] == "receipt"
    assert effects.done == ["charge"]


def test_a_step_that_is_cut_by_the_end_of_its_invocation_is_logged(
    world: Worlds, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    sleeps = [60, 0]

    async def gateway() -> str:
        await asyncio.sleep(sleeps.pop(0))
        return effects("charge")

    async def work(order: str, ctx: Context) -> str:
        return await ctx.step("charge", gateway)

    policy = TaskPolicy(support="auto", inline=timedelta(milliseconds=50))
    here = world(made(work, task=policy))
    call(here, context=Deadline(time.monotonic, 2.3))
    here.run_all()
    assert effects.done == ["charge"]
    assert "Cut while running, because the time is up: step charge" in caplog.text


# 5. A handler that swallows a question does not complete.


async def gathers(order: str, ctx: Context) -> str:
    await asyncio.gather(ctx.elicit("ok?", Ok, key="ok"), return_exceptions=True)
    return "refunded " + await ctx.step("pay", EFFECTS, "pay")


def catches_all(order: str, ctx: Context) -> str:
    try:
        ctx.elicit("ok?", Ok, key="ok").result()
    except:  # noqa: E722 - what some handlers do
        time.sleep(0)
    return "refunded " + ctx.step("pay", EFFECTS, "pay").result()


def catches_each(order: str, ctx: Context) -> str:
    with contextlib.suppress(BaseException):
        ctx.elicit("ok?", Ok, key="ok").result()
    with contextlib.suppress(BaseException):
        ctx.step("pay", EFFECTS, "pay").result()
    return "refunded"


def forgets(order: str, ctx: Context) -> str:
    ctx.elicit("ok?", Ok, key="ok")
    return "refunded"


EFFECTS = Effects()


@pytest.mark.parametrize("task", [False, True], ids=["inline", "task"])
@pytest.mark.parametrize("function", [gathers, catches_all, catches_each, forgets])
def test_a_swallowed_question_is_asked_all_the_same(
    world: Worlds, function: Callable[..., Any], task: bool, caplog: pytest.LogCaptureFixture
) -> None:
    EFFECTS.done.clear()
    here = world(made(function, task=task))
    if task:
        task_id = here.client.start("work", ORDER)
        here.run_all()
        shown = here.client.get(task_id).result
        assert (shown["status"], list(shown["inputRequests"])) == ("input_required", ["ok"])
    else:
        reply = call(here, capabilities=EVERYTHING)
        assert list(reply.questions) == ["ok"]
    assert EFFECTS.done == []  # no step begins behind a wait that was swallowed
    if function in (catches_each, forgets):
        assert "work went on without the answers that it has asked for (ok)" in caplog.text
    if task:
        here.client.update(task_id, {"ok": accept(ok=True)})
        here.run_all()
        text = here.client.get(task_id).result["result"]["content"][0]["text"]
    else:
        text = call(here, capabilities=EVERYTHING, **first_then(here, reply.state)).text
    assert text.startswith("refunded")


# 6. Two servers on one table never meet.


def test_two_servers_on_one_table_never_meet(world: Worlds, effects: Effects) -> None:
    def server(name: str) -> MCPServer:
        mcp = MCPServer(name, middleware=[by_header])

        @mcp.tool(idempotency=BY_ORDER)
        def refund(order: str) -> str:
            return f"{name} {effects(name)}"

        @mcp.tool()
        def new(ctx: Context) -> str:
            return ctx.sessions.create(Cart)

        @mcp.tool()
        def show(cart: Session[Cart]) -> int:
            return len(cart.items)

        @mcp.tool(task=True)
        def job() -> str:
            return f"the secret of {name}"

        return mcp

    here, there = world(server("eu")), world(server("us"))
    there.store, there.queue = here.store, here.queue
    assert [here.client.call("refund", ORDER).text for here in (here, there)] == ["eu eu 1", "us us 1"]
    handle = here.client.call("new").text
    assert here.client.call("show", {"cart": handle}).value == 0
    assert there.client.call("show", {"cart": handle}).result["isError"] is True
    task_id = here.client.start("job")
    assert there.client.get(task_id).error["message"] == "Task not found"
    assert there.client.cancel(task_id).error["message"] == "Task not found"
    there.deliver()  # a worker of the other server leaves it alone
    assert here.client.status(task_id) == "working"


# 7. Steps of a tool that holds a session hold it exclusively.


@dataclass
class Cart:
    items: dict[str, int] = field(default_factory=dict)


BUSY = "Error executing tool add: Another call is working on the same session: try again in a moment"
CHANGED = (
    "Error executing tool checkout: The session was changed after a step of this call was done: "
    "look at it, and start over"
)


class Shop:
    """A shop whose checkout pays in a step; ``meanwhile`` is done while the bank works."""

    def __init__(self, **options: Any) -> None:
        self.charged: list[int] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.after: Callable[[Context], None] = lambda ctx: None
        self.mcp = task_server()

        @self.mcp.tool()
        def new_cart(ctx: Context) -> str:
            return ctx.sessions.create(Cart)

        @self.mcp.tool()
        def add(cart: Session[Cart], item: str, price: int) -> int:
            cart.items[item] = price
            return len(cart.items)

        @self.mcp.tool(**options)
        def checkout(cart: Session[Cart], ctx: Context) -> str:
            receipt = ctx.step("pay", self.pay, sum(cart.items.values())).result()
            self.after(ctx)
            shipped, cart.items = sorted(cart.items), {}
            return f"{receipt}; shipping {shipped}"

    def pay(self, cents: int) -> str:
        self.charged.append(cents)
        self.meanwhile()
        return f"receipt over {cents}"


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambent.execution.durable.sessions._WAIT_SECONDS", 0.1)


def filled(here: World) -> dict[str, Any]:
    cart = {"cart": here.client.call("new_cart").text}
    here.client.call("add", {**cart, "item": "pencil", "price": 1})
    return cart


def piano(here: World, cart: dict[str, Any]) -> Reply:
    return here.environment().client.call("add", {**cart, "item": "piano", "price": 100_000})


def test_nobody_changes_a_session_while_a_step_of_its_holder_runs(world: Worlds) -> None:
    shop = Shop()
    here = world(shop.mcp)
    cart, texts = filled(here), []
    shop.meanwhile = lambda: texts.append(piano(here, cart).text)
    assert here.client.call("checkout", cart).text == "receipt over 1; shipping ['pencil']"
    assert (texts, shop.charged) == ([BUSY], [1])
    assert piano(here, cart).value == 1  # the session is free again


def test_a_session_that_changed_before_the_first_step_is_read_again(world: Worlds) -> None:
    shop = Shop()
    here = world(shop.mcp)
    cart = filled(here)
    changes = [True]

    def change(done: str) -> None:
        if done == "read SESSION" and changes:
            changes.clear()
            piano(here, cart)

    here.store.after = change
    assert here.client.call("checkout", cart).text == "receipt over 100001; shipping ['pencil', 'piano']"
    assert shop.charged == [100_001]


def test_a_session_stays_held_while_its_call_asks(world: Worlds) -> None:
    shop = Shop()
    here = world(shop.mcp)
    cart = filled(here)
    shop.after = lambda ctx: (ctx.elicit("wrap?", Ok, key="ok").result(), None)[1]
    state = here.client.call("checkout", cart).state
    assert piano(here, cart).text == BUSY
    reply = here.client.call("checkout", cart, **first_then(here, state))
    assert reply.text == "receipt over 1; shipping ['pencil']"
    assert shop.charged == [1]
    assert piano(here, cart).value == 1


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_retry_never_mixes_a_receipt_with_another_cart(world: Worlds, is_changed: bool) -> None:
    shop = Shop(idempotency=Idempotency(key="cart"))
    here = world(shop.mcp)
    cart = filled(here)
    fails = [ToolError("no")]

    def fail(ctx: Context) -> None:
        if fails:
            raise fails.pop()

    shop.after = fail
    assert here.client.call("checkout", cart).result["isError"] is True
    if is_changed:
        piano(here, cart)
    text = here.client.call("checkout", cart).text
    assert text == (CHANGED if is_changed else "receipt over 1; shipping ['pencil']")
    assert shop.charged == [1]


def test_a_session_tool_without_steps_costs_one_read_and_one_write(world: Worlds) -> None:
    here = world(Shop().mcp)
    cart = filled(here)
    del here.store.calls[:]
    here.client.call("add", {**cart, "item": "pen", "price": 2})
    assert here.store.calls == ["read SESSION", "replace SESSION"]


def test_a_result_that_is_an_error_leaves_the_session_as_it_was(world: Worlds) -> None:
    mcp = Shop().mcp

    @mcp.tool()
    def spill(cart: Session[Cart]) -> ToolResult:
        cart.items.clear()
        return ToolResult(content=["no"], is_error=True)

    here = world(mcp)
    cart = filled(here)
    here.client.call("spill", cart)
    assert here.client.call("add", {**cart, "item": "pen", "price": 2}).value == 2
