"""A bus that carries changes between processes: what one of them publishes, the subscribers of all are told.

``MCPServer(subscriptions=bus)`` takes any object that has ``publish`` and ``subscribe``, such as one that is
made of the channels of Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lambent.execution.log_records import logger
from lambent.execution.rounds.pending import DONE, Pending

if TYPE_CHECKING:
    from asyncio import Task

    from lambent.execution.invocation import Invocation
    from lambent.execution.ports import Changes

_log = logger("lambent")


class ToolsListChanged(msgspec.Struct, frozen=True):
    """The list of tools has changed."""


class PromptsListChanged(msgspec.Struct, frozen=True):
    """The list of prompts has changed."""


class ResourcesListChanged(msgspec.Struct, frozen=True):
    """The list of resources has changed."""


class ResourceUpdated(msgspec.Struct, frozen=True):
    """A resource has changed."""

    uri: str


ServerEvent = ToolsListChanged | PromptsListChanged | ResourcesListChanged | ResourceUpdated
"""What subscribers are told of."""

Listener = Callable[[ServerEvent], None]


class SubscriptionBus(Protocol):
    """Carries events between processes, or within one."""

    async def publish(self, event: ServerEvent) -> None:
        """Tell everybody who has subscribed, in this process and in others."""

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have a function called with each event; called on the event loop that all calls share.

        Returns:
            What ends that.
        """


class InMemorySubscriptionBus:
    """A bus within one process: tells subscribers of what happens outside of calls.

    ``await bus.publish(ResourceUpdated("shop://policy"))`` works on any event loop.
    """

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}

    async def publish(self, event: ServerEvent) -> None:
        """See ``SubscriptionBus``. A listener that raises does not keep others from being told."""
        for listener in list(self._listeners.values()):
            try:
                listener(event)
            except Exception:
                _log.exception("A listener of a subscription bus has raised")

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """See ``SubscriptionBus``."""
        key = object()
        self._listeners[key] = listener

        def unsubscribe() -> None:
            self._listeners.pop(key, None)

        return unsubscribe


_EVENTS: dict[str, ServerEvent] = {
    "notifications/tools/list_changed": ToolsListChanged(),
    "notifications/prompts/list_changed": PromptsListChanged(),
    "notifications/resources/list_changed": ResourcesListChanged(),
}
"""The events of a list, by the topic of the feed."""

_TOPICS = {type(event).__name__: topic for topic, event in _EVENTS.items()}


class BusChanges:
    """A feed of changes that a bus brings; what is about this process alone stays in it.

    Args:
        bus: carries the events.
        feed: the feed of this process.
    """

    def __init__(self, bus: SubscriptionBus, feed: Changes) -> None:
        self._bus = bus
        self._feed = feed
        self._is_subscribed = False
        self.position = feed.position
        self.wait = feed.wait

    def publish(self, topic: str) -> Coroutine[Any, Any, None] | None:
        """See ``Changes.publish``."""
        if topic in _EVENTS:
            return self._publish(_EVENTS[topic])
        if not topic or topic.startswith("notifications/"):
            return self._feed.publish(topic)
        return self._publish(ResourceUpdated(topic))

    async def receive(self) -> None:
        """See ``Changes.receive``: a bus may need the loop of the process from its first listener on."""
        if not self._is_subscribed:
            self._is_subscribed = True
            self._bus.subscribe(self._take)

    async def _publish(self, event: ServerEvent) -> None:
        await self.receive()
        await self._bus.publish(event)

    def _take(self, event: Any) -> None:
        """Pass on an event, which may be one of the official SDK's class of the same name."""
        name = type(event).__name__
        topic = str(event.uri) if name == "ResourceUpdated" else _TOPICS.get(name)
        if topic is None:
            raise TypeError(f"The subscription bus has brought {name}, which is no event")
        self._feed.publish(topic)


class _Publishing(Pending[None]):
    """Waits until a coroutine that publishes has ended."""

    __slots__ = ("_task",)

    def __init__(self, task: Task[None]) -> None:
        super().__init__(lambda: None)
        self._task = task

    def __await__(self) -> Generator[Any, None, None]:
        """See ``Pending``."""
        return self._task.__await__()


_running: set[Task[None]] = set()


def send(publishing: Coroutine[Any, Any, None], invocation: Invocation) -> Pending[None]:
    """Publish from within a handler: at once in a plain function, else by a task that may be waited for."""
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        invocation.run(publishing)
        return DONE
    task = loop.create_task(publishing)
    _running.add(task)  # the loop itself would forget it
    task.add_done_callback(_running.discard)
    return _Publishing(task)
