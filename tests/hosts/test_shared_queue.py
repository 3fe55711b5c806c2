"""Work that processes share: each message is done by one, and by another one where that has died."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.hooks import SECONDS
from tests.redis_server import RedisProcess, client_of, shared_redis

from lambent.hosts import shared_queue
from lambent.hosts.shared_queue import SharedQueue
from lambent.stores.redis_queue import RedisQueue

redis = pytest.fixture(shared_redis)

Make = Callable[..., SharedQueue]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_queue, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(shared_queue, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(shared_queue, "_LOOK_SECONDS", 0.2)


@pytest.fixture
def make(redis: RedisProcess) -> Iterator[Make]:
    """Makes the queue as each of several processes has it."""
    url, made = redis.url(), list[SharedQueue]()
    client = client_of(url)

    def one(work: Callable[[str], None], threads: int = 4, name: str = "tasks") -> SharedQueue:
        queue = SharedQueue(RedisQueue(url, name, client), "lambent-test", threads)
        queue.work = work
        made.append(queue)
        return queue

    yield one
    for queue in made:
        assert queue.close(SECONDS)
    client.close()


class Doing:
    """Notes what is done, and has whoever asks wait for it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, message: str) -> None:
        with self._changed:
            self.done.append(message)
            self._changed.notify_all()

    def wait(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.done) >= count, SECONDS), self.done
            return sorted(self.done)


def test_messages_are_done_by_threads(make: Make) -> None:
    doing = Doing()
    queue = make(doing)
    queue.send("a")
    queue.send_all(["b", "c"])
    assert doing.wait(3) == ["a", "b", "c"]


def test_processes_share_what_there_is(make: Make) -> None:
    together, doing = threading.Barrier(4), Doing()

    def work(message: str) -> None:
        together.wait(SECONDS)
        doing(message)

    here, there = make(work, 2), make(work, 2)
    here.send_all(["a", "b", "c", "d"])
    there.start()
    assert doing.wait(4) == ["a", "b", "c", "d"]


def test_a_message_is_done_later_where_it_is_delayed(make: Make) -> None:
    doing = Doing()
    queue = make(doing)
    queue.send("later", 0.3)
    queue.send("now")
    doing.wait(2)
    assert doing.done == ["now", "later"]


def test_what_takes_longer_than_a_lease_is_done_once(make: Make) -> None:
    doing, beats = Doing(), threading.Semaphore(0)

    def work(message: str) -> None:
        doing(message)
        for _ in range(9):  # of which three are in a lease
            assert beats.acquire(timeout=SECONDS)

    here, there = make(work), make(work)
    here.beat = there.beat = beats.release
    there.start()
    here.send("a")
    doing.wait(1)
    assert here.wait(SECONDS)
    assert there.wait(SECONDS)
    assert doing.done == ["a"]


def test_what_fails_is_done_again_and_given_up_in_the_end(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_queue, "MOST_COUNTS", 2)
    tried, given_up = Doing(), Doing()

    def fail(message: str) -> None:
        tried(message)
        raise OSError("no disk")

    queue = make(fail)
    queue.give_up = given_up
    queue.send("a")
    assert given_up.wait(1) == ["a"]
    assert tried.done == ["a", "a"]
    assert "no disk" in caplog.text


def test_the_rest_is_left_to_others_at_the_end(make: Make) -> None:
    doing, go_on, ended = Doing(), threading.Event(), list[str]()

    def slow(message: str) -> None:
        doing(message)
        go_on.wait(SECONDS)

    here = make(slow, 1)
    here.at_end = lambda: ended.append("here")
    here.send_all(["a", "b"])
    doing.wait(1)
    assert not here.close(0.05)  # "a" goes on
    assert ended == []
    others = Doing()
    there = make(others)
    there.start()
    assert others.wait(2) == ["a", "b"]
    go_on.set()
    assert here.close(SECONDS)
    assert ended == ["here"]
    here.start()
    here.send("c")
    assert others.wait(3) == ["a", "b", "c"]
    assert len(doing.done) == 1


def test_a_queue_that_is_away_is_told_of_and_used_again(
    redis: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    server = RedisProcess()
    client = client_of(server.url())
    doing = Doing()
    queue = SharedQueue(RedisQueue("redis://a", "tasks", client), "lambent-test", 2)
    queue.work = doing
    queue.start()
    server.kill()
    with caplog.at_level(logging.WARNING):
        deadline = time.monotonic() + SECONDS
        while not caplog.messages:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.start()
        queue.send("a")
        assert doing.wait(1) == ["a"]
    said = [
        one
        for one in caplog.messages
        if one.startswith("lambent-test: the queue cannot be used at the moment: redis: ")
    ]
    assert said
    assert queue.close(SECONDS)
    client.close()
    server.close()


def test_a_fault_in_a_beat_ends_nothing(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    beats = threading.Semaphore(0)

    def beat() -> None:
        beats.release()
        raise KeyError("a bug")

    queue = make(Doing())
    queue.beat = beat
    queue.start()
    assert beats.acquire(timeout=SECONDS)
    assert beats.acquire(timeout=SECONDS)
    assert "a bug" in caplog.text


def test_one_of_all_sends_what_is_regular(make: Make) -> None:
    doing = Doing()
    queues = [make(doing) for _ in range(3)]
    beats = threading.Semaphore(0)
    for queue in queues:
        queue.regular, queue.beat = (("sweep", 60.0),), beats.release
        queue.start()
    doing.wait(1)
    for _ in range(9):
        assert beats.acquire(timeout=SECONDS)
    assert doing.done == ["sweep"]
