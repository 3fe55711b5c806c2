"""Idempotent calls: the effect once, its result as often as it is asked for."""

import contextlib
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.execution.tasks.harness import EXTENSION, Died, World, task_server, worlds
from tests.support import EVERYTHING

from lambent import Context, Idempotency, MCPServer, TaskPolicy, ToolError
from lambent.errors import DeclarationError
from lambent.execution import once

world = pytest.fixture(worlds)
Worlds = Callable[..., World]

HOUR = 3600.0
OTHER_ARGUMENTS = "The idempotency key was used before with other arguments: use a new key"


class Effects:
    """What took effect."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def server(self, idempotency: Idempotency | None = None, **options: Any) -> MCPServer:
        mcp = task_server()

        @mcp.tool(idempotency=idempotency or Idempotency(key="order"), **options)
        def pay(order: str, amount: int = 1) -> str:
            self.done.append(order)
            return f"paid {amount}, receipt {len(self.done)}"

        return mcp


@pytest.fixture
def effects() -> Effects:
    return Effects()


def test_the_second_call_gets_the_first_result_in_any_environment(world: Worlds, effects: Effects) -> None:
    here = world(effects.server())
    first = here.client.call("pay", {"order": "a"}, request_id=1)
    again = here.environment().client.call("pay", {"order": "a"}, request_id=2)
    assert first.text == again.text == "paid 1, receipt 1"
    assert again.response["id"] == 2
    assert effects.done == ["a"]


def test_a_first_call_writes_twice_and_a_repeated_one_reads_once(world: Worlds, effects: Effects) -> None:
    here = world(effects.server())
    here.client.call("pay", {"order": "a"})
    assert here.store.calls == ["insert CALL", "replace CALL"]
    here.store.calls.clear()
    here.client.call("pay", {"order": "a"})
    assert here.store.calls == ["insert CALL", "read CALL"]


def test_another_key_another_principal_another_tool_are_other_calls(world: Worlds, effects: Effects) -> None:
    mcp = effects.server()

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay_too(order: str) -> None:
        effects.done.append(order)

    here = world(mcp)
    here.client.call("pay", {"order": "a"})
    here.client.call("pay", {"order": "b"})
    here.client.call("pay_too", {"order": "a"})
    here.here.client_of("ada").call("pay", {"order": "a"})
    here.here.client_of("bob").call("pay", {"order": "a"})
    assert effects.done == ["a", "b", "a", "a", "a"]


def test_a_key_with_other_arguments_is_a_mistake(world: Worlds, effects: Effects) -> None:
    here = world(effects.server())
    here.client.call("pay", {"order": "a"})
    reply = here.client.call("pay", {"order": "a", "amount": 2})
    assert reply.result["isError"] is True
    assert reply.text == OTHER_ARGUMENTS
    assert effects.done == ["a"]


def test_the_same_arguments_in_other_words_are_the_same(world: Worlds, effects: Effects) -> None:
    here = world(effects.server())
    for arguments in ({"order": "a"}, {"order": "a", "amount": 1}, {"amount": "1", "order": "a"}):
        assert here.client.call("pay", arguments).text == "paid 1, receipt 1"


def test_after_the_window_the_call_is_a_new_one(world: Worlds, effects: Effects) -> None:
    here = world(effects.server(Idempotency(key="order", window=timedelta(hours=1))))
    here.client.call("pay", {"order": "a"})
    here.clock.advance(HOUR - 1)
    assert here.client.call("pay", {"order": "a"}).text == "paid 1, receipt 1"
    here.clock.advance(1)
    assert here.client.call("pay", {"order": "a"}).text == "paid 1, receipt 2"


@pytest.mark.parametrize("failure", [ToolError("no"), ValueError("no"), SystemExit("no")])
def test_failures_are_not_kept(world: Worlds, failure: BaseException) -> None:
    mcp = task_server()
    fails = [failure]

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> str:
        if fails:
            raise fails.pop()
        return "paid"

    here = world(mcp)
    assert here.client.call("pay", {"order": "a"}).result["isError"] is True
    assert here.client.call("pay", {"order": "a"}).text == "paid"


def test_a_result_is_given_as_it_was(world: Worlds) -> None:
    mcp = task_server()
    counted: list[int] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> dict[str, Any]:
        counted.append(1)
        return {"order": order, "none": None, "big": 2**60, "é": [1.5, {}]}

    here = world(mcp)
    first, again = (here.client.call("pay", {"order": "a"}) for _ in range(2))
    assert first.body == again.body
    assert counted == [1]


# Keys.


def test_a_path_a_function_and_meta_can_be_keys(world: Worlds) -> None:
    mcp = task_server()
    done: list[str] = []

    @mcp.tool(idempotency=Idempotency(key="order.id"))
    def by_path(order: dict[str, Any]) -> None:
        done.append("path")

    @mcp.tool(idempotency=Idempotency(key=lambda arguments: arguments["order"].lower()))
    def by_function(order: str) -> None:
        done.append("function")

    @mcp.tool(idempotency=Idempotency(meta_key="com.example/key"))
    def by_meta() -> None:
        done.append("meta")

    client = world(mcp).client
    for _ in range(2):
        client.call("by_path", {"order": {"id": 1}})
        client.call("by_function", {"order": "A"})
        client.call("by_meta", **{"com.example/key": "k"})
    assert done == ["path", "function", "meta"]
    assert client.call("by_path", {"order": {"id": 1, "more": 1}}).text == OTHER_ARGUMENTS
    assert client.call("by_function", {"order": "a"}).text == OTHER_ARGUMENTS


def test_a_call_without_its_key_is_an_ordinary_one(world: Worlds) -> None:
    mcp = task_server()
    done: list[int] = []

    @mcp.tool(idempotency=Idempotency(meta_key="com.example/key"))
    def work() -> None:
        done.append(1)

    here = world(mcp)
    here.client.call("work")
    here.client.call("work")
    assert done == [1, 1]
    assert here.store.calls == []


@pytest.mark.parametrize("wrong", [{}, {"key": "a", "window": timedelta(0)}])
def test_what_could_know_no_call_again_is_refused(wrong: Any) -> None:
    with pytest.raises(DeclarationError):
        Idempotency(**wrong)


# At once.


def test_calls_that_arrive_at_once_take_effect_once(world: Worlds) -> None:
    mcp = task_server()
    done: list[int] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> int:
        done.append(1)
        time.sleep(0.1)
        return len(done)

    here = world(mcp)
    clients = [here.environment().client for _ in range(16)]
    given: list[int] = []
    threads = [
        threading.Thread(target=lambda client=client: given.append(client.call("pay", {"order": "a"}).value))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == [1]
    assert given == [1] * 16


def test_a_call_that_takes_too_long_is_not_waited_for_for_ever(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "_WAIT_SECONDS", 0.05)
    mcp = task_server()
    replies: list[str] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> str:
        if not replies:
            replies.append("asked")
            replies.append(here.environment().client.call("pay", {"order": "a"}).text)
        return "paid"

    here = world(mcp)
    assert here.client.call("pay", {"order": "a"}).text == "paid"
    assert replies[1:] == ["The same call is still running: ask again in a moment, with the same key"]


def test_a_call_whose_process_died_is_taken_over_when_its_time_is_over(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "_WAIT_SECONDS", 0.0)
    mcp = task_server()
    runs: list[int] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> str:
        runs.append(1)
        if len(runs) == 1:
            here.store.before = dead
            raise Died
        return "paid"

    def dead(call: str) -> None:
        raise Died

    here = world(mcp)
    with pytest.raises(Died):
        here.client.call("pay", {"order": "a"})
    here.store.before = lambda _: None
    other = here.environment().client
    assert other.call("pay", {"order": "a"}).text.startswith("The same call is still running")
    here.clock.advance(900 + 30)  # what an invocation can last, and what clocks may differ
    assert other.call("pay", {"order": "a"}).text == "paid"
    assert len(runs) == 2


# Stores that fail.


def test_an_effect_whose_result_cannot_be_kept_is_no_failure(
    world: Worlds, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    here = world(effects.server())

    def before(call: str) -> None:
        if call == "replace CALL":
            raise RuntimeError("throttled")

    here.store.before = before
    assert here.client.call("pay", {"order": "a"}).text == "paid 1, receipt 1"
    assert "throttled" in caplog.text


def test_without_knowing_whether_it_was_done_nothing_is_done(world: Worlds, effects: Effects) -> None:
    here = world(effects.server())

    def before(call: str) -> None:
        raise RuntimeError("throttled")

    here.store.before = before
    assert here.client.call("pay", {"order": "a"}).result["isError"] is True
    assert effects.done == []


def test_a_result_that_no_item_can_hold_still_means_that_it_was_done(world: Worlds) -> None:
    mcp = task_server()
    done: list[int] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> str:
        done.append(1)
        return "x" * 500_000

    here = world(mcp)
    assert len(here.client.call("pay", {"order": "a"}).text) == 500_000
    again = here.client.call("pay", {"order": "a"})
    assert again.result["isError"] is True
    assert again.text == "The call was done before; its result is too large to be given again."
    assert done == [1]


def test_without_a_table_the_log_says_what_to_set(
    effects: Effects, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert serve(effects.server()).call("pay", {"order": "a"}).error["code"] == -32603
    assert "set LAMBENT_TABLE" in caplog.text
    assert effects.done == []


# Tasks.


def test_a_call_that_became_a_task_is_that_task(world: Worlds, effects: Effects) -> None:
    here = world(effects.server(task=TaskPolicy()))
    first = here.client.start("pay", {"order": "a"})
    assert here.client.start("pay", {"order": "a"}) == first
    here.run_all()
    again = here.client.call("pay", {"order": "a"}).result
    assert (again["taskId"], again["status"]) == (first, "completed")
    assert effects.done == ["a"]


def test_a_client_without_tasks_is_not_given_one(world: Worlds, effects: Effects) -> None:
    here = world(effects.server(task=TaskPolicy()))
    here.client.start("pay", {"order": "a"})
    reply = here.client.call("pay", {"order": "a"}, capabilities=EVERYTHING)
    assert reply.error["code"] == -32021
    assert EXTENSION in str(reply.error["data"])


def test_a_task_that_failed_is_not_kept(world: Worlds) -> None:
    mcp = task_server()
    fails = [1]

    @mcp.tool(idempotency=Idempotency(key="order"), task=TaskPolicy())
    def pay(order: str) -> str:
        if fails:
            fails.pop()
            raise ToolError("no")
        return "paid"

    here = world(mcp)
    first = here.client.start("pay", {"order": "a"})
    here.run_all()
    second = here.client.start("pay", {"order": "a"})
    assert second != first
    here.run_all()
    assert here.client.get(second).result["result"]["content"][0]["text"] == "paid"


def test_a_question_is_not_kept(world: Worlds) -> None:
    mcp = task_server()
    done: list[int] = []

    @mcp.tool(idempotency=Idempotency(key="order"))
    async def pay(order: str, ctx: Context) -> str:
        with contextlib.suppress(ToolError):
            await ctx.elicit_url("Confirm", "https://example.com/confirm", key="go")
        done.append(1)
        return "paid"

    here = world(mcp)
    replies = [here.client.answered("pay", {"go": {"action": "accept"}}, {"order": "a"}) for _ in range(2)]
    assert [reply.text for reply in replies] == ["paid", "paid"]
    assert done == [1]
