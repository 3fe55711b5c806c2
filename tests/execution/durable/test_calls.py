"""Once and no more: idempotent calls, and request states that can be used a single time."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import pydantic
import pytest
from tests.chaos.cloud import Cloud, shared_cloud
from tests.execution.durable.tasks.harness import TASKS, Deadline, Died, World, task_server, worlds
from tests.support import EVERYTHING, Client, Reply, accept, make_handler, make_server

from lambent import Context, Idempotency, InvalidParamsError, TaskPolicy, ToolError, ToolResult
from lambent.stores.dynamodb import DynamoStore

world = pytest.fixture(worlds)
cloud = pytest.fixture(shared_cloud)
Worlds = Callable[..., World]

SKEW = 30.0
USED_WITH_OTHERS = (
    "Error executing tool pay: The idempotency key was used before with other arguments: use a new key"
)
STILL_RUNNING = (
    "Error executing tool pay: The same call is still running: ask again in a moment, with the same key"
)
REJECTED = "Invalid or expired requestState: start the request over"
NOT_FINITE = "NaN and infinity are no JSON numbers - at `$`"
META = "com.example/idempotencyKey"


@dataclass
class Ok:
    ok: bool


class Bank:
    """A server whose one tool has an effect that is counted."""

    def __init__(self, idempotency: Idempotency | None = None, **options: Any) -> None:
        self.paid: list[str] = []
        self.during: Callable[[], None] = lambda: None
        self.server = task_server()
        by = idempotency or Idempotency(key="order")
        self.server.tool("pay", idempotency=by, **options)(self.pay)

    def pay(self, order: str = "", amount: int = 1) -> str:
        self.paid.append(order)
        self.during()
        return f"paid {order} {amount}, payment {len(self.paid)}"


@pytest.fixture
def bank() -> Bank:
    return Bank()


def pay(client: Client, order: str = "A1", **more: Any) -> Reply:
    arguments = {"order": order} | ({"amount": more.pop("amount")} if "amount" in more else {})
    return client.call("pay", arguments, **more)


# The same again.


def test_the_same_call_gives_the_same_result(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    replies = [pay(here.client) for _ in range(3)]
    replies.append(pay(here.environment().client))
    assert {reply.body for reply in replies} == {replies[0].body}
    assert replies[0].text == "paid A1 1, payment 1"
    assert bank.paid == ["A1"]
    assert pay(here.client, request_id="other").text == "paid A1 1, payment 1"


def test_another_key_is_another_call(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    assert pay(here.client, "A1").text == "paid A1 1, payment 1"
    assert pay(here.client, "A2").text == "paid A2 1, payment 2"


def test_the_whole_result_is_given_again(world: Worlds) -> None:
    mcp = task_server()
    runs: list[int] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> ToolResult:
        runs.append(1)
        return ToolResult(content=["text"], structured_content={"n": 1}, meta={"com.example/x": 1})

    @mcp.tool(idempotency=Idempotency(key="order"))
    def count(order: str) -> dict[str, int]:
        runs.append(1)
        return {"runs": len(runs)}

    here = world(mcp)
    for tool in ("pay", "count"):
        first, second = (here.client.call(tool, {"order": "A1"}) for _ in range(2))
        assert first.body == second.body
    assert len(runs) == 2


def test_other_arguments_under_the_same_key_are_a_mistake(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    pay(here.client, amount=1)
    reply = pay(here.client, amount=2)
    assert (reply.result["isError"], reply.text) == (True, USED_WITH_OTHERS)
    assert bank.paid == ["A1"]
    assert pay(here.client, amount=1).text == "paid A1 1, payment 1"


def test_the_order_of_arguments_does_not_matter(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    first = here.client.call("pay", {"order": "A1", "amount": 2})
    assert here.client.call("pay", {"amount": 2, "order": "A1"}).body == first.body


@pytest.mark.parametrize("nulls", [{"arguments": None}, {"arguments": None, "requestState": None}])
def test_arguments_that_are_null_make_the_same_call_as_none(world: Worlds, nulls: dict[str, Any]) -> None:
    bank = Bank(Idempotency(meta_key=META))
    here = world(bank.server)
    calls = [{"name": "pay"}, {"name": "pay", **nulls}, {"name": "pay", "arguments": {}}]
    replies = [here.client.request("tools/call", params, **{META: "k"}) for params in calls]
    assert {reply.body for reply in replies} == {replies[0].body}
    assert replies[0].text == "paid  1, payment 1"
    assert len(bank.paid) == 1


class Order(pydantic.BaseModel):
    order_id: str = pydantic.Field(alias="orderId")
    amount: int = 1


@pytest.mark.parametrize(
    ("key", "arguments", "other"),
    [
        ("Order.orderId", {"Order": {"orderId": "A1"}}, {"Order": {"orderId": "A2"}}),
        ("Nr", {"Order": {"orderId": "A1"}, "Nr": 1}, {"Order": {"orderId": "A1"}, "Nr": 2}),
    ],
)
def test_a_key_is_named_as_clients_name_it(
    world: Worlds, key: str, arguments: dict[str, Any], other: dict[str, Any]
) -> None:
    mcp, paid = task_server(), []

    @mcp.tool(idempotency=Idempotency(key=key))
    def pay(
        order: Annotated[Order, pydantic.Field(alias="Order")], nr: int = pydantic.Field(0, alias="Nr")
    ) -> str:
        paid.append((order.order_id, nr))
        return f"payment {len(paid)}"

    here = world(mcp)
    assert [here.client.call("pay", arguments).text for _ in range(2)] == ["payment 1"] * 2
    assert here.client.call("pay", other).text == "payment 2"
    assert here.client.call("pay", {**arguments, "Order": {"orderId": "A1", "amount": 2}}).text == (
        USED_WITH_OTHERS
    )
    assert len(paid) == 2


def test_nan_is_no_key(world: Worlds) -> None:
    bank = Bank(Idempotency(key=lambda _: math.nan))  # type: ignore[arg-type, return-value]
    here = world(bank.server)
    reply = pay(here.client)
    assert (reply.result["isError"], reply.text) == (
        True,
        f"Error executing tool pay: The idempotency key cannot be used: {NOT_FINITE}",
    )
    assert bank.paid == []


def test_a_call_without_a_key_is_not_remembered(world: Worlds) -> None:
    bank = Bank(Idempotency(meta_key=META))
    here = world(bank.server)
    assert [pay(here.client).text for _ in range(2)] == ["paid A1 1, payment 1", "paid A1 1, payment 2"]
    assert here.store.calls == []


def test_a_key_of_the_clients_own(world: Worlds) -> None:
    bank = Bank(Idempotency(meta_key=META))
    here = world(bank.server)
    first = pay(here.client, **{META: "k1"})
    assert pay(here.client, **{META: "k1"}).body == first.body
    assert pay(here.client, **{META: "k2"}).text == "paid A1 1, payment 2"
    assert pay(here.client, "A2", **{META: "k1"}).text == USED_WITH_OTHERS


def test_the_clients_own_key_comes_before_the_arguments(world: Worlds) -> None:
    bank = Bank(Idempotency(key="order", meta_key=META))
    here = world(bank.server)
    assert pay(here.client, **{META: "k1"}).text == "paid A1 1, payment 1"
    assert pay(here.client, **{META: "k2"}).text == "paid A1 1, payment 2"
    assert pay(here.client).text == "paid A1 1, payment 3"
    assert pay(here.client).text == "paid A1 1, payment 3"


def test_principals_do_not_share_their_keys(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    texts = [pay(here.here.client_of(user)).text for user in ("ada", "eve", None, "ada", "eve", None)]
    assert texts[:3] == texts[3:]
    assert len(set(texts)) == 3


def test_tools_do_not_share_their_keys(world: Worlds, bank: Bank) -> None:

    @bank.server.tool(idempotency=Idempotency(key="order"))
    def refund(order: str) -> str:
        return f"refunded {order}"

    here = world(bank.server)
    pay(here.client)
    assert here.client.call("refund", {"order": "A1"}).text == "refunded A1"


def test_the_window_ends(world: Worlds) -> None:
    bank = Bank(Idempotency(key="order", window=timedelta(minutes=10)))
    here = world(bank.server)
    pay(here.client)
    here.clock.advance(599.9)
    assert pay(here.client).text == "paid A1 1, payment 1"
    here.clock.advance(0.1)
    assert pay(here.client, amount=2).text == "paid A1 2, payment 2"
    here.clock.advance(599)
    assert pay(here.client, amount=2).text == "paid A1 2, payment 2"


def test_the_table_may_forget_a_result_only_after_its_window(world: Worlds) -> None:
    bank = Bank(Idempotency(key="order", window=timedelta(minutes=10)))
    here = world(bank.server)
    pay(here.client)
    (item,) = here.store.kept._items.values()
    assert item.purge_at >= here.clock() + 600
    assert item.purge_at <= here.clock() + 600 + 3600


def test_a_first_call_costs_two_writes_and_a_second_one_read_more(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    pay(here.client)
    assert here.store.calls == ["insert CALL", "replace CALL"]
    del here.store.calls[:]
    pay(here.client)
    assert sorted(here.store.calls) in (["insert CALL", "read CALL"], ["read CALL"])


# Failures.


@pytest.mark.parametrize(
    "error", [ToolError("no"), ValueError("no"), SystemExit(1), InvalidParamsError("no")]
)
def test_a_failure_is_not_kept(world: Worlds, bank: Bank, error: BaseException) -> None:
    here = world(bank.server)

    def fail() -> None:
        raise error

    bank.during = fail
    for _ in range(2):
        assert "paid" not in str(pay(here.client).response)
    bank.during = lambda: None
    assert pay(here.client).text == "paid A1 1, payment 3"
    assert pay(here.client).text == "paid A1 1, payment 3"


def test_a_result_that_is_an_error_is_not_kept(world: Worlds) -> None:
    mcp = task_server()
    runs: list[int] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> ToolResult:
        runs.append(1)
        return ToolResult(content=[], is_error=True)

    here = world(mcp)
    for _ in range(2):
        here.client.call("pay", {"order": "A1"})
    assert len(runs) == 2
    assert not here.store.kept._items


def test_wrong_arguments_are_refused_before_anything_is_remembered(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    assert here.client.call("pay", {"order": "A1", "amount": "many"}).result["isError"] is True
    assert here.store.calls == []


def test_a_question_is_not_kept_and_the_answer_is(world: Worlds) -> None:
    mcp = task_server()
    paid: list[str] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    async def pay(order: str, ctx: Context) -> str:
        await ctx.elicit("ok?", Ok)
        paid.append(order)
        return f"payment {len(paid)}"

    here = world(mcp)
    for _ in range(2):
        reply = here.client.answered("pay", {"elicitation-1": accept(ok=True)}, {"order": "A1"})
        assert reply.text == "payment 1"
    assert paid == ["A1"]


def test_a_result_too_large_to_keep_is_still_an_effect_that_was_had(world: Worlds) -> None:
    mcp = task_server()
    runs: list[int] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> str:
        runs.append(1)
        return "x" * 500_000

    here = world(mcp)
    assert len(here.client.call("pay", {"order": "A1"}).text) == 500_000
    again = here.client.call("pay", {"order": "A1"})
    assert again.result["isError"] is True
    assert "done before" in again.text
    assert len(runs) == 1


# In flight.


def test_a_second_call_waits_for_the_first(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    others = [here.environment() for _ in range(4)]
    texts: list[str] = []
    threads = [threading.Thread(target=lambda one=one: texts.append(pay(one.client).text)) for one in others]
    looked = threading.Event()

    def while_paying() -> None:
        here.store.after = lambda call: looked.set()
        for thread in threads:
            thread.start()
        assert looked.wait(30)

    bank.during = while_paying
    texts.append(pay(here.client).text)
    for thread in threads:
        thread.join(30)
    assert texts == ["paid A1 1, payment 1"] * 5


def test_a_second_call_that_cannot_wait_is_told_to_come_again(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    other = here.environment()
    replies: list[Reply] = []
    bank.during = lambda: replies.append(pay(other.client, context=Deadline(time.monotonic, 1.0)))
    assert pay(here.client).text == "paid A1 1, payment 1"
    assert (replies[0].result["isError"], replies[0].text) == (True, STILL_RUNNING)
    assert bank.paid == ["A1"]


def test_other_arguments_are_a_mistake_while_the_first_runs_too(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    other = here.environment()
    texts: list[str] = []
    bank.during = lambda: texts.append(pay(other.client, amount=9).text)
    pay(here.client)
    assert texts == [USED_WITH_OTHERS]


def test_waiting_asks_the_table_for_no_more_than_it_must(world: Worlds, bank: Bank) -> None:
    """Whoever waits reads: writes that are refused are paid for as well."""
    here = world(bank.server)
    other = here.environment()

    def while_paying() -> None:
        del here.store.calls[:]
        pay(other.client, context=Deadline(time.monotonic, 1.4))

    bank.during = while_paying
    pay(here.client)
    assert here.store.calls.count("insert CALL") <= 2


def die() -> None:
    raise Died


def test_a_first_caller_that_died_is_taken_over_when_its_time_is_up(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    bank.during = die
    # The process is gone: it forgets nothing any more.
    here.store.before = lambda call: die() if call == "remove CALL" else None
    with pytest.raises(Died):
        pay(here.client, context=Deadline(here.clock, 20.0))
    here.store.before = lambda _: None
    bank.during = lambda: None
    other = here.environment()
    here.clock.advance(20 + SKEW - 0.1)
    assert pay(other.client, context=Deadline(time.monotonic, 1.0)).text == STILL_RUNNING
    here.clock.advance(0.1)
    assert pay(other.client).text == "paid A1 1, payment 2"
    assert pay(here.client).text == "paid A1 1, payment 2"


def test_of_many_who_take_over_one_does(world: Worlds, bank: Bank) -> None:
    here = world(bank.server)
    bank.during = die
    here.store.before = lambda call: die() if call == "remove CALL" else None
    with pytest.raises(Died):
        pay(here.client, context=Deadline(here.clock, 20.0))
    here.store.before = lambda _: None
    bank.during = lambda: None
    here.clock.advance(20 + SKEW)
    texts = at_once(here, 16)
    assert texts == {"paid A1 1, payment 2"}
    assert bank.paid == ["A1", "A1"]


def at_once(here: World, count: int) -> set[str]:
    """Many make the same call at the same moment; what they are told."""
    ready = threading.Barrier(count)
    texts: list[str] = []
    clients = [here.environment().client for _ in range(count)]

    def call(client: Client) -> None:
        ready.wait(60)
        texts.append(pay(client).text)

    threads = [threading.Thread(target=call, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(texts) == count
    return set(texts)


@pytest.mark.parametrize("kind", ["memory", "ministack"])
def test_of_many_identical_calls_one_has_an_effect(
    bank: Bank, kind: str, request: pytest.FixtureRequest
) -> None:
    more = {}
    if kind == "ministack":
        cloud: Cloud = request.getfixturevalue("cloud")
        more = {"store": DynamoStore(cloud.table(), cloud.dynamodb)}
    here = World(bank.server, **more)
    try:
        assert at_once(here, 64) == {"paid A1 1, payment 1"}
        assert bank.paid == ["A1"]
    finally:
        here.close()


# Tasks.


def test_the_same_call_gives_the_same_task(world: Worlds) -> None:
    bank = Bank(task=True)
    here = world(bank.server)
    first, second = pay(here.client), pay(here.client)
    assert first.result["resultType"] == "task"
    assert first.body == second.body
    assert len(here.queue.sent) == 1
    here.run_all()
    assert bank.paid == ["A1"]
    assert pay(here.client).result["taskId"] == first.result["taskId"]


@pytest.mark.parametrize("support", ["optional", "auto"])
def test_a_client_without_the_extension_is_given_no_task(world: Worlds, support: Any) -> None:
    """Not even one that it made itself, when it still declared it (SEP-2663, MUST NOT)."""
    bank = Bank(task=TaskPolicy(support=support, inline=timedelta(milliseconds=10)))
    bank.during = lambda: time.sleep(60) if len(bank.paid) == 1 and support == "auto" else None
    here = world(bank.server)
    assert pay(here.client).result["resultType"] == "task"
    reply = pay(here.client, capabilities=EVERYTHING)
    assert reply.response.get("result", {}).get("resultType") != "task"
    assert pay(here.client, capabilities=TASKS).result["resultType"] == "task"


def test_without_a_table_the_log_says_what_to_set(bank: Bank, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()
    mcp.tool("pay", idempotency=Idempotency(key="order"))(bank.pay)
    reply = Client(make_handler(mcp)).call("pay", {"order": "A1"})
    assert b"LAMBENT_TABLE" not in reply.body
    assert "LAMBENT_TABLE" in caplog.text
    assert bank.paid == []


# States that are used once.


class Counter:
    """A server whose tool asks, and may be answered once."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.during: Callable[[], None] = lambda: None
        self.server = task_server()
        self.server.tool("vote", single_use=True)(self.vote)

    def vote(self, ctx: Context) -> str:
        answer = ctx.elicit("ok?", Ok).result()
        self.during()
        self.done.append(answer.action)
        return f"vote {len(self.done)}"


@pytest.fixture
def counter() -> Counter:
    return Counter()


def retry_of(client: Client) -> dict[str, Any]:
    return {
        "requestState": client.call("vote").state,
        "inputResponses": {"elicitation-1": accept(ok=True)},
    }


def refused(reply: Reply) -> bool:
    return (reply.status, reply.response.get("error")) == (400, {"code": -32602, "message": REJECTED})


def test_a_state_completes_a_call_once(world: Worlds, counter: Counter) -> None:
    here = world(counter.server)
    retry = retry_of(here.client)
    first = here.client.call("vote", also=retry)
    assert first.text == "vote 1"
    assert here.client.call("vote", also=retry).body == first.body
    assert here.environment().client.call("vote", also=retry).body == first.body
    assert counter.done == ["accept"]
    assert here.client.call("vote", also=retry_of(here.client)).text == "vote 2"


def test_a_state_whose_call_failed_can_be_used_again(world: Worlds, counter: Counter) -> None:
    here = world(counter.server)
    retry = retry_of(here.client)
    for error in (ToolError("no"), ValueError("no"), InvalidParamsError("no")):

        def fail(error: Exception = error) -> None:
            raise error

        counter.during = fail
        assert not refused(here.client.call("vote", also=retry)) or isinstance(error, InvalidParamsError)
    wrong = {**retry, "inputResponses": {"elicitation-1": accept(ok="perhaps")}}
    assert here.client.call("vote", also=wrong).error["code"] == -32602
    counter.during = lambda: None
    assert here.client.call("vote", also=retry).text == "vote 1"


def test_a_forged_state_is_refused_like_a_used_one(world: Worlds, counter: Counter) -> None:
    here = world(counter.server)
    retry = retry_of(here.client)
    assert refused(here.client.call("vote", also={**retry, "requestState": "A" * 50}))
    assert here.client.call("vote", also=retry).text == "vote 1"


def test_a_state_used_elsewhere_at_the_same_moment_waits(world: Worlds, counter: Counter) -> None:
    here = world(counter.server)
    other = here.environment()
    retry = retry_of(here.client)
    replies: list[Reply] = []
    soon = Deadline(time.monotonic, 1.0)
    counter.during = lambda: replies.append(other.client.call("vote", also=retry, context=soon))
    assert here.client.call("vote", also=retry).text == "vote 1"
    assert replies[0].text == STILL_RUNNING.replace("key", "state").replace("pay", "vote")
    assert counter.done == ["accept"]


@pytest.mark.parametrize("kind", ["memory", "ministack"])
def test_of_many_who_use_a_state_at_once_one_may(
    counter: Counter, kind: str, request: pytest.FixtureRequest
) -> None:
    more = {}
    if kind == "ministack":
        cloud: Cloud = request.getfixturevalue("cloud")
        more = {"store": DynamoStore(cloud.table(), cloud.dynamodb)}
    here = World(counter.server, **more)
    try:
        retry = retry_of(here.client)
        ready = threading.Barrier(32)
        replies: list[Reply] = []
        clients = [here.environment().client for _ in range(32)]

        def vote(client: Client) -> None:
            ready.wait(60)
            replies.append(client.call("vote", also=retry))

        threads = [threading.Thread(target=vote, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [reply.text for reply in replies] == ["vote 1"] * 32
        assert counter.done == ["accept"]
    finally:
        here.close()


def test_calls_without_a_state_cost_nothing(world: Worlds, counter: Counter) -> None:
    here = world(counter.server)
    here.client.call("vote")
    assert here.store.calls == []


def test_a_used_state_is_remembered_for_as_long_as_it_could_be_used(world: Worlds, counter: Counter) -> None:
    here = world(counter.server)
    retry = retry_of(here.client)
    here.clock.advance(800)  # of the 900 seconds for which it is good
    here.client.call("vote", also=retry)
    here.clock.advance(99)
    here.store.kept.purge(here.clock())
    assert here.client.call("vote", also=retry).text == "vote 1"
    assert counter.done == ["accept"]
