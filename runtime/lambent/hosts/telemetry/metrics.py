"""``LAMBENT_METRICS``: CloudWatch metrics of each call, in the embedded metric format on standard output.

One line a call, written before its response leaves: the environment may be frozen afterwards. Deliveries of
events have lines of their own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from lambent.execution.call import Call
from lambent.execution.middleware import Observer
from lambent.execution.outcome_kinds import FAILURES, OutcomeKind
from lambent.hosts.settings import Settings
from lambent.hosts.telemetry.reporting import method_of, timed, tool_of

if TYPE_CHECKING:
    from lambent.execution.events.ports import DeliveryMetric

_DIMENSION_LENGTH = 256


def metrics_observer(settings: Settings, server: str) -> Observer:
    """Write ``Calls``, ``Errors``, ``Latency`` and ``ColdStarts`` of each call.

    They have the dimensions service and method, and where a tool of the server is called, service, method and
    tool once more. ``ColdStarts`` is written for the first call of an execution environment, a restored one
    included: a snapshot is taken before any call. Environments that were provisioned have no cold start.
    """
    service = _dimension(server)
    lock = threading.Lock()
    is_cold = settings.in_lambda and not settings.provisioned

    def write(call: Call, kind: OutcomeKind, milliseconds: float) -> None:
        nonlocal is_cold
        method, tool = method_of(call), tool_of(call)
        # One of its own for each call: live hosts run several at a time.
        metrics = EphemeralMetrics(namespace=settings.metrics, service=service)
        metrics.add_dimension("service", service)
        metrics.add_dimension("method", method)
        if tool is not None:
            metrics.add_dimensions(service=service, method=method, tool=_dimension(tool))
        metrics.add_metric("Calls", MetricUnit.Count, 1)
        metrics.add_metric("Errors", MetricUnit.Count, int(kind in FAILURES))
        metrics.add_metric("Latency", MetricUnit.Milliseconds, milliseconds)
        metrics.add_metadata("outcome", kind)
        with lock:  # of two threads, each writes a whole line
            if is_cold:
                is_cold = False
                metrics.add_metric("ColdStarts", MetricUnit.Count, 1)
            metrics.flush_metrics()

    return timed(write)


class DeliveryMetrics:
    """Writes what becomes of deliveries, with the dimension service; see ``DeliveryMeter``."""

    def __init__(self, settings: Settings, server: str) -> None:
        self._namespace = settings.metrics
        self._service = _dimension(server)
        self._lock = threading.Lock()

    def count(self, metric: DeliveryMetric, number: int = 1) -> None:
        """See ``DeliveryMeter.count``."""
        metrics = EphemeralMetrics(namespace=self._namespace, service=self._service)
        metrics.add_dimension("service", self._service)
        metrics.add_metric(metric, MetricUnit.Count, number)
        with self._lock:  # of two threads, each writes a whole line
            metrics.flush_metrics()


def _dimension(text: str) -> str:
    """A name as the value of a dimension, which is ASCII without control characters and is not empty."""
    escaped = text.encode("ascii", "backslashreplace").decode()
    readable = "".join(one if one.isprintable() else "?" for one in escaped).strip()
    return readable[:_DIMENSION_LENGTH] or "-"
