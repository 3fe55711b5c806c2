"""Responses that are larger than their host can return: loaded where one may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from lambent.errors import InternalError
from lambent.execution.log_records import logger
from lambent.wire import jsonrpc
from lambent.wire.http import HttpResponse, Request, cors_headers, error_response, sse_frame
from lambent.wire.payloads import ResponseLimit

_log = logger("lambent")

_HEAD = b'{"jsonrpc":"2.0","method":"notifications/'
_LOG, _PROGRESS = _HEAD + b'message"', _HEAD + b'progress"'
_ACKNOWLEDGED = _HEAD + b'subscriptions/acknowledged"'
_NOTE_BYTES = 400
"""More than the note takes that stands for log messages."""

Frame = Callable[[HttpResponse, Sequence[bytes]], HttpResponse]
"""Makes the response of a reply and the notifications before it."""


def fit(
    reply: HttpResponse,
    notifications: Sequence[bytes],
    frame: Frame,
    request: Request,
    limit: ResponseLimit,
    refuse: Callable[[int, int], HttpResponse],
) -> HttpResponse:
    """The response of a reply without notifications that do not fit beside it, or of an error in its place.

    ``refuse`` makes the reply that says how many bytes the first one takes, and how many it may.
    """

    def size(notifications: Sequence[bytes]) -> int:
        response = frame(reply, notifications)
        response.headers.update(cors_headers(request.headers))
        return limit.measure(request, response)

    most = limit.of(request)
    if size(notifications) <= most:
        return frame(reply, notifications)
    if (alone := size(())) > most:
        reply = refuse(alone, most)
        if size(()) > most:  # it repeats the id
            reply = error_response(InternalError("The id of the request is too long to be sent back"))
    room = most - size((b"",))  # as a stream, even if there is no notification left
    return frame(reply, _thinned(notifications, room, limit))


BatchFrame = Callable[[Sequence[bytes], Sequence[bytes]], HttpResponse]
"""Makes the response of the replies to a batch and the notifications before them."""


def fit_batch(
    replies: list[bytes],
    notifications: Sequence[bytes],
    frame: BatchFrame,
    request: Request,
    limit: ResponseLimit,
    refuse: Callable[[int], bytes],
) -> HttpResponse:
    """The response to a batch; see ``fit``. The largest replies give way first.

    ``refuse`` makes the reply that says that another one, given by its position, is too large.
    """

    def size(notifications: Sequence[bytes]) -> int:
        response = frame(replies, notifications)
        response.headers.update(cors_headers(request.headers))
        return limit.measure(request, response)

    most = limit.of(request)
    if size(notifications) <= most:
        return frame(replies, notifications)
    excess = size(()) - most
    error = InternalError("The id of the request is too long to be sent back")
    for shorten in (refuse, lambda _: error_response(error).body):
        for number in sorted(range(len(replies)), key=lambda number: -len(replies[number])):
            shorter = shorten(number) if excess > 0 else replies[number]
            if len(shorter) < len(replies[number]):
                excess -= limit.string_size(replies[number]) - limit.string_size(shorter)
                replies[number] = shorter
    return frame(replies, _thinned(notifications, most - size((b"",)), limit))


def _thinned(notifications: Sequence[bytes], room: int, limit: ResponseLimit) -> list[bytes]:
    """What fits: large ones are left out first, then log messages, progress and the rest, oldest first.

    A log message at the place of the oldest one that is left out says how many there are.
    """
    sizes = [limit.string_size(sse_frame(one)) for one in notifications]
    order = sorted(
        range(len(sizes)), key=lambda number: (sizes[number] <= room, _importance(notifications[number]))
    )
    total, out, logs = sum(sizes), set[int](), list[int]()
    for number in order:
        if total + (_NOTE_BYTES if logs else 0) <= room:
            break
        out.add(number)
        total -= sizes[number]
        if notifications[number].startswith(_LOG):
            logs.append(number)
    if out:
        _log.warning("%s notifications of a response are left out: it would be too large", len(out))
    kept = {number: one for number, one in enumerate(notifications) if number not in out}
    if logs and total + _NOTE_BYTES <= room:
        oldest = min(logs)
        params = {
            "level": msgspec.json.decode(notifications[oldest])["params"]["level"],
            "logger": "lambent",
            "data": f"{len(logs)} log messages are left out: with them the response would be too large",
        }
        kept[oldest] = jsonrpc.notification("notifications/message", params)
    return [kept[number] for number in sorted(kept)]


def _importance(notification: bytes) -> int:
    if notification.startswith(_LOG):
        return 0
    return 1 if notification.startswith(_PROGRESS) else 2 + notification.startswith(_ACKNOWLEDGED)
