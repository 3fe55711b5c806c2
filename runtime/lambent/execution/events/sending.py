"""Requests to the endpoints of subscriptions, and what their answers mean ("Webhook event delivery")."""

from __future__ import annotations

from typing import Literal

import msgspec

from lambent.execution.events.ports import CallbackFailed, CallbackResponse, Callbacks, FailureReason
from lambent.execution.events.signing import signed_headers
from lambent.execution.events.subscription_records import SubscriptionRecord

_SECONDS = 5.0

_FINAL = (410, 413)
"""Statuses with which a receiver says that it does not want a delivery again."""

_TOO_MANY = 429
_UNAVAILABLE = 503

_LONGEST_PAUSE_SECONDS = 300.0
_PAUSE_SECONDS = 30.0
"""Where an endpoint that is asked too often does not say for how long."""


class Sent(msgspec.Struct, frozen=True):
    """What became of a request.

    Attributes:
        kind: ``accepted``; ``refused`` for good; ``paused``: the endpoint is asked too often; ``failed``.
        reason: why it failed.
        pause: for how many seconds the endpoint is to be left alone.
    """

    kind: Literal["accepted", "refused", "paused", "failed"]
    reason: FailureReason | None = None
    pause: float = 0.0


def send(callbacks: Callbacks, record: SubscriptionRecord, message_id: str, body: bytes, now: float) -> Sent:
    """Send a body to the endpoint of a subscription, signed at a time in seconds since the epoch."""
    headers = signed_headers(record.secrets(now), message_id, now, body, record.id)
    try:
        answer = callbacks.send("POST", record.url, headers, body, seconds=_SECONDS)
    except CallbackFailed as error:
        return Sent("failed", error.reason)
    status = answer.status
    if 200 <= status < 300:
        return Sent("accepted")
    if status in _FINAL:
        return Sent("refused")
    if status == _TOO_MANY or (status == _UNAVAILABLE and "retry-after" in answer.headers):
        return Sent("paused", pause=_pause_of(answer))
    return Sent("failed", "http_5xx" if status >= 500 else "http_4xx")


def _pause_of(answer: CallbackResponse) -> float:
    """For how many seconds an endpoint wants to be left alone, in bounds; dates are not read."""
    text = answer.headers.get("retry-after", "").strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        return _PAUSE_SECONDS
    return min(max(float(text), 1.0), _LONGEST_PAUSE_SECONDS)
