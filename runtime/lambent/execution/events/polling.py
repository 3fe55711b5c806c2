"""``events/poll``: what happened since a cursor ("Poll-Based Delivery", "Cursor Lifecycle").

A cursor is the number of the last entry that was looked at, behind the epoch of its log. Entries are purged
when their time is over, so what is kept is a range of numbers, whose begin is found by bisection::

    1 ············ purged │ kept ───────────────────────── head
         ▲ cursor          ▲ first entry: truncated         ▲ fresh cursor
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lambent.auth.principal import Principal
from lambent.errors import InvalidParamsError
from lambent.execution.events.ports import MOST_ENTRIES, LogEntry, LogHead
from lambent.execution.events.service import Events, LogRecord, occurrence_of
from lambent.execution.failures import report
from lambent.features.events import EventType
from lambent.wire.events import EventOccurrence, PollEventsParams, PollEventsResult

_DEFAULT_EVENTS = 50

_MOST_EVENTS = 500
_MOST_BYTES = 1024 * 1024
"""Of payloads in a result: hosts bound their responses."""

_MOST_LOOKED_AT = 1000
"""Entries: a subscription with a narrow filter gets ``hasMore`` behind them."""

read_record = msgspec.json.Decoder(LogRecord).decode


class Found(msgspec.Struct):
    """What was found behind a position of a log.

    Attributes:
        number: the position behind all that was looked at.
        truncated: something was skipped.
        events: what the subscription gets.
    """

    number: int
    truncated: bool = False
    events: list[EventOccurrence] = msgspec.field(default_factory=list)


class LogReader:
    """Reads the log of an event type for one subscription.

    Args:
        events: the events of the server.
        event: the event type.
        arguments: of the subscription.
        caller: whose subscription it is.
    """

    def __init__(self, events: Events, event: EventType, arguments: object, caller: Principal | None) -> None:
        self._events = events
        self._log = events.log
        self._key = events.key(event)
        self._event = event
        self._arguments = arguments
        self._caller = caller

    def poll(self, params: PollEventsParams) -> PollEventsResult:
        """Answer a poll.

        Raises:
            InvalidParamsError: the cursor is none that this server has given.
        """
        head = self._log.head(self._key)
        found = Found(head.number)
        if params.cursor is not None:
            found = self.start(head, params.cursor, params.max_age_ms)
            self.fill(head, found, most_events(params))
        return PollEventsResult(
            events=found.events,
            cursor=cursor_of(head, found.number),
            truncated=found.truncated,
            has_more=found.number < head.number,
            next_poll_ms=self._event.poll_ms,
        )

    def start(self, head: LogHead, cursor: str, max_age_ms: int | None) -> Found:
        """Where to begin for a cursor: behind it, behind what was purged, and behind what is too old.

        Raises:
            InvalidParamsError: it is no cursor.
        """
        epoch, number = _parse(cursor)
        if epoch != head.epoch or number > head.number:
            return Found(head.number, truncated=True)
        if number == head.number:
            return Found(number)
        if not self._log.read(self._key, number, 1):
            found = Found(self._last(number, head.number, self._is_purged), truncated=True)
        else:
            found = Found(number)
        if max_age_ms is not None and found.number < head.number:
            floor = int(self._events.clock() * 1000) - max_age_ms

            def is_old(number: int) -> bool:
                entries = self._log.read(self._key, number - 1, 1)
                return not entries or read_record(entries[0].body).at < floor

            if is_old(found.number + 1):
                found = Found(self._last(found.number, head.number, is_old), truncated=True)
        return found

    def fill(self, head: LogHead, found: Found, most: int) -> None:
        """Look at entries up to the head, until there are as many events as there may be."""
        size = looked_at = 0
        while found.number < head.number and looked_at < _MOST_LOOKED_AT:
            entries = self._log.read(self._key, found.number, min(head.number - found.number, MOST_ENTRIES))
            if not entries:  # all were purged between two reads
                found.number, found.truncated = min(head.number, found.number + MOST_ENTRIES), True
            for entry in entries:
                if len(found.events) >= most or size >= _MOST_BYTES:
                    return
                looked_at += 1
                found.truncated |= entry.number != found.number + 1
                found.number = entry.number
                event = self._select(entry, found)
                if event is not None:
                    found.events.append(event)
                    size += len(event.data)

    def _select(self, entry: LogEntry, found: Found) -> EventOccurrence | None:
        """What the subscription gets of an entry; one whose function fails is skipped, which is told."""
        record = read_record(entry.body)
        if record.is_gap:
            found.truncated = True
            return None
        try:
            data = self._event.select_payload(record.data, self._arguments, self._caller)
        except Exception as error:
            report(error)
            found.truncated = True
            return None
        return None if data is None else occurrence_of(record, self._event, data)

    def _is_purged(self, number: int) -> bool:
        return not self._log.read(self._key, number - 1, 1)

    def _last(self, low: int, high: int, is_skipped: Callable[[int], bool]) -> int:
        """The last number up to ``high`` that is skipped, where ``low + 1`` is: those behind it are not."""
        low += 1
        while low < high:
            middle = (low + high + 1) // 2
            if is_skipped(middle):
                low = middle
            else:
                high = middle - 1
        return low


def most_events(params: PollEventsParams) -> int:
    """How many events a poll may give."""
    return min(params.max_events or _DEFAULT_EVENTS, _MOST_EVENTS)


def cursor_of(head: LogHead, number: int) -> str:
    """The cursor behind an entry."""
    return f"{head.epoch}.{number}"


def _parse(cursor: str) -> tuple[str, int]:
    epoch, _, number = cursor.rpartition(".")
    if not epoch or not (number.isascii() and number.isdecimal()) or len(number) > 20:
        raise InvalidParamsError("Invalid cursor: it is none that this server has given")
    return epoch, int(number)
