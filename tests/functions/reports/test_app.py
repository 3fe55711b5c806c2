"""The reports server as a client meets it: a call where there is nothing else, and a task where there is."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import accept

Desk = Any

MONTH = "2026-03"
STAGES = [f"{MONTH} volume", f"{MONTH} regions", f"{MONTH} categories"]
ONLY_TASKS = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


@pytest.fixture
def parked(desk: Desk) -> str:
    """A report that waits for its answer."""
    task_id: str = desk.start("build_report", month=MONTH)
    assert desk.deliver() == task_id
    return task_id


def test_the_tools_say_what_they_do(desk: Desk) -> None:
    tools = desk.client.request("tools/list").result["tools"]
    assert [tool["name"] for tool in tools] == ["build_report", "compare_months"]
    assert all(tool["description"] and tool["title"] and tool["outputSchema"] for tool in tools)
    assert "ctx" not in tools[0]["inputSchema"]["properties"]


def test_tasks_are_offered(desk: Desk) -> None:
    extensions = desk.client.request("server/discover").result["capabilities"]["extensions"]
    assert extensions == {"io.modelcontextprotocol/tasks": {}}


# build_report, as a task.


def test_a_report_is_a_task_with_a_question_in_the_middle(desk: Desk, parked: str) -> None:
    shown = desk.get(parked)
    assert shown["status"] == "input_required"
    question = shown["inputRequests"]["scope"]
    assert question["method"] == "elicitation/create"
    assert (
        question["params"]["message"] == f"20 orders of {MONTH} were cancelled. Shall the report count them?"
    )
    assert list(question["params"]["requestedSchema"]["properties"]) == ["include"]
    assert desk.journal.lines() == STAGES[:1]

    desk.answer(parked, scope=accept(include=True))
    assert desk.get(parked)["status"] == "working"
    desk.deliver()
    shown = desk.get(parked)
    assert shown["status"] == "completed"
    report = shown["result"]["structuredContent"]
    assert (report["month"], report["orders"], report["with_cancelled"]) == (MONTH, 279, True)
    assert [part["name"] for part in report["regions"]] == ["eu", "us", "apac"]
    assert desk.journal.lines() == STAGES


@pytest.mark.parametrize("answer", [accept(include=False), {"action": "decline"}])
def test_a_no_leaves_cancelled_orders_out(desk: Desk, parked: str, answer: Any) -> None:
    desk.answer(parked, scope=answer)
    desk.deliver()
    assert desk.get(parked)["result"]["structuredContent"]["orders"] == 259


def test_a_question_that_is_dismissed_ends_the_report(desk: Desk, parked: str) -> None:
    desk.answer(parked, scope={"action": "cancel"})
    desk.deliver()
    result = desk.get(parked)["result"]
    assert result["isError"] is True
    assert "dismissed" in result["content"][0]["text"]
    assert desk.journal.lines() == STAGES[:1]


def test_who_cannot_be_asked_is_not_asked(desk: Desk) -> None:
    task_id = desk.start("build_report", ONLY_TASKS, month=MONTH)
    desk.deliver()
    assert desk.get(task_id)["result"]["structuredContent"]["with_cancelled"] is False
    assert desk.journal.lines() == STAGES


def test_progress_is_the_status_message(desk: Desk, parked: str) -> None:
    assert desk.get(parked)["statusMessage"] == f"counting the orders of {MONTH}"


def test_a_failure_that_passes_costs_no_stage_twice(desk: Desk) -> None:
    task_id = desk.start("build_report", ONLY_TASKS, month=MONTH, stumble=True)
    desk.deliver()
    assert desk.get(task_id)["status"] == "working"
    assert desk.journal.lines() == STAGES[:2]
    ((again, delay),) = desk.queue.messages
    assert again == task_id
    assert 0 <= delay <= 1
    desk.deliver()
    assert desk.get(task_id)["status"] == "completed"
    assert desk.journal.lines() == STAGES


def test_a_worker_whose_time_is_up_hands_over(desk: Desk) -> None:
    task_id = desk.start("build_report", ONLY_TASKS, month=MONTH)
    # A worker stops two seconds before its end, so this one has next to no time.
    desk.deliver(seconds=2)
    while desk.queue.messages:
        desk.deliver()
    assert desk.get(task_id)["status"] == "completed"
    assert desk.journal.lines() == STAGES


def test_a_report_is_given_up(desk: Desk, parked: str) -> None:
    desk.cancel(parked)
    assert desk.get(parked)["status"] == "cancelled"
    assert desk.queue.messages == []


def test_a_report_is_given_up_before_anybody_works_on_it(desk: Desk) -> None:
    task_id = desk.start("build_report", month=MONTH)
    desk.cancel(task_id)
    desk.deliver()
    assert desk.get(task_id)["status"] == "cancelled"
    assert desk.journal.lines() == []


def test_a_dead_letter_is_a_failed_report(desk: Desk) -> None:
    task_id = desk.start("build_report", month=MONTH)
    desk.deliver(queue="dead")
    shown = desk.get(task_id)
    assert (shown["status"], shown["error"]["code"]) == ("failed", -32603)


def test_a_second_delivery_does_nothing(desk: Desk) -> None:
    task_id = desk.start("build_report", ONLY_TASKS, month=MONTH)
    desk.queue.send(task_id)
    desk.deliver()
    desk.deliver()
    assert desk.journal.lines() == STAGES


@pytest.mark.parametrize(
    "arguments", [{"month": "2026-13"}, {"month": "March"}, {}, {"month": MONTH, "stumble": "no"}]
)
def test_arguments_are_checked_before_there_is_a_task(desk: Desk, arguments: dict[str, Any]) -> None:
    result = desk.call("build_report", **arguments).result
    assert result["isError"] is True
    assert desk.queue.messages == []


# build_report, as a call.


def test_without_tasks_a_report_is_asked_for_in_rounds(desk: Desk, make_desk: Callable[..., Desk]) -> None:
    answers = {"scope": accept(include=True)}
    for mine in (desk, make_desk(has_tasks=False)):
        report = mine.client.answered("build_report", answers, {"month": MONTH}).value
        assert report["orders"] == 279
        assert mine.queue.messages == []


def test_without_tasks_a_failure_is_the_clients_to_repeat(desk: Desk) -> None:
    result = desk.call("build_report", {}, month=MONTH, stumble=True).result
    assert result["isError"] is True
    assert "Try again in a moment" in result["content"][0]["text"]


# compare_months.


def test_few_months_are_compared_at_once(desk: Desk) -> None:
    comparison = desk.call("compare_months", year=2026, first=2, last=4).value
    assert [part["name"] for part in comparison["months"]] == ["2026-02", "2026-03", "2026-04"]
    assert comparison["best"] in {"2026-02", "2026-03", "2026-04"}
    assert desk.queue.messages == []


def test_a_comparison_that_takes_too_long_becomes_a_task(desk: Desk) -> None:
    # With two seconds left there is no time for anything but handing it over.
    task_id = desk.start("compare_months", seconds=2, year=2026, first=2, last=4)
    desk.deliver()
    months = desk.get(task_id)["result"]["structuredContent"]["months"]
    assert [part["name"] for part in months] == ["2026-02", "2026-03", "2026-04"]
    assert sorted(desk.journal.lines()) == [f"{part['name']} total" for part in months]


def test_who_knows_no_tasks_is_told_so(desk: Desk) -> None:
    result = desk.call("compare_months", {}, seconds=2, year=2026).result
    assert result["isError"] is True
    assert "io.modelcontextprotocol/tasks" in result["content"][0]["text"]


def test_months_the_wrong_way_round(desk: Desk) -> None:
    result = desk.call("compare_months", year=2026, first=3, last=2).result
    assert result["content"][0]["text"] == "The first month comes after the last one. Swap them."
