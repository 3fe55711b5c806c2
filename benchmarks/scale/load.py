"""What users do: assumptions, which docs/scaling.md names."""

import random
from collections.abc import Iterator
from typing import NamedTuple

DAYS = 30
SECONDS = 3600


class Load(NamedTuple):
    """A load.

    Attributes:
        users: how many there are.
        calls: of tools, by a user in a day.
        peak: the share of a day's calls in its busiest hour.
        burst: by how much a burst exceeds the busiest hour.
        tool_ms: what a tool waits for in the mean, such as another service.
    """

    users: int = 1_000_000
    calls: float = 20
    peak: float = 0.1
    burst: float = 10
    tool_ms: float = 50

    @property
    def month(self) -> float:
        """Calls in a month."""
        return self.users * self.calls * DAYS

    @property
    def peak_rate(self) -> float:
        """Calls in a second of the busiest hour."""
        return self.users * self.calls * self.peak / SECONDS


MIX = {
    "a plain tool": 0.80,
    "a tool that asks: two rounds": 0.05,
    "a session tool, read and written": 0.10,
    "a whole task, with 3 of these": 0.02,
    "an event, emitted and delivered to 10 endpoints": 0.01,
    "an `events/poll` that finds nothing": 0.02,
}
"""Of all calls, by the names of docs/cost.md."""


def day(load: Load) -> list[float]:
    """Calls a second in each hour of a day: busy at noon, quiet at night."""
    rest = 1 - load.peak
    weights = [0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 1, 1.6, 2, 2.2, 2.2]
    weights = [*weights, *reversed(weights)][1:]
    unit = rest / sum(weights)
    shares = [*(one * unit for one in weights[:12]), load.peak, *(one * unit for one in weights[12:])]
    return [load.users * load.calls * share / SECONDS for share in shares]


class Phase(NamedTuple):
    """A time with one rate.

    Attributes:
        seconds: how long it takes.
        rate: calls a second.
    """

    seconds: float
    rate: float


def arrivals(phases: tuple[Phase, ...], chance: random.Random) -> Iterator[float]:
    """When calls come: independent of each other."""
    begin = 0.0
    for phase in phases:
        now = begin + chance.expovariate(phase.rate)
        while now < begin + phase.seconds:
            yield now
            now += chance.expovariate(phase.rate)
        begin += phase.seconds
