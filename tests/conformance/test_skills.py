"""The scenarios of the official suite for skills pass, over three environments and in a live process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance import suite
from tests.interop import hosts, skills_server


@pytest.fixture(scope="module", params=["gateway", "asgi"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with skills."""
    log = tmp_path_factory.mktemp("skills") / "server.log"
    serve = {
        "gateway": lambda: hosts.gateway(log, app=Path(skills_server.__file__)),
        "asgi": lambda: hosts.asgi(log, "tests.interop.skills_server:mcp.asgi", "--factory"),
    }
    with serve[request.param]() as address:
        yield address


@pytest.mark.parametrize("scenario", suite.SKILLS)
def test_a_scenario_passes(url: str, scenario: str, tmp_path: Path) -> None:
    report = suite.run_one(url, scenario, tmp_path / "suite")
    assert report.exit_code == 0, report.output
    found = report.scenarios[scenario]
    assert {check.status for check in found.checks} == {"SUCCESS"}, report.table()
