"""What running a call needs from outside, as small protocols; ``lambent.stores`` and hosts provide them."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Keys(Protocol):
    """The secrets that seal request state."""

    def ring(self) -> Sequence[bytes]:
        """All secrets in force: the first one seals, every one opens.

        Raises:
            ConfigurationError: none is configured; the message says what to set.
        """


class Clock(Protocol):
    """The time."""

    def __call__(self) -> float:
        """Seconds since the epoch."""


class AsyncRunner(Protocol):
    """Runs what ``async def`` functions return."""

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end on an event loop that stays the same from call to call."""


class Changes(Protocol):
    """A feed of changes that subscriptions deliver. Topics are notification methods and resource URIs."""

    def publish(self, topic: str) -> None:
        """Tell whoever listens, in this process or another, that something changed."""

    def position(self) -> int:
        """Where the feed stands now."""

    def wait(self, position: int, seconds: float) -> tuple[list[str], int]:
        """Topics published after a position, and the new position; waits for the first one if need be."""
