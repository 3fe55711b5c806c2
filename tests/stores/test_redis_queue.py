"""The queue in Redis: leases, delays, and who is woken."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.redis_server import SECONDS, RedisProcess, client_of, shared_redis
from tests.stores.test_contract import at_once

from lambent.execution.leased_queue import Message
from lambent.stores.redis_queue import RedisQueue

redis = pytest.fixture(shared_redis)

LEASE = 60.0


@pytest.fixture
def client(redis: RedisProcess) -> Iterator[Any]:
    made = client_of(redis.url())
    yield made
    made.close()


@pytest.fixture
def queue(client: Any) -> RedisQueue:
    return RedisQueue("redis://a", "tasks", client)


def bodies(messages: list[Message]) -> list[str]:
    return sorted(message.body for message in messages)


def test_a_message_is_received_once_while_its_lease_lasts(queue: RedisQueue) -> None:
    queue.send_all(["a", "b"])
    messages, _ = queue.receive(9, LEASE, 5.0)
    assert bodies(messages) == ["a", "b"]
    assert [message.count for message in messages] == [1, 1]
    assert queue.receive(9, LEASE, 5.0) == ([], 5.0)


def test_a_message_comes_again_when_its_lease_is_over(queue: RedisQueue) -> None:
    queue.send("a")
    (first,), _ = queue.receive(1, 0.0, 0.0)
    (second,), _ = queue.receive(1, LEASE, 0.0)
    assert (first.id, first.count, second.count) == (second.id, 1, 2)


def test_who_has_lost_the_lease_changes_nothing(queue: RedisQueue) -> None:
    queue.send("a")
    (late,), _ = queue.receive(1, 0.0, 0.0)
    (held,), _ = queue.receive(1, LEASE, 0.0)
    queue.done(late)
    queue.give_back(late)
    queue.extend([late], 0.0)
    assert queue.receive(1, LEASE, 0.0)[0] == []
    queue.give_back(held)
    assert bodies(queue.receive(1, LEASE, 0.0)[0]) == ["a"]


def test_what_is_done_leaves_nothing(queue: RedisQueue, client: Any) -> None:
    queue.send("a")
    (message,), _ = queue.receive(1, LEASE, 0.0)
    queue.done(message)
    assert client.keys("*") == [b"lambent:queue:tasks:bell"]
    queue.wait(SECONDS)
    assert client.keys("*") == []


def test_leases_are_extended(queue: RedisQueue) -> None:
    queue.send("a")
    messages, _ = queue.receive(1, 0.0, 0.0)
    queue.extend(messages, LEASE)
    assert queue.receive(1, LEASE, 0.0)[0] == []


def test_nothing_is_received_before_its_delay(queue: RedisQueue, client: Any) -> None:
    queue.send("late", 900.0)
    queue.send("later", 10_000.0)
    queue.send("now", -1.0)
    messages, wait = queue.receive(9, LEASE, 5.0)
    assert (bodies(messages), wait) == (["now"], 5.0)
    seconds, _ = client.time()
    due = [score / 1000 - seconds for _, score in client.zrange("lambent:queue:tasks", 1, 2, withscores=True)]
    assert all(899 <= one <= 901 for one in due)
    queue.give_back(messages[0], 2.0)
    assert 0 < queue.receive(9, LEASE, 5.0)[1] <= 2.0


def test_queues_do_not_meet(queue: RedisQueue, client: Any) -> None:
    queue.send("a")
    assert RedisQueue("redis://a", "other", client).receive(9, LEASE, 0.0)[0] == []


def test_of_many_who_receive_one_gets_each_message(queue: RedisQueue) -> None:
    queue.send_all([str(number) for number in range(40)])
    found = at_once(lambda _: queue.receive(5, LEASE, 0.0)[0], 16)
    assert bodies([message for messages in found for message in messages]) == sorted(map(str, range(40)))


def test_who_waits_is_woken_by_a_message(queue: RedisQueue) -> None:
    woken = threading.Event()

    def wait() -> None:
        queue.wait(3.0)
        woken.set()

    threads = [threading.Thread(target=wait)]
    threads[0].start()
    began = time.monotonic()
    queue.send("a")
    assert woken.wait(SECONDS)
    assert time.monotonic() - began < 3.0
    threads[0].join()


def test_who_leaves_messages_wakes_another_one(queue: RedisQueue, client: Any) -> None:
    queue.send_all(["a", "b"])
    queue.wait(SECONDS)
    assert len(queue.receive(1, LEASE, 5.0)[0]) == 1
    assert client.llen("lambent:queue:tasks:bell") == 1
    assert len(queue.receive(1, LEASE, 5.0)[0]) == 1
    assert client.llen("lambent:queue:tasks:bell") == 1


def test_a_turn_is_taken_once(queue: RedisQueue, client: Any) -> None:
    assert at_once(lambda _: queue.turn("sweep", 300.0), 8).count(True) == 1
    assert queue.turn("other", 300.0)
    assert 290_000 < client.pttl("lambent:queue:tasks:turn:sweep") <= 300_000


def test_bells_are_bounded(queue: RedisQueue, client: Any) -> None:
    for number in range(100):
        queue.send(str(number))
    assert client.llen("lambent:queue:tasks:bell") == 32
