"""Events: which store keeps what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.errors import ConfigurationError
from lambent.execution.events.emitting import Emitter
from lambent.execution.events.service import Events

if TYPE_CHECKING:
    from lambent.execution.ports import Clock
    from lambent.features.catalog import Catalog
    from lambent.hosts.settings import Settings


def make_emitter(catalog: Catalog, settings: Settings) -> Emitter:
    """What emits where no call is answered, such as a function that takes events of AWS.

    Raises:
        ConfigurationError: there is no table: what is in memory is seen by its own process alone.
    """
    import time

    if settings.table is None:
        raise ConfigurationError("Occurrences that others read are kept in a table: set LAMBENT_TABLE")
    server = settings.audience or catalog.info.name
    return Emitter(make_events(catalog, server, settings, time.time, in_lambda=settings.in_lambda))


def make_events(
    catalog: Catalog, server: str, settings: Settings, clock: Clock, *, in_lambda: bool
) -> Events:
    """The events of a server, which is known by this name in its store.

    Raises:
        ConfigurationError: occurrences are emitted, and environments of Lambda have no table for them.
    """
    if settings.table is not None:
        from lambent.stores.event_logs import DynamoLog

        return Events(catalog.events, DynamoLog(settings.table), server, clock)
    emitted = [name for name, event in catalog.events.items() if event.check is None]
    if in_lambda and not settings.in_memory and emitted:
        names = ", ".join(map(repr, emitted))
        raise ConfigurationError(f"The table keeps occurrences of {names}: set LAMBENT_TABLE")
    from lambent.stores.event_logs import MemoryLog

    return Events(catalog.events, MemoryLog(clock), server, clock)
