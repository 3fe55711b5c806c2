"""The official suite on the SDK's own example servers: adapted in three environments, and under uvicorn.

Adapted they pass what they pass under uvicorn, but for what is listed here: the suite scores none of it.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import pytest
from tests.conformance import suite
from tests.installed import alone
from tests.interop import hosts
from tests.interop.adapted import sdks

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
RUNS = [
    (sdk, level, revision)
    for sdk, revisions in (("1", ("2025-11-25",)), ("2", ("2025-11-25", "2026-07-28")))
    for level in ("high", "low")
    for revision in revisions
]
Reports = Callable[[str, str, str, str], suite.Report]

FAILURES = {
    # Sessions are tokens that no environment keeps: an ended one is still valid.
    "2025-11-25": {"server-session-lifecycle": ["server-session-terminated-returns-404"]},
    "2026-07-28": {},
}
"""What fails adapted, and not under uvicorn: checks by scenario."""

WARNINGS = {
    # Responses are collected, so no client has to come back for one.
    "2025-11-25": {"server-sse-polling": ["server-sse-priming-event", "server-sse-retry-field"]},
    # Nothing reaches a subscription in another environment.
    "2026-07-28": {
        "server-stateless": [
            "sep-2575-server-sends-prompts-list-changed-on-subscription",
            "sep-2575-server-sends-tools-list-changed-on-subscription",
        ]
    },
}
"""What the suite warns of adapted, and not under uvicorn."""


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """The report on a run: of an SDK, on a level, for a revision, by a host; made once for all workers."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine

    @cache
    def of(sdk: str, level: str, revision: str, host: str) -> suite.Report:
        folder = shared / f"adapted-{sdk}-{level}-{revision}-{host}"
        saved = folder.with_suffix(".json")
        with alone(folder.with_suffix(".lock")):
            if not saved.exists():
                folder.mkdir()
                saved.write_bytes(msgspec.json.encode(_run(sdk, level, revision, host, folder)))
            return msgspec.json.decode(saved.read_bytes(), type=suite.Report)

    return of


def _run(sdk: str, level: str, revision: str, host: str, folder: Path) -> suite.Report:
    path = f"{ROOT / 'runtime'}:{ROOT}"
    variables = {"EVERYTHING": str(sdks.example(sdk)), "LEVEL": level, "PYTHONPATH": path}
    python = str(sdks.python(sdk))
    log = folder / "server.log"
    if host == "adapted":
        app = HERE / "everything_handler.py"
        serving = hosts.gateway(log, app=app, python=python, variables=variables)
    else:
        module = "tests.interop.adapted.everything:live"
        serving = hosts.asgi(log, module, "--factory", python=python, variables=variables)
    with serving as url:
        report = suite.run(url, revision, folder / "suite")
    tail = log.read_text(errors="replace")[-10_000:]
    return msgspec.structs.replace(report, output=f"{report.output}\n--- server\n{tail}")


@pytest.mark.parametrize("host", ["adapted", "uvicorn"])
@pytest.mark.parametrize(("sdk", "level", "revision"), RUNS)
def test_what_the_suite_scores_passes(
    reports: Reports, sdk: str, level: str, revision: str, host: str
) -> None:
    report = reports(sdk, level, revision, host)
    scored = suite.REVISIONS[revision].scored
    assert report.exit_code == 0, report.table(*scored) if report.scenarios else report.output
    assert [name for name in scored if not report.scenarios[name].passed] == [], report.table(*scored)


@pytest.mark.parametrize(("sdk", "level", "revision"), RUNS)
def test_adapted_it_answers_as_under_uvicorn(reports: Reports, sdk: str, level: str, revision: str) -> None:
    adapted = reports(sdk, level, revision, "adapted")
    live = reports(sdk, level, revision, "uvicorn")
    assert adapted.scenarios.keys() == live.scenarios.keys()
    assert _more(adapted, live, "FAILURE") == FAILURES[revision], adapted.table()
    assert _more(adapted, live, "WARNING") == WARNINGS[revision], adapted.table()
    assert _more(live, adapted, "FAILURE") == {}
    broken_off = [name for name, one in adapted.scenarios.items() if not one.checks]
    assert broken_off == [name for name, one in live.scenarios.items() if not one.checks]


def _more(report: suite.Report, other: suite.Report, status: str) -> dict[str, list[str]]:
    """The checks of a report with a status that they do not have in another one."""
    found = {}
    for name, scenario in report.scenarios.items():
        there = {check.id for check in other.scenarios[name].of(status)}
        if ids := sorted({check.id for check in scenario.of(status)} - there):
            found[name] = ids
    return found
