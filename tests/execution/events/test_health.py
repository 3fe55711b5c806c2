"""Endpoints that fail for long, and those that ask for a pause; what a refresh says of them."""

import logging
from typing import Any

import pytest
from tests.execution.events.test_delivery import Post

from lambent.execution.durable.records import changed
from lambent.execution.events import health
from lambent.execution.events.ports import CallbackFailed, CallbackResponse
from lambent.execution.events.sending import Sent, send


@pytest.fixture
def post() -> Post:
    return Post()


class Meter:
    """Counts in a dictionary."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def count(self, metric: str, number: int = 1) -> None:
        self.counts[metric] = self.counts.get(metric, 0) + number


def counts_of(*attempts: tuple[float, bool]) -> health.Counts:
    counts: health.Counts = ()
    for at, failed in attempts:
        counts = health.counted(counts, at, failed=failed)
    return counts


def test_attempts_are_counted_for_an_hour() -> None:
    counts = counts_of(*((minute * 60.0, minute % 2 == 0) for minute in range(300)))
    assert len(counts) == 6
    assert sum(one[1] for one in counts) == 60
    assert sum(one[2] for one in counts) == 30
    assert counts_of((0.0, True), (3600.0, True)) == ((6, 1, 1),)


@pytest.mark.parametrize(
    ("failures", "successes", "failing"),
    [(99, 0, False), (100, 0, True), (95, 5, False), (96, 4, True), (191, 10, True), (190, 10, False)],
)
def test_a_rate_over_a_sample_decides(failures: int, successes: int, failing: bool) -> None:
    counts = counts_of(*[(0.0, True)] * failures, *[(0.0, False)] * successes)
    assert health.is_failing(counts) is failing


def fail_often(post: Post) -> None:
    """Have an endpoint fail until it is suspended."""
    post.statuses = [500] * 10_000
    for number in range(30):
        post.shop.emit(*(f"e{number}-{one}" for one in range(5)))
        post.run(120)
        post.shop.now += 60


def test_an_endpoint_that_fails_is_suspended_until_a_refresh(post: Post) -> None:
    sub_id = post.shop.subscribe()["id"]
    post.run(6)
    fail_often(post)
    record = post.record(sub_id)
    assert (record.active, bool(record.unacked)) == (False, True)
    assert sum(one[1] for one in record.recent) == 100
    waiting, asked = record.unacked, len(post.received)
    post.shop.emit("late")
    post.shop.queue.send("sweep")
    post.run()
    assert len(post.received) == asked
    assert post.record(sub_id).unacked == waiting  # its time does not count
    post.statuses = []
    status = post.shop.subscribe()["deliveryStatus"]
    assert (status["active"], status["lastError"], "failedSince" in status) == (False, "http_5xx", True)
    post.run()
    record = post.record(sub_id)
    assert (record.active, record.unacked, record.number) == (True, {}, 151)
    assert post.ids.count("late") == 1
    assert post.shop.subscribe()["deliveryStatus"]["active"] is True


def test_what_was_tried_before_a_suspension_counts_afterwards(post: Post) -> None:
    sub_id = post.shop.subscribe()["id"]
    post.run(6)
    fail_often(post)
    counts = {number: one.count for number, one in post.record(sub_id).unacked.items()}
    post.shop.now += 80_000
    post.shop.subscribe()
    resumed = post.record(sub_id).unacked
    assert {number: one.count for number, one in resumed.items()} == counts
    assert all(one.since == one.due == post.shop.now for one in resumed.values())
    assert post.record(sub_id).recent == ()


def test_a_few_failures_suspend_nothing(post: Post) -> None:
    key = post.begin()
    post.statuses = [CallbackFailed("timeout")] * 10_000
    for number in range(8):
        post.shop.emit(f"e{number}")
        post.run(1000)
        post.shop.now += 3600
    assert post.held(key).active is True
    status = post.shop.subscribe()["deliveryStatus"]
    assert (status["active"], status["lastError"]) == (True, "timeout")


# Pauses.


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (CallbackResponse(200), Sent("accepted")),
        (CallbackResponse(299), Sent("accepted")),
        (CallbackResponse(199), Sent("failed", "http_4xx")),
        (CallbackResponse(302), Sent("failed", "http_4xx")),
        (CallbackResponse(400), Sent("failed", "http_4xx")),
        (CallbackResponse(410), Sent("refused")),
        (CallbackResponse(413), Sent("refused")),
        (CallbackResponse(425), Sent("failed", "http_4xx")),
        (CallbackResponse(500), Sent("failed", "http_5xx")),
        (CallbackResponse(503), Sent("failed", "http_5xx")),
        (CallbackResponse(503, b"", {"retry-after": "20"}), Sent("paused", pause=20.0)),
        (CallbackResponse(500, b"", {"retry-after": "20"}), Sent("failed", "http_5xx")),
        (CallbackResponse(429), Sent("paused", pause=30.0)),
        (CallbackResponse(429, b"", {"retry-after": " 7 "}), Sent("paused", pause=7.0)),
        (CallbackResponse(429, b"", {"retry-after": "0"}), Sent("paused", pause=1.0)),
        (CallbackResponse(429, b"", {"retry-after": "99999999"}), Sent("paused", pause=300.0)),
        (CallbackResponse(429, b"", {"retry-after": "9" * 5000}), Sent("paused", pause=30.0)),
        (CallbackResponse(429, b"", {"retry-after": "-5"}), Sent("paused", pause=30.0)),
        (
            CallbackResponse(429, b"", {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}),
            Sent("paused", pause=30.0),
        ),
        (CallbackResponse(429, b"", {"retry-after": "\u0665"}), Sent("paused", pause=30.0)),
    ],
)
def test_what_answers_mean(post: Post, answer: CallbackResponse, sent: Sent) -> None:
    record = post.held(post.begin())
    post.shop.endpoints.answer = lambda body: answer
    assert send(post.shop.endpoints, record, "e1", b"{}", 0.0) == sent


def test_an_endpoint_that_is_asked_too_often_gets_its_pause(post: Post) -> None:
    key = post.begin()
    answers = [CallbackResponse(429, b"", {"retry-after": "60"})]
    post.shop.endpoints.answer = lambda body: answers.pop() if answers else CallbackResponse(204)
    post.shop.emit("e1", "e2", "e3")
    post.run(0.5)
    assert len(post.received) == 1
    status = post.shop.subscribe()["deliveryStatus"]
    assert status == {
        "active": True,
        "lastDeliveryAt": None,
        "lastError": None,
        "throttled": True,
        "retryAfterMs": 60_000,
    }
    post.shop.emit("e4")
    post.run(58)
    assert len(post.received) == 1
    post.run()
    assert sorted(post.ids) == ["e1", "e1", "e2", "e3", "e4"]
    assert post.held(key).recent[0][1:] == (4, 0)  # a pause is no failure
    assert "throttled" not in post.shop.subscribe()["deliveryStatus"]


def test_pauses_have_an_end(post: Post) -> None:
    key = post.begin()
    post.shop.endpoints.answer = lambda body: CallbackResponse(429, b"", {"retry-after": "999"})
    post.shop.emit("e1")
    began = post.shop.now
    post.run()
    record = post.held(key)
    assert (record.unacked, record.active) == ({}, True)
    assert 600 < post.shop.now - began < 3600
    assert 2 <= post.ids.count("e1") <= 5


# What operators see.


def test_a_failure_is_one_line_of_the_log(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    sub_id = post.shop.subscribe({"url": "https://hook.example/hooks/1?token=secret"})["id"]
    post.run(6)
    post.statuses = [CallbackFailed("tls_error"), 500, 204]
    with caplog.at_level(logging.INFO, "lambent.events"):
        post.shop.emit("e1")
        post.run()
    assert [record.getMessage() for record in caplog.records] == [
        f"A delivery of order.refunded for {sub_id} failed: tls_error",
        f"A delivery of order.refunded for {sub_id} failed: http_5xx",
    ]


def test_what_becomes_of_deliveries_is_counted(post: Post) -> None:
    meter = Meter()
    post.deliveries._meter = post.deliveries._attempting._meter = meter
    post.begin()
    post.statuses = [500, 204, 204]
    post.shop.emit("e1", "e2")
    post.run()
    assert meter.counts == {"EventsDelivered": 2, "DeliveriesFailed": 1}
    fail_often(post)
    assert meter.counts["SubscriptionsSuspended"] == 1
    assert meter.counts["DeliveriesFailed"] >= 96


def test_what_is_given_up_and_ended_is_counted(post: Post) -> None:
    meter = Meter()
    post.deliveries._meter = post.deliveries._attempting._meter = meter
    post.begin()
    post.statuses = [500] * 5
    post.shop.emit("e1")
    post.run()
    types: Any = post.shop.events.types
    post.shop.events.types = {}
    for _ in range(4):
        post.shop.now += 300
        post.shop.queue.send("sweep")
        post.run(60)
    assert meter.counts == {"DeliveriesFailed": 5, "EventsAbandoned": 1, "SubscriptionsTerminated": 1}
    assert types


# Messages that never arrive.


def test_what_nobody_tries_is_sent_again_and_given_up_in_the_end(post: Post) -> None:
    """Such as a message that kills each worker: it must not keep the others in the window for ever."""
    meter = Meter()
    post.deliveries._meter = meter
    key = post.begin()
    post.shop.emit("e1", "e2")
    post.shop.queue.messages.clear()
    sent = []
    post.deliveries._attempting.attempt = lambda *given: sent.append(given[3])  # type: ignore[method-assign,assignment]
    began = post.shop.now
    for _ in range(120):
        post.deliveries.run(f"advance {key}")
        post.shop.queue.messages.clear()
        post.shop.now += 300
        if not post.held(key).unacked:
            break
    assert sent.count(1) == 9
    assert post.shop.now - began > 4 * 3600
    assert meter.counts == {"EventsAbandoned": 2}
    post.deliveries.run(f"notify {key}")
    assert post.controls == [{"type": "gap", "cursor": f"{post.shop.epoch}.2"}]


def test_a_pause_is_no_lost_message(post: Post) -> None:
    key = post.begin()
    post.shop.emit("e1", "e2")
    post.shop.endpoints.answer = lambda body: CallbackResponse(429, b"", {"retry-after": "300"})
    post.run(0.5)
    post.shop.queue.messages.clear()
    post.shop.now += 290
    post.deliveries.run(f"advance {key}")
    assert post.shop.queue.messages == []
    post.shop.endpoints.answer = post.answer
    for seconds, ids in ((80, ["e2"]), (200, ["e2", "e1"])):
        post.shop.now += seconds
        post.deliveries.run(f"advance {key}")
        assert post.ids[1:] == ids


def test_records_have_a_bound(post: Post) -> None:
    key = post.begin()
    post.statuses = [500] * 10_000
    for number in range(300):
        post.shop.emit(f"e{number}")
        post.run(20)
        post.shop.now += 10
    held = post.shop.subscriptions.records.read(key)
    assert held is not None
    assert len(held.record.unacked) <= 16
    assert len(held._item.body) < 4096
    assert held.change(lambda record: changed(record, recent=()))
