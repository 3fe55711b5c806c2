"""A bus carries changes to subscribers of other processes, and from outside of calls."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests import support
from tests.hosts.asgi.driving import Exchange, call, exchange, on_loop, settings, subscription
from tests.hosts.asgi.test_subscriptions import acknowledged, desk, note

from lambent import (
    InMemorySubscriptionBus,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from lambent.execution.handlers import subscriptions

UPDATED = note("notifications/resources/updated", uri="desk://lamp")
LAMP = subscription(resourceSubscriptions=["desk://lamp"])


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "_POLL_SECONDS", 0.005)


def app_of(bus: Any) -> Any:
    return desk(subscriptions=bus).asgi(settings())


@on_loop
async def test_what_happens_in_one_process_is_told_by_another() -> None:
    bus = InMemorySubscriptionBus()
    here, there = app_of(bus), app_of(bus)
    async with Exchange(there, LAMP) as one:
        await one.next()
        assert await one.heard() == acknowledged(resourceSubscriptions=["desk://lamp"])
        await call(here, "touch", {"uri": "desk://lamp"})  # in def
        assert await one.heard() == UPDATED
        one.leave()
    async with Exchange(there, subscription(toolsListChanged=True, promptsListChanged=True)) as one:
        await one.next()
        await one.next()
        await call(here, "announce")  # in async def
        assert await one.heard() == note("notifications/tools/list_changed")
        assert await one.heard() == note("notifications/prompts/list_changed")
        one.leave()


@on_loop
async def test_subscribers_are_told_of_what_happens_outside_of_calls() -> None:
    bus = InMemorySubscriptionBus()
    app = app_of(bus)
    everything = subscription(resourcesListChanged=True, resourceSubscriptions=["desk://lamp"])
    async with Exchange(app, everything) as one:
        await one.next()
        await one.heard()
        await bus.publish(ResourceUpdated("desk://other"))
        await bus.publish(ResourceUpdated("desk://lamp"))
        await bus.publish(ToolsListChanged())
        await bus.publish(PromptsListChanged())
        await bus.publish(ResourcesListChanged())
        assert await one.heard() == UPDATED
        assert await one.heard() == note("notifications/resources/list_changed")
        one.leave()


@on_loop
async def test_a_bus_is_asked_for_events_once_and_on_the_loop() -> None:
    loops: list[Any] = []

    class Bus(InMemorySubscriptionBus):
        def subscribe(self, listener: Callable[[Any], None]) -> Callable[[], None]:
            loops.append(asyncio.get_running_loop())
            return super().subscribe(listener)

    app = app_of(Bus())
    for _ in range(2):
        async with Exchange(app, LAMP) as one:
            await one.next()
            await one.heard()
            await call(app, "touch", {"uri": "desk://lamp"})
            assert await one.heard() == UPDATED
            one.leave()
    assert loops == [asyncio.get_running_loop()]


@on_loop
async def test_a_call_waits_until_others_are_told() -> None:
    told: list[Any] = []

    class Slow(InMemorySubscriptionBus):
        async def publish(self, event: Any) -> None:
            await asyncio.sleep(0.001)
            told.append(event)

    app = app_of(Slow())
    await call(app, "touch", {"uri": "desk://lamp"})
    assert told == [ResourceUpdated("desk://lamp")]
    await call(app, "announce")
    assert told[1:] == [ToolsListChanged(), PromptsListChanged(), ResourcesListChanged()]


@on_loop
async def test_a_server_may_take_no_subscriptions() -> None:
    app = app_of(False)
    _, refused = await exchange(app, LAMP)
    assert refused["body"] == support.failure(-32601, "Method not found", request_id="sub-1")
    _, last = await exchange(app, support.message("server/discover"))
    assert b"listChanged" not in last["body"]
    assert (await call(app, "touch", {"uri": "desk://lamp"}))["result"]["content"][0]["text"] == "touched"
