"""``events/list`` and ``events/poll`` (SEP-3415)."""

from __future__ import annotations

from types import CoroutineType
from typing import Any

import msgspec

from lambent.execution.authorization import permits, require
from lambent.execution.call import Call
from lambent.execution.events.checking import check_arguments, floor_of, select_checked, wait_of
from lambent.execution.events.polling import LogReader, most_events
from lambent.execution.events.service import Events
from lambent.execution.handlers.lists import page_of
from lambent.features.events import EventType
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
    events, catalog = events_of(call), call.services.catalog
    params = read_params(ListEventsParams, call.rpc.raw)
    served = {name: modes for name, event in events.types.items() if (modes := _modes(call, event))}
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
    if events_of(call).reads_log(event):
        return LogReader(events_of(call), event, arguments, call.principal).poll(params)
    return _check(call, event, arguments, params)


def find_event(call: Call, name: str, mode: Mode) -> EventType:
    """The event type of a subscription, which the caller has the scopes for.

    Raises:
        NotFoundError: there is none.
        UnsupportedError: it is not delivered in this mode.
        HttpRefusal: the caller lacks scopes.
    """
    events = events_of(call)
    event = events.types.get(name)
    if event is None or not events.served(event):
        raise NotFoundError("event")
    if event.scopes:
        require(call, event.scopes)
    if mode not in _modes(call, event):
        raise UnsupportedError("deliveryMode", mode)
    return event


def _modes(call: Call, event: EventType) -> tuple[Mode, ...]:
    """How an event type is delivered to this client.

    Streams are not defined in the legacy era, and subscriptions belong to callers that are identified.
    """
    left_out = set[Mode]() if call.handshake is None else {"push"}
    if call.principal is None:
        left_out.add("webhook")
    return tuple(mode for mode in events_of(call).served(event) if mode not in left_out)


def check_allowed(call: Call, event: EventType, arguments: Any) -> None:
    """Ask the server's author whether the caller may have an event type with these arguments.

    Raises:
        ForbiddenError: the caller may not.
    """
    if event.allow is None:
        return
    given = (call.principal,) if event.arguments is None else (arguments, call.principal)
    if run_author(call, event.allow(*given)) is not True:
        raise ForbiddenError(f"Not allowed to have {event.name} with these arguments")


def _check(call: Call, event: EventType, arguments: Any, params: PollEventsParams) -> PollEventsResult:
    """Answer a poll by asking the upstream, whose cursors are the client's."""
    assert event.check is not None  # noqa: S101 - so its caller has found it
    given = check_arguments(event, arguments, params.cursor, most_events(params))
    checked = run_author(call, event.check(*given))
    now = events_of(call).clock()
    floor = floor_of(now, params.cursor, params.max_age_ms)
    found, truncated = select_checked(checked, event, arguments, call.principal, now, floor)
    return PollEventsResult(
        events=found,
        cursor=checked.cursor,
        truncated=truncated,
        has_more=checked.has_more,
        next_poll_ms=wait_of(checked, event),
    )


def run_author(call: Call, answer: Any) -> Any:
    """What a function of the server's author has answered, which may be a coroutine function."""
    return call.invocation.run(answer) if type(answer) is CoroutineType else answer


def events_of(call: Call) -> Events:
    """The events of the server."""
    events = call.services.events
    assert events is not None  # noqa: S101 - without events these methods are not offered
    return events
