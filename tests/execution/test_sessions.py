"""Sessions: what is read, what is written, who wins, and what the model is told."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import pydantic
import pytest
from tests.execution.tasks.harness import START, Died, World, task_server, worlds
from tests.support import accept, make_server

from lambent import Context, MCPServer, Session, TaskPolicy, ToolError, ToolResult
from lambent.errors import DeclarationError
from lambent.wire.values import TextContent

world = pytest.fixture(worlds)
Worlds = Callable[..., World]

DAY = 24 * 3600.0
GONE = (
    "There is no session under the handle given as 'cart', or it has expired: "
    "create a new one and pass its handle."
)


@dataclass
class Cart:
    items: list[str] = field(default_factory=list)


class Struct(msgspec.Struct):
    items: list[str] = []


class Model(pydantic.BaseModel):
    items: list[str] = []


@dataclass
class Other:
    items: list[str] = field(default_factory=list)


@dataclass
class Ok:
    ok: bool


def server(kept: Any = Cart) -> MCPServer:
    mcp = task_server()

    @mcp.tool()
    def new(ctx: Context) -> str:
        return ctx.sessions.create(kept)

    @mcp.tool()
    def add(cart: Session[kept], item: str) -> int:
        cart.items.append(item)
        return len(cart.items)

    @mcp.tool()
    def show(cart: Session[kept]) -> list[str]:
        return list(cart.items)

    return mcp


@pytest.mark.parametrize("kept", [Cart, Struct, Model])
def test_what_a_call_changes_the_next_one_finds_in_any_environment(world: Worlds, kept: Any) -> None:
    here = world(server(kept))
    one, other = here.here.client, here.environment().client
    handle = one.call("new").text
    assert one.call("add", {"cart": handle, "item": "tea"}).value == 1
    assert other.call("add", {"cart": handle, "item": "milk"}).value == 2
    assert one.call("show", {"cart": handle}).value == ["tea", "milk"]


def test_the_client_sees_a_string(world: Worlds) -> None:
    schema = world(server()).client.tool("add")["inputSchema"]
    assert schema["properties"]["cart"] == {
        "type": "string",
        "description": "Handle of a Cart session, as another tool returned it.",
    }
    assert schema["required"] == ["cart", "item"]


def test_handles_cannot_be_guessed(world: Worlds) -> None:
    here = world(server())
    handles = {here.client.call("new").text for _ in range(20)}
    assert len(handles) == 20
    assert {len(handle) for handle in handles} == {32}  # 192 bits


def test_one_read_and_one_write_a_call(world: Worlds) -> None:
    here = world(server())
    handle = here.client.call("new").text
    assert here.store.calls == ["insert SESSION"]
    here.store.calls.clear()
    here.client.call("add", {"cart": handle, "item": "tea"})
    assert here.store.calls == ["read SESSION", "replace SESSION"]


def test_what_is_not_changed_is_not_written(world: Worlds) -> None:
    here = world(server())
    handle = here.client.call("new").text
    here.store.calls.clear()
    here.client.call("show", {"cart": handle})
    assert here.store.calls == ["read SESSION"]


@pytest.mark.parametrize(
    "fail",
    [
        lambda: ToolResult(content=[TextContent(text="no")], is_error=True),
        lambda: (_ for _ in ()).throw(ToolError("no")),
        lambda: 1 / 0,
        lambda: (_ for _ in ()).throw(SystemExit("no")),
    ],
    ids=["an error result", "a tool error", "a crash", "an exit"],
)
def test_a_call_that_fails_changes_nothing(world: Worlds, fail: Callable[[], Any]) -> None:
    mcp = server()

    @mcp.tool()
    def spoil(cart: Session[Cart]) -> Any:
        cart.items.append("spoilt")
        return fail()

    here = world(mcp)
    handle = here.client.call("new").text
    assert here.client.call("spoil", {"cart": handle}).result["isError"] is True
    assert here.client.call("show", {"cart": handle}).value == []


def test_a_question_leaves_the_session_as_it_was_until_it_is_answered(world: Worlds) -> None:
    mcp = server()

    @mcp.tool()
    async def ask(cart: Session[Cart], ctx: Context) -> int:
        cart.items.append("asked for")
        await ctx.elicit("Sure?", Ok, key="sure")
        return len(cart.items)

    here = world(mcp)
    handle = here.client.call("new").text
    replies = here.client.converse(
        "tools/call", {"name": "ask", "arguments": {"cart": handle}}, {"sure": accept(ok=True)}
    )
    next(replies)
    assert here.client.call("show", {"cart": handle}).value == []
    assert next(replies).value == 1  # not two: the second round begins with what is kept
    assert here.client.call("show", {"cart": handle}).value == ["asked for"]


# Who may use it, and how long.


def test_a_session_belongs_to_whoever_made_it(world: Worlds) -> None:
    here = world(server())
    ada, bob = here.here.client_of("ada"), here.here.client_of("bob")
    handle = ada.call("new").text
    assert bob.call("show", {"cart": handle}).text == GONE
    assert here.client.call("show", {"cart": handle}).text == GONE
    assert ada.call("show", {"cart": handle}).value == []


def test_a_handle_of_another_kind_is_no_handle(world: Worlds) -> None:
    mcp = server()

    @mcp.tool()
    def new_other(ctx: Context) -> str:
        return ctx.sessions.create(Other(["theirs"]))

    here = world(mcp)
    handle = here.client.call("new_other").text
    assert here.client.call("show", {"cart": handle}).text == GONE


@pytest.mark.parametrize("handle", ["", "x", "TASK#1", "\x00", "é" * 3000])
def test_unknown_handles_tell_the_model_what_to_do(world: Worlds, handle: str) -> None:
    reply = world(server()).client.call("show", {"cart": handle})
    assert reply.result["isError"] is True
    assert reply.text == GONE


def test_a_session_expires_after_its_last_use(world: Worlds) -> None:
    here = world(server())
    handle = here.client.call("new").text
    here.clock.advance(DAY - 1)
    assert here.client.call("show", {"cart": handle}).value == []  # which keeps it for another day
    here.clock.advance(DAY - 1)
    assert here.client.call("add", {"cart": handle, "item": "tea"}).value == 1
    here.clock.advance(DAY)
    assert here.client.call("show", {"cart": handle}).text == GONE


def test_the_time_it_is_kept_can_be_chosen(world: Worlds) -> None:
    mcp = server()

    @mcp.tool()
    def brief(ctx: Context) -> str:
        return ctx.sessions.create(Cart(["tea"]), ttl=timedelta(minutes=1))

    here = world(mcp)
    handle = here.client.call("brief").text
    item = here.store.kept.read(f"SESSION#{handle}")
    assert item is not None
    assert item.purge_at == START + 60 + DAY  # the table's own clock may forget it a day later
    here.clock.advance(59)
    assert here.client.call("show", {"cart": handle}).value == ["tea"]
    here.clock.advance(60)
    assert here.client.call("show", {"cart": handle}).text == GONE


# Conflicts.


def test_whoever_loses_runs_again_from_what_is_kept_now(world: Worlds) -> None:
    mcp = server()
    runs: list[list[str]] = []
    steps: list[str] = []

    @mcp.tool()
    def slow(cart: Session[Cart], ctx: Context) -> int:
        ctx.step("mark", steps.append, "done").result()
        runs.append(list(cart.items))
        if len(runs) == 1:
            here.environment().client.call("add", {"cart": handle, "item": "meanwhile"})
        cart.items.append("mine")
        return len(cart.items)

    here = world(mcp)
    handle = here.client.call("new").text
    assert here.client.call("slow", {"cart": handle}).value == 2
    assert runs == [[], ["meanwhile"]]
    assert steps == ["done"]
    assert here.client.call("show", {"cart": handle}).value == ["meanwhile", "mine"]


def test_whoever_loses_again_and_again_is_told_so(world: Worlds) -> None:
    mcp = server()
    runs: list[int] = []

    @mcp.tool()
    def unlucky(cart: Session[Cart]) -> int:
        runs.append(1)
        here.environment().client.call("add", {"cart": handle, "item": "meanwhile"})
        cart.items.append("mine")
        return len(cart.items)

    here = world(mcp)
    handle = here.client.call("new").text
    reply = here.client.call("unlucky", {"cart": handle})
    assert reply.result["isError"] is True
    assert reply.text == "Others keep changing the same session: try again in a moment"
    assert here.client.call("show", {"cart": handle}).value == ["meanwhile"] * len(runs)


def test_many_clients_of_one_session_lose_nothing(world: Worlds) -> None:
    here = world(server())
    handle = here.client.call("new").text
    added: list[str] = []

    def work(name: str, client: Any) -> None:
        for number in range(4):
            item = f"{name}.{number}"
            if "isError" not in client.call("add", {"cart": handle, "item": item}).result:
                added.append(item)

    clients = [here.environment().client for _ in range(16)]
    threads = [
        threading.Thread(target=work, args=(str(number), client)) for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    kept = here.client.call("show", {"cart": handle}).value
    assert sorted(kept) == sorted(added)
    assert len(added) > 16


# Making them.


def test_a_call_that_runs_again_makes_no_second_session(world: Worlds) -> None:
    mcp = server()

    @mcp.tool()
    async def begin(ctx: Context) -> str:
        handle = ctx.sessions.create(Cart)
        await ctx.elicit("Sure?", Ok, key="sure")
        return handle

    here = world(mcp)
    handle = here.client.answered("begin", {"sure": accept(ok=True)}).text
    assert here.store.calls.count("insert SESSION") == 1
    assert here.client.call("show", {"cart": handle}).value == []


def test_what_no_item_can_hold_is_said_to_the_model(world: Worlds) -> None:
    here = world(server())
    handle = here.client.call("new").text
    reply = here.client.call("add", {"cart": handle, "item": "x" * 500_000})
    assert reply.text == "The session has grown too large to be kept: put less into it"
    assert here.client.call("show", {"cart": handle}).value == []


@pytest.mark.parametrize("strike", [Died, RuntimeError])
def test_a_write_that_fails_is_no_success(world: Worlds, strike: type[BaseException]) -> None:
    here = world(server())
    handle = here.client.call("new").text

    def before(call: str) -> None:
        if call == "replace SESSION":
            raise strike

    here.store.before = before
    try:
        reply = here.client.call("add", {"cart": handle, "item": "tea"})
    except Died:
        pass
    else:
        assert reply.result["isError"] is True
    here.store.before = lambda _: None
    assert here.client.call("show", {"cart": handle}).value == []


def test_without_a_table_the_log_says_what_to_set(caplog: pytest.LogCaptureFixture, serve: Any) -> None:
    client = serve(server())
    assert client.call("new").error["code"] == -32603
    assert "set LAMBENT_TABLE" in caplog.text


# Declaring them.


def test_two_sessions_in_one_call_are_refused() -> None:
    mcp = make_server()

    with pytest.raises(DeclarationError, match="a call changes one session"):

        @mcp.tool()
        def move(source: Session[Cart], target: Session[Cart]) -> None: ...


@pytest.mark.parametrize("hint", [Session[Cart] | None, list[Session[Cart]]], ids=["optional", "list"])
def test_a_session_inside_of_another_type_is_refused(hint: Any) -> None:
    def work(cart: hint) -> None: ...

    with pytest.raises(DeclarationError, match=r"write 'cart' as Session\[…\], with nothing around it"):
        make_server().tool()(work)


def test_a_task_with_a_session_is_refused() -> None:
    def work(cart: Session[Cart]) -> None: ...

    with pytest.raises(DeclarationError, match="a task cannot change a session"):
        make_server().tool(task=TaskPolicy())(work)
