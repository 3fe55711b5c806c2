"""A clock that tests move."""

from __future__ import annotations

import time


class Clock:
    """A clock that stands still until it is moved: tasks, states, sessions and limits expire by it.

    Args:
        now: the time that it shows at first, in seconds since the epoch; default: the time now.

    Attributes:
        now: the time that it shows.
    """

    def __init__(self, now: float | None = None) -> None:
        self.now = time.time() if now is None else now

    def __call__(self) -> float:
        """The time that it shows."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move it forward.

        Raises:
            ValueError: ``seconds`` is negative.
        """
        if seconds < 0:
            raise ValueError(f"Time goes forward, not by {seconds} s")
        self.now += seconds
