"""The fuzzer: a short run finds nothing; what it would find, it makes small, writes down and plays again."""

import json
from pathlib import Path
from typing import Any

import pytest
from fuzz.__main__ import main
from fuzz.campaign import run
from fuzz.events import KINDS
from fuzz.findings import Finding
from fuzz.fuzzer import Fuzzer
from fuzz.invariants import STATUS_OF
from fuzz.mutations import STAGES
from fuzz.target import Target

REQUESTS = 20_000


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--requests", "2000", "--processes", "1", "--findings", str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "2,000 requests" in capsys.readouterr().out


def test_a_short_run_finds_nothing_and_sees_everything() -> None:
    """Long enough to have met every outcome, method, event and mutation there is."""
    stats, findings = run(REQUESTS, "coverage")
    assert findings == []
    assert stats.requests == REQUESTS
    assert stats.kinds.keys() == KINDS.keys()
    assert stats.mutations.keys() == {name for stage in STAGES.values() for name in stage} | {"(none)"}
    assert {outcome for _, outcome in stats.outcomes} == {
        "empty", "complete", "isError", "input_required", "task", *map(str, STATUS_OF)
    }  # fmt: skip
    assert {status for status, _ in stats.outcomes} >= {200, 202, 400, 403, 404, 405, 406, 415}
    assert stats.effects > 1000
    assert stats.notifications > 100
    assert min(stats.methods.values()) > 50


def test_the_same_seed_makes_the_same_requests() -> None:
    """But for states, which have nonces, and what is drawn from them."""
    drafts = []
    for _ in range(2):
        with Target(store=True) as target:
            fuzzer = Fuzzer(target, "seed")
            drafts.append([fuzzer.draft(number).event for number in range(200)])
    assert drafts[0] == drafts[1]


class Sabotage:
    """A handler with a defect that some inputs show: it forgets ids where a member of params is a list."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        response: dict[str, Any] = self._handler(event, context)
        try:
            params = json.loads(event["body"])["params"]["arguments"]
            shows = any(isinstance(value, list) for value in params.values())
        except (KeyError, TypeError, ValueError, AttributeError):
            return response
        if shows and '"id":' in response["body"]:
            response["body"] = response["body"].replace('"id":', '"ID":', 1)
        return response

    def close(self) -> None:
        self._handler.close()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every target's handler has a defect."""
    make = Target.__init__

    def make_broken(target: Target, *args: Any, **options: Any) -> None:
        make(target, *args, **options)
        target.handler = Sabotage(target.handler)  # type: ignore[assignment]

    monkeypatch.setattr(Target, "__init__", make_broken)


@pytest.mark.usefixtures("broken")
def test_a_defect_is_found_made_small_and_played_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--requests", "3000", "--processes", "1", "--findings", str(tmp_path)]) == 1
    assert "FOUND members" in capsys.readouterr().out
    (path,) = (path for path in tmp_path.iterdir() if path.name.startswith("members"))
    finding = Finding.read(path)
    assert len(json.dumps(finding.event)) < 1000
    assert main(["--replay", str(path)]) == 1
    assert "members" in capsys.readouterr().out


def test_a_finding_that_is_mended_keeps_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Finding("raised", "raised: KeyError", {"httpMethod": "GET"}).write(tmp_path)
    assert main(["--replay", str(path)]) == 0
    assert "keeps all the rules" in capsys.readouterr().out


def test_several_processes_share_the_work(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--requests", "301", "--processes", "2", "--findings", str(tmp_path)]) == 0
    assert "301 requests" in capsys.readouterr().out
