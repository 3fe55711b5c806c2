"""Telemetry by setting: loaded where a setting turns one on, as are the libraries of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.errors import ConfigurationError
from lambent.execution.middleware import Observer
from lambent.hosts.settings import Settings

if TYPE_CHECKING:
    from lambent.execution.events.ports import DeliveryMeter


def observers_of(settings: Settings, server: str) -> tuple[Observer, ...]:
    """The observers that the settings turn on, outermost first.

    Args:
        settings: the settings.
        server: the server's name, which becomes the service of metrics and traces.

    Raises:
        ConfigurationError: a library is missing.
    """
    observers: list[Observer] = []
    if settings.otel:
        try:
            from lambent.hosts.telemetry.otel import span_observer
        except ImportError as error:
            raise ConfigurationError(
                "LAMBENT_OTEL needs OpenTelemetry: install the extra lambent[otel]"
            ) from error
        observers.append(span_observer())
    if settings.tracer:
        try:
            from lambent.hosts.telemetry.tracer import subsegment_observer

            observers.append(subsegment_observer(server))
        except ImportError as error:
            raise ConfigurationError(
                "LAMBENT_TRACER needs Powertools and the X-Ray SDK: install the extra lambent[tracer]"
            ) from error
    if settings.metrics is not None:
        try:
            from lambent.hosts.telemetry.metrics import metrics_observer
        except ImportError as error:
            raise ConfigurationError(
                "LAMBENT_METRICS needs Powertools: install the extra lambent[aws]"
            ) from error
        observers.append(metrics_observer(settings, server))
    if settings.call_log:
        from lambent.hosts.telemetry.call_log import call_log_observer

        observers.append(call_log_observer())
    return tuple(observers)


def delivery_meter(settings: Settings, server: str) -> DeliveryMeter:
    """What counts deliveries of events, where metrics are on.

    Raises:
        ConfigurationError: a library is missing.
    """
    try:
        from lambent.hosts.telemetry.metrics import DeliveryMetrics
    except ImportError as error:
        raise ConfigurationError(
            "LAMBENT_METRICS needs Powertools: install the extra lambent[aws]"
        ) from error
    return DeliveryMetrics(settings, server)
