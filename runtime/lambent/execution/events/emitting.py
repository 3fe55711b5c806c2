"""Emitting: keeping what happened, so that clients get it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from lambent.errors import ConfigurationError
from lambent.execution.events.service import Events
from lambent.execution.rounds.pending import Pending

if TYPE_CHECKING:
    from lambent.execution.call import Call


class Emitter:
    """Emits what happened: ``ctx.events`` in handlers, ``mcp.events()`` in other code."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def emit(
        self, name: str, payload: Any, *, event_id: str | None = None, timestamp: datetime | None = None
    ) -> Pending[str]:
        """Keep an occurrence of an event type: it is in the store when this returns.

        A handler that asks or works in steps is run again from the top, and a task or a source may be
        repeated: give an ``event_id`` then, so that it is one occurrence whatever happens.

        Args:
            name: of the event type.
            payload: of its payload type.
            event_id: what the upstream calls it. Within the retention of the event type it occurs once: to
                emit it again changes nothing. Default: a new one.
            timestamp: when it happened, with a zone; default: now.

        Returns:
            The event id.

        Raises:
            ConfigurationError: no such event type is declared, or it has a ``check`` function.
            ItemTooLargeError: it has more than 256 KiB.
            StoreError: the store cannot be reached.
            ValidationError: the payload is not of its type.
        """
        found = self._events.emit(name, payload, event_id=event_id, timestamp=timestamp)
        return Pending(lambda: found)


def emitter_of(call: Call) -> Emitter:
    """What emits within a call.

    Raises:
        ConfigurationError: the server declares no events.
    """
    if call.services.events is None:
        raise ConfigurationError("The server declares no events: write @mcp.event")
    return Emitter(call.services.events)
