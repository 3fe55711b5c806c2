"""The ports in memory: the reference of what the others do."""

import threading
import time
import weakref
from collections.abc import Callable

import pytest

from lambent.errors import ItemTooLargeError
from lambent.execution.ports import Item
from lambent.stores import memory
from lambent.stores.memory import MAX_ITEM_BYTES, MemoryBlobs, MemoryChanges, MemoryQueue, MemoryStore

KEPT = 40

# The feed of changes.


def test_what_was_published_after_a_position_is_there_at_once() -> None:
    changes = MemoryChanges()
    changes.publish("before")
    position = changes.position()
    changes.publish("a")
    changes.publish("b")
    topics, following = changes.wait(position, 60)
    assert topics == ["a", "b"]
    assert changes.wait(following, 0) == ([], following)


def test_a_position_stays_good_for_every_listener() -> None:
    changes = MemoryChanges()
    position = changes.position()
    changes.publish("a")
    assert changes.wait(position, 60)[0] == ["a"]
    assert changes.wait(position, 60)[0] == ["a"]


def test_waiting_ends_without_news_too() -> None:
    changes = MemoryChanges()
    assert changes.wait(changes.position(), 0.001) == ([], changes.position())


def test_waiting_ends_with_the_first_news() -> None:
    changes = MemoryChanges()
    position = changes.position()
    heard: list[tuple[list[str], int]] = []
    thread = threading.Thread(target=lambda: heard.append(changes.wait(position, 60)))
    thread.start()
    changes.publish("news")
    thread.join(30)
    assert heard == [(["news"], changes.position())]


def test_many_threads_publish_and_none_is_lost() -> None:
    changes = MemoryChanges()
    position = changes.position()

    def publish(name: int) -> None:
        for number in range(50):
            changes.publish(f"{name}-{number}")

    threads = [threading.Thread(target=publish, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    topics, _ = changes.wait(position, 0)
    assert sorted(topics) == sorted(f"{n}-{i}" for n in range(8) for i in range(50))


def test_old_news_is_forgotten_new_news_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambent.stores.memory._KEPT", KEPT)
    changes = MemoryChanges()
    start = changes.position()
    for number in range(3 * KEPT):
        changes.publish(str(number))
    late = changes.position()
    changes.publish("last")
    topics, following = changes.wait(start, 0)
    assert len(topics) <= KEPT + 1
    assert topics == [str(number) for number in range(3 * KEPT - len(topics) + 1, 3 * KEPT)] + ["last"]
    assert following == changes.position() == start + 3 * KEPT + 1
    assert changes.wait(late, 0) == (["last"], following)


def test_one_piece_of_news_wakes_every_listener() -> None:
    changes = MemoryChanges()
    position = changes.position()
    ready = threading.Barrier(11)
    heard: list[list[str]] = []

    def listen() -> None:
        ready.wait(30)
        heard.append(changes.wait(position, 60)[0])

    threads = [threading.Thread(target=listen) for _ in range(10)]
    for thread in threads:
        thread.start()
    ready.wait(30)
    changes.publish("news")
    for thread in threads:
        thread.join(30)
    assert heard == [["news"]] * 10


def test_a_listener_that_goes_on_from_its_position_misses_and_repeats_nothing() -> None:
    changes = MemoryChanges()
    heard: list[str] = []

    def listen(position: int) -> None:
        while not heard or heard[-1] != "end":
            topics, position = changes.wait(position, 60)
            heard.extend(topics)

    thread = threading.Thread(target=listen, args=(changes.position(),))
    thread.start()
    expected = [*map(str, range(500)), "end"]
    for topic in expected:
        changes.publish(topic)
    thread.join(30)
    assert heard == expected


# The store of items.


def item(version: int = 1, *, key: str = "k", body: bytes = b"", purge_at: int = 100) -> Item:
    return Item(key=key, version=version, body=body, purge_at=purge_at)


def test_what_is_inserted_can_be_read() -> None:
    store = MemoryStore()
    assert store.read("k") is None
    assert store.insert(item(body=b"1"))
    assert store.read("k") == item(body=b"1")
    assert store.read("other") is None


def test_a_key_is_inserted_once() -> None:
    store = MemoryStore()
    first = item(body=b"1")
    assert store.insert(first)
    assert not store.insert(item(body=b"2"))
    assert not store.insert(first)  # the very same item: there is one under its key all the same
    assert store.read("k") == first


def test_only_the_version_before_is_replaced() -> None:
    store = MemoryStore()
    assert not store.replace(item(2))
    store.insert(item(1))
    assert not store.replace(item(3))
    assert not store.replace(item(1))
    assert store.replace(item(2, body=b"2"))
    assert not store.replace(item(2, body=b"other"))
    assert store.read("k") == item(2, body=b"2")


def test_only_the_version_named_is_removed() -> None:
    store = MemoryStore()
    assert not store.remove("k", 1)
    store.insert(item(1))
    assert not store.remove("k", 2)
    assert store.remove("k", 1)
    assert store.read("k") is None
    assert store.insert(item(1))


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    store = MemoryStore()
    large = b"x" * MAX_ITEM_BYTES
    with pytest.raises(ItemTooLargeError):
        store.insert(item(body=large))
    assert store.read("k") is None
    store.insert(item())
    with pytest.raises(ItemTooLargeError):
        store.replace(item(2, body=large))
    assert store.read("k") == item()


def test_what_is_due_is_purged() -> None:
    store = MemoryStore()
    for purge_at in (99, 100, 101):
        store.insert(item(key=str(purge_at), purge_at=purge_at))
    store.purge(100)
    assert [store.read(key) is not None for key in ("99", "100", "101")] == [False, False, True]


def test_of_concurrent_writers_one_wins_every_version() -> None:
    store = MemoryStore()
    store.insert(item(1))
    wins: list[int] = []
    ready = threading.Barrier(8)

    def write() -> None:
        ready.wait(30)
        for version in range(2, 102):
            if store.replace(item(version)):
                wins.append(version)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    last = store.read("k")
    assert last is not None
    assert sorted(wins) == list(range(2, last.version + 1))


# The queue and the blobs.


def test_the_queue_keeps_what_it_was_sent() -> None:
    queue = MemoryQueue()
    queue.send("a")
    queue.send("b", 2.5)
    assert queue.messages == [("a", 0.0), ("b", 2.5)]


class Clocked:
    """A clock that the test turns, and stores that look at it often."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory, "_PURGE_SECONDS", 0.001)
        self.now = 100.0
        self.store = MemoryStore(lambda: self.now)
        self.blobs = MemoryBlobs(lambda: self.now)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_has_expired_goes_although_nobody_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Clocked(monkeypatch)
    for number in range(10):
        here.store.insert(item(key=str(number), purge_at=200))
        here.store.replace(item(2, key=str(number), purge_at=300))
        here.blobs.put(str(number), b"x" * 1000, 300)
    here.store.insert(item(key="stays", purge_at=400))
    here.blobs.put("stays", b"x", 400)
    here.store.purge(here.now)
    assert here.store.read("0") is not None
    here.now = 300.0
    until(lambda: len(here.store._items) == 1 and len(here.blobs._items) == 1)
    assert here.store.read("stays") is not None
    assert here.blobs.get("stays") == b"x"
    here.now = 400.0
    until(lambda: not here.store._items and not here.blobs._items)
    here.store.insert(item(key="again", purge_at=500))  # once it was empty, it is watched again
    here.now = 500.0
    until(lambda: not here.store._items)


def test_a_store_that_nobody_uses_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_PURGE_SECONDS", 0.001)
    store = MemoryStore(lambda: 100.0)
    store.insert(item(purge_at=200))
    kept = weakref.ref(store)
    del store
    until(lambda: kept() is None)


def test_without_a_clock_everything_is_kept_until_it_is_purged() -> None:
    blobs = MemoryBlobs()
    blobs.put("a", b"1", 100)
    blobs.put("b", b"2")
    blobs.purge(100)
    assert (blobs.get("a"), blobs.get("b")) == (None, b"2")


def test_blobs() -> None:
    blobs = MemoryBlobs()
    assert blobs.get("a") is None
    blobs.put("a", b"1")
    blobs.put("a", b"2")
    assert blobs.get("a") == b"2"
