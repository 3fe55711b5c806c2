"""Running sources: functions of the server's author that make occurrences of events of AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from types import CoroutineType
from typing import Any

from lambent.execution.call import Services
from lambent.execution.events.service import Events
from lambent.execution.invocation import Invocation
from lambent.execution.mounting import SharedLifespan
from lambent.features.source_events import AwsEvent, SourceContext
from lambent.features.sources import SourceFunction


class SourceRunner:
    """Runs sources, within the lifespan of the server, and emits what they answer.

    Args:
        services: of the server.
        events: the event types of the server.
    """

    def __init__(self, services: Services, events: Events) -> None:
        self._lifespan = services.lifespan
        self._events = events

    def run(
        self, source: SourceFunction, event: AwsEvent, invocation: Invocation, lambda_context: Any
    ) -> int:
        """Run a source for an event, and keep what it answers; how many occurrences these are.

        Raises:
            DeadlineReached: the invocation is nearly over.
            StoreError: an occurrence could not be kept.
            ValidationError: the event, or a payload, is not of its type.
            Exception: what the function has raised.
        """
        if self._lifespan is not None:
            self._lifespan.enter(invocation)
        arguments = [source.given(event)]
        if source.takes_context:
            arguments.append(SourceContext(self._lifespan_context(source), lambda_context))

        def work() -> Any:
            answer = source.function(*arguments)
            return list(answer) if isinstance(answer, Iterator) else answer

        answer = invocation.call(work, {}, invocation.time_limit())
        if isinstance(answer, AsyncIterator):
            answer = _collected(answer)
        if isinstance(answer, CoroutineType):
            answer = invocation.run(answer, invocation.time_limit())
        found = source.occurrences(event, _several(answer))
        # Of an event that has a fault, nothing is kept.
        checked = [
            self._events.check(name, one.payload, event_id=one.event_id, timestamp=one.timestamp)
            for name, one in found
        ]
        self._events.keep_all(checked)
        return len(checked)

    def _lifespan_context(self, source: SourceFunction) -> Any:
        lifespan = self._lifespan
        if lifespan is None:
            return {}
        if source.owner is not None and isinstance(lifespan, SharedLifespan):
            return lifespan.values.get(id(source.owner), {})
        return lifespan.value


async def _collected(answers: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in answers]


def _several(answer: Any) -> list[Any]:
    """What a function has answered, as the list of its occurrences."""
    if answer is None:
        return []
    several: Iterable[Any] = answer if isinstance(answer, list | tuple) else [answer]
    return [one for one in several if one is not None]
