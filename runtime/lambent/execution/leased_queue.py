"""A queue that several processes work, as a port; ``lambent.stores.redis_queue`` provides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from lambent.execution.ports import Queue


class Message(msgspec.Struct, frozen=True):
    """A message that was received.

    Attributes:
        id: names it in its queue.
        body: as it was sent.
        count: how often it was received, this time included; tells those who received it apart.
    """

    id: str
    body: str
    count: int


class LeasedQueue(Queue, Protocol):
    """A queue whose messages several processes receive: at least once each, in any order.

    Every method raises ``StoreError`` where the queue cannot be reached or refuses.
    """

    def send_all(self, messages: Sequence[str]) -> None:
        """Send messages without a delay: all of them, or after an error any of them."""

    def receive(self, most: int, lease: float, wait: float) -> tuple[list[Message], float]:
        """Take messages that are due, so that nobody else gets them before the end of a lease in seconds.

        Returns:
            Messages, at most so many; and how many seconds to wait for the next one, ``wait`` at most.
        """

    def wait(self, seconds: float) -> None:
        """Wait until there may be something to receive."""

    def extend(self, messages: Sequence[Message], lease: float) -> None:
        """Have the leases end so many seconds from now, of those that are still held."""

    def give_back(self, message: Message, delay: float = 0.0) -> None:
        """Let anybody receive a message after a delay in seconds, if its lease is still held."""

    def done(self, message: Message) -> None:
        """Remove a message, if its lease is still held."""

    def turn(self, name: str, seconds: float) -> bool:
        """Whether it is the turn of who asks: once in so many seconds it is somebody's."""
