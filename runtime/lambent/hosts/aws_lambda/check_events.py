"""``{"lambent": "check"}``: a schedule has upstreams asked for what happened.

``{"lambent": "check", "event": "parcel.sent"}`` is for one event type. A rule or schedule of EventBridge has
it as its input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.errors import ConfigurationError, LambentError
from lambent.execution.call import Services
from lambent.execution.events.scheduled_checks import ScheduledChecks
from lambent.execution.failures import is_interrupt
from lambent.execution.invocation import Invocation
from lambent.execution.log_records import logger
from lambent.hosts.aws_lambda.failure_log import log_failure

_NONE = (
    "There is nothing for a schedule to check: it is for event types with check= and "
    'delivery=["poll", "webhook"], and needs LAMBENT_TABLE'
)

_log = logger("lambent.events")


class CheckFailedError(LambentError):
    """An upstream could not be asked. Lambda tries it again; the log says why."""


def run_checks(event: Mapping[str, Any], services: Services, invocation: Invocation) -> dict[str, Any]:
    """Ask the upstreams of all event types, or of the one that the event names.

    Returns:
        How many occurrences were found, by event type; null where another invocation is asking.

    Raises:
        CheckFailedError: one could not be asked, or not all of what it told could be kept.
        ConfigurationError: there is no such event type.
    """
    if services.events is None or services.store is None or not services.events.has_schedule:
        raise ConfigurationError(_NONE)
    checks = ScheduledChecks(
        services.store, services.clock, services.audience, services.events, services.lifespan
    )
    name = event.get("event")
    names = checks.names if name is None else [str(name)]
    if not names:
        raise ConfigurationError(_NONE)
    found: dict[str, int | None] = {}
    failed = []
    for one in names:
        try:
            found[one] = checks.run(one, invocation)
        except ConfigurationError:
            raise
        except BaseException as error:
            if is_interrupt(error):
                raise
            failed.append(one)
            log_failure(_log, error, "The check of %s failed", one)
    if failed:
        raise CheckFailedError(f"The check of {', '.join(failed)} failed: the log says why")
    return {"found": found}
