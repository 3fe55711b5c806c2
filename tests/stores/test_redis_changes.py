"""A feed of changes that processes share."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.redis_server import SECONDS, Proxy, RedisProcess, client_of, shared_redis

from lambent.stores import redis_changes
from lambent.stores.redis_changes import RedisChanges

redis = pytest.fixture(shared_redis)

Make = Callable[..., RedisChanges]


@pytest.fixture
def proxy(redis: RedisProcess) -> Iterator[Proxy]:
    made = Proxy(redis.port)
    yield made
    made.close()


@pytest.fixture
def make(proxy: Proxy, redis: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes feeds as processes would have them, each with a client of its own."""
    monkeypatch.setattr(redis_changes, "_BLOCK_SECONDS", 0.1)
    monkeypatch.setattr(redis_changes, "_PAUSE_SECONDS", 0.05)
    number, made = redis.url().rpartition("/")[2], list[tuple[RedisChanges, Any]]()

    def one(name: str = "shop") -> RedisChanges:
        client = client_of(f"redis://127.0.0.1:{proxy.port}/{number}")
        made.append((RedisChanges("redis://a", name, client), client))
        return made[-1][0]

    yield one
    for changes, client in made:
        changes.close()
        client.close()


def test_what_one_process_publishes_others_receive(make: Make) -> None:
    here, there, other = make(), make(), make("other server")
    for feed in (here, there, other):
        feed.receive()
        feed.receive()
    start = there.position()
    assert here.publish("shop://policy") is None
    assert there.wait(start, SECONDS) == (["shop://policy"], start + 1)
    assert here.wait(0, SECONDS) == (["shop://policy"], 1)
    assert other.wait(0, 0.0) == ([], 0)


def test_what_was_published_before_is_not_received(make: Make) -> None:
    here, there = make(), make()
    here.publish("old")
    there.receive()
    here.publish("new")
    assert there.wait(0, SECONDS) == (["new"], 1)


def test_nothing_is_missed_while_a_connection_is_lost(make: Make, proxy: Proxy) -> None:
    here, there = make(), make()
    there.receive()
    here.publish("first")
    there.wait(0, SECONDS)
    proxy.cut()
    here.publish("second")
    assert there.wait(1, SECONDS) == (["second"], 2)


def test_this_process_is_told_where_others_cannot_be(
    make: Make, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    here = make()
    proxy.target = 1
    here.publish("shop://policy")
    assert here.wait(0, 0.0) == (["shop://policy"], 1)
    assert caplog.messages[0].startswith("A change is told to this process alone: redis: publish at ")


def test_an_event_loop_does_not_wait(make: Make) -> None:
    here = make()
    here.receive()

    async def publish() -> None:
        publishing = here.publish("shop://policy")
        assert publishing is not None
        await publishing
        assert here.publish("notifications/tasks") is None

    asyncio.run(publish())
    topics: list[str] = []
    position = 0
    while len(topics) < 2:
        found, position = here.wait(position, SECONDS)
        topics += found
    assert topics == ["shop://policy", "notifications/tasks"]
