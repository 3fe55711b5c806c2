"""What events need from outside; ``lambent.stores.event_logs`` provides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from lambent.execution.ports import Queue

MOST_ENTRIES = 100
"""How many entries ``EventLog.read`` looks for at most."""


class LogHead(msgspec.Struct, frozen=True):
    """The end of a log.

    Attributes:
        epoch: names the log: one that was lost and made anew has another epoch.
        number: of the last entry; 0 where there was none yet.
    """

    epoch: str
    number: int


class LogEntry(msgspec.Struct, frozen=True):
    """An entry of a log; its body is opaque to the store."""

    number: int
    body: bytes


class EventLog(Protocol):
    """Keeps logs, of which each has a key: entries with numbers that rise by one.

    Everything that has returned is seen by whatever begins then. Every method raises ``StoreError`` where the
    store cannot be reached or refuses.
    """

    def append(self, key: str, body: bytes, purge_at: int, once: str | None = None) -> int:
        """Append an entry, and move the head.

        Args:
            key: of the log.
            body: of the entry.
            purge_at: seconds since the epoch, after which the store may forget the entry.
            once: a name that an entry of the log has once: where there is such an entry, none is appended.

        Returns:
            The number of the entry, or of that which was there.

        Raises:
            ItemTooLargeError: the body is too large.
        """

    def head(self, key: str) -> LogHead:
        """The end of a log; a log that is not there is begun."""

    def read(self, key: str, after: int, most: int) -> list[LogEntry]:
        """The entries that are kept of the ``most`` numbers behind ``after``, in their order.

        ``most`` is at most ``MOST_ENTRIES``.
        """


FailureReason = Literal[
    "connection_refused", "timeout", "tls_error", "http_4xx", "http_5xx", "challenge_failed"
]
"""All that a client is told of what its endpoint has done ("Webhook delivery status")."""


class CallbackFailed(Exception):  # noqa: N818 - says what happened
    """An endpoint could not be reached, or may not be."""

    def __init__(self, reason: FailureReason) -> None:
        super().__init__(reason)
        self.reason: FailureReason = reason


class CallbackResponse(msgspec.Struct, frozen=True):
    """What an endpoint has answered.

    Attributes:
        status: of the response.
        body: as much of it as was asked for.
        headers: ``age``, ``cache-control`` and ``retry-after``, of which it has some.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class Callbacks(Protocol):
    """Sends requests to endpoints that clients name: to public addresses, over HTTPS, no redirects."""

    def send(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        seconds: float,
        most: int = 0,
    ) -> CallbackResponse:
        """Send a request, and read at most ``most`` bytes of the response's body.

        Everything together takes at most ``seconds``.

        Raises:
            CallbackFailed: the address is none that may be reached, nobody has answered in time, or the
                answer is no HTTP.
        """


DeliveryMetric = Literal[
    "EventsDelivered",
    "EventsAbandoned",
    "DeliveriesFailed",
    "SubscriptionsSuspended",
    "SubscriptionsTerminated",
]


class DeliveryMeter(Protocol):
    """Counts what becomes of deliveries."""

    def count(self, metric: DeliveryMetric, number: int = 1) -> None:
        """Count something, before this returns: Lambda freezes the process when a message is done."""


class MessageQueue(Queue, Protocol):
    """Brings messages to those who deliver: at least once each, in any order."""

    def send_all(self, messages: Sequence[str]) -> None:
        """Send messages without a delay: all of them, or after an error any of them.

        Raises:
            StoreError: the queue cannot be reached or refuses.
        """
