"""An endpoint that does not answer, or slowly, delays nobody else."""

import json
import threading
from typing import Any

import pytest
from tests.execution.events.test_delivery import Post
from tests.execution.events.test_subscriptions import URL, echo
from tests.hooks import SECONDS

from lambent.execution.events.ports import CallbackFailed, CallbackResponse
from lambent.hosts.aws_lambda.delivery_events import DeliveryEvents

HANGING = f"{URL}/hanging"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/deliveries"
ARN = "arn:aws:sqs:eu-west-1:123456789012:deliveries"


@pytest.fixture
def post() -> Post:
    return Post()


class Hanging:
    """Has the endpoint of a shop not answer, until it is ``healed``."""

    def __init__(self, post: Post) -> None:
        self.healed = False
        self.tried: list[str] = []
        post.shop.endpoints.answer = self.answer

    def answer(self, body: bytes) -> CallbackResponse:
        found = json.loads(body)
        if found.get("type") == "verification":
            return echo(body)
        if "eventId" in found:
            self.tried.append(found["eventId"])
        if not self.healed:
            raise CallbackFailed("timeout")
        return CallbackResponse(204)


def test_an_endpoint_that_does_not_answer_occupies_one_worker_at_a_time(post: Post) -> None:
    key, hanging = post.begin(), Hanging(post)
    post.shop.emit("e1", "e2", "e3")
    post.run(170)
    assert hanging.tried == ["e1"] * 4  # at once, and after 1, 15 and 90 seconds
    assert [post.held(key).unacked[number].count for number in (1, 2, 3)] == [4, 0, 0]
    post.shop.emit("e4")
    post.run(30)
    assert set(hanging.tried) == {"e1"}
    assert sorted(post.held(key).unacked) == [1, 2, 3, 4]


def test_what_waits_is_not_lost(post: Post) -> None:
    """Its messages go round: nothing has to find that it is overdue."""
    key, hanging = post.begin(), Hanging(post)
    post.shop.emit("e1", "e2", "e3")
    post.run(300)
    for _ in range(5):
        post.deliveries.run(f"advance {key}")
    assert [one.lost for one in post.held(key).unacked.values()] == [0, 0, 0]
    hanging.healed = True
    post.run(600)
    assert sorted(set(hanging.tried)) == ["e1", "e2", "e3"]
    assert post.held(key).unacked == {}
    assert post.held(key).last_error is None


def test_what_waits_behind_one_that_is_given_up_is_tried_then(post: Post) -> None:
    key, hanging = post.begin(), Hanging(post)
    post.shop.emit("e1", "e2")
    post.run(700)
    assert hanging.tried[:6] == ["e1"] * 5 + ["e2"]
    post.run(700)
    assert hanging.tried.count("e2") == 5
    assert post.held(key).unacked == {}
    assert post.held(key).gap is not None


def test_an_endpoint_that_answers_with_errors_occupies_nobody(post: Post) -> None:
    post.begin()
    post.statuses = [500, 500, 500]
    post.shop.emit("e1", "e2", "e3")
    post.run(0.5)
    assert sorted(post.ids) == ["e1", "e2", "e3"]


def test_a_message_for_one_endpoint_does_not_wait_for_another(post: Post) -> None:
    """In Lambda a batch has messages for many endpoints: one of them answers when all others were asked."""
    others, everybody = [f"{URL}/{number}" for number in range(9)], threading.Semaphore(0)
    for url in (HANGING, *others):
        post.shop.subscribe({"url": url})
    post.run(6)
    send = post.shop.endpoints.send

    def answer(method: str, url: str, headers: Any, body: bytes, **options: Any) -> CallbackResponse:
        if url == HANGING:
            for _ in others:
                assert everybody.acquire(timeout=SECONDS)
            raise CallbackFailed("timeout")
        answered = send(method, url, headers, body, **options)
        everybody.release()
        return answered

    post.shop.endpoints.send = answer  # type: ignore[method-assign, assignment]
    post.shop.emit("e1")
    post.deliveries.run("wake order.refunded")
    messages = [message for message, _ in post.shop.queue.messages if message.startswith("advance")]
    records = [
        {"messageId": str(at), "body": body, "eventSourceARN": ARN, "eventSource": "aws:sqs"}
        for at, body in enumerate(messages)
    ]
    assert len(records) == 10
    assert DeliveryEvents(post.deliveries.run, QUEUE).run({"Records": records}) == {"batchItemFailures": []}
    assert post.ids == ["e1"] * 9
