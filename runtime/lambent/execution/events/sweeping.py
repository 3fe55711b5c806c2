"""Finding the subscriptions of event types, one page a message: their number has no bound, messages have."""

from __future__ import annotations

from lambent.execution.events import window
from lambent.execution.events.ports import MessageQueue
from lambent.execution.events.service import Events
from lambent.execution.events.subscriptions import Subscriptions
from lambent.execution.ports import Clock, Topics

_PAGE = 100


class Sweeping:
    """Sends messages to subscriptions.

    Args:
        events: the event types of the server.
        subscriptions: their subscriptions.
        topics: finds those of an event type.
        queue: takes messages.
        clock: the time.
    """

    def __init__(
        self, events: Events, subscriptions: Subscriptions, topics: Topics, queue: MessageQueue, clock: Clock
    ) -> None:
        self._events = events
        self._subscriptions = subscriptions
        self._topics = topics
        self._queue = queue
        self._clock = clock

    def wake(self, name: str, after: str = "") -> None:
        """Have every subscription of an event type behind a key look at what happened."""
        keys = self._topics.members(self._events.key_of(name), after, _PAGE)
        if len(keys) == _PAGE:
            self._queue.send(f"wake {name} {keys[-1]}")
        self._queue.send_all([f"advance {key}" for key in keys])

    def sweep(self, name: str = "", after: str = "") -> None:
        """Have subscriptions go on that wait for something which no message brings any more.

        Args:
            name: of the event type; without one, all that have webhooks, and those that somebody has
                subscribed to and the server does not have any more.
            after: the key behind which to begin.
        """
        if not name:
            declared = [
                one.name for one in self._events.types.values() if "webhook" in one.definition.delivery
            ]
            subscribed = self._subscriptions.contracts.names(self._topics)
            self._queue.send_all([f"sweep {one}" for one in sorted({*declared, *subscribed})])
            return
        log = self._events.key_of(name)
        keys = self._topics.members(log, after, _PAGE)
        if len(keys) == _PAGE:
            self._queue.send(f"sweep {name} {keys[-1]}")
        if not keys:
            return
        head, event = self._events.log.head(log), self._events.types.get(name)
        waiting = []
        for key in keys:
            held, now = self._subscriptions.records.read(key), self._clock()
            if held is None:
                continue
            record = held.record
            if record.end is None and not record.lives(now):
                continue
            is_doubtful = record.end is None and (
                record.doubtful_since is not None
                or self._subscriptions.contracts.breach(event, record) is not None
            )
            is_endless = record.end is None and not record.active and record.expires is None
            if is_doubtful or is_endless or window.is_waiting(record, head, now):
                waiting.append(f"advance {key}")
        self._queue.send_all(waiting)
