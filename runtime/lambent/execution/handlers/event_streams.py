"""``events/stream`` (SEP-3415): checks the subscription; the stream follows without a thread."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from lambent.errors import HttpRefusal
from lambent.execution.call import Call
from lambent.execution.events.checking import check_arguments, floor_of
from lambent.execution.events.stream_sources import MOST_CHECKED, CheckSource, LogSource
from lambent.execution.events.streaming import OccurrenceStream, StreamSource
from lambent.execution.handlers.events import check_allowed, events_of, find_event, run_author
from lambent.features.events import EventType
from lambent.wire.events import StreamEventsParams, StreamEventsResult, UnsupportedError, read_params


def stream_events(call: Call) -> StreamEventsResult:
    """Open a stream; the result ends it.

    Raises:
        NotFoundError: there is no such event type.
        UnsupportedError: it is not delivered by streams, or not to this client.
        HttpRefusal: the client reads no streams, or the caller lacks scopes.
        ForbiddenError: the caller may not have this.
        InvalidParamsError: the arguments or the cursor do not fit.
    """
    params = read_params(StreamEventsParams, call.rpc.raw)
    event = find_event(call, params.name, "push")
    if not call.invocation.may_stream:
        raise HttpRefusal(406, "What happens is streamed: Accept must allow text/event-stream")
    arguments = event.read_arguments(params.arguments)
    check_allowed(call, event, arguments)
    stream = OccurrenceStream(
        call, event, arguments, _source_of(call, event, arguments, params), _seconds_of(call)
    )
    if not call.invocation.follow(stream):
        raise UnsupportedError("deliveryMode", "push")
    return StreamEventsResult(meta=stream.tag)


def _source_of(call: Call, event: EventType, arguments: Any, params: StreamEventsParams) -> StreamSource:
    """Where the stream finds what happens, behind the client's cursor."""
    events, caller = events_of(call), call.principal
    assert events.watches is not None  # noqa: S101 - there are streams
    if events.reads_log(event):
        start = params.cursor, params.max_age_ms
        return LogSource(events, events.watches, event, arguments, caller, start)
    assert event.check is not None  # noqa: S101 - else there is a log
    wanted = msgspec.json.encode(msgspec.json.decode(params.arguments), order="deterministic")
    floor = floor_of(events.clock(), params.cursor, params.max_age_ms)
    source = CheckSource(events, events.watches, event, arguments, wanted, caller, floor)
    given = check_arguments(event, arguments, params.cursor, MOST_CHECKED)
    source.begin(params.cursor, run_author(call, event.check(*given)))
    return source


def _seconds_of(call: Call) -> float:
    """How long a stream lasts: as subscriptions do, and no longer than the token that has opened it."""
    services, principal = call.services, call.principal
    expires = None if principal is None else principal.claims.get("exp")
    left = expires - services.clock() if isinstance(expires, int | float) else math.inf
    return max(0.0, min(call.invocation.may_listen(services.listen_seconds), left))
