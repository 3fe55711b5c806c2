"""What is paid for: public prices, and the resources of the templates."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from benchmarks.cost.conditions import NOTHING, Evaluation
from benchmarks.environments import HERE, ROOT
from lambent.cli.local_aws.template import Template, read_template

PRICES = HERE / "prices.json"
TEMPLATE = ROOT / "template.yaml"
FUNCTION_URLS = ROOT / "deploy" / "function-urls" / "template.yaml"

EVENT_OVERHEAD = 26
"""Bytes that a log line is billed besides its own."""

_ID = "00000000-0000-4000-8000-000000000000"
_TIME = "2026-11-27T08:00:00.000Z"
TEXT_LOG = (
    f"START RequestId: {_ID} Version: 12",
    f"END RequestId: {_ID}",
    (
        f"REPORT RequestId: {_ID}\tDuration: 12.34 ms\tBilled Duration: 13 ms\t"
        "Memory Size: 1024 MB\tMax Memory Used: 64 MB\t"
    ),
)
"""What Lambda writes into a function's log for every invocation, in text."""
TYPICAL = {
    "$context.error.message": "-",
    "$context.httpMethod": "POST",
    "$context.identity.sourceIp": "203.0.113.178",
    "$context.integrationErrorMessage": "-",
    "$context.integrationLatency": "12",
    "$context.path": "/orders/mcp",
    "$context.requestId": "JKJaXmPLvHcESHA=",
    "$context.requestTime": "27/Nov/2026:08:00:00 +0000",
    "$context.responseLatency": "14",
    "$context.responseLength": "1200",
    "$context.routeKey": "ANY /orders/mcp",
    "$context.status": "200",
}
"""Values of the access log's variables; one that is not here is about as long as its name."""
JSON_LOG = (
    f'{{"time":"{_TIME}","type":"platform.start","record":{{"requestId":"{_ID}","version":"12"}}}}',
    (
        f'{{"time":"{_TIME}","type":"platform.report","record":{{"requestId":"{_ID}","metrics":'
        '{"durationMs":12.340,"billedDurationMs":13,"memorySizeMB":1024,"maxMemoryUsedMB":64},"status":"success"}}'
    ),
)
"""The same in JSON, at INFO. At WARN there is nothing of an invocation that succeeds."""

Prices = Mapping[str, float]
Front = Literal["HTTP API", "function URL", "CloudFront"]
"""What clients send their requests to: that is paid by the request."""


class Deployment(NamedTuple):
    """What the template says that costs.

    Attributes:
        memory: MB, by function.
        architecture: of all functions.
        front: what clients send requests to.
        access_log_bytes: of a line about a request.
        platform_log_bytes: of Lambda's own lines about an invocation.
        secrets: how many there are.
        alarm_metrics: the metrics of all alarms; an alarm that adds several up is charged for each.
        polled: queues that functions wait for.
    """

    memory: Mapping[str, int]
    architecture: str
    front: Front
    access_log_bytes: int
    platform_log_bytes: int
    secrets: int
    alarm_metrics: int
    polled: int


def deployment(path: Path = TEMPLATE, **parameters: str) -> Deployment:
    """Read a template.

    Args:
        path: its file.
        parameters: those that are not as they are by default.
    """
    template = read_template(path)
    evaluation = Evaluation(template.document, parameters)
    by_type: dict[str, list[str]] = {}
    for name, resource in template.resources.items():
        if evaluation.exists(resource):
            by_type.setdefault(resource["Type"], []).append(name)
    functions = by_type["AWS::Serverless::Function"]
    queues = [
        event
        for name in functions
        for event in template.properties(name).get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    apis = by_type.get("AWS::Serverless::HttpApi", ())
    first = evaluation.value(template.properties(functions[0]))
    return Deployment(
        memory={name: evaluation.value(template.properties(name)["MemorySize"]) for name in functions},
        architecture=first["Architectures"][0],
        front=_front(bool(apis), "AWS::CloudFront::Distribution" in by_type),
        access_log_bytes=sum(_log_line(evaluation.value(template.properties(api))) for api in apis),
        platform_log_bytes=_platform_log(first.get("LoggingConfig", {})),
        secrets=len(by_type.get("AWS::SecretsManager::Secret", ())),
        alarm_metrics=sum(_metrics(template, alarm) for alarm in by_type.get("AWS::CloudWatch::Alarm", ())),
        polled=len(queues),
    )


def _front(has_api: bool, has_distribution: bool) -> Front:
    # In front of the API, CloudFront would come on top: it is there for cards, and off by default.
    if has_api:
        return "HTTP API"
    return "CloudFront" if has_distribution else "function URL"


def _log_line(api: Mapping[str, Any]) -> int:
    """Bytes of an access log line, for a call that went well."""
    settings = api.get("AccessLogSettings", NOTHING)
    if settings is NOTHING:
        return 0
    line = re.sub(r"\$context\.[A-Za-z.]+", lambda name: TYPICAL.get(name[0], name[0]), settings["Format"])
    return size((line,))


def _platform_log(config: Mapping[str, Any]) -> int:
    if config.get("LogFormat") != "JSON":
        return size(TEXT_LOG)
    return 0 if config.get("SystemLogLevel") == "WARN" else size(JSON_LOG)


def size(lines: tuple[str, ...]) -> int:
    """Bytes that lines of a log are billed as."""
    return sum(len(line) + 1 + EVENT_OVERHEAD for line in lines)


def _metrics(template: Template, alarm: str) -> int:
    metrics = template.properties(alarm).get("Metrics")
    return 1 if metrics is None else sum("MetricStat" in one for one in metrics)


def read_prices(path: Path = PRICES) -> dict[str, float]:
    """Dollars, by what they are paid for."""
    return {name: price["dollars"] for name, price in json.loads(path.read_text())["prices"].items()}
