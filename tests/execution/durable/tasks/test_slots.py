"""How many tasks of one caller run at once, and that every end of a task makes room for another."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from tests.execution.durable.tasks.harness import DEAD_ARN, Deadline, Died, World, task_server, worlds
from tests.support import JSON_HEADERS, accept, failure

from lambent import Context, Idempotency, Limits, MCPServer, Settings, StoreError, TaskPolicy
from lambent.execution.durable.tasks.slots import TaskSlots
from lambent.hosts.entry_points import local_endpoint
from lambent.stores.memory import MemoryStore

world = pytest.fixture(worlds)
Worlds = Callable[..., World]

FORM: dict[str, Any] = {"type": "object", "properties": {}}


def shop(most: int | None = 2, poll: float = 2.5) -> MCPServer:
    mcp = task_server(limits=Limits(tasks=most))
    policy = TaskPolicy(poll_interval=timedelta(seconds=poll), ttl=timedelta(minutes=10), max_attempts=1)

    @mcp.tool(task=policy)
    def work() -> str:
        return "done"

    @mcp.tool(task=policy)
    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", FORM, key="sure").result().action

    @mcp.tool(task=policy)
    def die() -> None:
        raise Died

    @mcp.tool(task=policy, idempotency=Idempotency(key="order"))
    def buy(order: str) -> str:
        return order

    return mcp


def is_full(client: Any) -> bool:
    reply = client.call("work")
    assert reply.status in (200, 429)
    return bool(reply.status == 429)


def test_a_task_above_the_limit_is_refused_to_the_byte(world: Worlds) -> None:
    here = world(shop())
    here.client.start("work")
    here.client.start("work")
    refused = here.client.call("work")
    assert refused.status == 429
    assert refused.headers == {**JSON_HEADERS, "retry-after": "3"}
    assert refused.body == failure(-32600, "Too many tasks are running: try again in 3 s", {"retryAfter": 3})
    assert len(here.queue.sent) == 2


def test_retry_after_is_at_least_a_second(world: Worlds) -> None:
    here = world(shop(1, poll=0.2))
    here.client.start("work")
    assert here.client.call("work").headers["retry-after"] == "1"


def test_a_task_below_the_limit_costs_a_read_and_a_write(world: Worlds) -> None:
    here = world(shop(3))
    here.client.start("work")
    assert here.store.calls == ["read SLOTS", "insert SLOTS", "insert TASK"]
    here.store.calls.clear()
    here.client.start("work")
    assert here.store.calls == ["read SLOTS", "replace SLOTS", "insert TASK"]


def test_without_a_limit_nothing_is_kept(world: Worlds) -> None:
    here = world(shop(None))
    for _ in range(10):
        here.client.start("work")
    assert set(here.store.calls) == {"insert TASK"}


def test_each_principal_has_slots_of_its_own(world: Worlds) -> None:
    here = world(shop(1))
    ada, bob = here.here.client_of("ada"), here.here.client_of("bob")
    assert [is_full(ada), is_full(ada), is_full(bob), is_full(bob)] == [False, True, False, True]
    assert not any("ada" in key for key in here.store.kept._items)


def test_tasks_of_a_principal_keep_their_slots_while_they_run_and_no_longer(world: Worlds) -> None:
    here = world(shop(1))
    ada = here.here.client_of("ada")
    assert not is_full(ada)
    here.clock.advance(120)  # longer than a creation may take
    assert is_full(ada)
    here.run_all()
    assert not is_full(ada)


# Every end of a task makes room.


def completes(here: World, task_id: str) -> None:
    here.run_all()


def is_cancelled(here: World, task_id: str) -> None:
    here.client.cancel(task_id)


def expires(here: World, task_id: str) -> None:
    here.clock.advance(600)


def is_purged(here: World, task_id: str) -> None:
    here.clock.advance(61)
    here.store.kept.remove(here.item(task_id).key, here.version(task_id))


def dies_in_the_queue(here: World, task_id: str) -> None:
    here.queue.messages.clear()
    here.here.invoke(task_id, arn=DEAD_ARN)
    assert here.record(task_id).status == "failed"


@pytest.mark.parametrize("end", [completes, is_cancelled, expires, is_purged, dies_in_the_queue])
def test_a_task_that_is_over_makes_room(world: Worlds, end: Callable[[World, str], None]) -> None:
    here = world(shop(1))
    task_id = here.client.start("work")
    assert is_full(here.client)
    end(here, task_id)
    assert not is_full(here.client)
    assert is_full(here.client)


def test_a_task_whose_worker_dies_makes_room_when_it_has_failed(world: Worlds) -> None:
    here = world(shop(1))
    task_id = here.client.start("die")
    with pytest.raises(Died):
        here.deliver()
    assert is_full(here.client)
    here.run_all()
    assert here.record(task_id).status == "failed"
    assert not is_full(here.client)


def test_a_task_that_waits_for_an_answer_keeps_its_slot_until_it_has_ended(world: Worlds) -> None:
    here = world(shop(1))
    task_id = here.client.start("ask")
    here.run_all()
    assert here.client.status(task_id) == "input_required"
    assert is_full(here.client)
    here.client.update(task_id, {"sure": accept()})
    assert is_full(here.client)
    here.run_all()
    assert not is_full(here.client)


def test_a_task_that_could_not_be_queued_makes_room_after_a_minute(world: Worlds) -> None:
    here = world(shop(1))

    def fails() -> None:
        raise StoreError("sqs: SendMessage failed")

    here.queue.before = fails
    assert here.client.call("work").error["code"] == -32603
    here.queue.before = lambda: None
    here.clock.advance(59)
    assert is_full(here.client)
    here.clock.advance(1)
    assert not is_full(here.client)


def test_slots_are_kept_as_long_as_a_task_in_them(world: Worlds) -> None:
    here = world(shop(2))
    here.client.start("buy", {"order": "a"})  # kept for the window of an hour and a minute
    here.client.start("work")
    (item,) = (item for key, item in here.store.kept._items.items() if key.startswith("SLOTS#"))
    assert item.purge_at == here.clock.now + 3600 + 60 + 60
    here.store.kept.purge(item.purge_at)
    assert not is_full(here.client)


def test_while_the_store_fails_no_task_is_created(world: Worlds) -> None:
    here = world(shop(1))

    def fails(what: str) -> None:
        if what.endswith(" SLOTS"):
            raise StoreError("dynamodb: GetItem failed")

    here.store.before = fails
    assert here.client.call("work").error["code"] == -32603
    assert here.queue.sent == []


# Calls that come again.


def test_an_idempotent_call_that_comes_again_needs_no_second_slot(world: Worlds) -> None:
    here = world(shop(1))
    task_id = here.client.start("buy", {"order": "a"})
    assert here.client.start("buy", {"order": "a"}) == task_id
    assert here.client.call("buy", {"order": "b"}).status == 429
    here.run_all()
    assert here.client.start("buy", {"order": "b"}) != task_id


def test_a_creation_that_died_keeps_its_slot_for_the_call_that_takes_over(world: Worlds) -> None:
    here = world(shop(1))

    def die(what: str) -> None:
        if "insert SLOTS" in here.store.calls:  # from then on nothing happens any more
            raise Died

    here.store.before = die
    with pytest.raises(Died):
        here.client.call("buy", {"order": "a"}, context=Deadline(here.clock, 10))
    here.store.before = lambda _: None
    here.clock.advance(45)  # its lease is over
    task_id = here.client.start("buy", {"order": "a"})
    assert here.client.call("buy", {"order": "b"}).status == 429
    here.run_all()
    assert here.record(task_id).status == "completed"


# All at the same time.


@pytest.mark.parametrize("most", [1, 5])
def test_many_creations_at_once_are_never_more_than_allowed(world: Worlds, most: int) -> None:
    here = world(shop(most))
    environments = [here.environment() for _ in range(16)]
    ready = threading.Barrier(16)

    def start(number: int) -> list[int]:
        ready.wait(60)
        return [environments[number].client.call("work").status for _ in range(4)]

    for _ in range(3):
        with ThreadPoolExecutor(16) as threads:
            found = [status for four in threads.map(start, range(16)) for status in four]
        assert (found.count(200), found.count(429)) == (most, 64 - most)
        here.run_all()


def test_a_record_that_never_stands_still_is_a_refusal(world: Worlds) -> None:
    here = world(shop(1000))
    here.client.start("work")
    here.store.kept = Restless(here.store.kept)
    assert here.client.call("work").status == 429
    assert here.store.calls.count("replace SLOTS") == 20


class Restless(MemoryStore):
    """A store in which another writer is always faster."""

    def __init__(self, kept: MemoryStore) -> None:
        super().__init__()
        self._items = kept._items

    def replace(self, item: Any) -> bool:
        return False


def test_a_host_has_slots_where_a_limit_is_set() -> None:
    def slots(most: int | None, setting: int | None) -> TaskSlots | None:
        tasks = local_endpoint(shop(most)._parts(), Settings(limit_tasks=setting)).executor.services.tasks
        assert tasks is not None
        return tasks.slots

    assert slots(None, None) is None
    for most, setting, expected in ((3, None, 3), (None, 4, 4), (3, 4, 4)):
        made = slots(most, setting)
        assert made is not None
        assert made._most == expected
