"""One attempt at the delivery of an occurrence: whether it may be sent, the request, what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType
from typing import Any, Literal

import msgspec
from msgspec import Raw

from lambent.errors import ConfigurationError, ProtocolError
from lambent.execution.durable.records import Held, changed
from lambent.execution.events import window
from lambent.execution.events.attempts import Attempts
from lambent.execution.events.health import counted, is_failing
from lambent.execution.events.notices import new_notice
from lambent.execution.events.polling import read_record
from lambent.execution.events.ports import Callbacks, DeliveryMeter, FailureReason
from lambent.execution.events.sending import send
from lambent.execution.events.service import Events, LogRecord
from lambent.execution.events.subscription_records import SubscriptionRecord, has_lost_patience
from lambent.execution.failures import report
from lambent.execution.log_records import logger
from lambent.execution.ports import AsyncRunner, Clock, Queue
from lambent.features.events import EventType
from lambent.wire.events import MAX_OCCURRENCE_BYTES, CallbackEndpointError, ForbiddenError

_log = logger("lambent.events")

_SKEW_SECONDS = 5.0
"""How far the clocks of two processes may be apart."""

_LONGEST_DELAY = 900.0
"""Seconds by which a queue delays a message at most."""

End = Callable[[Held[SubscriptionRecord], str, ProtocolError], None]


class Attempted(msgspec.Struct, frozen=True):
    """What became of an attempt.

    Attributes:
        kind: that of ``Sent``, or: ``unwanted``, by the function of the event type; ``lost``: it cannot be
            delivered any more; ``undecided``: nobody knows whether the caller may have it.
        reason: see ``Sent``.
        pause: see ``Sent``.
    """

    kind: Literal["accepted", "refused", "paused", "failed", "unwanted", "lost", "undecided"]
    reason: FailureReason | None = None
    pause: float = 0.0


class _Settled(msgspec.Struct):
    """What follows from an attempt, beside the record.

    Attributes:
        again: the attempts, where there is another one.
        was_full: the window had no room.
        abandoned: the occurrence was given up.
        suspended: so were deliveries to the endpoint, until the next refresh.
    """

    again: Attempts | None = None
    was_full: bool = False
    abandoned: bool = False
    suspended: bool = False


class Attempting:
    """Makes attempts.

    Args:
        events: the event types of the server.
        queue: takes messages.
        callbacks: sends requests.
        clock: the time.
        meter: counts what becomes of them.
        run: runs what coroutine functions of the server's author return.
        end: ends a subscription.
    """

    def __init__(
        self,
        events: Events,
        queue: Queue,
        callbacks: Callbacks,
        clock: Clock,
        meter: DeliveryMeter | None,
        run: AsyncRunner | None,
        end: End,
    ) -> None:
        self._events = events
        self._queue = queue
        self._callbacks = callbacks
        self._clock = clock
        self._meter = meter
        self._run = run
        self._end = end

    def attempt(
        self,
        held: Held[SubscriptionRecord],
        event: EventType,
        key: str,
        number: int,
        entry: LogRecord | None = None,
    ) -> None:
        """Send an occurrence that is in the window, which is read where it is not given."""
        record, began = held.record, self._clock()
        seen = record.unacked[number]
        if seen.due > began + _SKEW_SECONDS:
            return  # a copy of a message: the one that comes when it is due is on its way
        wait = record.wait_of(number, began)
        if wait > 1:  # clocks differ, or the endpoint is to be left alone
            self._queue.send(f"deliver {key} {number}", min(wait, _LONGEST_DELAY))
            return
        if not record.principal.scopes.issuperset(event.scopes):
            self._end(held, key, ForbiddenError("Access revoked"))
            return
        arguments = event.read_arguments(record.arguments)
        try:
            is_allowed = self._is_allowed(event, arguments, record)
        except Exception as error:
            report(error)
            self._settle(held, key, number, seen, began, Attempted("undecided"))
            return
        if not is_allowed:
            self._end(held, key, ForbiddenError("Access revoked"))
            return
        attempted = self._send(record, event, arguments, number, entry, began)
        self._settle(held, key, number, seen, began, attempted)

    def _is_allowed(self, event: EventType, arguments: Any, record: SubscriptionRecord) -> bool:
        if event.allow is None:
            return True
        given = (record.principal,) if event.arguments is None else (arguments, record.principal)
        answer = event.allow(*given)
        if type(answer) is CoroutineType:
            if self._run is None:
                answer.close()
                raise ConfigurationError(f"{event.name}: allow is a coroutine function, and nothing runs it")
            answer = self._run(answer)
        return answer is True

    def _send(
        self,
        record: SubscriptionRecord,
        event: EventType,
        arguments: Any,
        number: int,
        entry: LogRecord | None,
        now: float,
    ) -> Attempted:
        if entry is None:
            entries = self._events.log.read(record.log, number - 1, 1)
            if not entries:
                return Attempted("lost")  # it was purged
            entry = read_record(entries[0].body)
        try:
            data = window.select(event, entry, arguments, record)
        except window.SelectionFailed:
            return Attempted("lost")
        if data is None:
            return Attempted("unwanted")
        body = _body(entry, event, data, record.watermark)
        if len(body) > MAX_OCCURRENCE_BYTES:
            _log.error("An occurrence of %s has %d bytes as its function gives it", event.name, len(body))
            return Attempted("lost")
        sent = send(self._callbacks, record, entry.id, body, now)
        return Attempted(sent.kind, sent.reason, sent.pause)

    def _settle(
        self,
        held: Held[SubscriptionRecord],
        key: str,
        number: int,
        seen: Attempts,
        began: float,
        attempted: Attempted,
    ) -> None:
        """Write what became of an attempt, and send what follows from it."""
        now, follows = self._clock(), _Settled()

        def settled(record: SubscriptionRecord) -> SubscriptionRecord | None:
            nonlocal follows
            follows = _Settled(was_full=len(record.unacked) >= window.SIZE)
            attempts = record.unacked.get(number)
            is_over = attempted.kind in ("accepted", "refused", "unwanted", "lost")
            if attempts is None or (not is_over and attempts != seen):
                return None  # another attempt was faster
            return _after(record, number, attempts, began, now, attempted, follows)

        is_written = held.change(settled)
        if attempted.kind == "failed":
            _log.warning(
                "A delivery of %s for %s failed: %s", held.record.name, held.record.id, attempted.reason
            )
        if not is_written:
            return
        self._count(attempted, follows)
        if follows.again is not None:
            self._queue.send(f"deliver {key} {number}", min(follows.again.due - now, _LONGEST_DELAY))
            return
        if follows.abandoned and has_lost_patience(held.record, now):
            self._end(held, key, CallbackEndpointError(attempted.reason or "timeout"))
            return
        if follows.abandoned:
            self._queue.send(f"notify {key}")
        if follows.was_full:
            self._queue.send(f"advance {key}")

    def _count(self, attempted: Attempted, follows: _Settled) -> None:
        if self._meter is None:
            return
        if attempted.kind == "accepted":
            self._meter.count("EventsDelivered")
        elif attempted.kind == "failed":
            self._meter.count("DeliveriesFailed")
        if follows.abandoned:
            self._meter.count("EventsAbandoned")
        if follows.suspended:
            self._meter.count("SubscriptionsSuspended")


def _after(
    record: SubscriptionRecord,
    number: int,
    attempts: Attempts,
    began: float,
    now: float,
    attempted: Attempted,
    follows: _Settled,
) -> SubscriptionRecord:
    """The record after an attempt at an occurrence in its window."""
    changes: dict[str, Any] = {"unacked": {one: it for one, it in record.unacked.items() if one != number}}
    match attempted.kind:
        case "accepted" | "refused":
            recent = counted(record.recent, now, failed=False)
            changes |= {"last_error": None, "failed_since": None, "recent": recent}
            if attempted.kind == "accepted":
                changes["last_delivery"] = now
            return changed(record, **changes)
        case "unwanted":
            return changed(record, **changes)
        case "lost":
            follows.abandoned = True
            return changed(record, gap=new_notice("gap", now), **changes)
        case "failed":
            recent = counted(record.recent, now, failed=True)
            since = record.failed_since or now
            changes |= {"last_error": attempted.reason, "failed_since": since, "recent": recent}
            if is_failing(recent) and record.active:
                # What is not delivered stays as it is: the time of the suspension does not count.
                follows.suspended = True
                return changed(record, **{**changes, "active": False, "unacked": record.unacked})
        case "paused":
            changes["paused_until"] = now + attempted.pause
    again = attempts.after_failure(began, now, attempted.pause)
    if again.are_spent:
        follows.abandoned = True
        return changed(record, gap=new_notice("gap", now), **changes)
    follows.again = again
    changes["unacked"][number] = again
    return changed(record, **changes)


def _body(entry: LogRecord, event: EventType, data: Raw, cursor: str) -> bytes:
    members = {
        "eventId": entry.id,
        "name": event.name,
        "timestamp": entry.time,
        "data": data,
        "cursor": cursor,
    }
    return msgspec.json.encode(members)
