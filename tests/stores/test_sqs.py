"""The queue in SQS."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION
from tests.stores.test_dynamodb import Recorder

from lambent.errors import StoreError
from lambent.stores import aws
from lambent.stores.aws import MAX_DELAY_SECONDS, SqsQueue

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks"


class Noting:
    """A client that only notes what it is asked."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **arguments: Any) -> None:
        self.sent.append(arguments)


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        (0.0, 0),
        (-5.0, 0),
        (0.001, 1),
        (0.5, 1),
        (1.0, 1),
        (1.2, 2),
        (29.9, 30),
        (899.5, 900),
        (900.0, 900),
        (3600.0, MAX_DELAY_SECONDS),
    ],
)
def test_delays_are_whole_seconds_and_never_too_short(delay: float, seconds: int) -> None:
    client = Noting()
    SqsQueue(URL, client).send("t", delay)
    assert client.sent == [{"QueueUrl": URL, "MessageBody": "t", "DelaySeconds": seconds}]


def test_by_default_there_is_no_delay() -> None:
    client = Noting()
    SqsQueue(URL, client).send("t")
    assert client.sent[0]["DelaySeconds"] == 0


@pytest.fixture
def sqs() -> Iterator[Any]:
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("sqs")
        yield client
        client.close()


def test_a_message_is_a_tasks_id(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="tasks")["QueueUrl"]
    SqsQueue(url, sqs).send("an-id_0")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "an-id_0"


def test_what_waits_does_not_arrive_yet(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="tasks")["QueueUrl"]
    SqsQueue(url, sqs).send("later", 600.0)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert shown["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


def test_what_cannot_be_sent_is_an_error(sqs: Any) -> None:
    with pytest.raises(StoreError, match="NonExistentQueue"):
        SqsQueue(URL, sqs).send("t")


def test_many_messages_are_a_request_for_ten(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="tasks")["QueueUrl"]
    recorder = Recorder(sqs)
    sent = [f"m{number}" for number in range(23)]
    SqsQueue(url, recorder).send_all(sent)
    assert [name for name, _ in recorder.asked] == ["send_message_batch"] * 3
    received = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [message["Body"] for message in messages]
    assert sorted(received) == sorted(sent)


def test_of_no_messages_nothing_is_asked(sqs: Any) -> None:
    recorder = Recorder(sqs)
    SqsQueue(URL, recorder).send_all([])
    assert recorder.asked == []


def test_one_of_many_that_cannot_be_sent_is_an_error(sqs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]}
    monkeypatch.setattr(sqs, "send_message_batch", lambda **_: answer)
    with pytest.raises(StoreError, match="failed for 1: InternalError"):
        SqsQueue(URL, sqs).send_all(["a", "b"])
    with pytest.raises(StoreError, match="failed for 1: InternalError"):
        SqsQueue(URL, sqs).send_all(["a"])


def test_nothing_is_made_before_it_is_needed() -> None:
    aws._clients.clear()
    SqsQueue(URL)
    assert not aws._clients
