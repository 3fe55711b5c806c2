"""The official conformance suite passes, over three environments and workers that share nothing.

That is so where responses are buffered, and where they are streamed. Clients of the legacy era are asked in
another way by a live process: there their revision passes too.
"""

from collections.abc import Callable

import pytest
from tests.conformance.suite import REVISIONS, Report

RUNS = [
    *(("2026-07-28", "gateway"), ("2026-07-28", "stream")),
    *(("2025-11-25", "gateway"), ("2025-11-25", "stream"), ("2025-11-25", "asgi")),
]
SCORED = {"2026-07-28": 37, "2025-11-25": 30}


@pytest.fixture
def report(reports: Callable[[str, str], Report], revision: str, host: str) -> Report:
    return reports(revision, host)


@pytest.mark.parametrize(("revision", "host"), RUNS)
def test_the_suite_scores_what_is_listed(report: Report, revision: str) -> None:
    assert set(report.scenarios) == REVISIONS[revision].every, report.output
    assert len(REVISIONS[revision].scored) == SCORED[revision]


@pytest.mark.parametrize(
    ("revision", "host", "name"),
    [(*run, name) for run in RUNS for name in sorted(REVISIONS[run[0]].passing)],
)
def test_a_scenario_passes(report: Report, name: str) -> None:
    assert name in report.scenarios, report.output
    assert report.scenarios[name].passed, report.table(name)


@pytest.mark.parametrize(("revision", "host"), [("2026-07-28", "gateway")])
def test_what_is_cancelled_settles_as_cancelled(report: Report) -> None:
    # The suite tells, and leaves it at that: the specification promises nothing.
    checks = report.scenarios["tasks-lifecycle"].checks
    (details,) = [check.details for check in checks if check.id == "sep-2663-cancel-ack-empty-result"]
    assert details["statusAfterCancel"] == "cancelled"


@pytest.mark.parametrize(
    ("revision", "host", "name"), [(*run, name) for run in RUNS for name in REVISIONS[run[0]].unchecked]
)
def test_a_scenario_still_has_no_check(report: Report, name: str) -> None:
    assert name in report.scenarios, report.output
    assert {check.status for check in report.scenarios[name].checks} <= {"SKIPPED", "INFO"}, report.table(
        name
    )


@pytest.mark.parametrize(("revision", "host"), RUNS)
def test_what_is_not_met_fails_only_where_environments_take_turns(
    report: Report, revision: str, host: str
) -> None:
    for name, check in REVISIONS[revision].unmet:
        failed = [failure.id for failure in report.scenarios[name].of("FAILURE")]
        assert failed == ([] if host == "asgi" else [check]), report.table(name)


@pytest.mark.parametrize(("revision", "host"), RUNS)
def test_every_required_scenario_passes_by_the_suites_own_account(report: Report, revision: str) -> None:
    scored = REVISIONS[revision].scored
    assert report.exit_code == 0, report.table(*scored) if report.scenarios else report.output


@pytest.mark.parametrize(("revision", "host"), RUNS)
def test_nothing_is_warned_of(report: Report) -> None:
    warned = [name for name, scenario in report.scenarios.items() if scenario.of("WARNING")]
    assert report.scenarios, report.output
    assert not warned, report.table(*warned)
