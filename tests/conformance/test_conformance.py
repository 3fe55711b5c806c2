"""The official conformance suite passes, over three environments and two workers that share nothing."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Report

SCORED = (
    "caching",
    "completion-complete",
    "dns-rebinding-protection",
    "input-required-result-basic-elicitation",
    "input-required-result-basic-list-roots",
    "input-required-result-basic-sampling",
    "input-required-result-capability-check",
    "input-required-result-ignore-extra-params",
    "input-required-result-missing-input-response",
    "input-required-result-multi-round",
    "input-required-result-multiple-input-requests",
    "input-required-result-non-tool-request",
    "input-required-result-request-state",
    "input-required-result-result-type",
    "input-required-result-tampered-state",
    "input-required-result-unsupported-methods",
    "input-required-result-validate-input",
    "prompts-get-embedded-resource",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-with-image",
    "prompts-list",
    "resources-list",
    "resources-read-binary",
    "resources-read-text",
    "resources-templates-read",
    "sep-2164-resource-not-found",
    "server-sse-multiple-streams",
    "server-stateless",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-error",
    "tools-call-image",
    "tools-call-mixed-content",
    "tools-call-simple-text",
    "tools-call-with-progress",
    "tools-list",
)
"""What the revision requires."""

PENDING = ("http-custom-header-server-validation", "http-header-validation", "json-schema-2020-12")
"""What the suite does not score, because its own reference server cannot pass it."""


TASKS = (
    "tasks-capability-negotiation",
    "tasks-dispatch-and-envelope",
    "tasks-lifecycle",
    "tasks-mrtr-composition",
    "tasks-mrtr-input",
    "tasks-request-headers",
    "tasks-request-state-removal",
    "tasks-required-task-error",
    "tasks-wire-fields",
)
"""What the tasks extension asks for."""

SKIPPED = ("tasks-status-notifications",)
"""What the suite has no check for yet."""


def test_the_suite_scores_what_is_listed_here(report: "Report") -> None:
    assert set(report.scenarios) == {*SCORED, *PENDING, *TASKS, *SKIPPED}, report.output
    assert len(SCORED) == 37


@pytest.mark.parametrize("name", SCORED)
def test_a_required_scenario_passes(report: "Report", name: str) -> None:
    assert name in report.scenarios, report.output
    assert report.scenarios[name].passed, report.table(name)


@pytest.mark.parametrize("name", PENDING)
def test_a_pending_scenario_passes(report: "Report", name: str) -> None:
    assert name in report.scenarios, report.output
    assert report.scenarios[name].passed, report.table(name)


@pytest.mark.parametrize("name", TASKS)
def test_a_scenario_of_the_tasks_extension_passes(report: "Report", name: str) -> None:
    assert name in report.scenarios, report.output
    assert report.scenarios[name].passed, report.table(name)


def test_what_is_cancelled_settles_as_cancelled(report: "Report") -> None:
    # The suite tells, and leaves it at that: the specification promises nothing.
    checks = report.scenarios["tasks-lifecycle"].checks
    (details,) = [check.details for check in checks if check.id == "sep-2663-cancel-ack-empty-result"]
    assert details["statusAfterCancel"] == "cancelled"


@pytest.mark.parametrize("name", SKIPPED)
def test_the_suite_still_skips_a_scenario(report: "Report", name: str) -> None:
    assert name in report.scenarios, report.output
    assert {check.status for check in report.scenarios[name].checks} == {"SKIPPED"}, report.table(name)


def test_every_required_scenario_passes_by_the_suites_own_account(report: "Report") -> None:
    assert report.exit_code == 0, report.table(*SCORED) if report.scenarios else report.output


def test_nothing_is_warned_of(report: "Report") -> None:
    warned = [name for name, scenario in report.scenarios.items() if scenario.of("WARNING")]
    assert report.scenarios, report.output
    assert not warned, report.table(*warned)
