"""The store in DynamoDB: what it says to the table, and what becomes of what the network loses."""

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from tests.chaos.cloud import Cloud, shared_cloud

from lambent.errors import ItemTooLargeError, StoreError
from lambent.execution.ports import Item
from lambent.stores import aws, dynamodb
from lambent.stores.dynamodb import DynamoStore
from lambent.stores.memory import MAX_ITEM_BYTES

cloud = pytest.fixture(shared_cloud)


class Recorder:
    """A client that tells what it is asked to do, and passes it on."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(**arguments: Any) -> Any:
            self.asked.append((name, arguments))
            return getattr(self._client, name)(**arguments)

        return ask


class Table:
    def __init__(self, cloud: Cloud) -> None:
        self.name = cloud.table()
        self.client = cloud.dynamodb
        self.recorder = Recorder(cloud.dynamodb)
        self.store = DynamoStore(self.name, self.recorder)

    def raw(self, key: str) -> dict[str, Any] | None:
        """The attributes as they are kept."""
        found: dict[str, Any] | None = self.client.get_item(
            TableName=self.name, Key={"pk": {"S": key}}, ConsistentRead=True
        ).get("Item")
        return found


@pytest.fixture
def table(cloud: Cloud) -> Table:
    return Table(cloud)


def item(version: int = 1, body: bytes = b"{}", key: str = "TASK#a") -> Item:
    return Item(key, version, body, 2_000_000_000)


# What it says.


def test_every_operation_is_one_request(table: Table) -> None:
    store, asked = table.store, table.recorder.asked
    store.insert(item())
    store.read("TASK#a")
    store.replace(item(2))
    store.replace(item(9))
    store.insert(item())
    store.remove("TASK#a", 1)
    store.remove("TASK#a", 2)
    store.read("TASK#a")
    assert [name for name, _ in asked] == [
        "put_item",
        "get_item",
        "put_item",
        "put_item",
        "put_item",
        "delete_item",
        "delete_item",
        "get_item",
    ]
    assert {arguments["TableName"] for _, arguments in asked} == {table.name}


def test_reads_are_consistent(table: Table) -> None:
    table.store.read("TASK#a")
    (((name, arguments)),) = table.recorder.asked
    assert name == "get_item"
    assert arguments["ConsistentRead"] is True
    assert arguments["Key"] == {"pk": {"S": "TASK#a"}}


def test_every_write_is_conditional(table: Table) -> None:
    table.store.insert(item())
    table.store.replace(item(2))
    table.store.remove("TASK#a", 2)
    assert all("ConditionExpression" in arguments for _, arguments in table.recorder.asked)


def test_the_attributes(table: Table) -> None:
    table.store.insert(item(7, b'{"a":1}'))
    kept = table.raw("TASK#a")
    assert kept is not None
    assert kept["pk"] == {"S": "TASK#a"}
    assert kept["version"] == {"N": "7"}
    assert kept["purge_at"] == {"N": "2000000000"}
    assert kept["body"]["B"].endswith(b'{"a":1}')


def test_a_time_and_nothing_else_is_kept(table: Table) -> None:
    table.store.advance("RATE#a", 100, 10, 105, 2_000_000_000)
    table.store.advance("RATE#a", 100, 10, 115, 2_000_000_001)
    assert table.raw("RATE#a") == {
        "pk": {"S": "RATE#a"},
        "moment": {"N": "120"},
        "purge_at": {"N": "2000000001"},
    }


def test_a_time_within_its_limit_is_one_conditional_write(table: Table) -> None:
    for now in (100, 100, 105, 500, 1000):
        assert table.store.advance("RATE#a", now, 10, now + 30, 2_000_000_000) == 0
    assert [name for name, _ in table.recorder.asked] == ["update_item"] * 5
    assert all("ConditionExpression" in arguments for _, arguments in table.recorder.asked)


def test_a_time_that_is_known_to_be_too_late_is_no_write(table: Table) -> None:
    table.store.advance("RATE#a", 100, 50, 100, 2_000_000_000)
    assert [table.store.advance("RATE#a", now, 50, now, 2_000_000_000) for now in (100, 149, 120)] == [
        50,
        1,
        30,
    ]
    assert len(table.recorder.asked) == 1
    assert table.store.advance("RATE#a", 150, 50, 150, 2_000_000_000) == 0


def test_what_another_process_has_moved_is_found_out_by_the_write(table: Table) -> None:
    other = DynamoStore(table.name, table.client)
    other.advance("RATE#a", 100, 10, 200, 2_000_000_000)
    assert table.store.advance("RATE#a", 100, 10, 200, 2_000_000_000) == 0
    assert len(table.recorder.asked) == 2
    other.advance("RATE#a", 100, 500, 200, 2_000_000_000)
    assert table.store.advance("RATE#a", 100, 10, 200, 2_000_000_000) == 420
    assert len(table.recorder.asked) == 3


def test_a_time_that_was_removed_in_between_is_new(table: Table) -> None:
    table.store.advance("RATE#a", 100, 10, 200, 2_000_000_000)
    table.client.delete_item(TableName=table.name, Key={"pk": {"S": "RATE#a"}})
    assert table.store.advance("RATE#a", 100, 10, 200, 2_000_000_000) == 0
    kept = table.raw("RATE#a")
    assert kept is not None
    assert kept["moment"] == {"N": "110"}


def test_a_process_remembers_a_bounded_number_of_times(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb, "_TIMES_KNOWN", 3)
    for _ in range(2):
        for number in range(5):
            table.store.advance(f"RATE#{number}", 100, 10, 200, 2_000_000_000)
    assert len(table.store._times) <= 3
    assert {table.raw(f"RATE#{number}")["moment"]["N"] for number in range(5)} == {"120"}  # type: ignore[index]


def test_small_bodies_are_kept_as_they_are_and_large_ones_deflated(table: Table) -> None:
    sizes = {}
    for size in (10, 1000, 1024, 100_000):
        table.store.insert(item(1, b"x" * size, f"TASK#{size}"))
        kept = table.raw(f"TASK#{size}")
        assert kept is not None
        sizes[size] = len(kept["body"]["B"])
    assert (sizes[10], sizes[1000]) == (11, 1001)
    assert sizes[1024] < 100
    assert sizes[100_000] < 500


def test_what_does_not_get_smaller_is_not_deflated(table: Table) -> None:
    table.store.insert(item(1, os.urandom(5000)))
    kept = table.raw("TASK#a")
    assert kept is not None
    assert len(kept["body"]["B"]) == 5001


def test_what_fits_only_deflated_fits(table: Table) -> None:
    large = b'{"line":"the same over and over"}' * 30_000
    assert len(large) > 2 * MAX_ITEM_BYTES
    assert table.store.insert(item(1, large))
    assert table.store.read("TASK#a") == item(1, large)


def test_what_does_not_fit_is_not_sent(table: Table) -> None:
    with pytest.raises(ItemTooLargeError):
        table.store.insert(item(1, os.urandom(MAX_ITEM_BYTES)))
    assert table.recorder.asked == []


# What goes wrong.


def test_other_errors_are_not_mistaken_for_a_lost_race(cloud: Cloud) -> None:
    store = DynamoStore("no-such-table", cloud.dynamodb)
    for work in (
        lambda: store.insert(item()),
        lambda: store.read("TASK#a"),
        lambda: store.replace(item(2)),
        lambda: store.remove("TASK#a", 1),
    ):
        with pytest.raises(StoreError, match="ResourceNotFound"):
            work()


class Lossy:
    """A connection that does what it is asked, and then loses the answer."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.lose = 0
        self.sent = 0

    def send(self, request: Any) -> Any:
        response = self._session.send(request)
        self.sent += 1
        if self.lose > 0:
            self.lose -= 1
            raise ConnectionClosedError(endpoint_url=request.url)
        return response

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def lossy(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[DynamoStore, Lossy]]:
    """A store whose answers get lost, as often as the test says."""
    # What waits between tries takes seconds, which nobody needs here.
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    client = cloud.client("dynamodb")
    connection = Lossy(client._endpoint.http_session)
    client._endpoint.http_session = connection
    yield DynamoStore(cloud.table(), client), connection
    client._endpoint.http_session = connection._session


def test_an_insert_whose_answer_was_lost_has_won(lossy: tuple[DynamoStore, Lossy]) -> None:
    """boto3 sends it again, finds its own item there, and must not take it for somebody else's."""
    store, connection = lossy
    connection.lose = 1
    assert store.insert(item())
    assert connection.sent >= 2
    assert store.read("TASK#a") == item()


def test_a_replacement_whose_answer_was_lost_has_won(lossy: tuple[DynamoStore, Lossy]) -> None:
    store, connection = lossy
    store.insert(item())
    connection.lose = 2
    assert store.replace(item(2, b'{"mine":1}'))
    assert store.read("TASK#a") == item(2, b'{"mine":1}')


def test_a_removal_whose_answer_was_lost_is_not_known_to_have_won(lossy: tuple[DynamoStore, Lossy]) -> None:
    """Nothing is left to tell by, and who removes does not ask."""
    store, connection = lossy
    store.insert(item())
    connection.lose = 1
    store.remove("TASK#a", 1)
    assert store.read("TASK#a") is None


@pytest.mark.parametrize("version", [1, 2])
def test_somebody_elses_write_is_not_taken_for_ones_own(
    lossy: tuple[DynamoStore, Lossy], cloud: Cloud, version: int
) -> None:
    """Not even where it says the very same, and the answer to one's own was lost."""
    store, connection = lossy
    other = DynamoStore(store._table.name, cloud.dynamodb)
    if version == 2:
        other.insert(item(1))
    write = (lambda one: one.insert(item(1))) if version == 1 else (lambda one: one.replace(item(2)))
    assert write(other)
    connection.lose = 1
    assert not write(store)
    assert connection.sent >= 2


@pytest.mark.parametrize("version", [1, 2])
def test_of_many_who_lose_their_answers_one_has_won(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    name, won = cloud.table(), []
    if version == 2:
        DynamoStore(name, cloud.dynamodb).insert(item(1))
    ready = threading.Barrier(8)

    def write(client: Any) -> None:
        store = DynamoStore(name, client)
        ready.wait(60)
        won.append(store.insert(item(1)) if version == 1 else store.replace(item(2)))

    connections = []
    threads = []
    for _ in range(8):
        client = cloud.client("dynamodb")
        connection = Lossy(client._endpoint.http_session)
        connection.lose = 1
        client._endpoint.http_session = connection
        connections.append((client, connection))
        threads.append(threading.Thread(target=write, args=(client,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for client, connection in connections:
        client._endpoint.http_session = connection._session
    assert won.count(True) == 1


# The client of its own.


def test_without_a_client_it_makes_one_of_the_environment(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    aws._clients.clear()
    try:
        store = DynamoStore(cloud.table())
        assert store.insert(item())
        assert DynamoStore(store._table.name).read("TASK#a") == item()
        assert aws.client("dynamodb") is aws.client("dynamodb")
        config = aws.client("dynamodb").meta.config
        assert config.connect_timeout <= 5
        assert config.read_timeout <= 15
        assert config.retries["total_max_attempts"] <= 4
        aws.client("dynamodb").close()
    finally:
        aws._clients.clear()


def test_nothing_is_made_before_it_is_needed() -> None:
    aws._clients.clear()
    DynamoStore("any")
    assert not aws._clients
