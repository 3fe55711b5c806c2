"""The official conformance suite passes, over three environments and two workers that share nothing."""

import pytest
from tests.conformance.suite import PENDING, SCORED, SKIPPED, TASKS, Report


def test_the_suite_scores_what_is_listed_here(report: Report) -> None:
    assert set(report.scenarios) == {*SCORED, *PENDING, *TASKS, *SKIPPED}, report.output
    assert len(SCORED) == 37


@pytest.mark.parametrize("name", SCORED)
def test_a_required_scenario_passes(report: Report, name: str) -> None:
    assert name in report.scenarios, report.output
    assert report.scenarios[name].passed, report.table(name)


@pytest.mark.parametrize("name", PENDING)
def test_a_pending_scenario_passes(report: Report, name: str) -> None:
    assert name in report.scenarios, report.output
    assert report.scenarios[name].passed, report.table(name)


@pytest.mark.parametrize("name", TASKS)
def test_a_scenario_of_the_tasks_extension_passes(report: Report, name: str) -> None:
    assert name in report.scenarios, report.output
    assert report.scenarios[name].passed, report.table(name)


def test_what_is_cancelled_settles_as_cancelled(report: Report) -> None:
    # The suite tells, and leaves it at that: the specification promises nothing.
    checks = report.scenarios["tasks-lifecycle"].checks
    (details,) = [check.details for check in checks if check.id == "sep-2663-cancel-ack-empty-result"]
    assert details["statusAfterCancel"] == "cancelled"


@pytest.mark.parametrize("name", SKIPPED)
def test_the_suite_still_skips_a_scenario(report: Report, name: str) -> None:
    assert name in report.scenarios, report.output
    assert {check.status for check in report.scenarios[name].checks} == {"SKIPPED"}, report.table(name)


def test_every_required_scenario_passes_by_the_suites_own_account(report: Report) -> None:
    assert report.exit_code == 0, report.table(*SCORED) if report.scenarios else report.output


def test_nothing_is_warned_of(report: Report) -> None:
    warned = [name for name, scenario in report.scenarios.items() if scenario.of("WARNING")]
    assert report.scenarios, report.output
    assert not warned, report.table(*warned)
