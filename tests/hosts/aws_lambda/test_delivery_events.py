"""Messages of the queue of deliveries: which are done, which come again, and that none waits for another."""

import threading
from typing import Any

import pytest
from tests.execution.durable.tasks.harness import queue_event
from tests.hooks import SECONDS

from lambent.hosts.aws_lambda.delivery_events import DeliveryEvents

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/deliveries"
ARN = "arn:aws:sqs:eu-west-1:123456789012:deliveries"


def batch(*bodies: str, arn: str = ARN) -> dict[str, Any]:
    event = queue_event([(f"m{number}", body) for number, body in enumerate(bodies)])
    for record in event["Records"]:
        record["eventSourceARN"] = arn
    return event


OTHER_ARN = "arn:aws:sqs:eu-west-1:123456789012:dead-deliveries"


def test_messages_of_other_queues_are_none_of_it() -> None:
    events = DeliveryEvents(lambda message: None, URL)
    assert events.takes(batch("a"))
    assert not events.takes(batch("a", arn=OTHER_ARN))
    assert events.takes(batch("deliver key 7", arn=OTHER_ARN))
    assert not DeliveryEvents(lambda message: None, "").takes(batch("deliver key 7"))


def test_what_the_queue_has_given_up_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    event = batch("deliver key 7", "advance key\n" + "x" * 500, arn=OTHER_ARN)
    assert DeliveryEvents(done.append, URL).run(event) == {"batchItemFailures": []}
    assert done == []
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "The queue has given up message m0, deliver key 7"
    assert second == "The queue has given up message m1, advance key\\n" + "x" * 188


@pytest.mark.parametrize("count", [1, 2, 10])
def test_only_what_failed_comes_again(count: int, caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def deliver(message: str) -> None:
        if message == "bad":
            raise ValueError("nobody knows this")
        done.append(message)

    bodies = ["bad", *(f"good {number}" for number in range(count - 1))]
    answer = DeliveryEvents(deliver, URL).run(batch(*bodies))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert sorted(done) == bodies[1:]
    (record,) = caplog.records
    assert record.getMessage() == "Message m0 failed: the queue delivers it again"
    assert record.exc_info is not None


def test_no_message_of_a_batch_waits_for_another() -> None:
    together = threading.Barrier(3)
    events = DeliveryEvents(lambda message: together.wait(SECONDS) and None, URL)
    assert events.run(batch("a", "b", "c")) == {"batchItemFailures": []}


def test_a_sweep_is_a_message_of_its_own() -> None:
    done: list[str] = []
    DeliveryEvents(done.append, URL).sweep()
    assert done == ["sweep"]
