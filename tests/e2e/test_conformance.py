"""The official conformance suite passes over a deployed API, functions, queue, worker and table."""

import pytest
from tests.conformance import suite
from tests.e2e.stacks import Stack


@pytest.mark.parametrize("revision", list(suite.REVISIONS))
def test_every_scenario_passes_as_behind_the_gateway(
    everything: Stack, revision: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scenarios = suite.REVISIONS[revision]
    folder = tmp_path_factory.mktemp("conformance") / "suite"
    # Some scenarios write their requests themselves, and only to unencrypted connections.
    report = suite.run(everything.cloud.in_the_clear(everything.url("Url")), revision, folder)
    assert set(report.scenarios) == scenarios.every, report.output
    # Whether it fails is up to the environments that the requests meet.
    passed = {name for name, scenario in report.scenarios.items() if scenario.passed} - set(
        dict(scenarios.unmet)
    )
    assert passed == scenarios.passing, report.table()
    assert report.exit_code == 0, report.table(*scenarios.scored)
