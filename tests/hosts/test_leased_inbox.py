"""The inbox of a worker in front of a queue in Redis, which others work too."""

from collections.abc import Callable, Iterator

import pytest
from tests.hosts.test_lease_renewal import until
from tests.redis_server import RedisProcess, client_of, shared_redis

from lambent.errors import StoreError
from lambent.hosts import leased_inbox
from lambent.hosts.leased_inbox import LeasedInbox
from lambent.stores.redis_queue import RedisQueue
from lambent.stores.sqs_inbox import TakenMessage

redis = pytest.fixture(shared_redis)


@pytest.fixture
def queue(redis: RedisProcess) -> Iterator[RedisQueue]:
    client = client_of(redis.url())
    yield RedisQueue("redis://a", "tasks", client)
    client.close()


@pytest.fixture
def inbox(queue: RedisQueue) -> LeasedInbox:
    return LeasedInbox(queue, "lambent-task")


def taken(inbox: LeasedInbox, most: int = 10) -> list[TakenMessage]:
    """Messages; the first look may only have waited for one."""
    found: list[TakenMessage] = until(lambda: inbox.receive(most, 1))
    return found


def bodies(messages: list[TakenMessage]) -> list[str]:
    return sorted(one.body for one in messages)


def test_what_is_taken_is_kept_from_others_until_it_is_deleted(queue: RedisQueue, inbox: LeasedInbox) -> None:
    queue.send_all(["a", "b"])
    messages = taken(inbox)
    assert bodies(messages) == ["a", "b"]
    assert not any(one.is_spent for one in messages)
    assert inbox.receive(10, 0) == []
    for message in messages:
        inbox.delete(message)
    assert queue.receive(10, 60.0, 9.0) == ([], 9.0)  # nothing is left, that is due at any time


def test_no_more_are_taken_than_are_asked_for(queue: RedisQueue, inbox: LeasedInbox) -> None:
    queue.send_all(list("abcdefghijklmno"))
    assert len(taken(inbox, 3)) == 3
    assert len(taken(inbox, 64)) == 10  # others may be idle


def test_what_is_given_back_comes_again_at_once(queue: RedisQueue, inbox: LeasedInbox) -> None:
    queue.send("a")
    (message,) = taken(inbox)
    inbox.extend(message, 0)
    (again,) = taken(inbox)
    assert (again.body, again.receipt == message.receipt) == ("a", False)


def test_what_nobody_prolongs_comes_again(
    queue: RedisQueue, inbox: LeasedInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leased_inbox, "LEASE_SECONDS", 0.05)
    queue.send_all(["dead", "alive"])
    messages = {one.body: one for one in taken(inbox)}
    inbox.extend(messages["alive"], 60)
    assert bodies(taken(inbox)) == ["dead"]
    # Who has lost it has no say any more.
    inbox.delete(messages["dead"])
    assert bodies(taken(inbox)) == ["dead"]


def test_a_lease_is_prolonged_by_its_own_length(queue: RedisQueue, inbox: LeasedInbox) -> None:
    queue.send("a")
    (message,) = taken(inbox)
    queue.extend([leased_inbox._known(message)], 0.0)
    inbox.extend(message)
    assert inbox.receive(1, 0) == []
    assert queue.receive(1, 60.0, 99.0)[1] > 30


def test_what_was_taken_too_often_is_told(
    queue: RedisQueue, inbox: LeasedInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leased_inbox, "MOST_COUNTS", 2)
    queue.send("a")
    spent = []
    for _ in range(3):
        (message,) = taken(inbox)
        spent.append(message.is_spent)
        inbox.extend(message, 0)
    assert spent == [False, False, True]


@pytest.mark.parametrize(
    "use",
    [
        lambda inbox: inbox.receive(1, 1),
        lambda inbox: inbox.extend(TakenMessage("a", "1 id")),
        lambda inbox: inbox.extend(TakenMessage("a", "1 id"), 0),
        lambda inbox: inbox.delete(TakenMessage("a", "1 id")),
    ],
)
def test_a_server_that_is_away_is_an_error(use: Callable[[LeasedInbox], object]) -> None:
    client = client_of("redis://127.0.0.1:1/0")
    with pytest.raises(StoreError, match="redis: "):
        use(LeasedInbox(RedisQueue("redis://127.0.0.1:1/0", "tasks", client), "lambent-task"))
    client.close()
