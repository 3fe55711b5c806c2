"""Schedules of a template that have upstreams asked for what happened, as EventBridge runs them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambent.cli.gateway.messages import Arrival
from lambent.cli.gateway.pool import Pool, PoolClosedError

_EXPRESSIONS: Final = {"Schedule": "Schedule", "ScheduleV2": "ScheduleExpression"}
"""Types of events, and the property that says when."""

_UNITS: Final = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}


@dataclass(frozen=True, slots=True)
class LocalSchedule:
    """An event that comes again and again.

    Attributes:
        event: As JSON.
        seconds: How long after the one before.
    """

    event: bytes
    seconds: float


def schedules_of(function: Mapping[str, Any]) -> Iterator[LocalSchedule]:
    """The schedules of a function that send ``{"lambent": "check"}`` at a rate.

    Others are left out, as are those whose values only a deployment knows: what they do is the app's affair.

    Args:
        function: The properties of the function.
    """
    for event in (function.get("Events") or {}).values():
        properties = event.get("Properties") or {}
        seconds = _seconds(properties.get(_EXPRESSIONS.get(event.get("Type"), "")))
        given = _json(properties.get("Input"))
        is_on = properties.get("Enabled", True) is True and properties.get("State", "ENABLED") == "ENABLED"
        if seconds is not None and is_on and isinstance(given, dict) and given.get("lambent") == "check":
            yield LocalSchedule(json.dumps(given).encode(), seconds)


async def run_schedule(schedule: LocalSchedule, workers: Pool) -> None:
    """Send the event of a schedule to workers, until cancelled or until they are gone.

    Args:
        schedule: The schedule.
        workers: The workers.
    """
    while True:
        await asyncio.sleep(schedule.seconds)
        try:
            worker = await workers.acquire()
        except PoolClosedError:
            return
        await workers.invoke(worker, schedule.event, Arrival.now())


def _seconds(expression: Any) -> float | None:
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", str(expression))
    return None if found is None or int(found[1]) == 0 else int(found[1]) * _UNITS[found[2]]


def _json(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
