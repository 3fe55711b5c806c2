"""The Events extension on the wire: parameters, results and errors (SEP-3415)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from lambent.errors import InvalidParamsError, ProtocolError
from lambent.wire.results import Result

EXTENSION = "io.modelcontextprotocol/events"

Mode = Literal["poll", "push", "webhook"]
"""How occurrences are delivered ("Delivery Modes")."""

MODES: tuple[Mode, ...] = ("poll", "push", "webhook")

MAX_OCCURRENCE_BYTES = 256 * 1024
"""An occurrence as JSON: what receivers of webhooks have to accept ("Delivery profile")."""

_Count = Annotated[int, Meta(ge=1)]
_Milliseconds = Annotated[int, Meta(ge=0)]


class ListEventsParams(Struct, frozen=True, rename="camel"):
    """Parameters of ``events/list``."""

    cursor: str | None = None


class PollEventsParams(Struct, frozen=True, rename="camel"):
    """Parameters of ``events/poll``; the arguments stay JSON until the event's own types read them."""

    name: str
    arguments: Raw = Raw(b"{}")
    cursor: str | None = None
    max_age_ms: _Milliseconds | None = None
    max_events: _Count | None = None


class StreamEventsParams(Struct, frozen=True, rename="camel"):
    """Parameters of ``events/stream``."""

    name: str
    arguments: Raw = Raw(b"{}")
    cursor: str | None = None
    max_age_ms: _Milliseconds | None = None


P = TypeVar("P", bound=Struct)


def read_params(kind: type[P], raw: Raw) -> P:
    """Read the parameters of a method of the extension.

    Raises:
        InvalidParamsError: they do not fit.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidParamsError(f"Invalid params: {error}".replace("`$.", "`$.params.")) from None


class WebhookDelivery(Struct, frozen=True):
    """Where and how a subscription is delivered (``delivery`` of ``events/subscribe``)."""

    mode: str
    url: str
    secret: str


class SubscribeEventsParams(Struct, frozen=True, rename="camel"):
    """Parameters of ``events/subscribe``; a ``ttlMs`` of null asks for no expiry."""

    name: str
    delivery: WebhookDelivery
    arguments: Raw = Raw(b"{}")
    cursor: str | None = None
    max_age_ms: _Milliseconds | None = None
    ttl_ms: _Milliseconds | UnsetType | None = UNSET


class UnsubscribeDelivery(Struct, frozen=True):
    """Where a subscription is delivered (``delivery`` of ``events/unsubscribe``)."""

    url: str


class UnsubscribeEventsParams(Struct, frozen=True, rename="camel"):
    """Parameters of ``events/unsubscribe``."""

    name: str
    delivery: UnsubscribeDelivery
    arguments: Raw = Raw(b"{}")


class EventOccurrence(Struct, frozen=True, rename="camel"):
    """Something that happened, as clients get it ("Event Occurrences").

    Attributes:
        event_id: by which clients recognize what they get twice.
        timestamp: when it happened, ISO 8601.
        data: fits the payload schema of the event type.
    """

    event_id: str
    name: str
    timestamp: str
    data: Raw


class ListEventsResult(Result, kw_only=True):
    """The result of ``events/list``."""

    events: Sequence[Any]
    next_cursor: str | UnsetType = UNSET


class PollEventsResult(Result, kw_only=True):
    """The result of ``events/poll``."""

    events: Sequence[EventOccurrence]
    cursor: str | None
    truncated: bool
    has_more: bool
    next_poll_ms: int


class StreamEventsResult(Result, kw_only=True):
    """The end of a stream that the server has ended."""


class DeliveryStatus(Struct, frozen=True, rename="camel"):
    """How a subscription is delivered ("Webhook delivery status")."""

    active: bool
    last_delivery_at: str | None
    last_error: str | None
    failed_since: str | UnsetType = UNSET
    throttled: bool | UnsetType = UNSET
    retry_after_ms: int | UnsetType = UNSET


class SubscribeEventsResult(Result, kw_only=True):
    """The result of ``events/subscribe``."""

    id: str
    refresh_before: str | None
    cursor: str | None
    truncated: bool
    delivery_status: DeliveryStatus | UnsetType = UNSET


class NotFoundError(ProtocolError):
    """There is no such event type or subscription ("Error Handling")."""

    code = -32023

    def __init__(self, kind: Literal["event", "subscription"]) -> None:
        super().__init__("NotFound", {"kind": kind})


class ForbiddenError(ProtocolError):
    """The caller may not have this event type with these arguments ("Error Handling")."""

    code = -32024

    def __init__(self, reason: str) -> None:
        super().__init__("Forbidden", {"reason": reason})


class UnsupportedError(ProtocolError):
    """The request asks for something that there is not here, such as a delivery mode ("Error Handling").

    Args:
        feature: what that is.
        value: which one of these.
        reason: why a subscription has ended ("Event type removal and breaking changes").
    """

    code = -32026

    def __init__(self, feature: str, value: str | None = None, *, reason: str | None = None) -> None:
        named = {"feature": feature, "value": value, "reason": reason}
        super().__init__("Unsupported", {name: text for name, text in named.items() if text is not None})


class ResourceExhaustedError(ProtocolError):
    """The caller has as many as it may have ("Error Handling")."""

    code = -32025

    def __init__(self, limit: str, most: int) -> None:
        super().__init__("ResourceExhausted", {"limit": limit, "max": most})


class CallbackEndpointError(ProtocolError):
    """The endpoint that the client has named could not be verified ("Error Handling")."""

    code = -32027

    def __init__(self, reason: str) -> None:
        super().__init__("CallbackEndpointError", {"reason": reason})
