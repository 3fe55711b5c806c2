"""The subscription bus, and the feed of changes that it brings."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client, make_handler, make_server

from lambent import (
    Context,
    DeclarationError,
    InMemorySubscriptionBus,
    ResourceUpdated,
    Settings,
    ToolsListChanged,
)
from lambent.execution.subscription_bus import BusChanges
from lambent.stores.memory import MemoryChanges
from lambent.testing import TestClient


def test_everybody_who_subscribes_is_told_until_they_end_it() -> None:
    bus, seen = InMemorySubscriptionBus(), list[Any]()
    end = bus.subscribe(seen.append)
    bus.subscribe(seen.append)
    asyncio.run(bus.publish(ToolsListChanged()))
    end()
    end()
    asyncio.run(bus.publish(ResourceUpdated("a:b")))
    assert seen == [ToolsListChanged(), ToolsListChanged(), ResourceUpdated("a:b")]


def test_one_that_raises_does_not_keep_others_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    bus, seen = InMemorySubscriptionBus(), list[Any]()

    def broken(event: Any) -> None:
        raise ValueError("broken")

    bus.subscribe(broken)
    bus.subscribe(seen.append)
    asyncio.run(bus.publish(ToolsListChanged()))
    assert seen == [ToolsListChanged()]
    assert "A listener of a subscription bus has raised" in caplog.text


def test_what_is_about_the_process_alone_does_not_go_over_the_bus() -> None:
    feed, seen = MemoryChanges(), list[Any]()
    bus = InMemorySubscriptionBus()
    bus.subscribe(seen.append)
    changes = BusChanges(bus, feed)
    assert changes.publish("notifications/tasks") is None
    assert changes.publish("") is None
    assert changes.wait(0, 0.0)[0] == ["notifications/tasks", ""]
    assert seen == []


class Official:
    """A bus that brings objects of another class with the names of the events."""

    listener: Callable[[Any], None]

    def subscribe(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        self.listener = listener
        return lambda: None

    async def publish(self, event: Any) -> None: ...


def test_events_are_told_by_the_names_of_their_classes() -> None:
    bus, feed = Official(), MemoryChanges()
    asyncio.run(BusChanges(bus, feed).receive())
    bus.listener(type("ResourceUpdated", (), {"uri": "a:b"})())
    bus.listener(type("ToolsListChanged", (), {})())
    assert feed.wait(0, 0.0)[0] == ["a:b", "notifications/tools/list_changed"]
    with pytest.raises(TypeError, match="has brought str, which is no event"):
        bus.listener("changed")


def changing(**options: Any) -> Any:
    mcp = make_server(**options)

    @mcp.tool()
    def change(ctx: Context) -> str:
        ctx.notify_resource_updated("note://a")
        return "changed"

    @mcp.resource("note://a")
    def note() -> str:
        return "a"

    return mcp


def test_a_function_of_lambda_publishes_too() -> None:
    bus, seen = InMemorySubscriptionBus(), list[Any]()
    bus.subscribe(seen.append)
    handler = make_handler(changing(subscriptions=bus), Settings(state_keys=("x" * 32,)))
    assert Client(handler).call("change").text == "changed"
    assert seen == [ResourceUpdated("note://a")]
    handler.close()


def test_tests_see_what_is_published() -> None:
    with TestClient(changing(subscriptions=InMemorySubscriptionBus())) as client:
        assert client.call("change").text == "changed"
        assert client.changes == ["note://a"]


def test_a_bus_of_a_mounted_server_is_one_of_the_server_around_it() -> None:
    bus = InMemorySubscriptionBus()
    with pytest.raises(DeclarationError, match=r"'shop' has subscriptions=…, which counts once an endpoint"):
        make_server().mount(changing(subscriptions=bus), "one")
    mcp = make_server(subscriptions=bus)
    mcp.mount(changing(subscriptions=bus), "one")
    with TestClient(mcp) as client:
        assert client.call("one_change").text == "changed"
        assert client.changes == ["note://one/a"]
