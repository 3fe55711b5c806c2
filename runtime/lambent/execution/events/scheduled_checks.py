"""Checks that a schedule runs: what an upstream tells is written into the log of the event type.

Each event type has a record with the cursor of its upstream, and with a lease: one check runs at a time. ::

    schedule ─► lease, cursor ─► check(cursor) ─► log: each event id once ─► cursor ─► check(cursor) …
                                                         │ killed here
                                                         └─► the next one finds the same, and appends the rest
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import CoroutineType

from lambent.errors import ConfigurationError, InternalError, LambentError, StoreError
from lambent.execution.durable.records import Held, Lease, Record, Records, changed, is_leased, lease_of
from lambent.execution.events.checking import checked_answer
from lambent.execution.events.service import Events, NewOccurrence, record_of
from lambent.execution.failures import report
from lambent.execution.invocation import MARGIN_SECONDS, Invocation
from lambent.execution.lifespan import Lifespan
from lambent.execution.ports import Clock, Store
from lambent.execution.rounds.digests import digest
from lambent.features.events import Checked, EventType

_MOST_FOUND = 100
"""How many occurrences a function is asked for at a time."""

_MOST_TIMES = 100
"""How often it is asked in one run, where there is always more."""

_UNBOUNDED_SECONDS = 900.0
"""The length of a lease where invocations have no deadline."""

_KEPT_SECONDS = 366 * 86_400.0
"""How long a cursor is kept without a check."""

_CONFLICTS = 20


class CheckRecord(Record, frozen=True, kw_only=True):
    """Where an event type is in its upstream.

    Attributes:
        cursor: the upstream's, with which to ask next; None: it was not asked yet, or has no cursors.
        lease: of the run that asks now.
        checked: when it was asked last, in seconds since the epoch.
    """

    cursor: str | None = None
    lease: Lease | None = None
    checked: float

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.checked + _KEPT_SECONDS


class CheckTakenOver(LambentError):  # noqa: N818 - says what happened
    """Another run has begun, since this one has taken longer than its lease."""


class ScheduledChecks:
    """Runs the ``check`` functions of event types whose occurrences are in logs.

    Args:
        store: keeps cursors.
        clock: the time.
        server: names the server.
        events: its event types.
        lifespan: of the server; None where it has none.
    """

    def __init__(
        self, store: Store, clock: Clock, server: str, events: Events, lifespan: Lifespan | None
    ) -> None:
        self._records = Records(store, clock, "EVENTCHECK", server, CheckRecord)
        self._clock = clock
        self._events = events
        self._lifespan = lifespan

    @property
    def names(self) -> list[str]:
        """The event types that are checked."""
        return [name for name, event in self._events.types.items() if event.is_scheduled]

    def run(self, name: str, host: Invocation) -> int | None:
        """Ask an upstream until there is nothing more; how many occurrences were found.

        None where another run is asking it.

        Raises:
            CheckTakenOver: another run has begun meanwhile.
            ConfigurationError: there is no such event type.
            DeadlineReached: the invocation is nearly over.
            StoreError: the store cannot be reached.
            Exception: what the function has raised.
        """
        event = self._events.types.get(name)
        if event is None or not event.is_scheduled:
            raise ConfigurationError(
                f"No schedule checks {name!r}: it is no event type with check= and webhooks"
            )
        held = self._take(name, host)
        if held is None:
            return None
        lease, count = held.record.lease, 0
        try:
            if self._lifespan is not None:
                self._lifespan.enter(host)
            for _ in range(_MOST_TIMES):
                before = held.record.cursor
                checked = self._ask(event, before, host)
                count += self._keep(event, checked, before)
                has_more = checked.has_more and checked.cursor != before and not _is_late(host)
                moved = changed(held.record, cursor=checked.cursor, checked=self._clock())
                if not held.replace(moved if has_more else changed(moved, lease=None)):
                    raise CheckTakenOver(f"The check of {name} has taken longer than its invocation may last")
                if not has_more:
                    return count
        except BaseException:
            with contextlib.suppress(StoreError, InternalError):
                _release(held, lease)
            raise
        _release(held, lease)
        return count

    def _take(self, name: str, host: Invocation) -> Held[CheckRecord] | None:
        """The record of an event type under a lease of this run; None where another run has it."""
        key = self._records.key(digest(name))
        for _ in range(_CONFLICTS):
            now = self._clock()
            lease, held = lease_of(host, now, _UNBOUNDED_SECONDS), self._records.read(key)
            if held is None:
                made = self._records.insert(key, CheckRecord(lease=lease, checked=now))
                if made is not None:
                    return made
            elif is_leased(held.record.lease, now):
                return None
            elif held.replace(changed(held.record, lease=lease)):
                return held
        raise InternalError("The record is changing too fast: try again")

    def _ask(self, event: EventType, cursor: str | None, host: Invocation) -> Checked:
        assert event.check is not None  # noqa: S101 - it is scheduled
        given = (cursor, _MOST_FOUND) if event.has_limit else (cursor,)
        function, limit = event.check, host.time_limit()
        answer = host.call(lambda: function(*given), {}, limit)
        if type(answer) is CoroutineType:
            answer = host.run(answer, host.time_limit())
        return checked_answer(answer, event)

    def _keep(self, event: EventType, checked: Checked, before: str | None) -> int:
        """Append what was found, and mark what is missing; how many occurrences could be kept."""
        found = list(self._found(event, checked, before))
        self._events.keep_all(found)
        return sum(not one.record.is_gap for one in found)

    def _found(self, event: EventType, checked: Checked, before: str | None) -> Iterator[NewOccurrence]:
        now, gaps = self._clock(), 0

        def gap() -> NewOccurrence:
            # Found again behind the same cursor, it is the same one.
            nonlocal gaps
            gaps += 1
            return self._events.gap(event, None if before is None else digest([before, gaps]))

        if checked.truncated:
            yield gap()
        for one in checked.occurrences:
            try:
                record = record_of(one, event, now)
            except Exception as error:  # one that fails always would keep all others from subscriptions
                report(error)
                yield gap()
            else:
                yield NewOccurrence(event, record, digest(record.id))


def _release(held: Held[CheckRecord], lease: Lease | None) -> None:
    held.change(lambda record: changed(record, lease=None) if record.lease == lease else None)


def _is_late(host: Invocation) -> bool:
    """Whether there is no time for another question."""
    remaining = host.remaining_ms()
    return remaining is not None and remaining < 2 * MARGIN_SECONDS * 1000
