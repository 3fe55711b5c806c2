"""What ``check`` functions have found, as clients get it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambent.auth.principal import Principal
from lambent.execution.events.service import occurrence_of, record_of
from lambent.execution.failures import report
from lambent.features.events import Checked, EventType
from lambent.wire.events import EventOccurrence


def check_arguments(event: EventType, arguments: Any, cursor: str | None, most: int) -> tuple[Any, ...]:
    """What the ``check`` function of an event type is called with; ``most``: how many occurrences."""
    is_for_all = event.arguments is None or event.is_scheduled
    given: tuple[Any, ...] = (cursor,) if is_for_all else (arguments, cursor)
    return (*given, most) if event.has_limit else given


def floor_of(now: float, cursor: str | None, max_age_ms: int | None) -> datetime | None:
    """What happened before this is too old for the client; None: nothing is."""
    if max_age_ms is None or cursor is None:
        return None
    return datetime.fromtimestamp(now - max_age_ms / 1000, UTC)


def select_checked(
    checked: Any,
    event: EventType,
    arguments: Any,
    caller: Principal | None,
    now: float,
    floor: datetime | None,
) -> tuple[list[EventOccurrence], bool]:
    """What a subscription gets of what was found, and whether something was skipped.

    Raises:
        TypeError: the function has returned something else.
    """
    answer = checked_answer(checked, event)
    found, truncated = [], answer.truncated
    for one in answer.occurrences:
        if floor is not None and one.timestamp is not None and one.timestamp < floor:
            truncated = True
            continue
        try:
            record = record_of(one, event, now)
            selected = event.select_payload(record.data, arguments, caller)
        except Exception as error:  # one that fails always would keep all others from the client
            report(error)
            truncated = True
            continue
        if selected is not None:
            found.append(occurrence_of(record, event, selected))
    return found, truncated


def checked_answer(answer: Any, event: EventType) -> Checked:
    """What a ``check`` function has returned.

    Raises:
        TypeError: it is something else, or its cursor is no text.
    """
    if not isinstance(answer, Checked):
        kind = type(answer).__name__
        raise TypeError(f"The check function of {event.name} returned {kind}: return lambent.Checked")
    cursor: Any = answer.cursor
    if not isinstance(cursor, str | None):
        kind = type(cursor).__name__
        raise TypeError(
            f"The check function of {event.name} gave a cursor of {kind}: a cursor is text or None"
        )
    return answer


def wait_of(checked: Checked, event: EventType) -> int:
    """After how many milliseconds to ask again."""
    wait = event.poll_ms if checked.next_poll is None else int(checked.next_poll.total_seconds() * 1000)
    return max(1, wait)
