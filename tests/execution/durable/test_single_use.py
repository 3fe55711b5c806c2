"""Request states that complete a call once, however often they are sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.execution.durable.tasks.harness import START, Deadline, Died, World, task_server, worlds
from tests.support import Reply, accept

from lambent import Context, MCPServer, ToolError

world = pytest.fixture(worlds)
Worlds = Callable[..., World]

STILL_RUNNING = (
    "Error executing tool refund: The same call is still running: ask again in a moment, with the same state"
)
REJECTED = {"code": -32602, "message": "Invalid or expired requestState: start the request over"}


@dataclass
class Ok:
    ok: bool


class Effects:
    """What took effect, and what goes wrong before."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails: list[BaseException] = []

    def server(self) -> MCPServer:
        mcp = task_server()

        @mcp.tool(single_use=True)
        async def refund(order: str, ctx: Context) -> str:
            await ctx.elicit("Refund?", Ok, key="sure")
            if self.fails:
                raise self.fails.pop()
            self.done.append(order)
            return f"refund {len(self.done)}"

        return mcp


@pytest.fixture
def effects() -> Effects:
    return Effects()


def ask(here: World) -> str:
    return here.client.call("refund", {"order": "a"}).state


def answer(client: Any, state: str, *, ok: bool = True, **more: Any) -> Reply:
    also = {"requestState": state, "inputResponses": {"sure": accept(ok=ok)}}
    reply: Reply = client.call("refund", {"order": "a"}, also=also, **more)
    return reply


def test_a_state_completes_one_call_in_whatever_environment(world: Worlds, effects: Effects) -> None:
    """A retry gets the result that the first answer led to; another answer gets none."""
    here = world(effects.server())
    state = ask(here)
    first = answer(here.client, state)
    assert first.text == "refund 1"
    assert answer(here.environment().client, state).body == first.body
    assert answer(here.environment().client, state, ok=False).error == REJECTED
    assert effects.done == ["a"]


def test_asking_costs_nothing_and_answering_two_writes(world: Worlds, effects: Effects) -> None:
    here = world(effects.server())
    state = ask(here)
    assert here.store.calls == []
    answer(here.client, state)
    assert here.store.calls == ["insert FLOW", "replace FLOW"]


def test_another_question_is_another_state(world: Worlds, effects: Effects) -> None:
    here = world(effects.server())
    assert answer(here.client, ask(here)).text == "refund 1"
    assert answer(here.client, ask(here)).text == "refund 2"


def test_what_is_no_state_costs_no_write(world: Worlds, effects: Effects) -> None:
    here = world(effects.server())
    state = ask(here)
    for wrong in ("", "x", state[:-4] + "AAAA"):
        assert answer(here.client, wrong).error == REJECTED
    assert here.store.calls == []


@pytest.mark.parametrize("failure", [ToolError("no"), ValueError("no"), SystemExit("no")])
def test_a_call_that_comes_to_nothing_gives_the_state_back(
    world: Worlds, effects: Effects, failure: BaseException
) -> None:
    here = world(effects.server())
    state = ask(here)
    effects.fails.append(failure)
    assert answer(here.client, state).result["isError"] is True
    assert answer(here.client, state, ok=False).text == "refund 1"
    assert answer(here.client, state).error == REJECTED
    assert effects.done == ["a"]


def test_when_a_process_dies_its_state_can_be_used_again_when_its_lease_is_over(
    world: Worlds, effects: Effects
) -> None:
    here = world(effects.server())
    state = ask(here)

    def die(call: str) -> None:
        raise Died

    here.store.after = die
    with pytest.raises(Died):
        answer(here.client, state, context=Deadline(here.clock, 20.0))
    here.store.after = lambda _: None
    assert answer(here.client, state, context=Deadline(time.monotonic, 1.0)).text == STILL_RUNNING
    assert effects.done == []
    here.clock.advance(50.0)
    assert answer(here.client, state).text == "refund 1"


def test_used_states_are_forgotten_when_they_could_not_be_used_anyway(
    world: Worlds, effects: Effects
) -> None:
    here = world(effects.server())
    answer(here.client, ask(here))
    (item,) = here.store.kept._items.values()
    assert item.key.startswith("FLOW#")
    assert START + 900 < item.purge_at <= START + 900 + 60


def test_without_a_table_the_log_says_what_to_set(
    effects: Effects, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(effects.server())
    state = client.call("refund", {"order": "a"}, capabilities={"elicitation": {"form": {}}}).state
    assert answer_plain(client, state).error["code"] == -32603
    assert "set LAMBENT_TABLE" in caplog.text
    assert effects.done == []


def answer_plain(client: Any, state: str) -> Reply:
    also = {"requestState": state, "inputResponses": {"sure": accept(ok=True)}}
    reply: Reply = client.call(
        "refund", {"order": "a"}, also=also, capabilities={"elicitation": {"form": {}}}
    )
    return reply
