"""What calls cost, in dollars per million, from measured time, counted requests and public prices.

python -m benchmarks.cost             write the tables of docs/cost.md from what was measured
python -m benchmarks.cost --measure   measure anew before

Measured is the built artifact under Lambda's own runtime client, with a local AWS behind a proxy that counts.
"""

import argparse
import json
import math
import platform
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.environments import HERE, ROOT
from lambent.cli.local_aws.template import Template, read_template

PRICES = HERE / "prices.json"
MEASURED = HERE / "results" / "cost.json"
PAGE = ROOT / "docs" / "cost.md"
TEMPLATE = ROOT / "template.yaml"
BEGIN, END = "<!-- begin: python -m benchmarks.cost -->", "<!-- end -->"

# Assumptions; docs/cost.md names them.
COLD_SHARE = 0.01
"""Of all invocations, those that start an environment. Lambda bills their initialization."""
MISS_SHARE = 0.01
"""Of all reads through CloudFront, those that the bucket has to answer."""
GETS = 3
"""How often a client asks for a task."""
FULL_PROCESSOR_MB = 1769
"""With less memory a function has less than one processor, in proportion."""
POLLER_REQUESTS = 2
"""What Lambda asks SQS for a message: it receives it and deletes it."""
IDLE_POLLS = 5 * 3 * 60 * 24 * 30
"""Five pollers of a queue that wait for 20 seconds each, in a month."""
EVENT_OVERHEAD = 26
"""Bytes that a log line is billed besides its own."""
_ID = "00000000-0000-4000-8000-000000000000"
PLATFORM_LOG = (
    f"START RequestId: {_ID} Version: 12\n"
    f"END RequestId: {_ID}\n"
    f"REPORT RequestId: {_ID}\tDuration: 12.34 ms\tBilled Duration: 13 ms\t"
    "Memory Size: 1024 MB\tMax Memory Used: 64 MB\t\n"
)
"""What Lambda writes into a function's log for every invocation."""

Measured = Mapping[str, Any]
Prices = Mapping[str, float]


class Part(NamedTuple):
    """Invocations of one kind.

    Attributes:
        invocation: what was measured.
        times: how many there are.
        queued: whether a queue brings them, not the API.
    """

    invocation: str
    times: int = 1
    queued: bool = False


class Row(NamedTuple):
    """Something that a client does.

    Attributes:
        what: in words.
        parts: the invocations that it takes.
        cached: the invocation whose answer CloudFront gives instead.
    """

    what: str
    parts: tuple[Part, ...] = ()
    cached: str | None = None


ROWS = (
    Row("a plain tool", (Part("plain"),)),
    Row("a tool that asks: two rounds", (Part("question"), Part("answer"))),
    Row("a session tool, read and written", (Part("session"),)),
    Row("a task: create", (Part("create"),)),
    Row("a task: worker, three steps", (Part("worker", queued=True),)),
    Row("a task: one `tasks/get`", (Part("get"),)),
    Row(
        f"a whole task, with {GETS} of these",
        (Part("create"), Part("worker", queued=True), Part("get", GETS)),
    ),
    Row("a card, from the function", (Part("card"),)),
    Row("a card, from the bucket through CloudFront", cached="card"),
)
COLUMNS = ("Lambda", "API Gateway", "DynamoDB", "SQS", "S3, CloudFront", "logs", "transfer")


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


def _default(template: Template, value: Any) -> Any:
    """A value, or the default of the parameter that it refers to."""
    return template.section("Parameters")[value["Ref"]]["Default"] if isinstance(value, dict) else value


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


def read_measured(path: Path = MEASURED) -> dict[str, Any]:
    """What was measured the last time."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


# From what was measured to dollars.


def billed(one: Measured, memory: int, kind: str) -> int:
    """Milliseconds that an invocation is billed.

    Args:
        one: what was measured of it.
        memory: MB of the function.
        kind: ``warm`` or ``cold``; the latter with its initialization.
    """
    slower = max(1.0, FULL_PROCESSOR_MB / memory)
    return math.ceil(one[f"{kind}_processor_ms"] * slower + one[f"{kind}_waiting_ms"])


def mean_billed(one: Measured, memory: int) -> float:
    """Milliseconds that an invocation is billed in the mean, some being cold."""
    return (1 - COLD_SHARE) * billed(one, memory, "warm") + COLD_SHARE * billed(one, memory, "cold")


def dollars(row: Row, measured: Measured, prices: Prices, deployed: Deployment) -> dict[str, float]:
    """Dollars that something costs once, by column."""
    found = dict.fromkeys(COLUMNS, 0.0)
    for part in row.parts:
        one = measured["invocations"][part.invocation]
        for column, value in _of_invocation(one, part, prices, deployed).items():
            found[column] += value * part.times
    if row.cached:
        one = measured["invocations"][row.cached]
        found["S3, CloudFront"] += prices["cloudfront_request"] + MISS_SHARE * prices["s3_read"]
        found["transfer"] += one["bytes_out"] / 1e9 * prices["cloudfront_gb"]
    return found


def _of_invocation(one: Measured, part: Part, prices: Prices, deployed: Deployment) -> dict[str, float]:
    memory = deployed.memory[one["function"]]
    gb_seconds = mean_billed(one, memory) / 1000 * memory / 1024
    requests = Counter(one["requests"])
    log_bytes = one["log_bytes"] + len(PLATFORM_LOG) + EVENT_OVERHEAD * PLATFORM_LOG.count("\n")
    if part.queued:
        requests["sqs_request"] += POLLER_REQUESTS
    else:
        log_bytes += deployed.access_log_bytes

    def of(prefix: str) -> float:
        return sum(count * prices[name] for name, count in requests.items() if name.startswith(prefix))

    return {
        "Lambda": prices["lambda_request"] + gb_seconds * prices[f"lambda_gb_second_{deployed.architecture}"],
        "API Gateway": 0.0 if part.queued else prices["http_api_request"],
        "DynamoDB": of("dynamodb_"),
        "SQS": of("sqs_"),
        "S3, CloudFront": of("s3_"),
        "logs": log_bytes / 1e9 * prices["log_gb"],
        "transfer": 0.0 if part.queued else one["bytes_out"] / 1e9 * prices["transfer_gb"],
    }


# Tables.


def tables(measured: Measured, prices: Prices, deployed: Deployment) -> str:
    """What stands between the marks of docs/cost.md."""
    return "\n".join(
        [
            BEGIN,
            "",
            *_cost_table(measured, prices, deployed),
            "",
            *_measured_table(measured, deployed),
            "",
            *_fixed(prices, deployed),
            "",
            END,
        ]
    )


def _cost_table(measured: Measured, prices: Prices, deployed: Deployment) -> Iterator[str]:
    yield f"| dollars per million | {' | '.join(COLUMNS)} | together |"
    yield "|---" + "|---:" * (len(COLUMNS) + 1) + "|"
    for row in ROWS:
        parts = [value * 1e6 for value in dollars(row, measured, prices, deployed).values()]
        cells = [f"{value:.2f}" if value else "" for value in parts]
        yield f"| {row.what} | {' | '.join(cells)} | **{sum(parts):.2f}** |"


def _measured_table(measured: Measured, deployed: Deployment) -> Iterator[str]:
    yield (
        "| invocation | memory, MB | processor, ms | waiting, ms | billed, ms | billed cold, ms "
        "| asked of AWS | bytes out |"
    )
    yield "|---" + "|---:" * 5 + "|---|---:|"
    for name, one in measured["invocations"].items():
        memory = deployed.memory[one["function"]]
        asked = ", ".join(f"{count} {unit.replace('_', ' ')}" for unit, count in one["requests"].items())
        yield (
            f"| {name} | {memory} | {one['warm_processor_ms']:.2f} | {one['warm_waiting_ms']:.2f} "
            f"| {billed(one, memory, 'warm')} | {billed(one, memory, 'cold')} | {asked or 'nothing'} "
            f"| {one['bytes_out']:,} |"
        )
    yield ""
    yield f"Measured with {measured['conditions']}."


def _fixed(prices: Prices, deployed: Deployment) -> Iterator[str]:
    yield "| by the month, whether called or not | dollars |"
    yield "|---|---:|"
    for what, value in {
        f"{deployed.secrets} secret": deployed.secrets * prices["secret_month"],
        f"{deployed.alarm_metrics} metrics of alarms": deployed.alarm_metrics * prices["alarm_metric_month"],
        f"Lambda waiting for {deployed.polled} queues": deployed.polled * IDLE_POLLS * prices["sqs_request"],
    }.items():
        yield f"| {what} | {value:.2f} |"


def written(page: str, inner: str) -> str:
    """A page with what stands between its marks replaced."""
    found = re.subn(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: inner, page, flags=re.DOTALL)
    if found[1] != 1:
        raise ValueError(f"the page must have the marks {BEGIN} and {END} once")
    return found[0]


# Measurements.


def measure(calls: int, starts: int) -> dict[str, Any]:
    """Run every kind of invocation, warm and cold, and count what it asks for.

    Args:
        calls: warm invocations of each kind.
        starts: cold ones.
    """
    from tests.artifact import artifacts

    from benchmarks.invocations import Stage

    python = artifacts.lambda_python()
    if python is None:
        sys.exit(f"Python {artifacts.PYTHON} is needed, which Lambda runs")
    with tempfile.TemporaryDirectory(prefix="cost-") as folder, Stage(python, Path(folder)) as stage:
        invocations = {kind: stage.measure(kind, calls, starts) for kind in stage.kinds}
    return {
        "conditions": f"Python {artifacts.PYTHON}, {platform.machine()}, {calls} calls, {starts} starts each",
        "invocations": invocations,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost")
    parser.add_argument("--measure", action="store_true", help="measure anew, about a minute")
    parser.add_argument("--calls", type=int, default=200, help="warm invocations of each kind")
    parser.add_argument("--starts", type=int, default=9, help="cold invocations of each kind")
    options = parser.parse_args()
    if options.measure:
        found = measure(options.calls, options.starts)
        MEASURED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    inner = tables(read_measured(), read_prices(), deployment())
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), inner), encoding="utf-8")
    sys.stdout.write(inner + "\n")


if __name__ == "__main__":
    main()
