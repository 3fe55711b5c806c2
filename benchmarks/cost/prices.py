"""What is paid for: public prices, and the resources of the template."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.environments import HERE, ROOT
from lambent.cli.local_aws.template import Template, read_template

PRICES = HERE / "prices.json"
TEMPLATE = ROOT / "template.yaml"

EVENT_OVERHEAD = 26
"""Bytes that a log line is billed besides its own."""

Prices = Mapping[str, float]


class Deployment(NamedTuple):
    """What the template says that costs.

    Attributes:
        memory: MB, by function.
        architecture: of all functions.
        access_log_bytes: of a line about a request.
        secrets: how many there are.
        alarm_metrics: the metrics of all alarms; an alarm that adds several up is charged for each.
        polled: queues that functions wait for.
    """

    memory: Mapping[str, int]
    architecture: str
    access_log_bytes: int
    secrets: int
    alarm_metrics: int
    polled: int


def deployment(path: Path = TEMPLATE) -> Deployment:
    """Read the template, its parameters as they are by default."""
    template = read_template(path)
    by_type: dict[str, list[str]] = {}
    for name, resource in template.resources.items():
        by_type.setdefault(resource["Type"], []).append(name)
    functions = by_type["AWS::Serverless::Function"]
    queues = [
        event
        for name in functions
        for event in template.properties(name).get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    return Deployment(
        memory={name: _default(template, template.properties(name)["MemorySize"]) for name in functions},
        architecture=_default(template, template.properties(functions[0])["Architectures"][0]),
        access_log_bytes=sum(_log_line(template, api) for api in by_type.get("AWS::Serverless::HttpApi", ())),
        secrets=len(by_type.get("AWS::SecretsManager::Secret", ())),
        alarm_metrics=sum(_metrics(template, alarm) for alarm in by_type.get("AWS::CloudWatch::Alarm", ())),
        polled=len(queues),
    )


def _log_line(template: Template, api: str) -> int:
    """Bytes of an access log line: names of variables are about as long as their values."""
    settings = template.properties(api).get("AccessLogSettings")
    return len(settings["Format"]) + 1 + EVENT_OVERHEAD if settings else 0


def _metrics(template: Template, alarm: str) -> int:
    metrics = template.properties(alarm).get("Metrics")
    return 1 if metrics is None else sum("MetricStat" in one for one in metrics)


def read_prices(path: Path = PRICES) -> dict[str, float]:
    """Dollars, by what they are paid for."""
    return {name: price["dollars"] for name, price in json.loads(path.read_text())["prices"].items()}


def _default(template: Template, value: Any) -> Any:
    """A value, or the default of the parameter that it refers to."""
    return template.section("Parameters")[value["Ref"]]["Default"] if isinstance(value, dict) else value
