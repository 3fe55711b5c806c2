"""Finding subscriptions, page by page, and those of them that nobody would go on with."""

from typing import Any

import pytest
from tests.execution.events.test_delivery import Post
from tests.execution.events.test_subscriptions import URL

from lambent import StoreError
from lambent.execution.events import sweeping


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setattr(sweeping, "_PAGE", 3)
    return Post(most=100)


def subscribe(post: Post, count: int) -> list[str]:
    keys = []
    for number in range(count):
        sub_id = post.shop.subscribe({"url": f"https://hook{number}.example/"})["id"]
        keys.append(post.shop.subscriptions._key(sub_id, post.shop.caller))  # type: ignore[arg-type]
    post.run(6)
    return sorted(keys)


def taken(post: Post) -> list[str]:
    """The messages that wait, taken from the queue."""
    messages = [message for message, _ in post.shop.queue.messages]
    post.shop.queue.messages.clear()
    return messages


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 8])
def test_all_are_woken_a_page_a_message(post: Post, count: int) -> None:
    keys, found = subscribe(post, count), []
    pending = ["wake order.refunded"]
    while pending:
        post.deliveries.run(pending.pop())
        messages = taken(post)
        assert len(messages) <= 4
        pending += [message for message in messages if message.startswith("wake ")]
        found += [message for message in messages if message.startswith("advance ")]
    assert sorted(found) == [f"advance {key}" for key in keys]


def test_a_sweep_of_nothing_to_do_reads_and_no_more(post: Post) -> None:
    subscribe(post, 7)
    post.deliveries.run("sweep")
    pending = taken(post)
    assert pending == ["sweep order.refunded"]
    count = 0
    while pending:
        post.deliveries.run(pending.pop())
        pending = taken(post)
        count += 1
        assert all(message.startswith("sweep order.refunded EVENTSUB#") for message in pending)
    assert count == 3


def test_a_sweep_finds_what_nobody_was_told_of(post: Post) -> None:
    keys = subscribe(post, 7)
    post.shop.emit("e1")
    taken(post)  # the queue has lost it
    post.deliveries.run("sweep")
    post.run()
    assert len(post.received) == 7
    assert all(post.held(key).number == 1 for key in keys)


def test_a_sweep_finds_what_is_overdue(post: Post) -> None:
    (key,) = subscribe(post, 1)
    post.shop.emit("e1", "e2")
    taken(post)
    post.deliveries.run(f"advance {key}")
    taken(post)
    for seconds, found in ((50, []), (20, [f"advance {key}"])):
        post.shop.now += seconds
        post.deliveries.run("sweep order.refunded")
        assert taken(post) == found
    post.deliveries.run(f"advance {key}")
    assert sorted(post.ids) == ["e1", "e2"]


def test_a_sweep_leaves_out_what_has_ended_or_is_full(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambent.execution.events.window.SIZE", 1)
    (key,) = subscribe(post, 1)
    post.statuses = [500] * 2
    post.shop.emit("e1", "e2")
    post.run(0.5)
    taken(post)
    post.deliveries.run("sweep order.refunded")
    assert taken(post) == []
    assert len(post.held(key).unacked) == 1
    post.shop.now += 90_000
    post.deliveries.run("sweep order.refunded")
    assert taken(post) == []


def test_types_of_which_nobody_has_heard(post: Post) -> None:
    for message in ("sweep nothing", "sweep order.refunded", "wake nothing"):
        post.deliveries.run(message)
    assert taken(post) == []
    post.deliveries.run("sweep")
    assert taken(post) == ["sweep order.refunded"]
    post.shop.events.types = {}
    post.deliveries.run("sweep")
    assert taken(post) == []
    subscribed = Post()
    subscribed.begin()
    subscribed.shop.events.types = {}
    subscribed.deliveries.run("sweep")
    assert taken(subscribed) == ["sweep order.refunded"]


def test_a_key_that_the_index_shows_and_is_gone(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    members = post.shop.store.members
    key = post.shop.subscriptions.records.key("sub_gone")

    def stale(topic: str, after: str, most: int) -> Any:
        return [key] if topic.startswith("EVENTS#") else members(topic, after, most)

    post.shop.subscribe({"url": URL})
    taken(post)
    monkeypatch.setattr(post.shop.store, "members", stale)
    post.deliveries.run("sweep order.refunded")
    for message in (f"advance {key}", f"deliver {key} 1", f"notify {key}"):
        post.deliveries.run(message)
    assert taken(post) == []


def test_an_occurrence_that_the_queue_was_not_told_of(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept, so it was emitted: who emits must not do it again."""
    subscribe(post, 1)

    def fail(message: str, delay: float = 0.0) -> None:
        raise StoreError("sqs: SendMessage failed")

    with monkeypatch.context() as context:
        context.setattr(post.shop.queue, "send", fail)
        post.shop.emit("e1")
    assert taken(post) == []
    post.deliveries.run("sweep")
    post.run()
    assert post.ids == ["e1"]
