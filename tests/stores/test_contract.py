"""What the ports promise, over every implementation of them."""

import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION, Cloud, create_table, shared_cloud
from tests.redis_server import RedisProcess, client_of, shared_redis

from lambent.errors import ItemTooLargeError
from lambent.execution.ports import Blobs, Item, Queue, Store
from lambent.stores.aws import S3Blobs, SqsQueue
from lambent.stores.dynamodb import DynamoStore
from lambent.stores.memory import MAX_ITEM_BYTES, MemoryBlobs, MemoryQueue, MemoryStore
from lambent.stores.redis_queue import RedisQueue
from lambent.stores.redis_store import RedisBlobs, RedisStore

T = TypeVar("T")
THREADS = 64

cloud = pytest.fixture(shared_cloud)
redis = pytest.fixture(shared_redis)

SEQUENTIAL = ["memory", "moto", "ministack", "redis"]
CONCURRENT = ["memory", "ministack", "redis"]
"""moto loses updates where several writers are at work at the same time."""


@pytest.fixture(scope="module")
def moto() -> Iterator[Callable[[str], Any]]:
    """Makes boto3 clients of moto's AWS."""
    with mock_aws():
        session = boto3.session.Session(region_name=REGION, **CREDENTIALS)
        made = {name: session.client(name) for name in ("dynamodb", "s3", "sqs")}
        create_table(made["dynamodb"], "lambent")
        made["s3"].create_bucket(Bucket="lambent", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield made.__getitem__
        for client in made.values():
            client.close()


@pytest.fixture
def redis_client(redis: RedisProcess) -> Iterator[tuple[str, Any]]:
    """The address of a database of its own, and a client of it."""
    url = redis.url()
    client = client_of(url)
    yield url, client
    client.close()


def make_store(kind: str, request: pytest.FixtureRequest) -> Store:
    if kind == "memory":
        return MemoryStore()
    if kind == "redis":
        return RedisStore(*request.getfixturevalue("redis_client"))
    if kind == "moto":
        return DynamoStore("lambent", request.getfixturevalue("moto")("dynamodb"))
    here: Cloud = request.getfixturevalue("cloud")
    return DynamoStore(here.table(), here.dynamodb)


@pytest.fixture(params=SEQUENTIAL)
def store(request: pytest.FixtureRequest) -> Store:
    return make_store(request.param, request)


@pytest.fixture(params=CONCURRENT)
def shared(request: pytest.FixtureRequest) -> Store:
    """A store that many threads use at once."""
    return make_store(request.param, request)


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key that no other test uses: moto's table is shared."""
    return f"TASK#{request.node.name}"


def at_once(work: Callable[[int], T], count: int = THREADS) -> list[T]:
    """Do something in many threads that begin together."""
    ready = threading.Barrier(count)

    def begin(number: int) -> T:
        ready.wait(60)
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))


def item(key: str, version: int = 1, body: bytes = b"{}", purge_at: int = 2_000_000_000) -> Item:
    return Item(key=key, version=version, body=body, purge_at=purge_at)


NOISE = random.Random(1).randbytes(MAX_ITEM_BYTES)  # the same in every process: it names parameters

# Store: one after the other.


def test_there_is_nothing_under_a_new_key(store: Store, key: str) -> None:
    assert store.read(key) is None
    assert not store.remove(key, 1)
    assert not store.replace(item(key, 2))
    assert not store.replace(item(key, 1))
    assert store.read(key) is None


def test_what_is_inserted_is_read(store: Store, key: str) -> None:
    kept = item(key, body=b'{"a":1}')
    assert store.insert(kept)
    assert store.read(key) == kept
    assert store.read(key + "x") is None


def test_a_key_is_inserted_once(store: Store, key: str) -> None:
    kept = item(key, body=b'{"first":1}')
    assert store.insert(kept)
    assert not store.insert(item(key, body=b'{"second":1}'))
    assert not store.insert(kept)
    assert not store.insert(item(key, 2))
    assert store.read(key) == kept


def test_only_the_version_before_is_replaced(store: Store, key: str) -> None:
    store.insert(item(key, 1))
    for version in (0, 1, 3, 4):
        assert not store.replace(item(key, version, b'{"wrong":1}'))
    assert store.read(key) == item(key, 1)
    second = item(key, 2, b'{"right":1}', 1_999_999_999)
    assert store.replace(second)
    assert store.read(key) == second
    assert not store.replace(second)
    assert not store.replace(item(key, 2, b'{"late":1}'))
    assert store.read(key) == second


def test_only_the_version_named_is_removed(store: Store, key: str) -> None:
    store.insert(item(key, 1))
    store.replace(item(key, 2))
    for version in (0, 1, 3):
        assert not store.remove(key, version)
    assert store.read(key) == item(key, 2)
    assert store.remove(key, 2)
    assert store.read(key) is None
    assert not store.remove(key, 2)


def test_a_key_that_was_removed_is_new(store: Store, key: str) -> None:
    store.insert(item(key))
    store.remove(key, 1)
    assert store.insert(item(key, body=b'{"again":1}'))
    assert store.read(key) == item(key, body=b'{"again":1}')


def test_versions_rise_without_end(store: Store, key: str) -> None:
    store.insert(item(key, 10**9))
    assert store.replace(item(key, 10**9 + 1))
    assert store.read(key) == item(key, 10**9 + 1)


@pytest.mark.parametrize("suffix", ["-_=", "Ümläut", "日本", "a b", "a/b#c:d", "'\"\\", "x" * 998])
def test_keys_may_be_any_text(store: Store, key: str, suffix: str) -> None:
    # 1024 bytes at most: DynamoDB allows no longer range keys, and the key is that of the index too.
    name = f"CALL#{suffix}#{key[-20:]}"
    assert store.insert(item(name))
    assert store.read(name) == item(name)
    assert store.replace(item(name, 2))
    assert store.remove(name, 2)


@pytest.mark.parametrize("length", [2049, 5000, 100_000])
def test_no_item_has_a_key_that_is_too_long(store: Store, length: int) -> None:
    """Keys hold what clients send, such as the id of a task: to them, what cannot be is not there."""
    assert store.read("TASK#" + "x" * length) is None


@pytest.mark.parametrize("purge_at", [0, 1, 1_700_000_000, 2**40])
def test_when_an_item_may_be_forgotten_is_kept(store: Store, key: str, purge_at: int) -> None:
    store.insert(item(key, purge_at=purge_at))
    assert store.read(key) == item(key, purge_at=purge_at)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\x01",
        b"\x00\x01",
        bytes(range(256)),
        b"x" * 1023,
        b"x" * 1024,
        b"\x01" * 1025,
        NOISE[:1024],
        NOISE[:5000],
        NOISE[:300_000],
        b'{"name":"M\xc3\xa4rz"}' * 10_000,
        b"x" * 390_000,
    ],
    ids=lambda body: f"{len(body)}-{body[:3].hex()}",
)
def test_bodies_come_back_as_they_were(store: Store, key: str, body: bytes) -> None:
    assert store.insert(item(key, body=body))
    assert store.read(key) == item(key, body=body)
    assert store.replace(item(key, 2, body[::-1]))
    assert store.read(key) == item(key, 2, body[::-1])


def test_what_just_fits_is_kept(shared: Store, key: str) -> None:
    """The limit that is checked beforehand is none that the table itself would refuse; moto's is another."""
    fitting, too_large = MAX_ITEM_BYTES - 400, MAX_ITEM_BYTES
    while too_large - fitting > 1:
        middle = (fitting + too_large) // 2
        fits = can_hold(shared, item(f"{key} {middle:06}", body=NOISE[:middle]))
        fitting, too_large = (middle, too_large) if fits else (fitting, middle)
    largest = item(f"{key} {fitting:06}", 2, NOISE[:fitting][::-1])
    assert shared.replace(largest)
    with pytest.raises(ItemTooLargeError):
        shared.replace(item(largest.key, 3, NOISE[:too_large]))
    assert shared.read(largest.key) == largest


def can_hold(store: Store, new: Item) -> bool:
    try:
        assert store.insert(new)
    except ItemTooLargeError:
        return False
    assert store.read(new.key) == new
    return True


@pytest.mark.parametrize("size", [MAX_ITEM_BYTES, MAX_ITEM_BYTES + 1, 3 * MAX_ITEM_BYTES])
def test_what_does_not_fit_is_refused_and_changes_nothing(store: Store, key: str, size: int) -> None:
    large = (NOISE * 4)[:size] if size <= MAX_ITEM_BYTES else os.urandom(size)
    with pytest.raises(ItemTooLargeError, match="bytes"):
        store.insert(item(key, body=large))
    assert store.read(key) is None
    store.insert(item(key))
    with pytest.raises(ItemTooLargeError):
        store.replace(item(key, 2, large))
    assert store.read(key) == item(key)


# Store: all at the same time.


def test_of_many_who_insert_one_wins(shared: Store, key: str) -> None:
    won = at_once(lambda number: shared.insert(item(key, body=str(number).encode())))
    assert sorted(won) == [False] * (THREADS - 1) + [True]
    assert shared.read(key) == item(key, body=str(won.index(True)).encode())


def test_of_many_who_insert_the_same_one_wins(shared: Store, key: str) -> None:
    won = at_once(lambda _: shared.insert(item(key)))
    assert won.count(True) == 1


def test_of_many_who_replace_one_wins_each_version(shared: Store, key: str) -> None:
    shared.insert(item(key))
    wins: list[tuple[int, int]] = []

    def write(number: int) -> None:
        for version in range(2, 8):
            if shared.replace(item(key, version, str(number).encode())):
                wins.append((version, number))

    at_once(write)
    last = shared.read(key)
    assert last is not None
    assert [version for version, _ in sorted(wins)] == list(range(2, last.version + 1))
    assert last.body == str(dict(wins)[last.version]).encode()


def test_of_many_who_replace_with_the_same_one_wins(shared: Store, key: str) -> None:
    shared.insert(item(key))
    won = at_once(lambda _: shared.replace(item(key, 2, b"{}")))
    assert won.count(True) == 1


def test_no_update_is_lost(shared: Store, key: str) -> None:
    """Each adds one thing to what it has read, and tries until it was the one."""
    shared.insert(item(key, body=b""))

    def add(number: int) -> None:
        while True:
            found = shared.read(key)
            assert found is not None
            body = found.body + bytes([number])
            if shared.replace(item(key, found.version + 1, body)):
                return

    at_once(add)
    last = shared.read(key)
    assert last is not None
    assert last.version == 1 + THREADS
    assert sorted(last.body) == list(range(THREADS))


def test_of_many_who_remove_one_wins(shared: Store, key: str) -> None:
    shared.insert(item(key))
    assert at_once(lambda _: shared.remove(key, 1)).count(True) == 1
    assert shared.read(key) is None


def test_removing_and_replacing_exclude_each_other(shared: Store, key: str) -> None:
    for round_number in range(4):
        name = f"{key} {round_number}"
        shared.insert(item(name))

        def race(number: int, name: str = name) -> bool:
            return shared.remove(name, 1) if number % 2 else shared.replace(item(name, 2))

        won = at_once(race, 16)
        assert won.count(True) == 1
        assert shared.read(name) == (None if won.index(True) % 2 else item(name, 2))


def test_what_is_read_was_written_as_a_whole(shared: Store, key: str) -> None:
    shared.insert(item(key, 1, b"1" * 5000))
    stop = threading.Event()
    seen: list[Item | None] = []

    def read() -> None:
        while not stop.is_set():
            seen.append(shared.read(key))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for version in range(2, 40):
        shared.replace(item(key, version, str(version % 10).encode() * 5000))
        now = shared.read(key)
        assert now is not None
        assert now.version == version  # reads see all writes that have returned
    stop.set()
    for reader in readers:
        reader.join(60)
    assert all(found and found.body == str(found.version % 10).encode() * 5000 for found in seen)


# Store: times.

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND
PURGE_AT = 2_000_000_000


def test_a_new_time_begins_now(store: Store, key: str) -> None:
    assert store.advance(key, NOW, SECOND, NOW, PURGE_AT) == 0
    assert store.advance(key, NOW, SECOND, NOW, PURGE_AT) == SECOND
    assert store.advance(f"{key} other", NOW, SECOND, NOW, PURGE_AT) == 0


def test_a_time_is_moved_up_to_one_step_beyond_the_most(store: Store, key: str) -> None:
    most = NOW + 3 * SECOND
    assert [store.advance(key, NOW, SECOND, most, PURGE_AT) for _ in range(6)] == [0, 0, 0, 0, SECOND, SECOND]


def test_a_refused_time_stays_as_it_is(store: Store, key: str) -> None:
    store.advance(key, NOW, 5 * SECOND, NOW, PURGE_AT)
    for moment in (0, 1, 2 * SECOND, 5 * SECOND - 1):
        now = NOW + moment
        assert store.advance(key, now, SECOND, now, PURGE_AT) == 5 * SECOND - moment
    now = NOW + 5 * SECOND
    assert store.advance(key, now, SECOND, now, PURGE_AT) == 0
    assert store.advance(key, now, SECOND, now, PURGE_AT) == SECOND


def test_a_time_that_is_past_begins_now(store: Store, key: str) -> None:
    store.advance(key, NOW, SECOND, NOW, PURGE_AT)
    later = NOW + 60 * SECOND
    assert store.advance(key, later, SECOND, later, PURGE_AT) == 0
    assert store.advance(key, later, SECOND, later, PURGE_AT) == SECOND


def test_steps_may_differ_from_call_to_call(store: Store, key: str) -> None:
    most = NOW + 10 * SECOND
    assert store.advance(key, NOW, 1, most, PURGE_AT) == 0
    assert store.advance(key, NOW, 10 * SECOND, most, PURGE_AT) == 0
    assert store.advance(key, NOW, 1, most, PURGE_AT) == 1
    assert store.advance(key, NOW, 1, most + 1, PURGE_AT) == 0


@pytest.mark.parametrize("burst", [1, 7, 50])
def test_of_many_who_advance_a_time_as_many_win_as_may(shared: Store, key: str, burst: int) -> None:
    most = NOW + (burst - 1) * SECOND
    early = at_once(lambda _: shared.advance(key, NOW, SECOND, most, PURGE_AT))
    assert early.count(0) == burst
    assert set(early) == {0, SECOND}


def test_of_many_who_advance_a_past_time_as_many_win_as_may(shared: Store, key: str) -> None:
    shared.advance(key, NOW, SECOND, NOW, PURGE_AT)
    now = NOW + 3600 * SECOND
    early = at_once(lambda _: shared.advance(key, now, SECOND, now + 4 * SECOND, PURGE_AT))
    assert early.count(0) == 5


# Blobs.

FAR = 2_000_000_000.0
"""When blobs may be forgotten."""


@pytest.fixture(params=SEQUENTIAL)
def blobs(request: pytest.FixtureRequest) -> Blobs:
    if request.param == "memory":
        return MemoryBlobs()
    if request.param == "redis":
        return RedisBlobs(*request.getfixturevalue("redis_client"))
    if request.param == "moto":
        return S3Blobs("lambent", request.getfixturevalue("moto")("s3"))
    here: Cloud = request.getfixturevalue("cloud")
    return S3Blobs(here.bucket(), here.s3)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"results/{request.node.name}"


def test_there_is_nothing_under_a_new_name(blobs: Blobs, name: str) -> None:
    assert blobs.get(name) is None


@pytest.mark.parametrize("data", [b"", b"{}", bytes(range(256)), NOISE, NOISE * 12], ids=len)
def test_blobs_come_back_as_they_were(blobs: Blobs, name: str, data: bytes) -> None:
    blobs.put(name, data, FAR)
    assert blobs.get(name) == data
    assert blobs.get(name + "x") is None


def test_the_last_of_two_blobs_stays(blobs: Blobs, name: str) -> None:
    blobs.put(name, b"1", FAR)
    blobs.put(name, b"2", FAR)
    assert blobs.get(name) == b"2"


@pytest.mark.parametrize("suffix", ["-_A9", "a/b/c", "a b", "ä+%"])
def test_blobs_may_have_any_name(blobs: Blobs, name: str, suffix: str) -> None:
    blobs.put(f"arguments/{suffix}", suffix.encode(), FAR)
    assert blobs.get(f"arguments/{suffix}") == suffix.encode()


def test_blobs_may_be_put_and_got_at_once(blobs: Blobs, name: str) -> None:
    def work(number: int) -> bytes | None:
        blobs.put(f"{name}/{number}", str(number).encode(), FAR)
        return blobs.get(f"{name}/{number}")

    assert at_once(work, 16) == [str(number).encode() for number in range(16)]


# Queue.


class Sent:
    """A queue, and what waits in it: task ids and their delays in seconds."""

    def __init__(self, queue: Queue, waiting: Callable[[], list[tuple[str, float]]]) -> None:
        self.queue = queue
        self.waiting = waiting


@pytest.fixture(params=SEQUENTIAL)
def queue(request: pytest.FixtureRequest) -> Sent:
    if request.param == "memory":
        kept = MemoryQueue()
        return Sent(kept, lambda: kept.messages)
    if request.param == "redis":
        url, client = request.getfixturevalue("redis_client")
        shared = RedisQueue(url, "tasks", client)
        return Sent(shared, lambda: [(one.body, 0.0) for one in shared.receive(100, 60.0, 0.0)[0]])
    if request.param == "moto":
        sqs = request.getfixturevalue("moto")("sqs")
        url = sqs.create_queue(QueueName=f"tasks-{abs(hash(request.node.name))}")["QueueUrl"]
    else:
        here: Cloud = request.getfixturevalue("cloud")
        sqs, url = here.sqs, here.queue()
    return Sent(SqsQueue(url, sqs), lambda: received(sqs, url))


def received(sqs: Any, url: str) -> list[tuple[str, float]]:
    """Only what is there at once."""
    messages: list[tuple[str, float]] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        messages += [(message["Body"], 0.0) for message in found]
    return messages


def test_what_is_sent_arrives(queue: Sent) -> None:
    for task_id in ("a", "b", "a"):
        queue.queue.send(task_id)
    assert sorted(queue.waiting()) == [("a", 0.0), ("a", 0.0), ("b", 0.0)]


def test_many_may_send_at_once(queue: Sent) -> None:
    at_once(lambda number: queue.queue.send(str(number)), 16)
    assert sorted(int(task_id) for task_id, _ in queue.waiting()) == list(range(16))
