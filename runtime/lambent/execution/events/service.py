"""The occurrences of a server's event types, each type in a log of its own."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from lambent.errors import ConfigurationError, ItemTooLargeError, StoreError
from lambent.execution.durable.records import random_id
from lambent.execution.events.ports import EventLog
from lambent.execution.failures import report
from lambent.execution.ports import Clock, Queue
from lambent.execution.rounds.digests import digest
from lambent.features.codecs import ValidationError
from lambent.features.events import EventType, Occurrence
from lambent.wire.events import MAX_OCCURRENCE_BYTES, MODES, EventOccurrence, Mode

if TYPE_CHECKING:
    from lambent.execution.events.subscriptions import Subscriptions
    from lambent.execution.events.watching import Watches

_CURSOR_BYTES = 256
"""What a delivery adds to an occurrence: the cursor, and the name of its member."""

_MOST_ID_CHARACTERS = 256


class LogRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """An occurrence as its log keeps it.

    Attributes:
        id: the event id.
        at: when it was appended, in milliseconds since the epoch.
        time: when it happened, as clients get it.
        data: the payload.
        is_gap: it is no occurrence: something is missing here.
    """

    id: str
    at: int
    time: str
    data: Raw
    is_gap: bool = False


class NewOccurrence(msgspec.Struct, frozen=True):
    """An occurrence that can be kept.

    Attributes:
        event: its type.
        record: as the log keeps it.
        once: a name that it has in the log alone; None where it has none.
    """

    event: EventType
    record: LogRecord
    once: str | None


class Events:
    """The event types of a server, and what happened.

    Args:
        types: by name.
        log: keeps occurrences.
        server: names the server; servers may share a store.
        clock: the time.

    Attributes:
        clock: see there.
        log: see there.
        modes: how this host can deliver.
        queue: brings what there is to deliver; None where nothing is.
        subscriptions: those that are delivered to endpoints; None where none are.
        watches: look at logs for streams; None where no stream stays open.
        has_schedule: a schedule may have upstreams asked, since others see the log.
    """

    modes: tuple[Mode, ...] = ("poll",)
    subscriptions: Subscriptions | None = None
    queue: Queue | None = None
    watches: Watches | None = None
    has_schedule: bool = False

    def __init__(self, types: Mapping[str, EventType], log: EventLog, server: str, clock: Clock) -> None:
        self.types = types
        self.log = log
        self.clock = clock
        self._server = server

    def seen_as(self, names: Mapping[str, str]) -> Events:
        """The same for a mounted server, whose names of event types stand for names here."""
        seen = copy.copy(self)
        seen.types = {inner: self.types[name] for inner, name in names.items()}
        return seen

    @property
    def is_checked(self) -> bool:
        """Whether a schedule asks an upstream."""
        return any(event.is_scheduled for event in self.types.values())

    def key(self, event: EventType) -> str:
        """The key of an event type's log."""
        return self.key_of(event.name)

    def key_of(self, name: str) -> str:
        """The key of the log of an event type that this process may not know."""
        return f"EVENTS#{digest([self._server, name])}"

    def served(self, event: EventType) -> tuple[Mode, ...]:
        """The modes in which this host delivers an event type."""
        modes = event.definition.delivery
        if not self.reads_log(event):
            modes = tuple(mode for mode in modes if mode != "webhook")  # nobody would ask for endpoints
        return tuple(mode for mode in MODES if mode in modes and mode in self.modes)

    def reads_log(self, event: EventType) -> bool:
        """Whether clients get what is in the log; else each of them has the upstream asked."""
        return event.check is None or (event.is_scheduled and self.has_schedule)

    def emit(
        self, name: str, payload: Any, *, event_id: str | None = None, timestamp: datetime | None = None
    ) -> str:
        """Keep an occurrence; see ``Emitter.emit``."""
        return self.keep(self.check(name, payload, event_id=event_id, timestamp=timestamp))

    def check(
        self, name: str, payload: Any, *, event_id: str | None = None, timestamp: datetime | None = None
    ) -> NewOccurrence:
        """Make sure that an occurrence can be kept; raises what ``Emitter.emit`` does, but ``StoreError``."""
        event = self.types.get(name)
        if event is None:
            raise ConfigurationError(f"The server declares no event {name!r}")
        if not self.reads_log(event):
            raise ConfigurationError(f"Occurrences of {name!r} come from its check function: none is emitted")
        if event_id is not None:
            _check_id(event_id)
        now = self.clock()
        data = Raw(event.payload.encode(payload))
        record = LogRecord(event_id or f"evt_{random_id()}", int(now * 1000), iso(timestamp, now), data)
        check_size(record, event)
        return NewOccurrence(event, record, None if event_id is None else digest(event_id))

    def keep(self, occurrence: NewOccurrence) -> str:
        """Keep an occurrence, and have it delivered; gives its event id.

        Raises:
            StoreError: the store cannot be reached.
        """
        self.keep_all([occurrence])
        return occurrence.record.id

    def keep_all(self, occurrences: Iterable[NewOccurrence]) -> None:
        """Keep occurrences in their order, and have them delivered.

        Raises:
            StoreError: see ``keep``; those in front of the one that has failed are kept.
        """
        kept: dict[str, EventType] = {}
        try:
            for one in occurrences:
                event, record = one.event, one.record
                purge_at = math.ceil(record.at / 1000 + event.retention)
                self.log.append(self.key(event), msgspec.json.encode(record), purge_at, one.once)
                kept[event.name] = event
        finally:
            for event in kept.values():
                self._tell(event)

    def gap(self, event: EventType, once: str | None) -> NewOccurrence:
        """An entry that tells readers of a log that something is missing."""
        record = LogRecord("", int(self.clock() * 1000), "", Raw(b"null"), is_gap=True)
        return NewOccurrence(event, record, once)

    def _tell(self, event: EventType) -> None:
        """Have subscriptions look at the log of an event type.

        What is kept is emitted: where the queue fails, the log says so, and the next sweep finds it.
        """
        if self.watches is not None:
            self.watches.wake(self.key(event))
        # Whatever this host itself can deliver: the subscriptions are in a store that it shares with others.
        if self.queue is not None and "webhook" in event.definition.delivery:
            try:
                self.queue.send(f"wake {event.name}")
            except StoreError as error:
                report(error)


def record_of(one: Occurrence, event: EventType, now: float) -> LogRecord:
    """An occurrence that a ``check`` function has found, at a time in seconds since the epoch.

    Raises:
        ItemTooLargeError: it is too large.
        TypeError: it has no id, by which it would be recognized when it is found again.
        ValidationError: its payload is not of its type, its id is none, or its timestamp has no zone.
    """
    if not one.event_id:
        raise TypeError(f"The check function of {event.name} gave an occurrence without event_id")
    _check_id(one.event_id)
    data = Raw(event.payload.encode(one.payload))
    record = LogRecord(one.event_id, int(now * 1000), iso(one.timestamp, now), data)
    check_size(record, event)
    return record


def _check_id(event_id: str) -> None:
    """Refuse an event id that no delivery could have as its header.

    Raises:
        ValidationError: it is none.
    """
    is_word = event_id.isascii() and event_id.isprintable() and " " not in event_id
    if not is_word or not 1 <= len(event_id) <= _MOST_ID_CHARACTERS:
        raise ValidationError(
            f"event_id is a header of deliveries: 1 to {_MOST_ID_CHARACTERS} characters of ASCII, no spaces"
        )


def check_size(record: LogRecord, event: EventType) -> None:
    """Refuse an occurrence that receivers need not take.

    Raises:
        ItemTooLargeError: it is too large.
    """
    size = len(msgspec.json.encode(occurrence_of(record, event, record.data))) + _CURSOR_BYTES
    if size > MAX_OCCURRENCE_BYTES:
        raise ItemTooLargeError(
            f"An occurrence of {event.name} has {size} bytes, the limit is {MAX_OCCURRENCE_BYTES}: say that "
            "something happened, and let a tool read the rest"
        )


def occurrence_of(record: LogRecord, event: EventType, data: Raw) -> EventOccurrence:
    """An occurrence as a client gets it, with what its subscription gets of the payload."""
    return EventOccurrence(record.id, event.name, record.time, data)


def iso(moment: datetime | None, now: float) -> str:
    """A time as clients get it; default: now, in seconds since the epoch.

    Raises:
        ValidationError: it has no zone.
    """
    if moment is None:
        moment = datetime.fromtimestamp(now, UTC)
    if moment.tzinfo is None:
        raise ValidationError("A timestamp needs a zone, such as datetime.now(UTC)")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
