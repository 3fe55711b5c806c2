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
from lambent.execution.events.polling import read_record
from lambent.execution.events.ports import MOST_ENTRIES
from lambent.execution.events.service import Events, LogRecord
from lambent.execution.events.subscriptions import Attempts, SubscriptionRecord
from lambent.execution.failures import report
from lambent.features.events import EventType

SIZE = 16
"""Occurrences of a subscription that are delivered at the same time."""

_OVERDUE_SECONDS = 60.0
"""How late an attempt may be before its message counts as lost."""


class Looked(msgspec.Struct):
    """What there is to do for a subscription.

    Attributes:
        record: with all that has to be delivered.
        is_gap: something was skipped that is not kept any more.
        has_more: there is more, and the window has room for it.
        entries: what begins to be delivered, by number.
    """

    record: SubscriptionRecord
    is_gap: bool = False
    has_more: bool = False
    entries: dict[int, LogRecord] = msgspec.field(default_factory=dict)


def look(events: Events, record: SubscriptionRecord, event: EventType, now: float) -> Looked:
    """Look at what is behind the position of a subscription, as far as its window has room, and at what is overdue.

    Raises:
        StoreError: the table cannot be reached.
    """
    head = events.log.head(record.log)
    if head.epoch != record.epoch:
        return Looked(changed(record, epoch=head.epoch, number=head.number, unacked={}), is_gap=True)
    # A lost message is sent again by one of those who notice it, and not by each of them.
    unacked = {
        number: changed(one, due=now) if one.due + _OVERDUE_SECONDS < now else one
        for number, one in record.unacked.items()
    }
    number, found = record.number, Looked(record)
    entries = []
    if number < head.number and len(unacked) < SIZE:
        entries = events.log.read(record.log, number, min(head.number - number, MOST_ENTRIES))
        if not entries:
            number, found.is_gap = min(head.number, number + MOST_ENTRIES), True
    arguments = event.read_arguments(record.arguments) if entries else None
    for entry in entries:
        if len(unacked) >= SIZE:
            break
        found.is_gap |= entry.number != number + 1
        number, kept = entry.number, read_record(entry.body)
        if select(event, kept, arguments, record) is not None:
            unacked[number] = Attempts(now, now)
            found.entries[number] = kept
    found.has_more = record.number < number < head.number and len(unacked) < SIZE
    if (number, unacked) != (record.number, record.unacked):
        found.record = changed(record, number=number, unacked=unacked)
    return found


def select(event: EventType, entry: LogRecord, arguments: Any, record: SubscriptionRecord) -> Raw | None:
    """What a subscription gets of an occurrence; nothing where the function fails, as the log says."""
    try:
        return event.select_payload(entry.data, arguments, record.principal)
    except Exception as error:
        report(error)
        return None
