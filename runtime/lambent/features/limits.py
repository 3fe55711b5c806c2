"""Limits of what one caller may do: calls in a time, and tasks that run at once."""

from __future__ import annotations

import math

import msgspec

from lambent.errors import DeclarationError

_MOST_TASKS = 1000
"""Their ids are kept in one item."""


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls one caller may make in a time: a token bucket.

    The bucket holds ``burst`` tokens, a call takes one, and ``calls`` of them come back in ``per`` seconds,
    evenly.

    Attributes:
        calls: how many calls in the long run.
        per: the time for these, in seconds.
        burst: how many calls may come at once, after a pause; default: ``calls``.

    Raises:
        DeclarationError: one of them is not positive.
    """

    calls: int
    per: float
    burst: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no call or every call would pass."""
        for name, value in (("calls", self.calls), ("burst", self.most)):
            if type(value) is not int or value < 1:
                raise DeclarationError(f"{name} must be a whole number, 1 or more, not {value!r}")
        if not isinstance(self.per, int | float) or not 0 < self.per < math.inf:
            raise DeclarationError(f"per must be a number of seconds, more than 0, not {self.per!r}")

    @property
    def most(self) -> int:
        """How many calls may come at once."""
        return self.calls if self.burst is None else self.burst


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller may do on a server; each default is: without limit.

    Attributes:
        rate: of requests. Calls of a tool with a ``limit`` of its own count there and not here.
        tasks: how many tasks may run at the same time, those that wait for an answer included.

    Raises:
        DeclarationError: ``tasks`` is not a number from 1 to 1000.
    """

    rate: RateLimit | None = None
    tasks: int | None = None

    def __post_init__(self) -> None:
        """Refuse a number of tasks that cannot be."""
        if self.tasks is not None and (type(self.tasks) is not int or not 1 <= self.tasks <= _MOST_TASKS):
            raise DeclarationError(
                f"tasks must be a whole number from 1 to {_MOST_TASKS}, not {self.tasks!r}"
            )
