"""The official client support for tasks, against the gateway with workers and a local AWS."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]

MONTH = "2026-03"
CANCELLED = "20 orders of 2026-03 were cancelled. Shall the report count them?"


def test_the_server_offers_what_the_client_needs(run: Run) -> None:
    offered = run("settle", tool="compare_months", arguments={"year": 2026, "last": 1})["capabilities"]
    assert offered == {
        "inventory": "known-handles",
        "execution": True,
        "cancellation": True,
        "inputResponses": True,
        "requestedRetention": False,
    }


def test_a_task_settles(run: Run) -> None:
    outcome = run("settle", tool="build_report", arguments={"month": MONTH})
    assert (outcome["kind"], outcome["status"]) == ("task", "completed")
    report = outcome["result"]["structuredContent"]
    assert (report["month"], report["with_cancelled"]) == (MONTH, False)
    assert sum(region["orders"] for region in report["regions"]) == report["orders"]
    assert outcome["seen"][-1][0] == "completed"
    assert outcome["asked"] == []


def test_a_task_asks_and_goes_on(run: Run) -> None:
    outcome = run("settle", tool="build_report", arguments={"month": MONTH}, answer={"include": True})
    assert outcome["status"] == "completed"
    assert outcome["asked"] == [["task", "elicitation", CANCELLED]]
    assert "input_required" in [status for status, _ in outcome["seen"]]
    assert outcome["result"]["structuredContent"]["with_cancelled"] is True


def test_a_task_survives_a_failure_that_passes(run: Run) -> None:
    outcome = run("settle", tool="build_report", arguments={"month": MONTH, "stumble": True})
    assert outcome["status"] == "completed"
    assert outcome["result"]["structuredContent"]["month"] == MONTH


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"month": "last"}, "month"), ({"month": MONTH, "stumble": "maybe"}, "stumble")],
)
def test_arguments_are_refused_before_there_is_a_task(run: Run, arguments: dict[str, Any], said: str) -> None:
    outcome = run("settle", tool="build_report", arguments=arguments)
    assert (outcome["kind"], outcome["status"]) == ("immediate", "completed")
    assert outcome["result"]["isError"] is True
    assert said in outcome["result"]["content"][0]["text"]


def test_a_quick_call_is_answered_at_once(run: Run) -> None:
    outcome = run("settle", tool="compare_months", arguments={"year": 2026, "last": 3})
    assert (outcome["kind"], outcome["status"]) == ("immediate", "completed")
    assert len(outcome["result"]["structuredContent"]["months"]) == 3


def test_a_task_is_cancelled(run: Run) -> None:
    outcome = run("cancel", tool="build_report", arguments={"month": MONTH}, answer=None)
    assert outcome["status"] == "cancelled"
    assert outcome["asked"] == [["task", "elicitation", CANCELLED]]
    assert outcome["later"]["status"] == "cancelled"


def test_a_client_that_comes_back_finds_its_task(run: Run) -> None:
    begun = run("begin", tool="build_report", arguments={"month": MONTH}, answer={"include": True})
    assert begun["kind"] == "task"
    assert begun["asked"] == []
    outcome = run("resume", reference=begun["reference"], answer={"include": False})
    assert outcome["status"] == "completed"
    assert outcome["asked"] == [["task", "elicitation", CANCELLED]]
    assert outcome["result"]["structuredContent"]["with_cancelled"] is False
    # And once more: a result stays for as long as its ttl says.
    again = run("resume", reference=begun["reference"])
    assert (again["status"], again["asked"]) == ("completed", [])
    assert again["result"] == outcome["result"]
