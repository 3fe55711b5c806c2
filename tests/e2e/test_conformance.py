"""The official conformance suite passes over a deployed API, functions, queue, worker and table."""

import pytest
from tests.conformance import suite
from tests.e2e.stacks import Stack


@pytest.fixture(scope="module")
def report(everything: Stack, tmp_path_factory: pytest.TempPathFactory) -> suite.Report:
    folder = tmp_path_factory.mktemp("conformance") / "suite"
    # Some of its scenarios write their requests themselves, and only to unencrypted connections.
    return suite.run(everything.cloud.in_the_clear(everything.url("Url")), folder)


def test_every_scenario_passes_as_behind_the_gateway(report: suite.Report) -> None:
    passing = {*suite.SCORED, *suite.PENDING, *suite.TASKS}
    assert set(report.scenarios) == {*passing, *suite.SKIPPED}, report.output
    assert {name for name, scenario in report.scenarios.items() if scenario.passed} == passing, report.table()
    assert report.exit_code == 0, report.table(*suite.SCORED)
