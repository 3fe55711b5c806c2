"""A client answers what a tool asks, round after round."""

from typing import TYPE_CHECKING

import pytest
from tests.interop.talks import call, text

if TYPE_CHECKING:
    from tests.interop.talks import Talk

ANSWERS = {
    "elicitation": {"euros": 5, "sure": True, "name": "Ada"},
    "sampling": "Per aspera",
    "roots": {"Interop": "file:///srv/interop"},
}

PROCESSES = {"gateway": 3, "asgi": 1}
"""Behind the gateway each of the three rounds meets another process."""


BOTH = pytest.mark.parametrize("asking", ["modern", "legacy"], indirect=True)


@BOTH
def test_two_questions_one_after_the_other(asking: "Talk", host: str) -> None:
    skip_unless_it_can_be_asked(asking)
    called = asking.value(**call("refund", {"order": "A-1"}, answers=ANSWERS))
    said, _, processes = text(called).partition(" in ")
    assert said == "5 euros of A-1"
    # In the legacy era the answers are requests of their own, which the gateway gives to processes in turn.
    least = 2 if asking.era == "legacy" and host == "gateway" else PROCESSES[host]
    assert least <= int(processes.split()[0]) <= PROCESSES[host]
    assert called["asked"] == [
        ["elicitation", "How much of A-1?"],
        ["elicitation", "Really 5 euros of A-1?"],
    ]


@BOTH
def test_several_questions_at_once(asking: "Talk") -> None:
    skip_unless_it_can_be_asked(asking)
    called = asking.value(**call("introduce", answers=ANSWERS))
    assert text(called) == "Ada says 'Per aspera' and works on Interop at file:///srv/interop"
    assert sorted(called["asked"]) == [
        ["elicitation", "What is your name?"],
        ["roots", ""],
        ["sampling", "Give me a motto."],
    ]


@BOTH
def test_the_user_declines(asking: "Talk") -> None:
    skip_unless_it_can_be_asked(asking)
    called = asking.value(**call("refund", {"order": "A-1"}, answers={"elicitation": None}))
    assert text(called) == "Nothing of A-1: decline"
    assert called["asked"] == [["elicitation", "How much of A-1?"]]


def test_a_client_that_declares_nothing_is_not_asked(modern: "Talk") -> None:
    error = modern.error(**call("refund", {"order": "A-1"}))
    assert error["message"] == "The client did not declare a capability that this request needs: elicitation"
    if modern.client != "inspector":
        assert error["code"] == -32021
        assert error["data"] == {"requiredCapabilities": {"elicitation": {"form": {}}}}


def skip_unless_it_can_be_asked(talk: "Talk") -> None:
    if talk.client == "inspector":
        called = call("refund", {"order": "A-1"})
        said = text(talk.value(**called)) if talk.era == "legacy" else talk.error(**called)["message"]
        assert said.endswith("that this request needs: elicitation")
        talk.skip("declares neither elicitation nor sampling, so the call ends in an error")
