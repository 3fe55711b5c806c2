"""The verdict on a run finds what it is there to find: histories that were doctored, each in one way."""

from collections.abc import Callable

import msgspec
import pytest
from tests.chaos.events import verdict
from tests.chaos.events.history import Attempt, Endpoint, History, Receipt, Watermark

SECOND = 1_000_000_000


def accepted(endpoint: str, order: int, at: int, cursor: int = 0, status: int = 204) -> Receipt:
    return Receipt(
        endpoint,
        "occurrence",
        at,
        ended=at + 1 if status else 0,
        status=status,
        message=f"e{order}",
        order=order,
        cursor=f"epoch.{cursor}",
    )


def good() -> History:
    """Four occurrences, of which the last was purged, for endpoints of every kind."""
    at = 10 * SECOND
    return History(
        numbers={0: 1, 1: 2, 2: 3, 3: 4},
        endpoints={
            "healthy": Endpoint(name="healthy", behavior="healthy", first=0, is_settled=True, position=4),
            "even": Endpoint(
                name="even", behavior="slow", only_even=True, first=0, is_settled=True, position=4
            ),
            "failing": Endpoint(name="failing", behavior="failing", first=0, waiting=[2], position=2),
            "gone": Endpoint(name="gone", behavior="leaving", first=0, ended=at, position=1),
            "trap": Endpoint(name="trap", behavior="trap"),
        },
        receipts=[
            Receipt("healthy", "verification", 1, ended=2, status=200),
            accepted("healthy", 0, at),
            accepted("healthy", 1, at + 10, cursor=1),
            accepted("healthy", 2, at + 20, cursor=2),
            Receipt(
                "healthy", "gap", at + 60, ended=at + 61, status=204, message="msg_gap_a", cursor="epoch.4"
            ),
            accepted("even", 0, at),
            accepted("even", 2, at + 10, cursor=2),
            *(accepted("failing", 0, at + each, status=500) for each in range(5)),
            accepted("failing", 1, at + 100, cursor=1, status=500),
            accepted("gone", 0, at),
        ],
        watermarks=[Watermark("healthy", at + 30, at + 31, "epoch.3")],
        attempts=[Attempt("failing", "e0", at + each) for each in range(5)],
        purged=frozenset({4}),
        purged_at=at + 50,
    )


def test_a_run_in_which_all_is_well() -> None:
    assert verdict.wrong(good()) == []
    assert (verdict.accepted(good()), verdict.repeated(good())) == (6, 0)


def without(endpoint: str, message: str) -> Callable[[History], None]:
    def doctor(history: History) -> None:
        before = len(history.receipts)
        history.receipts = [
            one for one in history.receipts if (one.endpoint, one.message) != (endpoint, message)
        ]
        assert len(history.receipts) < before

    return doctor


def adding(receipt: Receipt) -> Callable[[History], None]:
    return lambda history: history.receipts.append(receipt)


def unsettled(history: History) -> None:
    history.endpoints["healthy"].is_settled = False


def given_up_early(history: History) -> None:
    history.attempts.pop()


def never_tried(history: History) -> None:
    history.endpoints["failing"].waiting = []


def ahead(history: History) -> None:
    history.watermarks.append(Watermark("even", 0, 9 * SECOND, "epoch.1"))


def ahead_in_a_body(history: History) -> None:
    history.receipts[1] = msgspec.structs.replace(history.receipts[1], cursor="epoch.2")


def unsigned(history: History) -> None:
    history.receipts[1] = msgspec.structs.replace(history.receipts[1], signed=False)


def swapped(history: History) -> None:
    history.receipts.append(msgspec.structs.replace(history.receipts[1], order=2))


AT = 10 * SECOND


@pytest.mark.parametrize(
    ("doctor", "why"),
    [
        (without("healthy", "e1"), "healthy: 1 (number 2) never arrived"),
        (without("healthy", "msg_gap_a"), "healthy: 3 was purged, and no gap was told"),
        (unsettled, "healthy: at 4, before the end of the log; [] wait"),
        (given_up_early, "failing: 0 was given up after 4 attempts"),
        (never_tried, "failing: 1 was given up after 0 attempts"),
        (
            adding(accepted("gone", 1, AT + 2 * verdict.GRACE_NS)),
            "gone: got e1 8.0 s after its subscription was over",
        ),
        (adding(accepted("trap", 1, AT)), "trap: got occurrence e1 without a subscription"),
        (adding(accepted("even", 1, AT + 30)), "even: e1 is nothing that it asks for"),
        (ahead, "even: the cursor 1 of events/subscribe has passed 0 (number 1)"),
        (ahead_in_a_body, "healthy: the cursor 2 of e0 has passed 0 (number 1)"),
        (unsigned, "healthy: occurrence e0 has no signature of the subscription"),
        (swapped, "healthy: e0 has the payload of 2"),
        (
            adding(Receipt("healthy", "other", AT, message="x")),
            "healthy: x is nothing that endpoints get",
        ),
    ],
)
def test_what_is_wrong_is_found(doctor: Callable[[History], None], why: str) -> None:
    history = good()
    doctor(history)
    assert why in verdict.wrong(history)


def test_what_was_there_before_a_subscription_is_not_for_it() -> None:
    history = good()
    history.endpoints["healthy"].first = 1
    assert verdict.wrong(history) == ["healthy: e0 was there before it was subscribed"]


def test_a_refresh_may_tell_of_the_gap() -> None:
    history = good()
    without("healthy", "msg_gap_a")(history)
    history.watermarks.append(Watermark("healthy", AT + 60, AT + 70, "epoch.4", truncated=True))
    assert verdict.wrong(history) == []


def test_a_gap_from_before_does_not_count() -> None:
    history = good()
    without("healthy", "msg_gap_a")(history)
    history.watermarks.append(Watermark("healthy", AT + 40, AT + 45, "epoch.3", truncated=True))
    assert verdict.wrong(history) == ["healthy: 3 was purged, and no gap was told"]


def test_a_delivery_that_is_repeated_is_counted() -> None:
    history = good()
    history.receipts.append(accepted("healthy", 0, AT + 70))
    assert (verdict.wrong(history), verdict.repeated(history)) == ([], 1)
