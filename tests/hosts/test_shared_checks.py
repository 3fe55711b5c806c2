"""`check` functions where processes that serve share a Redis: one of them asks, and endpoints are told."""

import threading
from collections.abc import Callable

import pytest
from tests.execution.durable.tasks.harness import TaskClient
from tests.execution.events.test_scheduled_checks import Upstream, declare
from tests.hooks import Hook, hooks
from tests.hosts.test_events import identify, params
from tests.hosts.test_shared_tasks import apps, loop, quick, start, url
from tests.redis_server import shared_redis
from tests.support import make_server

from lambent import Checked, MCPServer
from lambent.hosts import shared_checks

__all__ = ["apps", "loop", "quick", "start", "url"]

redis = pytest.fixture(shared_redis)
hook = pytest.fixture(hooks)

Start = Callable[[MCPServer], TaskClient]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_checks, "_CHECK_SECONDS", 0.2)


def test_one_of_the_servers_asks_and_endpoints_are_told(start: Start, hook: Hook) -> None:
    upstream = Upstream(1)
    asked = threading.Semaphore(0)
    upstream.before = asked.release

    def server() -> MCPServer:
        mcp = make_server(middleware=[identify])
        declare(mcp, upstream.check)
        return mcp

    here, _ = start(server()), start(server())
    here.request("events/subscribe", params(hook.url, "parcel.sent"))
    for _ in range(2):
        assert asked.acquire(timeout=20)
    upstream.parcels += [2, 3]
    assert sorted(one.json["data"]["number"] for one in hook.wait(2)) == [2, 3]
    assert upstream.asked[0] is None
    assert "1" in upstream.asked


def test_one_that_fails_is_asked_again_by_the_next_message(
    start: Start, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    count, is_asked_again = [0], threading.Event()

    async def check(cursor: str | None) -> Checked:
        count[0] += 1
        if count[0] > 1:
            is_asked_again.set()
        raise ValueError("the upstream is away")

    mcp = make_server(middleware=[identify])
    declare(mcp, check)
    start(mcp)
    assert is_asked_again.wait(20)
    assert "The check of parcel.sent failed" in caplog.text
    assert "failed too often" not in caplog.text
