"""A process that is killed at any of its writes and sends: nothing is lost, and no cursor passes anything."""

import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from msgspec import Raw
from tests.execution.events.test_delivery import Post
from tests.execution.events.test_subscriptions import URL, Shop

from lambent import StoreError
from lambent.execution.durable import records
from lambent.execution.events.ports import CallbackFailed, CallbackResponse
from lambent.wire.events import NotFoundError, SubscribeEventsParams, read_params

REDELIVERY_SECONDS = 30.0
SWEEP_SECONDS = 300.0

Moment = Literal["before", "after"]


class Killed(BaseException):
    """The process ends here."""


class Doomed:
    """Kills whoever has an effect for the n-th time, once; or has that fail, done or not."""

    def __init__(self, post: Post, after: int, moment: Moment, error: type[BaseException] = Killed) -> None:
        self.left = after
        self.moment = moment
        self.error = error
        store, queue, endpoints = post.shop.store, post.shop.queue, post.shop.endpoints
        for owner, names in (
            (store, ("insert", "replace", "remove", *(() if error is Killed else ("read", "members")))),
            (queue, ("send", "send_all")),
            (endpoints, ("send",)),
        ):
            for name in names:
                setattr(owner, name, self.around(getattr(owner, name)))

    @property
    def has_struck(self) -> bool:
        return self.left <= 0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def act(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0 and self.moment == "before":
                raise self.error
            answer = function(*args, **options)
            if self.left == 0:
                raise self.error
            return answer

        return act


class Watched(Post):
    """A post whose endpoint checks every cursor that it gets."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.accepted: set[int] = set()
        self.gaps: list[int] = []

    def answer(self, body: bytes) -> CallbackResponse:
        answer = super().answer(body)
        told = json.loads(body)
        if told.get("type") == "verification" or not 200 <= answer.status < 300:
            return answer
        if told.get("type") == "gap":
            self.gaps.append(int(told["cursor"].partition(".")[2]))
        if "eventId" in told:
            self.check(told["cursor"])
            self.accepted.add(int(told["eventId"][1:]))
        return answer

    def check(self, cursor: str) -> None:
        number = int(cursor.partition(".")[2])
        assert self.gaps or self.accepted >= set(range(1, number + 1)), f"{cursor} passes what nobody has got"

    def step(self) -> bool:
        """Bring the message that is due first; one that is not done comes again."""
        messages = self.shop.queue.messages
        if not messages:
            return False
        messages.sort(key=lambda one: one[1])
        message, delay = messages.pop(0)
        self.shop.now += delay
        messages[:] = [(one, max(0.0, due - delay)) for one, due in messages]
        try:
            self.deliveries.run(message)
        except (Killed, StoreError):
            messages.append((message, REDELIVERY_SECONDS))
        return True

    def settle(self) -> None:
        """Bring all messages, and those of the schedule for an hour."""
        self.shop.queue.messages += [("sweep", SWEEP_SECONDS * number) for number in range(1, 13)]
        while self.step():
            pass


def kill_everywhere(check: Callable[[int, Moment], bool]) -> int:
    """Do something again and again, killed at each of its effects; gives how many these are."""
    for moment in ("before", "after"):
        number = 1
        while check(number, moment):  # type: ignore[arg-type]
            number += 1
            assert number < 500
    return number


@pytest.mark.parametrize("error", [Killed, StoreError])
def test_a_worker_that_is_killed_anywhere_loses_nothing(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_PAUSE_SECONDS", 0.0)

    def check(number: int, moment: Moment) -> bool:
        post = Watched()
        key = post.begin()
        post.statuses = [500, 204, CallbackFailed("timeout"), 204]
        post.shop.emit("e1", "e2", "e3", "e4", "e5")
        doomed = Doomed(post, number, moment, error)
        post.settle()
        is_over, doomed.left = not doomed.has_struck, -1
        record = post.held(key)
        assert (record.unacked, record.number, record.gap) == ({}, 5, None), (number, moment)
        assert post.accepted == {1, 2, 3, 4, 5}, (number, moment)
        assert post.controls == []
        return not is_over

    assert kill_everywhere(check) > 10


def test_a_worker_that_is_killed_anywhere_tells_of_a_gap() -> None:
    def check(number: int, moment: Moment) -> bool:
        post = Watched()
        key = post.begin()
        post.statuses = [500] * 6
        post.shop.emit("e1")
        doomed = Doomed(post, number, moment)
        post.settle()
        record = post.held(key)
        assert (record.unacked, record.number, record.gap) == ({}, 1, None), (number, moment)
        assert post.accepted or post.gaps, (number, moment)
        return doomed.has_struck

    assert kill_everywhere(check) > 10


def test_a_worker_that_is_killed_anywhere_tells_of_the_end() -> None:
    def check(number: int, moment: Moment) -> bool:
        permitted = [True]
        post = Watched(allow=lambda wanted, caller: permitted[0])
        key = post.begin()
        permitted[0] = False
        post.statuses = [503]
        post.shop.emit("e1")
        doomed = Doomed(post, number, moment)
        post.settle()
        assert post.shop.subscriptions.records.read(key) is None, (number, moment)
        assert {body["type"] for body in post.received} == {"terminated"}, (number, moment)
        ids = {
            headers["webhook-id"] for _, _, headers, body in post.shop.endpoints.requests if b"term" in body
        }
        assert len(ids) == 1, (number, moment)
        return doomed.has_struck

    assert kill_everywhere(check) > 3


def params_of(shop: Shop) -> SubscribeEventsParams:
    return read_params(SubscribeEventsParams, Raw(json.dumps(shop.params()).encode()))


def emit(shop: Shop) -> None:
    """Emit an occurrence, of which nobody may be told."""
    try:
        shop.emit("e1")
    except Killed:
        assert shop.events.log.head(shop.events.key_of("order.refunded")).number == 1


def test_a_subscription_that_is_killed_anywhere_is_made_by_the_next_one() -> None:
    def check(number: int, moment: Moment) -> bool:
        post = Watched()
        shop, doomed = post.shop, Doomed(post, number, moment)
        event, principal = shop.events.types["order.refunded"], shop.caller
        assert principal is not None
        for _ in range(2):
            try:
                shop.subscriptions.subscribe(event, None, params_of(shop), principal)
                break
            except Killed:
                assert doomed.has_struck
        emit(shop)
        post.settle()
        assert post.accepted == {1}, (number, moment)
        return doomed.has_struck

    assert kill_everywhere(check) > 4


def test_an_end_that_is_killed_anywhere_is_final_after_the_next_one() -> None:
    def check(number: int, moment: Moment) -> bool:
        post = Watched()
        post.begin()
        shop, doomed, principal = post.shop, Doomed(post, number, moment), post.shop.caller
        assert principal is not None
        for _ in range(2):
            try:
                shop.subscriptions.unsubscribe("order.refunded", Raw(b"{}"), URL, principal)
                break
            except Killed:
                assert doomed.has_struck
            except NotFoundError:
                pass  # it was done
        emit(shop)
        post.settle()
        assert post.received == [], (number, moment)
        return doomed.has_struck

    assert kill_everywhere(check) > 1


def test_the_check_of_cursors_can_fail() -> None:
    post = Watched()
    post.check("x.0")
    with pytest.raises(AssertionError, match="passes what nobody has got"):
        post.check("x.1")
