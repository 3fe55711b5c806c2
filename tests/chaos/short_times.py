"""Short times of the library, so that a killed process is noticed in seconds."""

import contextlib
import random
import time
import types
from collections.abc import Iterator
from typing import Any

import botocore.endpoint

from lambent.execution import invocation
from lambent.execution.durable import records
from lambent.execution.durable.tasks import attempt, service, worker
from lambent.hosts import live


def settings(
    *, allowance: float, pickup: float = 2.0, unbounded: float = 900.0
) -> list[tuple[Any, str, Any]]:
    """What is set to what, as module, name and value.

    Args:
        allowance: seconds that two clocks may be apart.
        pickup: seconds after which a task that nobody picked up is queued again.
        unbounded: seconds that a lease which is not renewed lasts on a host that stays.
    """
    quick = types.SimpleNamespace(**vars(time))
    quick.sleep = lambda seconds: time.sleep(min(seconds, 0.02))
    return [
        (records, "SKEW_SECONDS", allowance),
        (live.LiveInvocation, "lease_seconds", unbounded),
        *((module, "MARGIN_SECONDS", 0.3) for module in (invocation, worker)),
        *((module, "PICKUP_SECONDS", pickup) for module in (service, worker)),
        (worker, "_WORTHWHILE_SECONDS", 0.2),
        (worker, "_backoff", lambda number: random.uniform(0, min(0.1 * 2**number, 0.8))),
        (attempt, "_PROGRESS_SECONDS", 0.05),
        (botocore.endpoint, "time", quick),
    ]


def hurry(**seconds: float) -> None:
    """Make the times of this process short; see ``settings``."""
    for module, name, value in settings(**seconds):
        setattr(module, name, value)


@contextlib.contextmanager
def hurried(**seconds: float) -> Iterator[None]:
    """Make the times of this process short for a while; see ``settings``."""
    made = settings(**seconds)
    kept = [(module, name, getattr(module, name)) for module, name, _ in made]
    hurry(**seconds)
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)
