"""An AWS for the tests of what happens at the same time: MiniStack, one for each pytest process."""

import functools
import itertools
import os
from typing import Any

import boto3
import pytest
from botocore.config import Config

from lambent.cli.local_aws.emulator import Emulator

REGION = "eu-west-1"
CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
_KEY: pytest.StashKey["Cloud"] = pytest.StashKey()


class Cloud:
    """MiniStack in a child process, which ends with this object, or with this process.

    Attributes:
        endpoint: its URL.
        dynamodb: a boto3 client that many threads may share.
        sqs: another.
        s3: another.
    """

    def __init__(self) -> None:
        self._null = os.open(os.devnull, os.O_WRONLY)
        self._emulator = Emulator(REGION, os.environ, self._null)
        self.endpoint = self._emulator.endpoint
        self._numbers = itertools.count(1)
        self._clients: list[Any] = []
        self.dynamodb, self.sqs, self.s3 = (self.client(name) for name in ("dynamodb", "sqs", "s3"))

    def client(self, service: str, **config: Any) -> Any:
        """Another boto3 client, with retries as the library has them unless told otherwise."""
        made = client_of(self.endpoint, service, **config)
        self._clients.append(made)
        return made

    def table(self, **more: Any) -> str:
        """A new table, keyed as the library's."""
        name = f"table-{next(self._numbers)}"
        create_table(self.dynamodb, name, **more)
        return name

    def queue(self, **attributes: str) -> str:
        """A new queue; its URL."""
        name = f"queue-{next(self._numbers)}"
        url: str = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def bucket(self) -> str:
        """A new bucket."""
        name = f"bucket-{next(self._numbers)}"
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._emulator.close()
        os.close(self._null)


def client_of(endpoint: str, service: str, **config: Any) -> Any:
    """A boto3 client of a local endpoint, whatever the shell says of real ones."""
    options: dict[str, Any] = {
        "max_pool_connections": 64,
        "connect_timeout": 10,
        "read_timeout": 40,
        "retries": {"mode": "standard", "max_attempts": 3},
        "proxies": {},
    }
    return _session().client(service, endpoint_url=endpoint, config=Config(**{**options, **config}))


@functools.cache
def _session() -> Any:
    """One for all clients of a process: it remembers what it has read of the services."""
    return boto3.session.Session(region_name=REGION, **CREDENTIALS)


def create_table(dynamodb: Any, name: str, **more: Any) -> None:
    """Create a table as the template has it."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "topic", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_topic",
                "KeySchema": [
                    {"AttributeName": "topic", "KeyType": "HASH"},
                    {"AttributeName": "pk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        **more,
    )


def cloud_of(config: pytest.Config) -> Cloud:
    """The cloud of this pytest process: started when it is first wanted, ended with the session."""
    if _KEY not in config.stash:
        config.stash[_KEY] = Cloud()
        config.add_cleanup(config.stash[_KEY].close)
    return config.stash[_KEY]


def shared_cloud(request: pytest.FixtureRequest) -> Cloud:
    """A fixture: that cloud."""
    return cloud_of(request.config)
