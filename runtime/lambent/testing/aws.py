"""AWS resources on moto, for the fixtures of the pytest plugin."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lambent.errors import ConfigurationError
from lambent.stores import aws

if TYPE_CHECKING:
    import pytest

REGION = "eu-west-1"
TABLE, QUEUE, BUCKET, SECRET = "lambent", "lambent-tasks", "lambent-blobs", "lambent-state"
DELIVERIES = "lambent-deliveries"


class LambentAws:
    """The resources of a server, each made when it is first asked for.

    Attributes:
        table: name of the DynamoDB table; empty where there is none; so for the others.
        queue: URL of the SQS queue of tasks.
        deliveries: URL of the SQS queue of deliveries of events.
        bucket: name of the S3 bucket.
        secret: name of the secret of Secrets Manager.
    """

    def __init__(self, set_variable: Callable[[str, str], object]) -> None:
        self._set = set_variable
        self.table = self.queue = self.bucket = self.secret = self.deliveries = ""

    def client(self, service: str) -> Any:
        """A boto3 client, such as of ``dynamodb``."""
        return aws.client(service)

    def make_table(self) -> str:
        """The table, with the index by which subscriptions to events are found."""
        if not self.table:
            hash_key, by_topic = (
                [{"AttributeName": "pk", "KeyType": "HASH"}],
                [{"AttributeName": "topic", "KeyType": "HASH"}, {"AttributeName": "pk", "KeyType": "RANGE"}],
            )
            self.client("dynamodb").create_table(
                TableName=TABLE,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[
                    {"AttributeName": one, "AttributeType": "S"} for one in ("pk", "topic")
                ],
                KeySchema=hash_key,
                GlobalSecondaryIndexes=[
                    {
                        "IndexName": "by_topic",
                        "KeySchema": by_topic,
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    }
                ],
            )
            self.table = TABLE
            self._set("LAMBENT_TABLE", TABLE)
        return self.table

    def make_queue(self) -> str:
        """The queue of tasks."""
        if not self.queue:
            self.queue = str(self.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"])
            self._set("LAMBENT_TASK_QUEUE_URL", self.queue)
        return self.queue

    def make_deliveries(self) -> str:
        """The queue of deliveries."""
        if not self.deliveries:
            self.deliveries = str(self.client("sqs").create_queue(QueueName=DELIVERIES)["QueueUrl"])
            self._set("LAMBENT_EVENTS_QUEUE_URL", self.deliveries)
        return self.deliveries

    def make_bucket(self) -> str:
        """The bucket."""
        if not self.bucket:
            where = {"LocationConstraint": REGION}
            self.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
            self.bucket = BUCKET
            self._set("LAMBENT_BUCKET", BUCKET)
        return self.bucket

    def make_secret(self) -> str:
        """The secret, of which moto has the current version."""
        if not self.secret:
            value = secrets.token_hex(32)
            self.client("secretsmanager").create_secret(Name=SECRET, SecretString=value)
            self.secret = SECRET
            self._set("LAMBENT_STATE_SECRET", SECRET)
        return self.secret


@contextlib.contextmanager
def local_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LambentAws]:
    """An AWS in memory, and the environment of a Lambda function that uses it and nothing of the user.

    Raises:
        ConfigurationError: moto is not installed.
    """
    try:
        import boto3
        from moto import mock_aws
    except ImportError as error:
        raise ConfigurationError("Fixtures of AWS resources need the extra lambent[testing]") from error

    for name in [name for name in os.environ if name.startswith(("AWS_", "LAMBENT_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_LAMBDA_FUNCTION_NAME": "test",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", _session())
        aws.forget_clients()
        try:
            yield LambentAws(monkeypatch.setenv)
        finally:
            aws.forget_clients()


@functools.cache
def _session() -> Any:
    """One for all tests of a process: it reads what describes the services once."""
    import boto3

    return boto3.session.Session()
