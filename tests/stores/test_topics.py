"""Items that are found by their topic, over every implementation."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION, Cloud, create_table, shared_cloud
from tests.redis_server import client_of, shared_redis
from tests.stores.test_dynamodb import Recorder

from lambent.execution.ports import Item
from lambent.stores.dynamodb import DynamoStore
from lambent.stores.memory import MemoryStore
from lambent.stores.redis_store import RedisStore

cloud = pytest.fixture(shared_cloud)
redis = pytest.fixture(shared_redis)
TopicStore = MemoryStore | DynamoStore | RedisStore


@pytest.fixture
def moto() -> Iterator[Any]:
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("dynamodb")
        create_table(client, "topics")
        yield client
        client.close()


@pytest.fixture(params=["memory", "moto", "ministack", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[TopicStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "redis":
        url = request.getfixturevalue("redis").url()
        client = client_of(url)
        yield RedisStore(url, client)
        client.close()
        return
    if request.param == "moto":
        yield DynamoStore("topics", request.getfixturevalue("moto"))
        return
    here: Cloud = request.getfixturevalue("cloud")
    name = here.table()
    yield DynamoStore(name, here.dynamodb)
    here.dynamodb.delete_table(TableName=name)


def item(key: str, version: int = 1, topic: str = "a") -> Item:
    return Item(key, version, b"{}", 2_000_000_000, topic=topic)


def test_keys_are_in_order_and_by_pages(store: TopicStore) -> None:
    for key in ("c", "a", "b"):
        assert store.insert(item(key))
    store.insert(item("d", topic="b"))
    store.insert(item("e", topic=""))
    assert store.members("a", "", 10) == ["a", "b", "c"]
    assert store.read("a") == item("a")
    assert store.members("a", "", 2) == ["a", "b"]
    assert store.members("a", "b", 2) == ["c"]
    assert store.members("b", "", 2) == ["d"]
    assert store.members("c", "", 2) == []


def test_writes_keep_and_change_the_topic(store: TopicStore) -> None:
    store.insert(item("a"))
    assert store.replace(item("a", 2))
    assert store.members("a", "", 9) == ["a"]
    assert store.replace(item("a", 3, topic="b"))
    assert (store.members("a", "", 9), store.members("b", "", 9)) == ([], ["a"])
    assert store.remove("a", 3)
    assert store.members("b", "", 9) == []


def test_items_without_a_topic_have_no_attribute(moto: Any) -> None:
    store = DynamoStore("topics", moto)
    store.insert(item("a", topic=""))
    store.insert(item("b"))
    plain, found = (moto.get_item(TableName="topics", Key={"pk": {"S": key}})["Item"] for key in "ab")
    assert "topic" not in plain
    assert found["topic"] == {"S": "a"}


def test_a_page_is_one_query(moto: Any) -> None:
    recorder = Recorder(moto)
    DynamoStore("topics", recorder).members("a", "", 5)
    assert [name for name, _ in recorder.asked] == ["query"]
