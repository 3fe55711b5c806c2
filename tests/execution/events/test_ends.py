"""How subscriptions end without their clients, and what endpoints are told, until they take it."""

import dataclasses
import json
from typing import Any

import pytest
from tests.execution.events.test_delivery import Post
from tests.execution.events.test_subscriptions import URL, Refund, Wanted
from tests.support import make_server

from lambent import Principal
from lambent.execution.durable.records import changed
from lambent.execution.events.ports import CallbackResponse
from lambent.stores.event_logs import MemoryLog

MINUTE, DAY = 60.0, 86_400.0


@dataclasses.dataclass
class LongRefund:
    order: str
    note: str = ""


@dataclasses.dataclass
class OtherRefund:
    number: int


@dataclasses.dataclass
class Required:
    must: str


@pytest.fixture
def post() -> Post:
    return Post()


def redeclare(post: Post, payload: Any = Refund, arguments: Any = Wanted, **options: Any) -> None:
    """Deploy another version of the server's code."""
    mcp = make_server()
    given = {"delivery": ["webhook", "poll"], **options}

    @mcp.event("order.refunded", payload=payload, arguments=arguments, **given)
    def order_refunded() -> None:
        """A refund."""

    post.shop.events.types = mcp.freeze().events


def sweep(post: Post, minutes: int = 5) -> None:
    """Let time pass, with the schedule."""
    for _ in range(0, minutes, 5):
        post.shop.now += 5 * MINUTE
        post.shop.queue.send("sweep")
        post.run(MINUTE)


def errors(post: Post) -> list[dict[str, Any]]:
    return [body["error"] for body in post.controls if body["type"] == "terminated"]


# Types that are gone or are others.


def test_an_event_type_that_is_gone_ends_its_subscriptions(post: Post) -> None:
    key = post.begin()
    post.shop.events.types = {}
    sweep(post, 10)
    assert post.received == []  # an older process may not know it yet
    assert post.held(key).doubtful_since is not None
    sweep(post, 10)
    assert errors(post) == [{"code": -32023, "message": "NotFound", "data": {"kind": "event"}}]
    assert post.shop.subscriptions.records.read(key) is None
    assert post.shop.unsubscribe().error["data"] == {"kind": "subscription"}


def test_a_process_that_does_not_know_the_type_yet_ends_nothing(post: Post) -> None:
    key, types = post.begin(), post.shop.events.types
    post.shop.emit("e1")
    post.shop.events.types = {}
    post.run(MINUTE)
    assert post.received == []
    post.shop.events.types = types
    sweep(post)
    assert post.ids == ["e1"]
    assert post.held(key).doubtful_since is None
    post.shop.now += 20 * MINUTE
    post.shop.events.types = {}
    sweep(post)
    assert post.controls == []


@pytest.mark.parametrize(
    ("change", "data"),
    [
        ({"payload": OtherRefund}, {"feature": "payloadSchema", "reason": "schema_changed"}),
        ({"arguments": Required}, {"feature": "inputSchema", "reason": "schema_changed"}),
        ({"arguments": None}, {"feature": "inputSchema", "reason": "schema_changed"}),
        ({"delivery": ["poll"]}, {"feature": "deliveryMode", "value": "webhook"}),
    ],
)
def test_a_type_that_has_changed_ends_its_subscriptions(
    post: Post, change: dict[str, Any], data: dict[str, Any]
) -> None:
    post.shop.subscribe(arguments={"least": 1})
    post.run(6)
    redeclare(post, **change)
    sweep(post, 20)
    assert errors(post) == [{"code": -32026, "message": "Unsupported", "data": data}]
    assert post.ids == []


@pytest.mark.parametrize(
    "change",
    [{}, {"payload": LongRefund}, {"description": "Others."}, {"scopes": []}, {"delivery": ["webhook"]}],
)
def test_what_is_added_ends_nothing(post: Post, change: dict[str, Any]) -> None:
    post.shop.subscribe(arguments={"least": 1})
    post.run(6)
    redeclare(post, **change)
    sweep(post, 30)
    post.shop.emit("e1") if "payload" not in change else None
    post.run()
    assert post.controls == []
    assert len(post.ids) == ("payload" not in change)


def test_who_subscribes_to_the_new_schema_goes_on(post: Post) -> None:
    post.begin()
    redeclare(post, payload=OtherRefund)
    sweep(post, 20)
    assert len(errors(post)) == 1
    assert "deliveryStatus" not in post.shop.subscribe()
    sweep(post, 20)
    assert len(errors(post)) == 1


def test_arguments_that_still_fit_go_on(post: Post) -> None:
    """What others have asked for does not fit any more: that is no concern of this one."""
    post.begin()
    post.shop.subscribe({"url": f"{URL}0"}, arguments={"most": 4})

    @dataclasses.dataclass
    class Least:
        least: int = 0

    redeclare(post, arguments=Least)
    sweep(post, 20)
    assert [body["error"]["data"]["feature"] for body in post.controls] == ["inputSchema"]
    assert post.shop.endpoints.requests[-1][1] == f"{URL}0"


# Who may not have it any more.


def test_scopes_are_those_of_the_last_refresh() -> None:
    post = Post()
    post.shop.caller = Principal("ann", "https://issuer.example", frozenset({"a"}))
    post.begin()
    post.shop.caller = Principal("ann", "https://issuer.example", frozenset({"a", "orders"}))
    post.shop.subscribe()
    redeclare(post, scopes=["orders"])
    post.shop.emit("e1")
    post.run()
    assert (post.ids, post.controls) == (["e1"], [])
    redeclare(post, scopes=["orders", "more"])
    post.shop.emit("e2")
    post.run()
    assert errors(post) == [{"code": -32024, "message": "Forbidden", "data": {"reason": "Access revoked"}}]
    assert post.ids == ["e1"]


def test_a_function_that_fails_decides_nothing() -> None:
    answers: list[Any] = [True, OSError("its database is away"), OSError("still"), True]

    def allow(wanted: Any, caller: Any) -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    post = Post(allow=allow)
    key = post.begin()
    post.shop.emit("e1")
    post.run()
    assert (post.ids, post.controls) == (["e1"], [])
    assert post.held(key).last_error is None  # that says nothing of the endpoint


def test_a_function_that_always_fails_is_a_gap() -> None:
    asked = []

    def allow(wanted: Any, caller: Any) -> bool:
        asked.append(1)
        if len(asked) > 1:
            raise OSError
        return True

    post = Post(allow=allow)
    post.begin()
    post.shop.emit("e1")
    post.run()
    assert (len(asked), post.ids) == (6, [])
    assert post.controls == [{"type": "gap", "cursor": f"{post.shop.epoch}.1"}]


# Telling it.


def test_the_end_is_told_until_somebody_takes_it(post: Post) -> None:
    key = post.begin()
    post.shop.events.types = {}
    sweep(post, 10)
    post.statuses = [500, 503, 200]
    sweep(post, 15)
    assert len(errors(post)) == 3
    ids = {headers["webhook-id"] for _, _, headers, body in post.shop.endpoints.requests if b"error" in body}
    assert len(ids) == 1
    assert next(iter(ids)).startswith("msg_terminated_")
    assert post.shop.subscriptions.records.read(key) is None


@pytest.mark.parametrize("status", [410, 413])
def test_a_receiver_may_refuse_it_for_good(post: Post, status: int) -> None:
    key = post.begin()
    post.shop.events.types = {}
    sweep(post, 10)
    post.statuses = [status]
    sweep(post, 10)
    assert len(errors(post)) == 1
    assert post.shop.subscriptions.records.read(key) is None


def test_receivers_that_do_not_know_it_are_told_so_often(post: Post) -> None:
    key = post.begin()
    post.shop.events.types = {}
    sweep(post, 10)
    post.statuses = [400] * 50
    sweep(post, 40)
    assert len(errors(post)) == 5
    assert post.shop.subscriptions.records.read(key) is None


def test_who_begins_again_meanwhile_is_not_told(post: Post) -> None:
    key, types = post.begin(), post.shop.events.types
    post.shop.events.types = {}
    sweep(post, 10)
    post.statuses = [500]
    post.shop.now += 5 * MINUTE
    post.deliveries.run(f"advance {key}")
    assert (len(errors(post)), post.held(key).end is not None) == (1, True)
    post.shop.events.types = types
    found = post.shop.subscribe()
    assert "deliveryStatus" not in found
    post.run()
    sweep(post)
    assert len(errors(post)) == 1
    assert post.held(key).end is None


def test_the_place_of_what_has_ended_is_free() -> None:
    post = Post(most=1, no_expiry=True)
    post.shop.subscribe(ttlMs=None)
    post.run(6)
    types, post.shop.events.types = post.shop.events.types, {}
    sweep(post, 20)
    post.shop.events.types = types
    post.shop.subscribe(arguments={"least": 1})


def test_the_place_of_what_was_never_made_is_free_when_it_is_needed() -> None:
    post = Post(most=2, no_expiry=True)
    assert post.shop.caller is not None
    post.shop.subscriptions.owners.take(post.shop.caller, "sub_killed", None)
    for least in (1, 2):
        post.shop.subscribe(arguments={"least": least}, ttlMs=None)
    error = post.shop.refused(arguments={"least": 3})
    assert error["data"] == {"limit": "subscriptions", "max": 2}


# Gaps.


def test_a_gap_is_told_until_somebody_takes_it(post: Post) -> None:
    key = post.begin()
    post.shop.events.log = MemoryLog()
    post.shop.emit("e1")
    post.statuses = [500, 500]
    post.run()
    assert post.controls == [{"type": "gap", "cursor": f"{post.shop.epoch}.1"}] * 3
    ids = {headers["webhook-id"] for _, _, headers, body in post.shop.endpoints.requests if b"gap" in body}
    assert len(ids) == 1
    assert next(iter(ids)).startswith("msg_gap_")
    assert post.held(key).gap is None
    assert (post.held(key).last_error, post.held(key).recent) == (None, ())  # it is no occurrence


def test_a_gap_that_nobody_takes_is_told_by_the_next_refresh(post: Post) -> None:
    key = post.begin()
    post.shop.events.log = MemoryLog()
    post.shop.emit("e1")
    post.statuses = [400] * 50
    post.run()
    assert len(post.controls) == 5
    sweep(post, 60)
    assert len(post.controls) == 5
    post.statuses = []
    post.shop.emit("e2")
    post.run()
    assert post.ids == ["e2"]
    assert post.held(key).gap is not None
    assert post.shop.subscribe()["truncated"] is True
    assert post.shop.subscribe()["truncated"] is False
    assert post.held(key).gap is None


def test_a_gap_that_is_refused_is_told_by_the_next_refresh(post: Post) -> None:
    post.begin()
    post.shop.events.log = MemoryLog()
    post.shop.emit("e1")
    post.statuses = [410]
    post.run()
    assert len(post.controls) == 1
    assert [post.shop.subscribe()["truncated"] for _ in range(2)] == [True, False]


def test_another_gap_is_another_notice(post: Post) -> None:
    """One that happens while an endpoint is told of the first one is not taken with it."""
    key = post.begin()
    log = post.shop.events.log = MemoryLog()
    post.shop.emit("e1")

    def answer(body: bytes) -> CallbackResponse:
        post.shop.endpoints.answer = post.answer
        post.shop.events.log = MemoryLog()
        post.shop.emit("e2")
        post.deliveries.run(f"advance {key}")
        return CallbackResponse(204)

    post.shop.endpoints.answer = answer
    post.run()
    assert log is not post.shop.events.log
    assert len(post.controls) == 2
    assert post.controls[-1] == {"type": "gap", "cursor": f"{post.shop.epoch}.1"}
    assert post.held(key).gap is None


def test_a_long_gap_is_told_once(post: Post) -> None:
    post.begin()
    post.shop.emit(*(f"e{number}" for number in range(1000)))
    post.shop.queue.messages.clear()  # nobody has delivered for a day
    log = post.shop.events.log
    assert isinstance(log, MemoryLog)
    post.shop.subscribe()
    log.purge(post.shop.now + DAY)
    post.shop.emit("late")
    post.run()
    assert len(post.controls) == 1
    assert post.ids == ["late"]


def test_what_was_purged_while_it_was_tried_is_a_gap(post: Post) -> None:
    post.begin()
    post.statuses = [500]
    post.shop.emit("e1")
    post.run(0)
    log = post.shop.events.log
    assert isinstance(log, MemoryLog)
    log.purge(post.shop.now + DAY)
    post.run()
    assert post.ids == ["e1"]
    assert post.controls == [{"type": "gap", "cursor": f"{post.shop.epoch}.1"}]


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_selection_that_fails_is_a_gap(fails_at: int) -> None:
    """When the log is looked at, and when the occurrence is sent."""
    post = Post()
    asked = []

    def select(refund: Refund) -> bool:
        asked.append(refund)
        if len(asked) == fails_at:
            raise OSError
        return True

    mcp = make_server()
    mcp.event("order.refunded", payload=Refund, arguments=Wanted, delivery=["webhook"])(select)
    post.begin()
    post.shop.events.types = mcp.freeze().events
    post.shop.emit("e1")
    post.run()
    assert post.ids == []
    assert post.controls == [{"type": "gap", "cursor": f"{post.shop.epoch}.1"}]


def test_a_payload_that_becomes_too_large_is_a_gap() -> None:
    post = Post()

    def select(refund: Refund) -> Refund:
        return Refund("x" * 262_144)

    mcp = make_server()
    mcp.event("order.refunded", payload=Refund, arguments=Wanted, delivery=["webhook"])(select)
    post.begin()
    post.shop.events.types = mcp.freeze().events
    post.shop.emit("e1")
    post.run()
    assert post.ids == []
    assert [body["type"] for body in post.controls] == ["gap"]


# What never expires.


def test_an_endpoint_that_fails_for_long_ends_what_never_expires() -> None:
    post = Post(no_expiry=True)
    sub_id = post.shop.subscribe(ttlMs=None)["id"]
    post.run(6)
    post.statuses = [500] * 10_000
    began = post.shop.now
    for day in range(7):
        post.shop.now = began + day * DAY
        post.shop.emit(f"e{day}")
        post.run(3600)
        assert post.record(sub_id).end is None
    post.shop.now = began + 7 * DAY
    post.shop.emit("last")
    post.run(3600)
    assert post.shop.record(sub_id) is None
    assert errors(post)[0] == {
        "code": -32027,
        "message": "CallbackEndpointError",
        "data": {"reason": "http_5xx"},
    }


def test_what_never_expires_and_is_suspended_ends_too() -> None:
    post = Post(no_expiry=True)
    held = post.shop.subscriptions.records.read(post.begin())
    assert held is not None
    held.change(
        lambda record: changed(
            record, active=False, failed_since=post.shop.now, last_error="timeout", expires=None
        )
    )
    post.shop.now += 7 * DAY - 10 * MINUTE
    sweep(post)
    assert post.controls == []
    sweep(post, 10)
    assert [one["data"] for one in errors(post)] == [{"reason": "timeout"}]


def test_what_expires_is_not_ended_so() -> None:
    post = Post()
    key = post.begin()
    held = post.shop.subscriptions.records.read(key)
    assert held is not None
    held.change(
        lambda record: changed(
            record, active=False, failed_since=post.shop.now - 8 * DAY, last_error="timeout"
        )
    )
    sweep(post, 30)
    assert post.controls == []


def test_bodies_of_controls_have_no_event(post: Post) -> None:
    post.begin()
    post.shop.events.log = MemoryLog()
    post.shop.emit("e1")
    post.run()
    body = post.shop.endpoints.requests[-1][3]
    assert json.loads(body).keys() == {"type", "cursor"}
