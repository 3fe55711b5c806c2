"""Delivering what happened to the endpoints of subscriptions ("Webhook event delivery").

Kinds of messages, each of which may come more than once, late, or in any order::

    emit ─► wake <event> ─► advance <subscription> ─► endpoint
                              ▲       │ more than one: deliver <subscription> <number> ─► endpoint
                              │       ▼                                                     │
              the window has room    failed: deliver, later                      accepted, final

``sweep`` wakes every subscription, so that what was left behind is sent again.

``advance`` reads the log behind the position of a subscription, and writes into its record what has to be
delivered before it sends anything. So nothing is lost, whoever is killed where: what is overdue is sent
again by the next one. The window bounds how many messages there are for one endpoint, however slow it is.
"""

from __future__ import annotations

import os
from typing import Any

import msgspec
from msgspec import Raw

from lambent.errors import InternalError, ProtocolError
from lambent.execution.durable.records import Held, changed, random_id
from lambent.execution.events import window
from lambent.execution.events.polling import read_record
from lambent.execution.events.ports import CallbackFailed, Callbacks, FailureReason
from lambent.execution.events.service import Events, LogRecord
from lambent.execution.events.signing import signed_headers
from lambent.execution.events.subscriptions import Attempts, SubscriptionRecord, Subscriptions
from lambent.execution.ports import Clock, Queue, Topics
from lambent.features.events import EventType
from lambent.wire.events import ForbiddenError, NotFoundError

_ATTEMPTS = 5
_BACKOFF = (1.0, 15.0, 90.0, 300.0)
"""Seconds between attempts, to which half of them at most is added: together less than eleven minutes."""

_SECONDS = 5.0
_PAGE = 100
_CONFLICTS = 20

_FINAL = (410, 413)
"""Statuses with which a receiver says that it does not want a delivery again."""

_SUSPENSION_SECONDS = 3600.0
"""How long nothing but failures are taken before deliveries are suspended."""


class Deliveries:
    """Does what messages say.

    Args:
        events: the event types of the server.
        subscriptions: their subscriptions.
        topics: finds those of an event type.
        queue: takes messages.
        callbacks: sends requests.
        clock: the time.
    """

    def __init__(
        self,
        events: Events,
        subscriptions: Subscriptions,
        topics: Topics,
        queue: Queue,
        callbacks: Callbacks,
        clock: Clock,
    ) -> None:
        self._events = events
        self._records = subscriptions.records
        self._topics = topics
        self._queue = queue
        self._callbacks = callbacks
        self._clock = clock

    def run(self, message: str) -> None:
        """Do what a message says.

        Raises:
            StoreError: the table or the queue cannot be reached: the message has to come again.
        """
        kind, _, rest = message.partition(" ")
        match kind:
            case "wake":
                self._wake(rest)
            case "advance":
                self._advance(rest)
            case "deliver":
                key, _, number = rest.rpartition(" ")
                self._deliver(key, int(number))
            case "sweep":
                for name in self._events.types:
                    self._wake(name)
            case _:
                raise InternalError(f"There is no message {kind!r}")

    def _wake(self, name: str) -> None:
        """Tell every subscription of an event type that something happened."""
        event, last = self._events.types.get(name), ""
        while event is not None:
            keys = self._topics.members(self._events.key(event), last, _PAGE)
            for key in keys:
                self._queue.send(f"advance {key}")
            if len(keys) < _PAGE:
                return
            last = keys[-1]

    def _advance(self, key: str) -> None:
        """Begin to deliver what is behind the position of a subscription, as far as its window has room.

        The first occurrence is sent at once: most often there is one, and needs no message of its own then.
        """
        for _ in range(_CONFLICTS):
            held, now = self._records.read(key), self._clock()
            if held is None or not held.record.lives(now) or not held.record.active:
                return
            event = self._events.types.get(held.record.name)
            if event is None:
                self._terminate(held, NotFoundError("event"))
                return
            before = held.record
            found = window.look(self._events, before, event, now)
            if found.record is before or held.replace(found.record):
                break
        else:
            raise InternalError("The subscription is changing too fast")
        begun = [number for number, one in found.record.unacked.items() if before.unacked.get(number) != one]
        for number in begun[1:]:
            self._queue.send(f"deliver {key} {number}")
        if found.has_more:
            self._queue.send(f"advance {key}")
        if found.is_gap:
            self._send_control(held.record, {"type": "gap", "cursor": held.record.watermark})
        if begun:
            self._attempt(held, event, key, begun[0], found.entries.get(begun[0]))

    def _deliver(self, key: str, number: int) -> None:
        """Send an occurrence to the endpoint of a subscription, if that is still to be done."""
        held, now = self._records.read(key), self._clock()
        if held is None or not held.record.lives(now) or not held.record.active:
            return
        attempts = held.record.unacked.get(number)
        if attempts is None or attempts.due > now + 1:
            return  # it has been done, or its own message comes when it is due
        event = self._events.types.get(held.record.name)
        if event is None:
            self._terminate(held, NotFoundError("event"))
            return
        self._attempt(held, event, key, number)

    def _attempt(
        self,
        held: Held[SubscriptionRecord],
        event: EventType,
        key: str,
        number: int,
        entry: LogRecord | None = None,
    ) -> None:
        """Send an occurrence, which is read where it is not given."""
        record, now = held.record, self._clock()
        arguments = event.read_arguments(record.arguments)
        if not _is_allowed(event, arguments, record):
            self._terminate(held, ForbiddenError("Access revoked"))
            return
        if entry is None:
            entries = self._events.log.read(record.log, number - 1, 1)
            entry = read_record(entries[0].body) if entries else None
        data = None if entry is None else window.select(event, entry, arguments, record)
        reason: FailureReason | None = None
        if entry is not None and data is not None:
            body = _body(entry, event, data, record.watermark)
            reason = self._send(record, entry.id, body, now)
        self._settle(held, key, number, reason, is_sent=data is not None)

    def _send(
        self, record: SubscriptionRecord, message_id: str, body: bytes, now: float
    ) -> FailureReason | None:
        """Send a body; None where the endpoint has accepted or refused it for good."""
        headers = signed_headers(record.secrets(now), message_id, now, body, record.id)
        try:
            status = self._callbacks.send("POST", record.url, headers, body, seconds=_SECONDS).status
        except CallbackFailed as error:
            return error.reason
        if 200 <= status < 300 or status in _FINAL:
            return None
        return "http_5xx" if status >= 500 else "http_4xx"

    def _settle(
        self,
        held: Held[SubscriptionRecord],
        key: str,
        number: int,
        reason: FailureReason | None,
        *,
        is_sent: bool,
    ) -> None:
        """Write what became of an attempt, and send what follows from it."""
        now = self._clock()
        delay: float | None = None
        was_full = False

        def settled(record: SubscriptionRecord) -> SubscriptionRecord | None:
            nonlocal delay, was_full
            was_full = len(record.unacked) >= window.SIZE
            attempts = record.unacked.get(number)
            if attempts is None:
                return None  # another one has done it
            others = {known: one for known, one in record.unacked.items() if known != number}
            if reason is None:
                told: dict[str, Any] = {"last_error": None, "failed_since": None}
                if is_sent:
                    told["last_delivery"] = now
                return changed(record, unacked=others, **told)
            since = record.failed_since or now
            told = {"last_error": reason, "failed_since": since}
            if now - since >= _SUSPENSION_SECONDS:
                return changed(record, active=False, **told)
            count = attempts.count + 1
            if count >= _ATTEMPTS:
                return changed(record, unacked=others, **told)
            delay = _BACKOFF[count - 1] * (1 + os.urandom(1)[0] / 512)
            again = Attempts(attempts.since, now + delay, count)
            return changed(record, unacked={**others, number: again}, **told)

        if held.change(settled) and delay is not None:
            self._queue.send(f"deliver {key} {number}", delay)
        elif was_full:
            self._queue.send(f"advance {key}")

    def _terminate(self, held: Held[SubscriptionRecord], error: ProtocolError) -> None:
        """End a subscription, and tell its endpoint so."""
        held.remove()
        told = {"code": error.code, "message": error.message, "data": error.data}
        self._send_control(held.record, {"type": "terminated", "error": told})

    def _send_control(self, record: SubscriptionRecord, envelope: dict[str, Any]) -> None:
        """Send what is no occurrence, once: some receivers know no such bodies."""
        message_id = f"msg_{envelope['type']}_{random_id()}"
        self._send(record, message_id, msgspec.json.encode(envelope), self._clock())


def _is_allowed(event: EventType, arguments: Any, record: SubscriptionRecord) -> bool:
    if not record.principal.scopes.issuperset(event.scopes):
        return False
    if event.allow is None:
        return True
    given = (record.principal,) if event.arguments is None else (arguments, record.principal)
    return event.allow(*given) is True


def _body(entry: LogRecord, event: EventType, data: Raw, cursor: str) -> bytes:
    members = {
        "eventId": entry.id,
        "name": event.name,
        "timestamp": entry.time,
        "data": data,
        "cursor": cursor,
    }
    return msgspec.json.encode(members)
