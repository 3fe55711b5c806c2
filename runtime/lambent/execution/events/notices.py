"""What endpoints are told that is no occurrence: gaps, and the end ("Non-event webhook bodies").

A notice is in the record before it is sent, and stays there until the endpoint has taken it. Some receivers
know no such bodies. So a notice is tried as often as an occurrence; a gap is told by the next refresh then.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.errors import ProtocolError
from lambent.execution.durable.records import Held, changed, random_id
from lambent.execution.events.attempts import Attempts
from lambent.execution.events.owners import Owners
from lambent.execution.events.ports import Callbacks
from lambent.execution.events.sending import send
from lambent.execution.events.subscription_records import Ending, Notice, SubscriptionRecord
from lambent.execution.ports import Clock, Queue


def new_notice(kind: str, now: float) -> Notice:
    """A notice of which nobody was told so far."""
    return Notice(f"msg_{kind}_{random_id()}", Attempts(now, now))


def renewed(notice: Notice | None, now: float) -> Notice | None:
    """A notice whose message has to be sent again; the same one where it has not."""
    if notice is None or notice.attempts.are_spent or not notice.attempts.is_overdue(now):
        return notice
    return Notice(notice.id, notice.attempts.sent_again(now))


def ended(record: SubscriptionRecord, error: ProtocolError, now: float) -> SubscriptionRecord:
    """A subscription that has ended because of an error; nothing of it is delivered any more."""
    data: dict[str, Any] = dict(error.data or {})
    end = Ending(new_notice("terminated", now), error.code, error.message, data)
    return changed(record, end=end, unacked={}, gap=None, active=False)


class Notices:
    """Tells endpoints what their subscriptions have notices of.

    Args:
        owners: who has how many subscriptions.
        queue: takes messages.
        callbacks: sends requests.
        clock: the time.
    """

    def __init__(self, owners: Owners, queue: Queue, callbacks: Callbacks, clock: Clock) -> None:
        self._owners = owners
        self._queue = queue
        self._callbacks = callbacks
        self._clock = clock

    def tell(self, held: Held[SubscriptionRecord], key: str) -> None:
        """Tell the endpoint of a subscription what it has to know, if that is still to be done."""
        record, now = held.record, self._clock()
        if record.end is not None:
            self._tell_end(held, record.end, key, now)
        elif record.gap is not None and record.active and record.lives(now):
            self._tell_gap(held, record.gap, key, now)

    def _tell_gap(self, held: Held[SubscriptionRecord], gap: Notice, key: str, now: float) -> None:
        if gap.attempts.are_spent or self._is_early(gap, key, now):
            return
        again = self._attempt(held.record, gap, {"type": "gap", "cursor": held.record.watermark}, now)

        def told(record: SubscriptionRecord) -> SubscriptionRecord | None:
            return changed(record, gap=again) if record.gap == gap else None

        if held.change(told) and again is not None and not again.attempts.are_spent:
            self._queue.send(f"notify {key}", again.attempts.due - self._clock())

    def _tell_end(self, held: Held[SubscriptionRecord], end: Ending, key: str, now: float) -> None:
        again: Notice | None = end.notice
        if not end.notice.attempts.are_spent:
            if self._is_early(end.notice, key, now):
                return
            error = {"code": end.code, "message": end.message, "data": end.data}
            again = self._attempt(held.record, end.notice, {"type": "terminated", "error": error}, now)
        if again is None or again.attempts.are_spent:
            if held.remove():  # else it has begun again meanwhile, or another one has done this
                self._owners.release(held.record.principal, held.record.id)
            return

        def told(record: SubscriptionRecord) -> SubscriptionRecord | None:
            return changed(record, end=changed_end(end, again)) if record.end == end else None

        if held.change(told):
            self._queue.send(f"notify {key}", again.attempts.due - self._clock())

    def _is_early(self, notice: Notice, key: str, now: float) -> bool:
        """Whether a message came before its time, as clocks differ; another one comes then."""
        wait = notice.attempts.due - now
        if wait <= 1:
            return False
        self._queue.send(f"notify {key}", wait)
        return True

    def _attempt(
        self, record: SubscriptionRecord, notice: Notice, envelope: dict[str, Any], now: float
    ) -> Notice | None:
        """Send an envelope; None where the endpoint has taken it, else what is left to do.

        Whether it does says nothing of its health: some know no envelopes.
        """
        sent = send(self._callbacks, record, notice.id, msgspec.json.encode(envelope), now)
        if sent.kind == "accepted":
            return None
        if sent.kind == "refused":
            return Notice(notice.id, notice.attempts.given_up())
        return Notice(notice.id, notice.attempts.after_failure(now, self._clock(), sent.pause))


def changed_end(end: Ending, notice: Notice) -> Ending:
    """An ending with another notice."""
    return msgspec.structs.replace(end, notice=notice)
