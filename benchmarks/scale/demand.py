"""How much of each quota a load uses, and by how many users it is used up."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cost.formula import ROWS, Measured, Part, billed
from benchmarks.cost.prices import Deployment, deployment
from benchmarks.environments import HERE
from benchmarks.scale.load import MIX, Load

QUOTAS = HERE / "quotas.json"


def read_quotas(path: Path = QUOTAS) -> dict[str, dict[str, Any]]:
    """Quotas by name: value, unit, whether it can be raised, source."""
    found: dict[str, dict[str, Any]] = json.loads(path.read_text())["quotas"]
    return found


class Demand(NamedTuple):
    """How much of something a load needs.

    Attributes:
        what: in words.
        quota: its value.
        unit: of both.
        used: in the busiest hour, or in its burst.
        raised: whether the quota can be raised, or is the template's own.
        source: where it is documented.
    """

    what: str
    quota: float
    unit: str
    used: float
    raised: bool
    source: str

    def users(self, load: Load) -> float:
        """With how many users it is used up."""
        return load.users * self.quota / self.used


def _parts() -> Iterator[tuple[float, Part]]:
    rows = {row.what: row for row in ROWS}
    for what, share in MIX.items():
        for part in rows[what].parts:
            yield share * part.times, part


def _each(
    load: Load, measured: Measured, deployed: Deployment
) -> Iterator[tuple[float, Part, Mapping[str, Any], float]]:
    """Of each kind of invocation: how many in a second, which, what was measured, and its seconds."""
    for share, part in _parts():
        one = measured["invocations"][part.invocation]
        seconds = billed(one, deployed.memory[one["function"]], "warm") / 1000
        if not part.queued:
            seconds += load.tool_ms / 1000
        yield share * load.peak_rate, part, one, seconds


def demands(load: Load, measured: Measured, parameters: Mapping[str, Any]) -> list[Demand]:
    """What a load needs in its busiest hour.

    Args:
        load: what users do.
        measured: what was measured of invocations.
        parameters: defaults of those of the template.
    """
    quotas = read_quotas()
    each = list(_each(load, measured, deployment()))
    through_api = sum(rate for rate, part, *_ in each if not part.queued)
    concurrency = sum(rate * seconds for rate, *_, seconds in each)
    new = concurrency * (load.burst - 1)

    def units(name: str) -> float:
        return sum(rate * one["requests"].get(name, 0) for rate, _, one, _ in each)

    def rate_of(*kinds: str) -> float:
        return sum(rate for rate, part, *_ in each if part.invocation in kinds)

    def of(what: str, name: str, used: float, quota: float | None = None) -> Demand:
        entry = quotas[name]
        value = entry["value"] if quota is None else quota
        return Demand(what, value, entry["unit"], used, entry["raised"], entry["source"])

    tasks, worker = rate_of("worker"), measured["invocations"]["worker"]
    busy = tasks * (
        load.tool_ms / 1000 + billed(worker, deployment().memory[worker["function"]], "warm") / 1000
    )
    rate_quota = quotas["lambda_concurrency"]["value"] * quotas["lambda_requests_by_concurrency"]["value"]
    ours = "docs/deploy.md#parameters"
    return [
        Demand(
            "`RequestsPerSecond` of `template.yaml`",
            parameters["RequestsPerSecond"],
            "requests a second",
            through_api,
            True,
            ours,
        ),
        Demand(
            "`WorkerConcurrency` of `template.yaml`",
            parameters["WorkerConcurrency"],
            "tasks at once",
            busy,
            True,
            ours,
        ),
        of("API Gateway: rate", "api_requests", through_api),
        of("API Gateway: a burst", "api_requests", through_api * load.burst),
        of("Lambda: concurrency", "lambda_concurrency", concurrency),
        of("Lambda: concurrency in a burst", "lambda_concurrency", concurrency * load.burst),
        Demand(
            "Lambda: requests a second, by the quota of concurrency",
            rate_quota,
            "requests a second",
            sum(rate for rate, *_ in each),
            True,
            quotas["lambda_requests_by_concurrency"]["source"],
        ),
        of("Lambda: new environments in a burst", "lambda_scaling", new),
        of("DynamoDB: writes of a new table", "dynamodb_new_table_writes", units("dynamodb_write_unit")),
        of("DynamoDB: reads of a new table", "dynamodb_new_table_reads", units("dynamodb_read_unit")),
        of(
            "DynamoDB: one partition, where all events are of one type",
            "dynamodb_partition_writes",
            rate_of("emit") * measured["invocations"]["emit"]["requests"]["dynamodb_write_unit"],
        ),
        of(
            "SQS: tasks and deliveries at work",
            "sqs_in_flight",
            sum(rate * seconds for rate, part, _, seconds in each if part.queued),
        ),
        of("Secrets Manager: a burst of new environments", "secrets_reads", new),
        of("KMS: the same, which decrypt the secret", "kms_requests", new),
    ]
