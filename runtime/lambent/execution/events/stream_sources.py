"""Where streams find what happened: the log of an event type, or a function that asks an upstream."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.principal import Principal
from lambent.execution.events.asking import LookFailed
from lambent.execution.events.checking import check_arguments, select_checked, wait_of
from lambent.execution.events.polling import LogReader, cursor_of, read_record
from lambent.execution.events.ports import LogEntry, LogHead
from lambent.execution.events.service import Events, occurrence_of
from lambent.execution.events.watching import PAGE, LogWatch, Watches
from lambent.execution.failures import report
from lambent.features.events import EventType
from lambent.wire.events import EventOccurrence

if TYPE_CHECKING:
    import asyncio

_MOST_BYTES = 256 * 1024
"""Of payloads in a batch, unless one alone has more: so much may wait for a client that reads slowly."""

MOST_CHECKED = 50
"""What a ``check`` function is asked for."""


class StreamBatch(msgspec.Struct):
    """What a stream delivers next.

    Attributes:
        told: kinds and parameters of notifications, in order.
        position: behind it, as its source has it.
        has_events: occurrences are among the notifications.
        has_more: there is more, for which to look at once.
        wait: look again after so many seconds; None: when it was to be anyway.
    """

    told: list[tuple[str, dict[str, Any]]] = msgspec.field(default_factory=list)
    position: Any = None
    has_events: bool = False
    has_more: bool = False
    wait: float | None = None

    def tell_event(self, event: EventOccurrence, cursor: str | None) -> None:
        """Add an occurrence, and the position behind it."""
        members = {
            "eventId": event.event_id,
            "name": event.name,
            "timestamp": event.timestamp,
            "data": event.data,
            "cursor": cursor,
        }
        self.told.append(("event", members))
        self.has_events = True

    def tell_gap(self, cursor: str | None) -> None:
        """Add that something was skipped in front of a position."""
        self.told.append(("active", {"cursor": cursor, "truncated": True}))


class LogSource:
    """What was emitted, from a log; see ``StreamSource``.

    Args:
        events: the events of the server.
        watches: look at its logs.
        event: the event type.
        arguments: of the subscription.
        caller: whose subscription it is.
        start: the cursor of the client, and how old an occurrence may be, in milliseconds.

    Raises:
        InvalidParamsError: the cursor is none that this server has given.
    """

    due = math.inf

    def __init__(
        self,
        events: Events,
        watches: Watches,
        event: EventType,
        arguments: Any,
        caller: Principal | None,
        start: tuple[str | None, int | None],
    ) -> None:
        self._watches = watches
        self._key = events.key(event)
        self._event = event
        self._arguments = arguments
        self._caller = caller
        self._reader = LogReader(events, event, arguments, caller)
        self._watch: LogWatch | None = None
        self._position, self.truncated = events.log.head(self._key), False
        cursor, max_age_ms = start
        if cursor is not None:
            found = self._reader.start(self._position, cursor, max_age_ms)
            self._position, self.truncated = LogHead(self._position.epoch, found.number), found.truncated

    @property
    def cursor(self) -> str:
        """See ``StreamSource``."""
        return _cursor_of(self._position)

    @contextlib.contextmanager
    def joined(self, news: asyncio.Event) -> Iterator[None]:
        """See ``StreamSource.joined``."""
        with self._watches.join(self._key, news) as self._watch:
            yield

    async def look(self) -> StreamBatch:
        """See ``StreamSource.look``."""
        import asyncio

        watch, position = self._watch, self._position
        assert watch is not None  # noqa: S101 - the stream has joined
        if watch.failure is not None:
            raise LookFailed(watch.failure)
        head = watch.head
        if head is None or (head.epoch == position.epoch and head.number <= position.number):
            return StreamBatch(position=position)
        return await asyncio.to_thread(self._read, watch, head)

    def advance(self, batch: StreamBatch) -> None:
        """See ``StreamSource.advance``."""
        self._position = batch.position

    def _read(self, watch: LogWatch, head: LogHead) -> StreamBatch:
        """Read the next page of the log, on a thread."""
        batch, number = StreamBatch(), self._position.number
        if head.epoch != self._position.epoch:  # the log was lost, and made anew
            batch.position = head
            batch.tell_gap(_cursor_of(head))
            return batch
        entries = watch.read(number, min(head.number, number + PAGE))
        if not entries:  # all were purged
            number = self._reader.start(head, _cursor_of(self._position), None).number
            batch.tell_gap(cursor_of(head, number))
        size = 0
        for entry in entries:
            if size >= _MOST_BYTES:
                break
            if entry.number != number + 1:
                batch.tell_gap(cursor_of(head, entry.number - 1))
            number = entry.number
            size += self._select(entry, cursor_of(head, number), batch)
        batch.position = LogHead(head.epoch, number)
        batch.has_more = number < head.number
        return batch

    def _select(self, entry: LogEntry, cursor: str, batch: StreamBatch) -> int:
        """Add what the subscription gets of an entry, and say how many bytes that has."""
        record = read_record(entry.body)
        if record.is_gap:
            batch.tell_gap(cursor)
            return 0
        try:
            data = self._event.select_payload(record.data, self._arguments, self._caller)
        except BaseException as error:  # one that fails always would keep all others from the client
            report(error)
            batch.tell_gap(cursor)
            return 0
        if data is None:
            return 0
        batch.tell_event(occurrence_of(record, self._event, data), cursor)
        return len(data)


class CheckSource:
    """What a ``check`` function finds, which is asked at the event type's interval; see ``StreamSource``.

    All streams ask at the same times, so that those with the same arguments and cursor share a call.

    Args:
        events: the events of the server.
        watches: have the calls that streams share.
        event: the event type.
        arguments: of the subscription.
        wanted: the arguments as JSON, the same for equal ones.
        caller: whose subscription it is.
        floor: what happened before this is too old.
    """

    def __init__(
        self,
        events: Events,
        watches: Watches,
        event: EventType,
        arguments: Any,
        wanted: bytes,
        caller: Principal | None,
        floor: datetime | None,
    ) -> None:
        self.due = 0.0
        self.cursor: str | None = None
        self.truncated = False
        self._events = events
        self._event = event
        self._arguments = arguments
        self._caller = caller
        self._calls = watches.calls
        self._wanted = wanted
        self._floor = floor
        self._first: StreamBatch | None = None

    def begin(self, cursor: str | None, checked: Any) -> None:
        """Take what the function has found for the client's own cursor, with which the stream begins.

        Raises:
            TypeError: it has returned something else.
        """
        batch, self.truncated = self._batch_of(checked, cursor)
        self.cursor = checked.cursor if cursor is None else cursor
        self._first = batch

    @contextlib.contextmanager
    def joined(self, news: asyncio.Event) -> Iterator[None]:
        """See ``StreamSource.joined``: nobody tells when something happens."""
        yield

    async def look(self) -> StreamBatch:
        """See ``StreamSource.look``: asks the upstream, if it is time to."""
        import asyncio

        if self._first is not None:
            return self._first
        event, now = self._event, asyncio.get_running_loop().time()
        if now < self.due:
            return StreamBatch(position=self.cursor)
        self.due = _next(now, event.poll_ms / 1000)  # also if it fails
        assert event.check is not None  # noqa: S101 - so its caller has found it
        given = check_arguments(event, self._arguments, self.cursor, MOST_CHECKED)
        checked = await self._calls.call((event.name, self._wanted, self.cursor), event.check, *given)
        batch, truncated = await asyncio.to_thread(self._batch_of, checked, self.cursor)
        if truncated:
            batch.told.insert(0, ("active", {"cursor": self.cursor, "truncated": True}))
        return batch

    def advance(self, batch: StreamBatch) -> None:
        """See ``StreamSource.advance``."""
        import asyncio

        self._first = None
        self.cursor = batch.position
        if batch.wait is not None:
            self.due = _next(asyncio.get_running_loop().time(), batch.wait)

    def _batch_of(self, checked: Any, before: str | None) -> tuple[StreamBatch, bool]:
        """What was found behind a cursor, and whether something was skipped."""
        now = self._events.clock()
        found, truncated = select_checked(
            checked, self._event, self._arguments, self._caller, now, self._floor
        )
        batch = StreamBatch(position=checked.cursor, has_more=checked.has_more)
        batch.wait = 0.0 if checked.has_more else wait_of(checked, self._event) / 1000
        for number, event in enumerate(found, 1):
            # Behind the last one only: a client that loses its connection before gets the others again.
            batch.tell_event(event, checked.cursor if number == len(found) else before)
        return batch, truncated


def _next(now: float, seconds: float) -> float:
    """The next time to ask, the same for all streams that ask so often; now, where there is no wait."""
    return (math.floor(now / seconds) + 1) * seconds if seconds else now


def _cursor_of(position: LogHead) -> str:
    return cursor_of(position, position.number)
