"""How many of the last attempts at an endpoint failed, in a bounded number of counts ("Suspension")."""

from __future__ import annotations

Counts = tuple[tuple[int, int, int], ...]
"""For each span of time: its number, the attempts in it, and how many of them failed."""

_SPAN_SECONDS = 600.0
_SPANS = 6
"""Together an hour."""

_LEAST_ATTEMPTS = 100
_MOST_FAILURES = 0.95


def counted(counts: Counts, now: float, *, failed: bool) -> Counts:
    """The counts with another attempt, without those that are too long ago."""
    span = int(now // _SPAN_SECONDS)
    kept = [one for one in counts if span - _SPANS < one[0] < span]
    _, attempts, failures = next((one for one in counts if one[0] == span), (span, 0, 0))
    return (*kept, (span, attempts + 1, failures + failed))


def is_failing(counts: Counts) -> bool:
    """Whether so many attempts failed that deliveries are to be suspended: a few say nothing."""
    attempts = sum(one[1] for one in counts)
    return attempts >= _LEAST_ATTEMPTS and sum(one[2] for one in counts) > attempts * _MOST_FAILURES
