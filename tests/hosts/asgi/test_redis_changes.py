"""What happens in one process is told by another one that shares a Redis with it."""

import pytest
from tests.hosts.asgi.driving import Exchange, call, on_loop, settings, subscription
from tests.hosts.asgi.test_subscriptions import acknowledged, desk, note
from tests.redis_server import RedisProcess, shared_redis

from lambent import Settings
from lambent.stores import redis_changes
from lambent.stores.redis import close_clients
from lambent.stores.redis_changes import RedisChanges

redis = pytest.fixture(shared_redis)


@pytest.fixture(autouse=True)
def _block_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_changes, "_BLOCK_SECONDS", 0.1)


@on_loop
async def changes_are_told(given: Settings) -> None:
    here, there = desk().asgi(given), desk().asgi(given)
    try:
        async with Exchange(there, subscription(resourceSubscriptions=["desk://lamp"])) as one:
            await one.next()
            assert await one.heard() == acknowledged(resourceSubscriptions=["desk://lamp"])
            await call(here, "touch", {"uri": "desk://lamp"})  # in def
            assert await one.heard() == note("notifications/resources/updated", uri="desk://lamp")
            one.leave()
        async with Exchange(there, subscription(toolsListChanged=True, promptsListChanged=True)) as one:
            await one.next()
            await one.next()
            await call(here, "announce")  # in async def
            told = [await one.heard(), await one.heard()]
            names = ("tools", "prompts")
            assert sorted(map(str, told)) == sorted(
                str(note(f"notifications/{name}/list_changed")) for name in names
            )
            one.leave()
    finally:
        for app in (here, there):
            changes = app._endpoint.executor.services.changes
            assert isinstance(changes, RedisChanges)
            changes.close()


def test_changes_are_told_by_another_process(redis: RedisProcess) -> None:
    changes_are_told(settings(redis=redis.url()))
    close_clients()
