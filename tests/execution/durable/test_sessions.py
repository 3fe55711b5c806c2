"""Sessions: loaded once, saved once where they changed, never at somebody else's cost."""

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from tests.chaos.cloud import shared_cloud
from tests.execution.durable.tasks.harness import World, task_server, worlds
from tests.features.guarded import KEPT
from tests.support import EVERYTHING, Client, accept, make_handler, make_server

from lambent import Context, DeclarationError, Elicit, Resolve, RetryableError, Session, ToolError, ToolResult
from lambent.stores.dynamodb import DynamoStore

world = pytest.fixture(worlds)
cloud = pytest.fixture(shared_cloud)
Worlds = Callable[..., World]

TRIES = 8
"""How often a handler runs when others keep changing its session, as the library has it."""

DAY = timedelta(days=1).total_seconds()


@dataclass
class Cart:
    items: list[str] = field(default_factory=list)


class StructCart(msgspec.Struct):
    items: list[str] = []


class ModelCart(pydantic.BaseModel):
    items: list[str] = []


@dataclass
class Wallet:
    items: list[str] = field(default_factory=list)


@dataclass
class Ok:
    ok: bool


NO_SESSION = (
    "There is no session under the handle given as 'cart', or it has expired: "
    "create a new one and pass its handle."
)


def shop(kind: Any = Cart, ttl: timedelta = timedelta(days=1)) -> Any:
    """A server that keeps carts."""
    mcp = task_server()

    @mcp.tool()
    def new(ctx: Context) -> str:
        return ctx.sessions.create(kind, ttl=ttl)

    @mcp.tool()
    def add(cart: Session[kind], item: str) -> list[str]:  # type: ignore[valid-type]
        cart.items.append(item)
        return list(cart.items)

    @mcp.tool()
    def look(cart: Session[kind]) -> list[str]:  # type: ignore[valid-type]
        return list(cart.items)

    return mcp


def handle_of(client: Client, tool: str = "new") -> str:
    return client.call(tool).text


def items(here: World, handle: str) -> list[str]:
    value: list[str] = here.client.call("look", {"cart": handle}).value
    return value


@pytest.mark.parametrize("kind", [Cart, StructCart, ModelCart])
def test_what_a_call_changed_the_next_one_finds(world: Worlds, kind: Any) -> None:
    here = world(shop(kind))
    handle = handle_of(here.client)
    assert items(here, handle) == []
    for count, item in enumerate("abc", 1):
        assert len(here.client.call("add", {"cart": handle, "item": item}).value) == count
    assert items(here, handle) == ["a", "b", "c"]


@pytest.mark.parametrize(("kind", "value"), KEPT, ids=str)
def test_what_is_kept_comes_back_equal(world: Worlds, kind: Any, value: Any) -> None:
    mcp, seen = task_server(), []

    @mcp.tool()
    def new(ctx: Context) -> str:
        return ctx.sessions.create(value)

    @mcp.tool()
    def look(kept: Session[kind]) -> str:  # type: ignore[valid-type]
        seen.append(kept)
        return ""

    here = world(mcp)
    handle = here.client.call("new").text
    for _ in range(3):  # what is read is written again
        assert here.client.call("look", {"kept": handle}).text == ""
    assert seen == [value] * 3


def test_handles_cannot_be_guessed(world: Worlds) -> None:
    here = world(shop())
    handles = {handle_of(here.client) for _ in range(50)}
    assert len(handles) == 50
    assert all(len(handle) == 32 for handle in handles)


def test_a_session_may_begin_with_something_in_it(world: Worlds) -> None:
    mcp = shop()

    @mcp.tool()
    def full(ctx: Context) -> str:
        return ctx.sessions.create(Cart(["a"]))

    here = world(mcp)
    assert items(here, handle_of(here.client, "full")) == ["a"]


# What it costs.


def test_reading_is_one_read_and_changing_one_write_more(world: Worlds) -> None:
    here = world(shop())
    handle = handle_of(here.client)
    assert here.store.calls == ["insert SESSION"]
    del here.store.calls[:]
    items(here, handle)
    assert here.store.calls == ["read SESSION"]
    del here.store.calls[:]
    here.client.call("add", {"cart": handle, "item": "a"})
    assert here.store.calls == ["read SESSION", "replace SESSION"]


# Saved only after success.


@pytest.mark.parametrize(
    "fail",
    [
        lambda: ToolError("no"),
        lambda: RetryableError("later"),
        lambda: ValueError("no"),
        lambda: SystemExit(1),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_failed_call_changed_is_not_kept(world: Worlds, fail: Any, is_async: bool) -> None:
    mcp = shop()

    @mcp.tool("plain")
    def plain(cart: Session[Cart]) -> None:
        cart.items.append("never")
        raise fail()

    @mcp.tool("async")
    async def asynchronous(cart: Session[Cart]) -> None:
        cart.items.append("never")
        await asyncio.sleep(0)
        raise fail()

    here = world(mcp)
    handle = handle_of(here.client)
    assert here.client.call("async" if is_async else "plain", {"cart": handle}).result["isError"] is True
    assert items(here, handle) == []


def test_a_result_that_is_an_error_keeps_nothing(world: Worlds) -> None:
    mcp = shop()

    @mcp.tool()
    def fail(cart: Session[Cart]) -> ToolResult:
        cart.items.append("never")
        return ToolResult(content=[], is_error=True)

    here = world(mcp)
    handle = handle_of(here.client)
    here.client.call("fail", {"cart": handle})
    assert items(here, handle) == []


def test_a_result_that_does_not_fit_its_schema_keeps_nothing(world: Worlds) -> None:
    mcp = shop()

    @mcp.tool()
    def unfit(cart: Session[Cart]) -> int:
        cart.items.append("never")
        return "text"  # type: ignore[return-value]

    here = world(mcp)
    handle = handle_of(here.client)
    assert here.client.call("unfit", {"cart": handle}).result["isError"] is True
    assert items(here, handle) == []


def test_an_object_that_does_not_fit_its_type_is_not_kept(world: Worlds) -> None:
    mcp = shop()

    @mcp.tool()
    def spoil(cart: Session[Cart]) -> None:
        cart.items = 7  # type: ignore[assignment]

    here = world(mcp)
    handle = handle_of(here.client)
    assert here.client.call("spoil", {"cart": handle}).result["isError"] is True
    assert items(here, handle) == []


def test_a_session_that_no_item_can_hold_says_so(world: Worlds) -> None:
    here = world(shop())
    handle = handle_of(here.client)
    reply = here.client.call("add", {"cart": handle, "item": "x" * 500_000})
    assert reply.result["isError"] is True
    assert "fit" in reply.text or "large" in reply.text
    assert items(here, handle) == []


def test_a_session_that_cannot_be_saved_is_a_failed_call(world: Worlds) -> None:
    here = world(shop())
    handle = handle_of(here.client)

    def fail(call: str) -> None:
        if call == "replace SESSION":
            raise ConnectionError("no table")

    here.store.before = fail
    assert here.client.call("add", {"cart": handle, "item": "a"}).result["isError"] is True
    here.store.before = lambda _: None
    assert items(here, handle) == []


# Several at once.


def meddling(here: World, handle: str, times: int) -> list[int]:
    """Others add something whenever somebody is about to save."""
    done: list[int] = []
    other = here.environment()

    def meddle(call: str) -> None:
        if call == "replace SESSION" and len(done) < times:
            done.append(len(done))
            here.store.before = lambda _: None
            other.client.call("add", {"cart": handle, "item": f"other {len(done)}"})
            here.store.before = meddle

    here.store.before = meddle
    return done


@pytest.mark.parametrize("times", [1, TRIES - 1])
def test_who_comes_second_runs_again_on_what_the_first_left(world: Worlds, times: int) -> None:
    here = world(shop())
    handle = handle_of(here.client)
    meddling(here, handle, times)
    value = here.client.call("add", {"cart": handle, "item": "mine"}).value
    assert value == [*(f"other {number + 1}" for number in range(times)), "mine"]
    assert items(here, handle) == value


def test_who_is_always_too_late_is_told_so(world: Worlds) -> None:
    here = world(shop())
    handle = handle_of(here.client)
    meddling(here, handle, TRIES)
    reply = here.client.call("add", {"cart": handle, "item": "mine"})
    assert reply.result["isError"] is True
    assert (
        reply.text == "Error executing tool add: Others keep changing the same session: try again in a moment"
    )
    assert "mine" not in items(here, handle)
    assert len(items(here, handle)) == TRIES


@pytest.mark.parametrize("is_async", [False, True])
def test_steps_are_not_run_again_with_the_handler(world: Worlds, is_async: bool) -> None:
    mcp = shop()
    charged: list[str] = []
    runs: list[int] = []

    @mcp.tool("plain")
    def plain(cart: Session[Cart], ctx: Context) -> str:
        runs.append(1)
        receipt = ctx.step("charge", lambda: charged.append("card") or "receipt").result()
        cart.items.append(receipt)
        return receipt

    @mcp.tool("async")
    async def asynchronous(cart: Session[Cart], ctx: Context) -> str:
        runs.append(1)
        receipt = await ctx.step("charge", lambda: charged.append("card") or "receipt")
        cart.items.append(receipt)
        return receipt

    here = world(mcp)
    handle = handle_of(here.client)
    meddling(here, handle, 3)
    assert here.client.call("async" if is_async else "plain", {"cart": handle}).text == "receipt"
    assert (len(runs), charged) == (4, ["card"])
    assert items(here, handle) == ["other 1", "other 2", "other 3", "receipt"]


def test_no_update_of_many_clients_is_lost(cloud: Any) -> None:
    """Sixty-four clients on one session. Who is told that others were faster comes again."""
    mcp = shop()
    store = DynamoStore(cloud.table(), cloud.dynamodb)
    here = World(mcp, store=store)
    handle = handle_of(here.client)
    ready = threading.Barrier(64)
    errors: list[str] = []
    handlers = [here.environment() for _ in range(64)]

    def add(number: int) -> None:
        client = handlers[number].client
        ready.wait(60)
        while True:
            reply = client.call("add", {"cart": handle, "item": str(number)})
            if "isError" not in reply.result:
                return
            if not reply.text.startswith("Error executing tool add: Others keep changing"):
                errors.append(reply.text)
                return

    threads = [threading.Thread(target=add, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    assert sorted(items(here, handle), key=int) == [str(number) for number in range(64)]
    here.close()


# Whose they are, and for how long.


def refusal(client: Client, handle: Any, tool: str = "look") -> bytes:
    reply = client.call(tool, {"cart": handle})
    assert reply.result["isError"] is True
    return reply.body


def test_wrong_kind_unknown_expired_and_somebody_elses_are_told_alike(world: Worlds) -> None:
    mcp = shop(ttl=timedelta(minutes=1))

    @mcp.tool()
    def wallet(ctx: Context) -> str:
        return ctx.sessions.create(Wallet)

    here = world(mcp)
    ada, eve = here.here.client_of("ada"), here.here.client_of("eve")
    mine, other_kind = handle_of(ada), handle_of(ada, "wallet")
    told = {
        refusal(eve, mine),
        refusal(here.client, mine),
        refusal(ada, other_kind),
        refusal(ada, "A" * 32),
        refusal(ada, ""),
        refusal(ada, "x" * 10_000),
    }
    assert "isError" not in ada.call("look", {"cart": mine}).result
    here.clock.advance(60)
    told.add(refusal(ada, mine))
    assert len(told) == 1
    assert NO_SESSION in json.loads(told.pop())["result"]["content"][0]["text"]


def test_a_session_of_nobody_is_nobodys(world: Worlds) -> None:
    here = world(shop())
    handle = handle_of(here.client)
    refusal(here.here.client_of("ada"), handle)
    assert items(here, handle) == []


@pytest.mark.parametrize("handle", [7, None, ["x"], {"items": ["x"]}])
def test_a_handle_is_text(world: Worlds, handle: Any) -> None:
    here = world(shop())
    reply = here.client.call("look", {"cart": handle})
    assert reply.result["isError"] is True
    assert "cart" in reply.text
    assert not here.store.calls


def test_use_prolongs_a_session(world: Worlds) -> None:
    here = world(shop(ttl=timedelta(seconds=100)))
    handle = handle_of(here.client)
    for _ in range(10):
        here.clock.advance(90)
        assert items(here, handle) == []
    here.clock.advance(100)
    refusal(here.client, handle)


def test_reading_writes_no_more_often_than_needed(world: Worlds) -> None:
    here = world(shop(ttl=timedelta(seconds=100)))
    handle = handle_of(here.client)
    for _ in range(49):
        here.clock.advance(1)
        items(here, handle)
    assert "replace SESSION" not in here.store.calls
    here.clock.advance(2)
    items(here, handle)
    assert here.store.calls.count("replace SESSION") == 1


def test_every_change_prolongs_a_session(world: Worlds) -> None:
    here = world(shop(ttl=timedelta(seconds=100)))
    handle = handle_of(here.client)
    here.clock.advance(30)
    here.client.call("add", {"cart": handle, "item": "a"})
    here.clock.advance(99)
    assert items(here, handle) == ["a"]


def test_the_table_may_forget_a_session_only_after_it_expired(world: Worlds) -> None:
    here = world(shop(ttl=timedelta(seconds=100)))
    handle = handle_of(here.client)
    (item,) = here.store.kept._items.values()
    assert item.purge_at >= here.clock() + 100
    here.store.kept.purge(item.purge_at)
    refusal(here.client, handle)


# With questions and replays.


def test_a_handler_that_asks_makes_one_session(world: Worlds) -> None:
    mcp = shop()

    @mcp.tool()
    async def begin(ctx: Context) -> str:
        handle = ctx.sessions.create(Cart)
        await ctx.elicit("ok?", Ok)
        other = ctx.sessions.create(Cart(["b"]))
        await ctx.elicit("sure?", Ok)
        return f"{handle} {other}"

    here = world(mcp)
    answers = {"elicitation-1": accept(ok=True), "elicitation-2": accept(ok=True)}
    first, second = here.client.answered("begin", answers).text.split()
    assert here.store.calls == ["insert SESSION", "insert SESSION"]
    assert (items(here, first), items(here, second)) == ([], ["b"])


def test_a_question_changes_nothing_before_it_is_answered(world: Worlds) -> None:
    mcp = shop()

    @mcp.tool()
    async def ask(cart: Session[Cart], ctx: Context) -> int:
        cart.items.append("x")
        await ctx.elicit("ok?", Ok)
        cart.items.append("y")
        return len(cart.items)

    here = world(mcp)
    handle = handle_of(here.client)
    rounds = here.client.converse(
        "tools/call",
        {"name": "ask", "arguments": {"cart": handle}},
        {"elicitation-1": accept(ok=True)},
        capabilities=EVERYTHING,
    )
    next(rounds)
    assert items(here, handle) == []
    *_, last = rounds
    assert last.value == 2
    assert items(here, handle) == ["x", "y"]


def test_resolvers_and_sessions_go_together(world: Worlds) -> None:
    mcp = shop()

    def sure() -> Elicit[Ok]:
        return Elicit("ok?", Ok)

    @mcp.tool()
    def clear(cart: Session[Cart], ok: Annotated[Ok, Resolve(sure)]) -> bool:
        cart.items.append(str(ok.ok))
        return ok.ok

    here = world(mcp)
    handle = handle_of(here.client)
    first = here.client.call("clear", {"cart": handle})
    (key,) = first.questions
    retry = {"requestState": first.state, "inputResponses": {key: accept(ok=True)}}
    assert here.client.call("clear", {"cart": handle}, also=retry).value is True
    assert items(here, handle) == ["True"]


def test_a_task_changes_no_session() -> None:
    """A worker may die between saving the session and saying so, and the next one would change it again."""
    with pytest.raises(DeclarationError, match="session"):

        @shop().tool(task=True)
        def later(cart: Session[Cart]) -> None: ...


def test_without_a_table_the_log_says_what_to_set(caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()

    @mcp.tool()
    def new(ctx: Context) -> str:
        return ctx.sessions.create(Cart)

    reply = Client(make_handler(mcp)).call("new")
    assert b"LAMBENT_TABLE" not in reply.body
    assert "LAMBENT_TABLE" in caplog.text
