"""Messages that are taken from a queue in SQS."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION

from lambent.errors import StoreError
from lambent.stores.sqs_inbox import SqsInbox


@pytest.fixture
def sqs() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("sqs", region_name=REGION, **CREDENTIALS)
        yield client
        client.close()


def test_messages_come_until_they_are_deleted(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="tasks")["QueueUrl"]
    inbox = SqsInbox(url, sqs)
    assert (inbox.name, inbox.receive(10, 0)) == ("tasks", [])
    for number in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=f"task {number}")
    first, second = inbox.receive(64, 0), inbox.receive(1, 0)
    assert (len(first), len(second)) == (10, 1)
    for message in (*first, *second):
        inbox.delete(message)
    (last,) = inbox.receive(10, 0)
    assert inbox.receive(10, 0) == []
    inbox.extend(last, 0)
    (again,) = inbox.receive(10, 0)
    assert again.body == last.body
    inbox.extend(again)
    inbox.delete(again)
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert {counts[name] for name in counts if "NumberOfMessages" in name} == {"0"}


def test_what_is_asked_of_the_queue() -> None:
    asked = []

    class Noting:
        def receive_message(self, **arguments: Any) -> dict[str, Any]:
            asked.append(arguments)
            return {}

    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks"
    assert SqsInbox(url, Noting()).receive(3, 5) == []
    assert asked == [
        {"QueueUrl": url, "MaxNumberOfMessages": 3, "WaitTimeSeconds": 5, "VisibilityTimeout": 60}
    ]


def test_failures_are_those_of_a_store(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="tasks")["QueueUrl"]
    inbox = SqsInbox(url, sqs)
    sqs.send_message(QueueUrl=url, MessageBody="task")
    (message,) = inbox.receive(1, 0)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(StoreError, match="ReceiveMessage"):
        inbox.receive(1, 0)
    with pytest.raises(StoreError, match="ChangeMessageVisibility"):
        inbox.extend(message)
    with pytest.raises(StoreError, match="DeleteMessage"):
        inbox.delete(message)
