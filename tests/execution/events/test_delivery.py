"""Deliveries to endpoints: what arrives, what is tried again, and what is lost with whom."""

import json
import random
from collections import Counter
from typing import Any

import pytest
from tests.execution.events.test_subscriptions import URL, Shop, echo, secret

from lambent.execution.durable.records import changed
from lambent.execution.events import window
from lambent.execution.events.delivery import Deliveries
from lambent.execution.events.ports import CallbackFailed, CallbackResponse
from lambent.execution.events.signing import signed_headers
from lambent.stores.event_logs import MemoryLog


class Post:
    """A shop with what delivers, by a queue whose messages come when they are due."""

    def __init__(self, **options: Any) -> None:
        self.shop = Shop(**options)
        self.shop.events.queue = self.shop.queue
        self.deliveries = Deliveries(
            self.shop.events,
            self.shop.subscriptions,
            self.shop.store,
            self.shop.queue,
            self.shop.endpoints,
            self.shop.clock,
        )
        self.statuses: list[int | CallbackFailed] = []
        self.shop.endpoints.answer = self.answer

    def answer(self, body: bytes) -> CallbackResponse:
        if json.loads(body).get("type") == "verification":
            return echo(body)
        status = self.statuses.pop(0) if self.statuses else 204
        if isinstance(status, CallbackFailed):
            raise status
        return CallbackResponse(status)

    def run(self, seconds: float = 10_000.0) -> None:
        """Bring every message that is due until then."""
        pending = [(self.shop.now + delay, message) for message, delay in self.shop.queue.messages]
        until = self.shop.now + seconds
        while pending:
            pending.sort(key=lambda one: one[0])
            if pending[0][0] > until:
                break
            due, message = pending.pop(0)
            self.shop.now = max(self.shop.now, due)
            self.shop.queue.messages.clear()
            self.deliveries.run(message)
            pending += [(self.shop.now + delay, one) for one, delay in self.shop.queue.messages]
        self.shop.queue.messages[:] = [(message, due - self.shop.now) for due, message in pending]

    @property
    def received(self) -> list[dict[str, Any]]:
        bodies = [json.loads(body) for _, _, _, body in self.shop.endpoints.requests]
        return [body for body in bodies if body.get("type") != "verification"]

    @property
    def ids(self) -> list[str]:
        return [body["eventId"] for body in self.received if "type" not in body]

    @property
    def controls(self) -> list[dict[str, Any]]:
        return [body for body in self.received if "type" in body]

    def begin(self) -> str:
        """Subscribe, and do what follows from that; the key of the subscription."""
        sub_id = self.shop.subscribe()["id"]
        self.run(6)
        key: str = self.shop.subscriptions._key(sub_id, self.shop.caller)  # type: ignore[arg-type]
        return key

    def held(self, key: str) -> Any:
        """The subscription with a key, as it is kept."""
        held = self.shop.subscriptions.records.read(key)
        assert held is not None
        return held.record

    def record(self, sub_id: str) -> Any:
        record = self.shop.record(sub_id)
        assert record is not None
        return record


@pytest.fixture
def post() -> Post:
    return Post()


def test_what_happens_is_delivered(post: Post) -> None:
    sub_id = post.shop.subscribe()["id"]
    post.run(6)
    post.shop.emit("e1")
    now = post.shop.now
    post.run()
    (_, _, headers, body) = post.shop.endpoints.requests[-1]
    assert json.loads(body) == {
        "eventId": "e1",
        "name": "order.refunded",
        "timestamp": "2023-11-14T22:13:25.000Z",
        "data": {"order": "a"},
        "cursor": f"{post.shop.epoch}.0",  # it is not acknowledged yet
    }
    assert headers == signed_headers([bytes([1]) * 32], "e1", now, body, sub_id)
    record = post.record(sub_id)
    assert (record.unacked, record.number, record.last_delivery) == ({}, 1, now)
    assert post.shop.subscribe()["cursor"] == f"{post.shop.epoch}.1"


def test_what_happens_before_the_index_shows_the_subscription(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.shop.subscribe()
    with monkeypatch.context() as context:
        context.setattr(post.shop.store, "members", lambda *_: [])
        post.shop.emit("e1")
        post.run(1)
    assert post.ids == []
    post.run()
    assert post.ids == ["e1"]


def test_replay_from_a_cursor(post: Post) -> None:
    cursor = f"{post.shop.epoch}.0"
    post.shop.emit("e1", "e2")
    post.shop.subscribe(cursor=cursor)
    post.run()
    assert sorted(post.ids) == ["e1", "e2"]


def test_failures_are_tried_again_and_then_given_up(post: Post) -> None:
    sub_id = post.shop.subscribe()["id"]
    post.run(6)
    post.statuses = [500, 404, CallbackFailed("timeout"), 302, 503]
    post.shop.emit("e1")
    began = post.shop.now
    post.run()
    assert post.ids == ["e1"] * 5
    assert 406 <= post.shop.now - began <= 620
    stamps = [headers["webhook-timestamp"] for _, _, headers, _ in post.shop.endpoints.requests[1:6]]
    assert len(set(stamps)) == 5
    record = post.record(sub_id)
    assert (record.unacked, record.active, record.last_error) == ({}, True, "http_5xx")
    assert post.controls == [{"type": "gap", "cursor": f"{post.shop.epoch}.1"}]
    post.shop.emit("e2")
    post.run()
    assert post.ids[5:] == ["e2"]
    status = post.shop.subscribe()["deliveryStatus"]
    assert (status["lastError"], "failedSince" in status) == (None, False)


@pytest.mark.parametrize("status", [410, 413])
def test_what_a_receiver_does_not_want_is_not_tried_again(post: Post, status: int) -> None:
    sub_id = post.shop.subscribe()["id"]
    post.run(6)
    post.statuses = [status]
    post.shop.emit("e1", "e2")
    post.run()
    assert sorted(post.ids) == ["e1", "e2"]
    assert post.record(sub_id).last_error is None


def test_the_watermark_stays_behind_what_is_not_acknowledged(post: Post) -> None:
    post.shop.subscribe()
    post.run(6)
    post.statuses = [500]
    post.shop.emit("e1", "e2", "e3")
    post.run(0.5)
    assert post.ids == ["e1", "e2", "e3"]
    assert post.shop.subscribe()["cursor"] == f"{post.shop.epoch}.0"
    post.run()
    assert post.ids[3:] == ["e1"]
    assert post.shop.subscribe()["cursor"] == f"{post.shop.epoch}.3"


def test_a_slow_endpoint_has_a_bounded_number_of_messages(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "SIZE", 3)
    sub_id = post.shop.subscribe()["id"]
    post.run(6)
    post.statuses = [CallbackFailed("timeout")] * 3
    post.shop.emit(*(f"e{number}" for number in range(10)))
    post.run(0.5)
    assert len(post.record(sub_id).unacked) == 3
    assert len(post.shop.queue.messages) == 3
    post.run()
    assert sorted(set(post.ids)) == [f"e{number}" for number in range(10)]
    assert post.record(sub_id).unacked == {}


def test_messages_may_come_twice(post: Post) -> None:
    post.shop.subscribe()
    post.run(6)
    post.shop.emit("e1")
    for message, delay in list(post.shop.queue.messages):
        post.shop.queue.send(message, delay)
    post.run()
    assert post.ids == ["e1"]


def test_two_secrets_sign_while_one_replaces_the_other(post: Post) -> None:
    sub_id = post.shop.subscribe()["id"]
    post.shop.subscribe({"secret": secret(2)})
    post.run(6)
    post.shop.emit("e1")
    post.run()
    (_, _, headers, body) = post.shop.endpoints.requests[-1]
    both = [bytes([2]) * 32, bytes([1]) * 32]
    assert headers == signed_headers(both, "e1", float(headers["webhook-timestamp"]), body, sub_id)


def test_nothing_is_delivered_after_the_end(post: Post) -> None:
    post.shop.subscribe()
    post.run(6)
    post.statuses = [500]
    post.shop.emit("e1")
    post.run(0.5)
    post.shop.unsubscribe()
    post.run()
    assert post.ids == ["e1"]


def test_nothing_is_delivered_after_the_expiry(post: Post) -> None:
    post.shop.subscribe(ttlMs=300_000)
    post.run(6)
    post.shop.now += 300
    post.shop.emit("e1")
    post.run()
    assert post.ids == []


def test_who_may_not_have_it_any_more_is_told_so() -> None:
    permitted = [True]
    post = Post(allow=lambda wanted, caller: permitted[0])
    sub_id = post.shop.subscribe()["id"]
    post.run(6)
    permitted[0] = False
    post.shop.emit("e1")
    post.run()
    assert post.received == [
        {
            "type": "terminated",
            "error": {"code": -32024, "message": "Forbidden", "data": {"reason": "Access revoked"}},
        }
    ]
    assert post.shop.endpoints.requests[-1][2]["webhook-id"].startswith("msg_terminated_")
    assert post.shop.record(sub_id) is None


def test_what_was_purged_is_a_gap(post: Post) -> None:
    post.shop.subscribe()
    post.run(6)
    post.shop.emit("e1", "e2")
    post.shop.queue.messages.clear()  # nobody has delivered for a day
    post.shop.subscribe()
    log = post.shop.events.log
    assert isinstance(log, MemoryLog)
    log.purge(post.shop.now + 86_400)
    post.shop.emit("e3")
    post.run()
    assert post.controls == [{"type": "gap", "cursor": f"{post.shop.epoch}.3"}]
    assert post.ids == ["e3"]


def test_a_log_that_was_lost_is_told_as_a_gap(post: Post) -> None:
    post.shop.subscribe()
    post.shop.events.log = MemoryLog()
    post.shop.emit("e1")
    post.run()
    assert post.received == [{"type": "gap", "cursor": f"{post.shop.epoch}.1"}]


def test_a_worker_that_is_killed_loses_nothing(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the write and what it sends: its own message comes again, and finds what is overdue."""
    key = post.begin()
    post.shop.emit("e1", "e2")
    post.shop.queue.messages.clear()

    def killed(message: str, delay: float = 0.0) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(post.shop.queue, "send", killed)
        with pytest.raises(KeyboardInterrupt):
            post.deliveries.run(f"advance {key}")
    assert (list(post.held(key).unacked), post.ids) == ([1, 2], [])
    post.shop.now += 90
    post.shop.queue.send(f"advance {key}")
    post.run()
    assert sorted(post.ids) == ["e1", "e2"]


def test_one_occurrence_needs_no_message_of_its_own(post: Post) -> None:
    key = post.begin()
    post.shop.emit("e1")
    post.shop.queue.messages.clear()
    post.deliveries.run(f"advance {key}")
    assert (post.ids, post.shop.queue.messages) == (["e1"], [])
    post.shop.emit("e2", "e3", "e4")
    post.shop.queue.messages.clear()
    post.deliveries.run(f"advance {key}")
    assert post.ids == ["e1", "e2"]
    assert post.shop.queue.messages == [(f"deliver {key} 3", 0.0), (f"deliver {key} 4", 0.0)]


def test_what_is_overdue_is_sent_again_by_one_of_many(post: Post) -> None:
    """When the queue is slow, every occurrence is another one that notices: together they would fill it."""
    key = post.begin()
    post.shop.emit("e1", "e2", "e3")
    post.shop.queue.messages.clear()
    post.deliveries.run(f"advance {key}")
    post.shop.queue.messages.clear()
    for _ in range(5):
        post.deliveries.run(f"advance {key}")
    assert post.shop.queue.messages == []
    post.shop.now += 61
    for _ in range(5):
        post.deliveries.run(f"advance {key}")
    assert post.shop.queue.messages == [(f"deliver {key} 3", 0.0)]
    assert post.ids == ["e1", "e2"]


def test_a_message_that_comes_early_is_dropped(post: Post) -> None:
    """The one that was sent for the next attempt comes when that is due: copies would go round until then."""
    key = post.begin()
    post.statuses = [500, 500]
    post.shop.emit("e1")
    post.run(2)
    ((message, delay),) = post.shop.queue.messages
    assert (message, delay > 5) == (f"deliver {key} 1", True)
    for _ in range(3):
        post.deliveries.run(message)
    assert len(post.shop.queue.messages) == 1
    post.shop.now += delay - 2
    post.shop.queue.messages.clear()
    post.deliveries.run(message)  # by a clock that is late
    assert post.shop.queue.messages == [(message, 2.0)]
    post.run()
    assert post.ids == ["e1"] * 3


def test_a_window_that_has_filled_under_a_delivery_is_looked_at_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the endpoint is asked, another worker fills the window: what is behind it must not wait."""
    monkeypatch.setattr(window, "SIZE", 2)
    key = post.begin()
    post.shop.emit("e1")

    def answer(body: bytes) -> CallbackResponse:
        post.shop.endpoints.answer = post.answer
        post.shop.emit("e2", "e3")
        post.shop.queue.messages.clear()
        with monkeypatch.context() as context:
            # Its message is still under way.
            context.setattr(post.deliveries._attempting, "attempt", lambda *_: None)
            post.deliveries.run(f"advance {key}")
        return CallbackResponse(204)

    post.shop.endpoints.answer = answer
    post.run(0)
    assert post.ids == ["e1", "e3"]
    assert list(post.held(key).unacked) == [2]


def test_whatever_is_lost_twice_and_in_any_order_each_gets_everything() -> None:
    """Five endpoints of which each fails in its own way, and messages that come twice or out of order."""
    chance = random.Random(7)
    post = Post()
    urls = [f"{URL}{number}" for number in range(5)]
    names = [post.shop.subscribe({"url": url})["id"] for url in urls]
    failing = dict(zip(urls, (0.0, 0.2, 0.4, 0.0, 0.3), strict=True))
    seen: dict[str, Counter[str]] = {url: Counter() for url in urls}
    send = post.shop.endpoints.send

    def sometimes(method: str, url: str, headers: Any, body: bytes, **options: Any) -> CallbackResponse:
        send(method, url, headers, body, **options)
        if chance.random() < failing[url]:
            raise CallbackFailed("timeout")
        seen[url][json.loads(body).get("eventId", "gap")] += 1
        return CallbackResponse(204)

    post.shop.endpoints.send = sometimes  # type: ignore[method-assign]
    post.run(6)
    for number in range(60):
        post.shop.emit(f"e{number}")
        if chance.random() < 0.3:
            post.shop.queue.messages += chance.sample(post.shop.queue.messages, 1)
        chance.shuffle(post.shop.queue.messages)
        if chance.random() < 0.5:
            post.run(1)
    post.run()
    for url, name in zip(urls, names, strict=True):
        record = post.record(name)
        assert (record.unacked, record.number) == ({}, 60)
        lost = 60 - len(set(seen[url]) - {"gap"})
        assert lost == 0 if failing[url] == 0.0 else lost <= 3  # five failures one after the other
        assert (seen[url]["gap"] > 0) is (lost > 0)


def test_a_refused_message_is_a_failure(post: Post) -> None:
    with pytest.raises(Exception, match="There is no message 'dance'"):
        post.deliveries.run("dance x")


def test_records_change_under_a_delivery(post: Post) -> None:
    """A refresh that comes while the endpoint is asked is kept."""
    sub_id = post.shop.subscribe()["id"]
    post.run(6)
    key = post.shop.subscriptions._key(sub_id, post.shop.caller)  # type: ignore[arg-type]

    def answer(body: bytes) -> CallbackResponse:
        held = post.shop.subscriptions.records.read(key)
        assert held is not None
        held.change(lambda record: changed(record, expires=None))
        return CallbackResponse(204)

    post.shop.endpoints.answer = answer
    post.shop.emit("e1")
    post.run()
    record = post.record(sub_id)
    assert (record.expires, record.unacked) == (None, {})


def test_a_delivery_does_not_change_the_subscription_that_has_replaced_its_own(post: Post) -> None:
    """Its client ends it and subscribes anew, while the endpoint is asked: the new record is another one."""
    key = post.begin()

    def answer(body: bytes) -> CallbackResponse:
        post.shop.endpoints.answer = post.answer
        post.shop.unsubscribe()
        post.shop.now += 1
        for byte in (2, 3):  # as many writes as the one before had
            post.shop.subscribe({"secret": secret(byte)})
        return CallbackResponse(204)

    post.shop.endpoints.answer = answer
    post.shop.emit("e1")
    post.run(0)
    record = post.held(key)
    assert (record.secret, record.old_secret) == (bytes([3]) * 32, bytes([2]) * 32)
    assert record.last_delivery is None
