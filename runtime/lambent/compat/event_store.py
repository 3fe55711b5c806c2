"""Stores of what clients have missed: kept for servers that have one, and not used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

EventId = str
StreamId = str


@dataclass
class EventMessage:
    """A message of a stream, with the id of its event."""

    message: Any
    event_id: str | None = None


EventCallback = Callable[[EventMessage], Awaitable[None]]


class EventStore(ABC):
    """Keeps the events of streams. Here a stream is resumed with the result of its call, without a store."""

    @abstractmethod
    async def store_event(self, stream_id: StreamId, message: Any) -> EventId:
        """Keep a message."""

    @abstractmethod
    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        """Send the messages after an event again."""
