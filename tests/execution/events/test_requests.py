"""What occurrences and their deliveries ask of DynamoDB and SQS: ``docs/cost.md`` puts a price on it."""

from collections import Counter
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION, create_table
from tests.execution.events import test_subscriptions
from tests.execution.events.test_delivery import Post
from tests.execution.events.test_subscriptions import URL
from tests.stores.test_dynamodb import Recorder

from lambent.stores.dynamodb import DynamoStore
from lambent.stores.event_logs import DynamoLog

TABLE = "requests"
EMIT = {"put_item": 1, "update_item": 1}
DELIVERY = {"get_item": 2, "batch_get_item": 1, "put_item": 2}
"""Of one occurrence to one endpoint: record, head, entry, and the record before and after the request."""


class Shop(Post):
    """A shop whose table is in DynamoDB, with some endpoints."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, endpoints: int) -> None:
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("dynamodb")
        create_table(client, TABLE)
        self.table = Recorder(client)
        with monkeypatch.context() as context:
            context.setattr(test_subscriptions, "MemoryStore", lambda: DynamoStore(TABLE, self.table))
            super().__init__()
        self.shop.events.log = DynamoLog(TABLE, self.table)
        self.keys = []
        for number in range(endpoints):
            sub_id = self.shop.subscribe({"url": f"{URL}/{number}"})["id"]
            self.keys.append(self.shop.subscriptions._key(sub_id, self.shop.caller))  # type: ignore[arg-type]
        self.run(6)
        self.counted()

    def counted(self) -> dict[str, int]:
        """What the table was asked since the last time."""
        found = dict(Counter(name for name, _ in self.table.asked))
        self.table.asked.clear()
        return found

    def work(self, message: str) -> list[str]:
        """Do what a message says; the messages that follow from it."""
        self.shop.queue.messages.clear()
        self.deliveries.run(message)
        return [each for each, _ in self.shop.queue.messages]


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


pytestmark = pytest.mark.usefixtures("aws")


def test_an_emit_is_two_writes_and_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(monkeypatch, 1)
    shop.shop.events.emit("order.refunded", test_subscriptions.Refund("a"))
    assert shop.counted() == EMIT
    assert [each for each, _ in shop.shop.queue.messages] == ["wake order.refunded"]
    shop.shop.emit("e1")
    assert shop.counted() == {"transact_write_items": 1, "update_item": 1}


def test_a_delivery_is_two_writes_and_three_reads_without_a_message_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop(monkeypatch, 3)
    shop.shop.emit("e1")
    shop.counted()
    messages = shop.work("wake order.refunded")
    assert sorted(messages) == sorted(f"advance {key}" for key in shop.keys)
    assert shop.counted() == {"query": 1}
    for message in messages:
        assert shop.work(message) == []
        assert shop.counted() == DELIVERY
    assert shop.ids == ["e1"] * 3


def test_others_of_a_window_are_a_message_each_and_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(monkeypatch, 1)
    shop.shop.emit(*(f"e{number}" for number in range(10)))
    shop.counted()
    messages = shop.work(f"advance {shop.keys[0]}")
    assert (len(messages), shop.counted()) == (9, DELIVERY)
    for message in messages:
        assert shop.work(message) == []
        assert shop.counted() == {"get_item": 1, "batch_get_item": 1, "put_item": 1}
    assert len(shop.ids) == 10


def test_a_message_that_finds_nothing_is_two_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(monkeypatch, 1)
    assert shop.work(f"advance {shop.keys[0]}") == []
    assert shop.counted() == {"get_item": 2}


def test_a_poll_that_finds_nothing_is_a_read(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(monkeypatch, 1)
    found = shop.shop.client.request("events/poll", {"name": "order.polled"}).result
    shop.counted()
    poll = {"name": "order.polled", "cursor": found["cursor"]}
    assert shop.shop.client.request("events/poll", poll).result["events"] == []
    assert shop.counted() == {"get_item": 1}


def test_a_refresh_is_two_writes_and_five_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(monkeypatch, 1)
    shop.shop.subscribe({"url": f"{URL}/0"})
    assert shop.counted() == {"get_item": 5, "put_item": 2}
    assert shop.shop.queue.messages == []
