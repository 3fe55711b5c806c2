"""The functions that are deployed, imported as a cold start would, with moto's AWS around them."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws
from tests.chaos.cloud import create_table
from tests.events.front_ends import ACCOUNT, REGION

from lambent.stores import aws

ROOT = Path(__file__).parents[2]
TABLE, BUCKET = "lambent", "lambent-bucket"
TASK_QUEUE, DEAD_QUEUE = "lambent-tasks", "lambent-dead-tasks"
DELIVERIES_QUEUE, DEAD_DELIVERIES_QUEUE = "lambent-deliveries", "lambent-dead-deliveries"
STATE_KEYS = "not-a-secret-0123456789abcdef0123456789"


def arn_of(queue: str) -> str:
    """The ARN of a queue."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


def url_of(queue: str) -> str:
    """The URL of a queue, as AWS has it."""
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}"


ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "LAMBENT_STATE_KEYS": STATE_KEYS,
}
WITH_DELIVERIES = {"LAMBENT_TABLE": TABLE, "LAMBENT_EVENTS_QUEUE_URL": url_of(DELIVERIES_QUEUE)}
WITH_TASKS = {
    "LAMBENT_TABLE": TABLE,
    "LAMBENT_TASK_QUEUE_URL": url_of(TASK_QUEUE),
    "LAMBENT_BUCKET": BUCKET,
    "REPORT_PACE": "0",
}


@dataclass(frozen=True)
class Cloud:
    """What the functions find in AWS."""

    sqs: Any
    dynamodb: Any
    s3: Any
    secrets: Any


@contextlib.contextmanager
def cloud() -> Iterator[Cloud]:
    """An AWS of its own: table, queue, dead-letter queue, bucket."""
    with mock.patch.dict(os.environ, _environment({}), clear=True), mock_aws():
        # The library keeps its clients for the life of an environment, and this one's ends here.
        aws._clients.clear()
        session = boto3.session.Session(region_name=REGION)
        clients = [session.client(name) for name in ("sqs", "dynamodb", "s3", "secretsmanager")]
        sqs, dynamodb, s3, _ = clients
        try:
            create_table(dynamodb, TABLE)
            s3.create_bucket(Bucket=BUCKET)
            for queue in (DEAD_QUEUE, DELIVERIES_QUEUE):
                sqs.create_queue(QueueName=queue)
            redrive = f'{{"deadLetterTargetArn":"{arn_of(DEAD_QUEUE)}","maxReceiveCount":1}}'
            sqs.create_queue(QueueName=TASK_QUEUE, Attributes={"RedrivePolicy": redrive})
            yield Cloud(*clients)
        finally:
            for client in clients:
                client.close()
            aws._clients.clear()


@contextlib.contextmanager
def function(name: str, variables: dict[str, str] | None = None) -> Iterator[Any]:
    """The handler of a folder in `functions/`, under the environment variables of its function."""
    folder = ROOT / "functions" / name
    modules = {path.stem for path in folder.glob("*.py")}
    others = {module: sys.modules.pop(module) for module in modules if module in sys.modules}
    try:
        with (
            mock.patch.dict(os.environ, _environment(variables or {}), clear=True),
            mock.patch.object(sys, "path", [str(folder), *sys.path]),
        ):
            handler = importlib.import_module("app").handler
            try:
                yield handler
            finally:
                handler.close()
    finally:
        for module in modules:
            sys.modules.pop(module, None)
        sys.modules.update(others)


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """The variables of this process without those that lead elsewhere, and those of a function."""
    own = ("AWS_", "LAMBENT_", "REFUND_", "REPORT_")
    rest = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {**rest, **ENVIRONMENT, **variables}
