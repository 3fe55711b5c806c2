"""The reports server as a client meets it: a call where there is nothing else, and a task where there is."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from lambent import CancelledElicitation, DeclinedElicitation
from lambent.testing import (
    LambdaClient,
    Task,
    TaskCancelled,
    TestClient,
    ToolFailed,
    UnansweredError,
    message_event,
)
from lambent.testing.aws import LambentAws

MONTH = "2026-03"
STAGES = [f"{MONTH} volume", f"{MONTH} regions", f"{MONTH} categories"]
ONLY_TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
ONLY_FORMS: dict[str, Any] = {"elicitation": {"form": {}}}

Lines = Callable[[], list[str]]


@pytest.fixture
def parked(client: TestClient) -> Task:
    """A report that waits for its answer."""
    task = client.start("build_report", month=MONTH)
    assert client.run_next_task()
    assert task.status == "input_required"
    return task


def test_the_tools_say_what_they_do(client: TestClient) -> None:
    tools = client.list_tools()
    assert [tool.name for tool in tools] == ["build_report", "compare_months"]
    assert all(tool.description and tool.title and tool.output_schema for tool in tools)
    assert "ctx" not in tools[0].input_schema["properties"]


def test_tasks_are_offered(client: TestClient) -> None:
    assert client.discover().capabilities["extensions"]["io.modelcontextprotocol/tasks"] == {}


def test_a_skill_says_how_a_report_is_made(client: TestClient) -> None:
    (skill,) = client.request("skills/list")["skills"]
    assert skill["uri"] == "skill://monthly-report/SKILL.md"
    texts = {one["uri"]: client.read(one["uri"]).text for one in skill["resources"]}
    assert {uri: len(text.encode()) for uri, text in texts.items()} == {
        one["uri"]: one["size"] for one in skill["resources"]
    }
    instructions = texts["skill://monthly-report/SKILL.md"]
    assert "(templates/report.md)" in instructions
    assert "skill://monthly-report/templates/report.md" in texts
    assert all(f"`{tool.name}`" in instructions for tool in client.list_tools())


# build_report, as a task.


def test_a_report_is_a_task_with_a_question_in_the_middle(
    client: TestClient, parked: Task, lines: Lines
) -> None:
    with pytest.raises(UnansweredError) as caught:
        client.settle(parked)
    (question,) = caught.value.questions
    assert (question.kind, question.key) == ("form", "scope")
    assert question.message == f"20 orders of {MONTH} were cancelled. Shall the report count them?"
    assert list(question.schema["properties"]) == ["include"]
    assert lines() == STAGES[:1]

    client.answers.left.append({"include": True})
    report = client.settle(parked).value
    assert (report["month"], report["orders"], report["with_cancelled"]) == (MONTH, 279, True)
    assert [part["name"] for part in report["regions"]] == ["eu", "us", "apac"]
    assert lines() == STAGES


@pytest.mark.parametrize("answer", [{"include": False}, DeclinedElicitation()])
def test_a_no_leaves_cancelled_orders_out(client: TestClient, answer: Any) -> None:
    client.answers.left.append(answer)
    assert client.call("build_report", month=MONTH).value["orders"] == 259


def test_a_question_that_is_dismissed_ends_the_report(client: TestClient, lines: Lines) -> None:
    client.answers.left.append(CancelledElicitation())
    with pytest.raises(ToolFailed, match="dismissed"):
        client.call("build_report", month=MONTH)
    assert lines() == STAGES[:1]


def test_who_cannot_be_asked_is_not_asked(client: TestClient, lines: Lines) -> None:
    report = client.replace(capabilities=ONLY_TASKS).call("build_report", month=MONTH).value
    assert report["with_cancelled"] is False
    assert lines() == STAGES


def test_progress_is_the_status_message(parked: Task) -> None:
    assert parked.state().status_message == f"counting the orders of {MONTH}"


def test_a_failure_that_passes_costs_no_stage_twice(client: TestClient, lines: Lines) -> None:
    task = client.replace(capabilities=ONLY_TASKS).start("build_report", month=MONTH, stumble=True)
    began = client.clock()
    client.run_next_task()
    assert task.status == "working"
    assert lines() == STAGES[:2]
    client.run_next_task()
    assert 0 <= client.clock() - began <= 1
    assert task.status == "completed"
    assert lines() == STAGES


def test_a_worker_whose_time_is_up_hands_over(client: TestClient, lines: Lines) -> None:
    able = client.replace(capabilities=ONLY_TASKS)
    task = able.start("build_report", month=MONTH)
    # A worker stops two seconds before its end, so this one has next to no time.
    able.replace(seconds=2).run_next_task()
    able.settle(task)
    assert lines() == STAGES


def test_a_report_is_given_up(client: TestClient, parked: Task) -> None:
    parked.cancel()
    assert parked.status == "cancelled"
    assert not client.run_next_task()


def test_a_report_is_given_up_before_anybody_works_on_it(client: TestClient, lines: Lines) -> None:
    task = client.start("build_report", month=MONTH)
    task.cancel()
    with pytest.raises(TaskCancelled):
        client.settle(task)
    assert lines() == []


@pytest.mark.parametrize(
    "arguments", [{"month": "2026-13"}, {"month": "March"}, {}, {"month": MONTH, "stumble": "no"}]
)
def test_arguments_are_checked_before_there_is_a_task(client: TestClient, arguments: dict[str, Any]) -> None:
    assert client.attempt("build_report", **arguments).is_error
    assert not client.run_next_task()


# build_report, from its queue.


@pytest.fixture
def deployed(modules: dict[str, ModuleType], lambent_aws: LambentAws) -> LambdaClient:
    """A client of the function as it is deployed; it cannot be asked."""
    handler = modules["app"].mcp.lambda_handler()
    return LambdaClient(handler, queue_url=lambent_aws.queue, capabilities=ONLY_TASKS)


def test_a_dead_letter_is_a_failed_report(deployed: LambdaClient, lambent_aws: LambentAws) -> None:
    task = deployed.start("build_report", month=MONTH)
    dead = message_event(task.id, queue_url=f"{lambent_aws.queue}-dead")
    assert deployed.event(dead) == {"batchItemFailures": []}
    state = task.state()
    assert state.status == "failed"
    assert state.error is not None
    assert state.error["code"] == -32603


def test_a_second_delivery_does_nothing(
    deployed: LambdaClient, lambent_aws: LambentAws, lines: Lines
) -> None:
    task = deployed.start("build_report", month=MONTH)
    deployed.settle(task)
    assert deployed.event(message_event(task.id, queue_url=lambent_aws.queue)) == {"batchItemFailures": []}
    assert lines() == STAGES


# build_report, as a call.


def test_without_tasks_a_report_is_asked_for_in_rounds(
    client: TestClient, modules: dict[str, ModuleType]
) -> None:
    answers = [{"include": True}]
    without_table = LambdaClient(modules["app"].handler, answers=answers)
    without_extension = client.replace(capabilities=ONLY_FORMS, answers=answers)
    for mine in (without_table, without_extension):
        result = mine.call("build_report", month=MONTH)
        assert (result.value["orders"], result.task_id) == (279, None)


def test_without_tasks_a_failure_is_the_clients_to_repeat(client: TestClient) -> None:
    with pytest.raises(ToolFailed, match="Try again in a moment"):
        client.replace(capabilities={}).call("build_report", month=MONTH, stumble=True)


# compare_months.


def test_few_months_are_compared_at_once(client: TestClient) -> None:
    result = client.call("compare_months", year=2026, first=2, last=4)
    assert [part["name"] for part in result.value["months"]] == ["2026-02", "2026-03", "2026-04"]
    assert result.value["best"] in {"2026-02", "2026-03", "2026-04"}
    assert result.task_id is None


def test_a_comparison_that_takes_too_long_becomes_a_task(client: TestClient, lines: Lines) -> None:
    # With two seconds left there is no time for anything but handing it over.
    task = client.replace(seconds=2).start("compare_months", year=2026, first=2, last=4)
    months = client.settle(task).value["months"]
    assert [part["name"] for part in months] == ["2026-02", "2026-03", "2026-04"]
    assert sorted(lines()) == [f"{part['name']} total" for part in months]


def test_who_knows_no_tasks_is_told_so(client: TestClient) -> None:
    with pytest.raises(ToolFailed, match=r"io\.modelcontextprotocol/tasks"):
        client.replace(capabilities={}, seconds=2).call("compare_months", year=2026)


def test_months_the_wrong_way_round(client: TestClient) -> None:
    with pytest.raises(ToolFailed) as caught:
        client.call("compare_months", year=2026, first=3, last=2)
    assert caught.value.result.text == (
        "Error executing tool compare_months: The first month comes after the last one. Swap them."
    )
