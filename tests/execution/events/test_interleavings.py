"""What others do at any moment of a delivery: between any two of its writes, sends and requests."""

import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from tests.execution.events.test_crashes import Watched
from tests.execution.events.test_subscriptions import secret

from lambent.execution.events.ports import CallbackFailed, CallbackResponse
from lambent.execution.events.signing import decode_secret, signed_headers

Moment = Literal["before", "after"]


class Meddled(Watched):
    """A post in which something else happens at the n-th effect."""

    def __init__(self) -> None:
        super().__init__()
        self.key = self.begin()
        self.left = 0
        self.is_meddling = False
        self.ended_at: int | None = None

    def meddle(self, number: int, moment: Moment, meddling: Callable[["Meddled"], None]) -> None:
        """Have something happen before or after the n-th effect from now on."""
        self.left = number
        store, queue, endpoints = self.shop.store, self.shop.queue, self.shop.endpoints
        for owner, names in (
            (store, ("insert", "replace", "remove")),
            (queue, ("send", "send_all")),
            (endpoints, ("send",)),
        ):
            for name in names:
                setattr(owner, name, self.around(getattr(owner, name), moment, meddling))

    def around(
        self, function: Callable[..., Any], moment: Moment, meddling: Callable[["Meddled"], None]
    ) -> Callable[..., Any]:
        def act(*args: Any, **options: Any) -> Any:
            if self.is_meddling:
                return function(*args, **options)
            self.left -= 1
            is_now = self.left == 0
            if is_now and moment == "before":
                self.do(meddling)
            answer: Any = None
            try:
                answer = function(*args, **options)
            finally:
                if is_now and moment == "after":
                    self.do(meddling)
            return answer

        return act

    def do(self, meddling: Callable[["Meddled"], None]) -> None:
        self.is_meddling = True
        meddling(self)
        self.is_meddling = False

    @property
    def is_over(self) -> bool:
        """Whether there were that many effects."""
        return self.left > 0

    def check_signatures(self) -> None:
        """Every request has been signed with a secret that the client has given."""
        secrets = [decode_secret(secret(number)) for number in (1, 2)]
        for _, _, headers, body in self.shop.endpoints.requests:
            found = headers["webhook-signature"].split(" ")
            now = float(headers["webhook-timestamp"])
            for one in secrets:
                made = signed_headers([one], headers["webhook-id"], now, body, "")["webhook-signature"]
                found = [known for known in found if known != made]
            assert not found


def refresh(post: Meddled) -> None:
    post.shop.subscribe()


def rotate(post: Meddled) -> None:
    post.shop.subscribe({"secret": secret(2)})


def begin_again(post: Meddled) -> None:
    found = post.shop.subscribe()
    post.shop.unsubscribe()
    post.shop.subscribe(cursor=found["cursor"])


def double(post: Meddled) -> None:
    post.shop.queue.messages += post.shop.queue.messages


def deliver_too(post: Meddled) -> None:
    """Another worker gets the same messages."""
    for number in (1, 2, 3):
        post.deliveries.run(f"deliver {post.key} {number}")


def advance_too(post: Meddled) -> None:
    post.deliveries.run(f"advance {post.key}")


def sweep_too(post: Meddled) -> None:
    post.deliveries.run("sweep order.refunded")


def happen(post: Meddled) -> None:
    post.shop.emit("e4")


def go_back(post: Meddled) -> None:
    post.shop.now -= 2


def go_on(post: Meddled) -> None:
    post.shop.now += 90


def mute(post: Meddled) -> None:
    """The queue loses everything."""
    post.shop.queue.messages[:] = [one for one in post.shop.queue.messages if one[0] == "sweep"]


@pytest.mark.parametrize(
    "meddling",
    [
        refresh,
        rotate,
        begin_again,
        double,
        deliver_too,
        advance_too,
        sweep_too,
        happen,
        go_back,
        go_on,
        mute,
    ],
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_nothing_is_lost(meddling: Callable[[Meddled], None], moment: Moment) -> None:
    number = 0
    while True:
        number += 1
        post = Meddled()
        post.statuses = [500, CallbackFailed("timeout"), 204]
        post.shop.emit("e1", "e2", "e3")
        post.meddle(number, moment, meddling)
        post.settle()
        if post.is_over:
            break
        head = post.shop.events.log.head(post.shop.events.key_of("order.refunded")).number
        record = post.held(post.key)
        assert (record.unacked, record.number, record.end) == ({}, head, None), number
        assert post.accepted == set(range(1, head + 1)), number
        assert post.controls == [], number
        post.check_signatures()
    assert number > 20


@pytest.mark.parametrize("moment", ["before", "after"])
def test_nothing_begins_after_the_end(moment: Moment) -> None:
    def end(post: Meddled) -> None:
        assert post.shop.unsubscribe().status == 200
        post.ended_at = len(post.received)

    number = 0
    while True:
        number += 1
        post = Meddled()
        post.statuses = [500, CallbackFailed("timeout"), 204]
        post.shop.emit("e1", "e2", "e3")
        post.meddle(number, moment, end)
        post.settle()
        if post.is_over:
            break
        assert post.ended_at is not None
        assert len(post.received) - post.ended_at <= 1, number  # one that was under way
        assert post.shop.subscriptions.records.read(post.key) is None, number
        assert post.controls == []
    assert number > 20


def test_an_expiry_while_the_endpoint_is_asked() -> None:
    post = Meddled()

    def answer(body: bytes) -> CallbackResponse:
        post.shop.now += 86_400
        return post.answer(body)

    post.shop.endpoints.answer = answer
    post.shop.emit("e1", "e2")
    post.settle()
    assert len(post.received) == 1
    assert "deliveryStatus" not in post.shop.subscribe()


def test_a_rotation_while_the_endpoint_is_asked() -> None:
    post = Meddled()

    def answer(body: bytes) -> CallbackResponse:
        post.shop.endpoints.answer = post.answer
        post.shop.subscribe({"secret": secret(2)})
        return CallbackResponse(401)  # it has forgotten the first one

    post.shop.endpoints.answer = answer
    post.shop.emit("e1")
    post.settle()
    (first, second) = (headers["webhook-signature"] for _, _, headers, _ in post.shop.endpoints.requests[-2:])
    assert (first.count("v1,"), second.count("v1,")) == (1, 2)
    assert json.loads(post.shop.endpoints.requests[-1][3])["eventId"] == "e1"
    post.check_signatures()
