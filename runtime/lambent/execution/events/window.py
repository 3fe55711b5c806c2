"""What is being delivered to an endpoint: a bounded number of occurrences from before a position of the log.

::

    log     1 ······························ head
    record        ▲ ▲▲  ▲ position
                  └──┴── unacked: at most ``SIZE``, each with its attempts
            ▲ watermark: nothing up to here is wanted any more
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from lambent.execution.durable.records import changed
from lambent.execution.events.attempts import Attempts
from lambent.execution.events.notices import new_notice, renewed
from lambent.execution.events.polling import LogReader, cursor_of, read_record
from lambent.execution.events.ports import MOST_ENTRIES, LogEntry, LogHead
from lambent.execution.events.service import Events, LogRecord
from lambent.execution.events.subscription_records import SubscriptionRecord
from lambent.execution.failures import report
from lambent.features.events import EventType

SIZE = 16
"""Occurrences of a subscription that are delivered at the same time."""


class SelectionFailed(Exception):  # noqa: N818 - says what happened
    """The function of the server's author has failed: nobody knows whether the occurrence is wanted."""


class Looked(msgspec.Struct):
    """What there is to do for a subscription.

    Attributes:
        record: with all that has to be delivered.
        begun: the numbers whose attempts begin now.
        has_more: there is more, and the window has room for it.
        abandoned: how many occurrences were given up, since none of their messages arrived.
        notify: the endpoint has to be told something.
        entries: what begins to be delivered, by number, as far as it was read.
    """

    record: SubscriptionRecord
    begun: list[int] = msgspec.field(default_factory=list)
    has_more: bool = False
    abandoned: int = 0
    notify: bool = False
    entries: dict[int, LogRecord] = msgspec.field(default_factory=dict)


def look(events: Events, record: SubscriptionRecord, event: EventType, now: float) -> Looked:
    """Look at what is behind the position of a subscription that lives, and at what is overdue.

    Raises:
        StoreError: the table cannot be reached.
    """
    head = events.log.head(record.log)
    if head.epoch != record.epoch:  # the log was lost, and what was not delivered with it
        told = new_notice("gap", now)
        lost = changed(record, epoch=head.epoch, number=head.number, unacked={}, gap=told)
        return Looked(lost, abandoned=len(record.unacked), notify=True)
    unacked = {
        # A lost message is sent again by one of those who notice it, and not by each of them.
        number: one.sent_again(now) if one.is_overdue(now, record.pause_of(number)) else one
        for number, one in record.unacked.items()
    }
    left = {number: one for number, one in unacked.items() if not one.are_spent}
    gap = renewed(record.gap, now)
    found = Looked(record, abandoned=len(unacked) - len(left), notify=gap is not record.gap)
    number, is_gap = _fill(events, event, found, head, left, now)
    if is_gap or found.abandoned:
        gap, found.notify = new_notice("gap", now), True
    if (number, left, gap) != (record.number, record.unacked, record.gap):
        found.record = changed(record, number=number, unacked=left, gap=gap)
    found.begun = [one for one, attempts in left.items() if record.unacked.get(one) != attempts]
    found.has_more = record.number < number < head.number and len(left) < SIZE
    return found


def _fill(
    events: Events,
    event: EventType,
    found: Looked,
    head: LogHead,
    unacked: dict[int, Attempts],
    now: float,
) -> tuple[int, bool]:
    """Fill the window; gives the position behind it, and whether something was skipped."""
    record = found.record
    number, is_gap = record.number, False
    entries: list[LogEntry] = []
    if number < head.number and len(unacked) < SIZE:
        entries = events.log.read(record.log, number, min(head.number - number, MOST_ENTRIES))
        if not entries:  # everything was purged up to somewhere behind it
            reader = LogReader(events, event, None, record.principal)
            return reader.start(head, cursor_of(head, number), None).number, True
    arguments = event.read_arguments(record.arguments) if entries else None
    for entry in entries:
        if len(unacked) >= SIZE:
            break
        is_gap |= entry.number != number + 1
        number, kept = entry.number, read_record(entry.body)
        if kept.is_gap:
            is_gap = True
            continue
        try:
            if select(event, kept, arguments, record) is not None:
                unacked[number] = Attempts(now, now)
                found.entries[number] = kept
        except SelectionFailed:
            is_gap = True
    return number, is_gap


def is_waiting(record: SubscriptionRecord, head: LogHead, now: float) -> bool:
    """Whether there is something to do for a subscription that no message brings any more."""
    if record.end is not None:
        return record.end.notice.attempts.is_overdue(now)
    if not record.active:
        return False
    is_behind = head.epoch != record.epoch or (record.number < head.number and len(record.unacked) < SIZE)
    return (
        is_behind
        or renewed(record.gap, now) is not record.gap
        or any(one.is_overdue(now, record.pause_of(number)) for number, one in record.unacked.items())
    )


def select(event: EventType, entry: LogRecord, arguments: Any, record: SubscriptionRecord) -> Raw | None:
    """What a subscription gets of an occurrence; None: nothing.

    Raises:
        SelectionFailed: the function of the event type has failed, as the log says.
    """
    try:
        return event.select_payload(entry.data, arguments, record.principal)
    except Exception as error:
        report(error)
        raise SelectionFailed from None
