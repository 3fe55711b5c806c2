"""The fuzzer: a short run finds nothing; what breaks a rule is made small, written and replayed."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from fuzz.__main__ import main
from fuzz.events import KINDS
from fuzz.findings import Finding
from fuzz.fuzzer import Fuzzer, run
from fuzz.invariants import STATUS_OF
from fuzz.legacy_invariants import LEGACY_STATUS_OF
from fuzz.mutations import STAGES, name_of
from fuzz.requests import build
from fuzz.target import Target

REQUESTS = 20_000


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--requests", "2000", "--processes", "1", "--findings", str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "2,000 requests" in capsys.readouterr().out


def test_a_short_run_finds_nothing_and_sees_everything() -> None:
    """Long enough for every outcome, method, kind of event and mutation."""
    results = run(REQUESTS, "coverage")
    assert results.findings == {}
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (category, name), count in results.counts.items():
        counts[category][name] = count
    assert sum(counts["outcome"].values()) == REQUESTS
    assert counts["event"].keys() == KINDS.keys()
    assert counts["mutation"].keys() == {name_of(mutation) for stage in STAGES.values() for mutation in stage}
    assert {outcome.partition(" ")[2] for outcome in counts["outcome"]} == {
        "empty", "complete", "isError", "input_required", "task", "legacy", "batch",
        *map(str, STATUS_OF), *map(str, LEGACY_STATUS_OF),
    }  # fmt: skip
    assert {int(outcome[:3]) for outcome in counts["outcome"]} >= {200, 202, 400, 403, 404, 405, 406, 415}
    assert counts["total"]["steps"] > 1000
    assert counts["total"]["notifications"] > 100
    assert min(counts["method"].values()) > 50


def test_the_names_of_mutations_are_unique() -> None:
    names = [name_of(mutation) for stage in STAGES.values() for mutation in stage]
    assert len(set(names)) == len(names)


def test_the_same_seed_makes_the_same_requests() -> None:
    """But for states, which have nonces, and what is drawn from them."""
    made = []
    for _ in range(2):
        with Target(store=True) as target:
            fuzzer = Fuzzer(target, "seed")
            made.append([build(fuzzer.plan(number), fuzzer.context) for number in range(200)])
    assert made[0] == made[1]


class DefectiveHandler:
    """A handler with a defect: it renames the id of the response where ``params`` has no ``_meta``."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        response: dict[str, Any] = self._handler(event, context)
        try:
            is_affected = "_meta" not in json.loads(event["body"])["params"]
        except (KeyError, TypeError, ValueError):
            return response
        if is_affected:
            response["body"] = response["body"].replace('"id":', '"ID":', 1)
        return response

    def close(self) -> None:
        self._handler.close()


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every target's handler has a defect."""
    make = Target.__init__

    def make_defective(target: Target, *args: Any, **options: Any) -> None:
        make(target, *args, **options)
        target.handler = DefectiveHandler(target.handler)  # type: ignore[assignment]

    monkeypatch.setattr(Target, "__init__", make_defective)


@pytest.mark.usefixtures("defect")
def test_a_defect_is_found_made_small_and_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes one mutation, in a request that had several."""
    assert main(["--requests", "3000", "--processes", "1", "--findings", str(tmp_path)]) == 1
    assert "FOUND members" in capsys.readouterr().out
    (path,) = (path for path in tmp_path.iterdir() if path.name.startswith("members"))
    finding = Finding.read(path)
    assert len(finding.mutations) == 1
    assert finding.event["requestContext"]["http"]["method"] == "POST"  # the simplest kind of event
    assert main(["--replay", str(path)]) == 1
    assert "members" in capsys.readouterr().out


def test_a_finding_that_is_fixed_breaks_no_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Finding("raised", "raised: KeyError", {"httpMethod": "GET"}).write(tmp_path)
    assert main(["--replay", str(path)]) == 0
    assert "no rule is broken" in capsys.readouterr().out


def test_several_processes_share_the_work(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--requests", "301", "--processes", "2", "--findings", str(tmp_path)]) == 0
    assert "301 requests" in capsys.readouterr().out
