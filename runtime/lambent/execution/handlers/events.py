"""``events/list`` and ``events/poll`` (SEP-3415)."""

from __future__ import annotations

from datetime import UTC, datetime
from types import CoroutineType
from typing import Any

import msgspec
from msgspec import Raw

from lambent.execution.authorization import permits, require
from lambent.execution.call import Call
from lambent.execution.events.polling import LogReader, most_events
from lambent.execution.events.service import Events, LogRecord, check_size, iso, occurrence_of
from lambent.execution.failures import report
from lambent.execution.handlers.lists import page_of
from lambent.features.events import Checked, EventType
from lambent.wire.events import (
    ForbiddenError,
    ListEventsParams,
    ListEventsResult,
    Mode,
    NotFoundError,
    PollEventsParams,
    PollEventsResult,
    UnsupportedError,
    read_params,
)


def list_events(call: Call) -> ListEventsResult:
    """The event types that this host can deliver, in the order of their declaration.

    Raises:
        InvalidParamsError: the cursor is none that this list has given.
    """
    events, catalog = _events(call), call.services.catalog
    params = read_params(ListEventsParams, call.rpc.raw)
    served = {name: modes for name, event in events.types.items() if (modes := events.served(event))}
    if catalog.hides_forbidden:
        served = {name: modes for name, modes in served.items() if permits(call, events.types[name].scopes)}
    names, next_cursor = page_of(call.method, list(served), params.cursor, catalog.page_size)
    definitions = [
        msgspec.structs.replace(events.types[name].definition, delivery=served[name]) for name in names
    ]
    return ListEventsResult(events=definitions, next_cursor=next_cursor)


def poll_events(call: Call) -> PollEventsResult:
    """What happened since a cursor.

    Raises:
        NotFoundError: there is no such event type.
        UnsupportedError: it is not delivered by polls.
        HttpRefusal: the caller lacks scopes.
        ForbiddenError: the caller may not have this.
        InvalidParamsError: the arguments or the cursor do not fit.
    """
    params = read_params(PollEventsParams, call.rpc.raw)
    event = find_event(call, params.name, "poll")
    arguments = event.read_arguments(params.arguments)
    check_allowed(call, event, arguments)
    if event.check is None:
        return LogReader(_events(call), event, arguments, call.principal).poll(params)
    return _check(call, event, arguments, params)


def find_event(call: Call, name: str, mode: Mode) -> EventType:
    """The event type of a subscription, which the caller has the scopes for.

    Raises:
        NotFoundError: there is none.
        UnsupportedError: it is not delivered in this mode.
        HttpRefusal: the caller lacks scopes.
    """
    events = _events(call)
    event = events.types.get(name)
    if event is None or not events.served(event):
        raise NotFoundError("event")
    if event.scopes:
        require(call, event.scopes)
    if mode not in events.served(event):
        raise UnsupportedError("deliveryMode", mode)
    return event


def check_allowed(call: Call, event: EventType, arguments: Any) -> None:
    """Ask the server's author whether the caller may have an event type with these arguments.

    Raises:
        ForbiddenError: the caller may not.
    """
    if event.allow is None:
        return
    given = (call.principal,) if event.arguments is None else (arguments, call.principal)
    if _run(call, event.allow(*given)) is not True:
        raise ForbiddenError(f"Not allowed to have {event.name} with these arguments")


def _check(call: Call, event: EventType, arguments: Any, params: PollEventsParams) -> PollEventsResult:
    """Answer a poll by asking the upstream, whose cursors are the client's."""
    assert event.check is not None  # noqa: S101 - so its caller has found it
    given: tuple[Any, ...] = (params.cursor,) if event.arguments is None else (arguments, params.cursor)
    if event.has_limit:
        given += (most_events(params),)
    checked = _run(call, event.check(*given))
    if not isinstance(checked, Checked):
        kind = type(checked).__name__
        raise TypeError(f"The check function of {event.name} returned {kind}: return lambent.Checked")
    now, found, truncated = _events(call).clock(), [], checked.truncated
    floor = None
    if params.max_age_ms is not None and params.cursor is not None:
        floor = datetime.fromtimestamp(now - params.max_age_ms / 1000, UTC)
    for one in checked.occurrences:
        if floor is not None and one.timestamp is not None and one.timestamp < floor:
            truncated = True
            continue
        try:
            record = LogRecord(
                one.event_id, 0, iso(one.timestamp, now), Raw(event.payload.encode(one.payload))
            )
            check_size(record, event)
            data = event.select_payload(record.data, arguments, call.principal)
        except Exception as error:  # one that fails always would keep all others from the client
            report(error)
            truncated = True
            continue
        if data is not None:
            found.append(occurrence_of(record, event, data))
    wait = event.poll_ms if checked.next_poll is None else int(checked.next_poll.total_seconds() * 1000)
    return PollEventsResult(
        events=found,
        cursor=checked.cursor,
        truncated=truncated,
        has_more=checked.has_more,
        next_poll_ms=max(1, wait),
    )


def _run(call: Call, answer: Any) -> Any:
    """What a function of the server's author has answered, which may be a coroutine function."""
    return call.invocation.run(answer) if type(answer) is CoroutineType else answer


def _events(call: Call) -> Events:
    events = call.services.events
    assert events is not None  # noqa: S101 - without events these methods are not offered
    return events
