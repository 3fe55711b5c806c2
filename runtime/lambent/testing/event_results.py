"""What the clients of tests return of events."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec
from msgspec import field

from lambent.features.codecs import codec_of

T = TypeVar("T")


class ListedEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event type as the list shows it.

    Attributes:
        delivery: how clients can get it: ``poll``, ``push``, ``webhook``.
        input_schema: of the arguments of subscriptions.
        payload_schema: of what is delivered.
    """

    name: str
    description: str = ""
    delivery: list[str]
    input_schema: dict[str, Any]
    payload_schema: dict[str, Any]
    meta: dict[str, Any] = field(default={}, name="_meta")


class OccurredEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that happened.

    Attributes:
        data: the payload as JSON.
        timestamp: when it happened, ISO 8601.
    """

    event_id: str
    name: str
    timestamp: str
    data: dict[str, Any]

    def into(self, type_: type[T]) -> T:
        """The payload, read as a type.

        Raises:
            ValidationError: it does not fit.
        """
        return cast("T", codec_of(type_, "keep").convert(self.data))


class PolledEvents(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a poll has found.

    Attributes:
        cursor: for the next poll.
        truncated: something was skipped.
        has_more: there is more.
        next_poll_ms: how long to wait before the next poll, in milliseconds.
    """

    events: list[OccurredEvent]
    cursor: str | None
    truncated: bool
    has_more: bool
    next_poll_ms: int


class EventSubscription(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A subscription of an endpoint.

    Attributes:
        refresh_before: when it ends unless it is refreshed, ISO 8601; None: when it is ended.
        cursor: everything up to there has been delivered, or was given up.
        truncated: something was skipped.
        delivery_status: how deliveries have gone, as the wire has it; empty for a new one.
    """

    id: str
    refresh_before: str | None
    cursor: str | None
    truncated: bool
    delivery_status: dict[str, Any] = {}


class DeliveredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A request to an endpoint: an attempt at a delivery, or what tells of a gap or of an end.

    Attributes:
        url: of the endpoint.
        headers: of the request, names in lower case: ``webhook-id``, ``webhook-signature`` and the others.
        body: of the request.
    """

    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found

    @property
    def kind(self) -> str:
        """``event``; or ``gap`` or ``terminated``, which have no event."""
        found: str = self.json.get("type", "event")
        return found

    @property
    def subscription_id(self) -> str:
        """Of which subscription it is."""
        return self.headers["x-mcp-subscription-id"]

    @property
    def event(self) -> OccurredEvent:
        """What happened."""
        return msgspec.json.decode(self.body, type=OccurredEvent)

    @property
    def cursor(self) -> str | None:
        """Everything up to there has been delivered, or was given up."""
        return self.json.get("cursor")
