"""What clients of tests can do with events."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from lambent.features.codecs import to_plain
from lambent.testing.event_results import (
    DeliveredEvent,
    EventSubscription,
    PolledEvents,
)

if TYPE_CHECKING:
    from lambent.testing.client import McpClient
    from lambent.testing.endpoints import MemoryEndpoints, OnDelivery
    from lambent.testing.memory import MemoryHost

ENDPOINT = "https://client.example.com/events"
"""The endpoint of a client of tests, unless a test names another one."""

SECRET = "whsec_" + base64.b64encode(b"lambent.testing: no secret at all").decode()
"""With which deliveries to it are signed."""


class EventCalls:
    """Calls the methods of events: ``client.events``."""

    def __init__(self, client: McpClient) -> None:
        self._client = client

    def poll(
        self,
        name: str,
        cursor: str | None = None,
        *,
        arguments: Any = UNSET,
        max_events: int | None = None,
        max_age: timedelta | None = None,
    ) -> PolledEvents:
        """What happened since a cursor; without one there is nothing yet but a cursor.

        Args:
            name: of the event type.
            cursor: of the last poll.
            arguments: a record or a mapping.
            max_events: how many there may be.
            max_age: how old they may be.
        """
        params = {"name": name, "cursor": cursor, **_arguments(arguments)}
        if max_events is not None:
            params["maxEvents"] = max_events
        if max_age is not None:
            params["maxAgeMs"] = _milliseconds(max_age)
        return msgspec.convert(self._client.request("events/poll", params), PolledEvents)

    def subscribe(
        self,
        name: str,
        *,
        arguments: Any = UNSET,
        url: str = ENDPOINT,
        secret: str = SECRET,
        cursor: str | None = None,
        ttl: timedelta | UnsetType | None = UNSET,
        max_age: timedelta | None = None,
    ) -> EventSubscription:
        """Have what happens delivered to an endpoint, or refresh that subscription.

        Args:
            name: of the event type.
            arguments: a record or a mapping.
            url: of the endpoint.
            secret: with which deliveries are signed.
            cursor: from where to begin; default: now.
            ttl: how long it is to live; None: until it is ended; default: as the server says.
            max_age: how old what is delivered may be, with a cursor.
        """
        delivery = {"mode": "webhook", "url": url, "secret": secret}
        params = {"name": name, "delivery": delivery, "cursor": cursor, **_arguments(arguments)}
        if not isinstance(ttl, UnsetType):
            params["ttlMs"] = None if ttl is None else _milliseconds(ttl)
        if max_age is not None:
            params["maxAgeMs"] = _milliseconds(max_age)
        return msgspec.convert(self._client.request("events/subscribe", params), EventSubscription)

    def unsubscribe(self, name: str, *, arguments: Any = UNSET, url: str = ENDPOINT) -> None:
        """End a subscription."""
        params = {"name": name, "delivery": {"url": url}, **_arguments(arguments)}
        self._client.request("events/unsubscribe", params)


class EndpointEvents(EventCalls):
    """Events that are delivered to endpoints which are there for the test alone."""

    def __init__(self, client: McpClient, endpoints: MemoryEndpoints) -> None:
        super().__init__(client)
        self._endpoints = endpoints

    @property
    def deliveries(self) -> list[DeliveredEvent]:
        """What was sent to endpoints so far, failed attempts too."""
        return self._endpoints.deliveries

    @property
    def on_delivery(self) -> OnDelivery | None:
        """Called with each delivery, says what the endpoint answers; None: 204 always.

        It returns a status, or why the endpoint cannot be reached, such as ``"timeout"``; None for 204.
        """
        return self._endpoints.on_delivery

    @on_delivery.setter
    def on_delivery(self, answer: OnDelivery | None) -> None:
        self._endpoints.on_delivery = answer


class MemoryEvents(EndpointEvents):
    """Events of a server in memory."""

    def __init__(self, client: McpClient, host: MemoryHost) -> None:
        super().__init__(client, host.endpoints)
        self._host = host

    def emit(
        self, name: str, payload: Any, *, event_id: str | None = None, timestamp: datetime | None = None
    ) -> str:
        """Emit something, as code outside of the server does; see ``Emitter.emit``."""
        return self._host.events.emit(name, payload, event_id=event_id, timestamp=timestamp)

    def take(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Let the sources of the server take an event of AWS, as ``lambda_handler`` does.

        Args:
            event: such as `eventbridge_event` makes one.

        Returns:
            What Lambda is told: how many occurrences were made, or which records of a batch have failed.

        Raises:
            SourceFailedError: no function is for it, or one has failed.
            UnknownEventError: it is no event of AWS that sources are for.
        """
        return self._host.take(event)

    def check(self, name: str | None = None) -> dict[str, int | None]:
        """Ask upstreams, as a schedule does; gives how many occurrences were found, by event type.

        Args:
            name: of the event type; default: all that a schedule asks for.

        Raises:
            CheckFailedError: one could not be asked.
            ConfigurationError: a schedule asks for none, or not for this one.
        """
        return self._host.check(name)

    def deliver(self, within: timedelta | None = None) -> list[DeliveredEvent]:
        """Deliver what has happened, and try again what fails: the clock is moved to when that is due.

        Args:
            within: how far the clock may be moved; default: until nothing is left to do.

        Returns:
            What was sent to endpoints by this, failed attempts too.
        """
        before = len(self.deliveries)
        self._host.deliver(None if within is None else within.total_seconds())
        return self.deliveries[before:]


def _arguments(given: Any) -> dict[str, Any]:
    return {} if given is UNSET else {"arguments": to_plain(given)}


def _milliseconds(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
