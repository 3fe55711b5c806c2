"""The limits of a deployment: those of the server, unless its settings say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.errors import ConfigurationError
from lambent.execution.call import Services
from lambent.execution.limits import RateLimiter
from lambent.features.limits import Limits
from lambent.hosts.settings import Settings

if TYPE_CHECKING:
    from lambent.execution.durable.tasks.slots import TaskSlots
    from lambent.execution.ports import Clock, Store


def rate_limiter(services: Services, limits: Limits | None, settings: Settings) -> RateLimiter | None:
    """The middleware that counts calls; None where no call is limited.

    Raises:
        ConfigurationError: there is nothing to count in.
    """
    rate = settings.limit_calls
    if rate is None and limits is not None:
        rate = limits.rate
    if rate is None and not services.catalog.has_limits:
        return None
    if services.store is None:
        raise ConfigurationError(
            "A limit is set, so this function needs a table to count in: set LAMBENT_TABLE"
        )
    return RateLimiter(services.store, services.audience, rate)


def task_slots(
    store: Store, server: str, limits: Limits | None, settings: Settings, clock: Clock
) -> TaskSlots | None:
    """What counts the running tasks of a caller; None where there may be any number."""
    most = settings.limit_tasks
    if most is None and limits is not None:
        most = limits.tasks
    if most is None:
        return None
    from lambent.execution.durable.tasks.slots import TaskSlots  # loaded where it is asked for

    return TaskSlots(store, clock, server, most)
