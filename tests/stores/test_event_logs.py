"""What logs of occurrences promise, over every implementation, and what DynamoDB is asked for."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION, Cloud, create_table, shared_cloud
from tests.redis_server import client_of, shared_redis
from tests.stores.test_contract import at_once

from lambent.errors import ItemTooLargeError, StoreError
from lambent.execution.events.ports import MOST_ENTRIES, EventLog, LogEntry, LogHead
from lambent.stores import event_logs
from lambent.stores.event_logs import DynamoLog, MemoryLog
from lambent.stores.memory import MAX_ITEM_BYTES
from lambent.stores.redis_logs import RedisLog

cloud = pytest.fixture(shared_cloud)
redis = pytest.fixture(shared_redis)

FAR = 2_000_000_000
NOISE = random.Random(2).randbytes(MAX_ITEM_BYTES)
WRITERS = 16


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("dynamodb")
        create_table(client, "lambent")
        yield client
        client.close()


@pytest.fixture
def make_log(request: pytest.FixtureRequest) -> Callable[[str], EventLog]:
    def make(kind: str) -> EventLog:
        if kind == "memory":
            return MemoryLog()
        if kind == "redis":
            url = request.getfixturevalue("redis").url()
            client = client_of(url)
            request.addfinalizer(client.close)
            return RedisLog(url, client)
        if kind == "moto":
            return DynamoLog("lambent", request.getfixturevalue("moto"))
        here: Cloud = request.getfixturevalue("cloud")
        return DynamoLog(here.table(), here.dynamodb)

    return make


@pytest.fixture(params=["memory", "moto", "ministack", "redis"])
def log(request: pytest.FixtureRequest, make_log: Callable[[str], EventLog]) -> EventLog:
    return make_log(request.param)


@pytest.fixture(params=["memory", "ministack", "redis"])
def shared(request: pytest.FixtureRequest, make_log: Callable[[str], EventLog]) -> EventLog:
    """A log that many threads use at once."""
    return make_log(request.param)


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key that no other test uses: moto's table is shared."""
    return f"EVENTS#{request.node.name}"


def bodies(log: EventLog, key: str, after: int = 0, most: int = MOST_ENTRIES) -> list[tuple[int, bytes]]:
    return [(entry.number, entry.body) for entry in log.read(key, after, most)]


# The contract.


def test_a_new_log_has_no_entries(log: EventLog, key: str) -> None:
    head = log.head(key)
    assert head == LogHead(head.epoch, 0)
    assert head.epoch
    assert log.head(key) == head
    assert log.read(key, 0, 5) == []


def test_logs_have_epochs_of_their_own(log: EventLog, key: str) -> None:
    assert log.head(key).epoch != log.head(f"{key} other").epoch


def test_numbers_rise_by_one_and_the_head_follows(log: EventLog, key: str) -> None:
    epoch = log.head(key).epoch
    for number in range(1, 5):
        assert log.append(key, b"%d" % number, FAR) == number
        assert log.head(key) == LogHead(epoch, number)


def test_the_first_entry_begins_the_log(log: EventLog, key: str) -> None:
    assert log.append(key, b"a", FAR) == 1
    assert log.head(key).number == 1


@pytest.mark.parametrize(
    ("after", "most", "found"),
    [(0, 100, [1, 2, 3]), (0, 2, [1, 2]), (1, 1, [2]), (2, 100, [3]), (3, 100, []), (90, 3, []), (0, 0, [])],
)
def test_entries_are_read_in_their_order(
    log: EventLog, key: str, after: int, most: int, found: list[int]
) -> None:
    for number in range(1, 4):
        log.append(key, b"%d" % number, FAR)
    assert log.read(key, after, most) == [LogEntry(number, b"%d" % number) for number in found]


def test_as_many_are_read_as_may_be(log: EventLog, key: str) -> None:
    for _ in range(MOST_ENTRIES + 2):
        log.append(key, b"x", FAR)
    numbers = [entry.number for entry in log.read(key, 1, MOST_ENTRIES)]
    assert numbers == list(range(2, MOST_ENTRIES + 2))


def test_logs_do_not_meet(log: EventLog, key: str) -> None:
    log.append(key, b"a", FAR)
    log.append(f"{key}1", b"b", FAR)
    assert bodies(log, key) == [(1, b"a")]
    assert bodies(log, f"{key}1") == [(1, b"b")]


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x01", b"x" * 5000, NOISE[:300_000]], ids=len)
def test_bodies_come_back_as_they_were(log: EventLog, key: str, body: bytes) -> None:
    log.append(key, body, FAR)
    assert bodies(log, key) == [(1, body)]


def test_large_entries_are_read_too(log: EventLog, key: str) -> None:
    """A read of DynamoDB gives 16 MB at most."""
    for number in range(3):
        log.append(key, NOISE[number : number + 390_000], FAR)
    assert bodies(log, key) == [(number + 1, NOISE[number : number + 390_000]) for number in range(3)]


def test_what_does_not_fit_is_refused_and_changes_nothing(log: EventLog, key: str) -> None:
    with pytest.raises(ItemTooLargeError, match="bytes"):
        log.append(key, NOISE, FAR, once="a")
    assert log.head(key).number == 0
    assert log.append(key, b"a", FAR, once="a") == 1


def test_a_name_is_appended_once(log: EventLog, key: str) -> None:
    assert log.append(key, b"a", FAR, once="x") == 1
    assert log.append(key, b"b", FAR) == 2
    assert log.append(key, b"c", FAR, once="x") == 1
    assert log.append(key, b"d", FAR, once="y") == 3
    assert log.append(f"{key} other", b"e", FAR, once="x") == 1
    assert bodies(log, key) == [(1, b"a"), (2, b"b"), (3, b"d")]


def test_of_many_writers_each_gets_a_number(shared: EventLog, key: str) -> None:
    numbers = at_once(lambda number: shared.append(key, b"%d" % number, FAR), WRITERS)
    assert sorted(numbers) == list(range(1, WRITERS + 1))
    found = dict(bodies(shared, key))
    assert [found[number] for number in numbers] == [b"%d" % number for number in range(WRITERS)]
    assert shared.head(key).number == WRITERS


def test_of_many_writers_of_one_name_one_appends(shared: EventLog, key: str) -> None:
    assert set(at_once(lambda _: shared.append(key, b"a", FAR, once="x"), WRITERS)) == {1}
    assert bodies(shared, key) == [(1, b"a")]


def test_of_many_writers_of_names_each_gets_a_number(shared: EventLog, key: str) -> None:
    numbers = at_once(lambda number: shared.append(key, b"a", FAR, once=str(number // 2)), WRITERS)
    assert sorted(numbers) == [number for number in range(1, WRITERS // 2 + 1) for _ in range(2)]


def test_a_log_is_begun_once(shared: EventLog, key: str) -> None:
    assert len({head.epoch for head in at_once(lambda _: shared.head(key), WRITERS)}) == 1


def test_what_the_head_names_can_be_read(shared: EventLog, key: str) -> None:
    def append_and_read(_: int) -> bool:
        shared.append(key, b"a", FAR)
        number = shared.head(key).number
        return [entry.number for entry in shared.read(key, 0, number)] == list(range(1, number + 1))

    assert all(at_once(append_and_read, WRITERS))


# In memory.


def test_memory_forgets_what_has_expired_with_the_next_entry() -> None:
    now = 100.0
    log = MemoryLog(lambda: now)
    log.append("a", b"1", 110, once="x")
    log.append("a", b"2", 120)
    now = 110.0
    log.append("a", b"3", 200, once="y")
    assert bodies(log, "a") == [(2, b"2"), (3, b"3")]
    assert log.append("a", b"4", 200, once="x") == 4
    assert log.append("a", b"5", 200, once="y") == 3


def test_memory_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_logs, "_MOST_IN_MEMORY", 3)
    log = MemoryLog()
    for number in range(6):
        log.append("a", b"", FAR, once=str(number))
    assert [number for number, _ in bodies(log, "a")] == [4, 5, 6]


# In DynamoDB.


class Requests:
    """A client that tells what it is asked for, and passes it on; ``before`` runs before a request."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.asked: list[str] = []
        self.before: Callable[[str], None] = lambda name: None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(**arguments: Any) -> Any:
            self.asked.append(name)
            self.before(name)
            return getattr(self._client, name)(**arguments)

        return ask


@pytest.fixture
def requests(moto: Any) -> Requests:
    return Requests(moto)


def test_a_warm_process_writes_twice(requests: Requests, key: str) -> None:
    log = DynamoLog("lambent", requests)
    log.append(key, b"a", FAR)
    requests.asked.clear()
    log.append(key, b"b", FAR)
    assert requests.asked == ["put_item", "update_item"]
    requests.asked.clear()
    log.append(key, b"b", FAR, once="x")
    assert requests.asked == ["transact_write_items", "update_item"]


def test_a_cold_process_reads_the_end_first(requests: Requests, moto: Any, key: str) -> None:
    for _ in range(3):
        DynamoLog("lambent", moto).append(key, b"a", FAR)
    assert DynamoLog("lambent", requests).append(key, b"b", FAR) == 4
    assert requests.asked == ["get_item", "put_item", "update_item"]


def test_a_process_that_is_behind_looks_for_the_end(requests: Requests, moto: Any, key: str) -> None:
    log = DynamoLog("lambent", requests)
    log.append(key, b"a", FAR)
    for _ in range(50):
        DynamoLog("lambent", moto).append(key, b"b", FAR)
    requests.asked.clear()
    assert log.append(key, b"c", FAR) == 52
    assert requests.asked == ["put_item", "get_item", "put_item", "update_item"]


def test_a_writer_that_was_killed_leaves_no_hole(requests: Requests, moto: Any, key: str) -> None:
    """Its entry is behind the end, which the next writer moves beyond it."""

    def killed(name: str) -> None:
        if name == "update_item":
            raise KeyboardInterrupt

    requests.before = killed
    with pytest.raises(KeyboardInterrupt):
        DynamoLog("lambent", requests).append(key, b"lost?", FAR)
    after = DynamoLog("lambent", moto)
    assert after.head(key).number == 0
    assert after.append(key, b"next", FAR) == 2
    assert after.head(key).number == 2
    assert bodies(after, key) == [(1, b"lost?"), (2, b"next")]


def test_a_name_that_was_written_by_a_killed_writer_moves_the_end(
    requests: Requests, moto: Any, key: str
) -> None:
    def killed(name: str) -> None:
        if name == "update_item":
            raise KeyboardInterrupt

    requests.before = killed
    with pytest.raises(KeyboardInterrupt):
        DynamoLog("lambent", requests).append(key, b"a", FAR, once="x")
    again = DynamoLog("lambent", moto)
    assert again.append(key, b"a", FAR, once="x") == 1
    assert again.head(key).number == 1


def test_a_conflict_of_transactions_is_tried_again_with_the_same_number(requests: Requests, key: str) -> None:
    """The number is not known to be taken: to go on to the next one would leave a hole."""
    error = requests.exceptions.TransactionCanceledException(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": ""},
            "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
        },
        "TransactWriteItems",
    )
    conflicts = [error]

    def conflict(name: str) -> None:
        if name == "transact_write_items" and conflicts:
            raise conflicts.pop()

    requests.before = conflict
    assert DynamoLog("lambent", requests).append(key, b"a", FAR, once="x") == 1


def test_other_reasons_are_failures(requests: Requests, key: str) -> None:
    error = requests.exceptions.TransactionCanceledException(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": "slow down"},
            "CancellationReasons": [{"Code": "None"}, {"Code": "ThrottlingError"}],
        },
        "TransactWriteItems",
    )

    def fail(name: str) -> None:
        if name == "transact_write_items":
            raise error

    requests.before = fail
    with pytest.raises(StoreError, match=r"dynamodb: PutItem of 'lambent' failed: .*slow down"):
        DynamoLog("lambent", requests).append(key, b"a", FAR, once="x")


def test_the_attributes(moto: Any, key: str) -> None:
    log = DynamoLog("lambent", moto)
    log.append(key, b'{"a":1}', FAR, once="x")

    def raw(name: str) -> dict[str, Any]:
        found: dict[str, Any] = moto.get_item(TableName="lambent", Key={"pk": {"S": name}})["Item"]
        return found

    assert raw(key) == {"pk": {"S": key}, "epoch": {"S": log.head(key).epoch}, "moment": {"N": "1"}}
    mark = f"{key}#ID#x"
    assert raw(mark) == {"pk": {"S": mark}, "moment": {"N": "1"}, "purge_at": {"N": str(FAR)}}
    entry = raw(f"{key}#00000000000000000001")
    assert sorted(entry) == ["body", "by", "pk", "purge_at"]
    assert entry["purge_at"] == {"N": str(FAR)}


def test_what_a_read_leaves_out_is_asked_for_again(requests: Requests, moto: Any, key: str) -> None:
    log = DynamoLog("lambent", moto)
    for number in range(4):
        log.append(key, b"%d" % number, FAR)

    class Halving:
        exceptions = moto.exceptions

        def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
            asked = RequestItems["lambent"]
            now, later = asked["Keys"][:1], asked["Keys"][1:]
            answer: dict[str, Any] = moto.batch_get_item(RequestItems={"lambent": {**asked, "Keys": now}})
            left = {"lambent": {**asked, "Keys": later}} if later else {}
            return {**answer, "UnprocessedKeys": left}

    found = DynamoLog("lambent", Halving()).read(key, 0, 4)
    assert [entry.body for entry in found] == [b"0", b"1", b"2", b"3"]
