"""The reports function as `lambent dev` runs it, with environments, workers, a table and a queue."""

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support import accept, dumps, headers_of, message

pytest.importorskip("ministack")
pytest.importorskip("uvicorn")

from lambent.cli.gateway.background import Gateway

FOLDER = Path(__file__).parents[3] / "functions" / "reports"
ABLE = {"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}
SECONDS = 60

Request = Callable[..., dict[str, Any]]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def request_in(tmp_path: Path, journal: Path) -> Iterator[Callable[[float], Request]]:
    """Sends requests to the function, whose stages take so many seconds."""
    stack = ExitStack()

    def start(pace: float) -> Request:
        env = {"REPORT_PACE": str(pace), "REPORT_JOURNAL": str(journal)}
        log = tmp_path / "gateway.log"
        gateway = stack.enter_context(
            Gateway(FOLDER / "app.py", aws=True, environments=3, workers=2, env=env, log=log)
        )

        def send(method: str, task_id: str | None = None, **params: Any) -> dict[str, Any]:
            given = params if task_id is None else {"taskId": task_id, **params}
            body = message(method, given, capabilities=ABLE)
            headers = headers_of(body) | ({} if task_id is None else {"mcp-name": task_id})
            posted = urllib.request.Request(gateway.url, dumps(body).encode(), headers)
            with urllib.request.urlopen(posted, timeout=SECONDS) as response:
                result: dict[str, Any] = json.load(response)["result"]
                return result

        return send

    with stack:
        yield start


def wait(request: Request, task_id: str, *statuses: str) -> dict[str, Any]:
    """Ask for a task, now and then, until it has one of the statuses."""
    deadline = time.monotonic() + SECONDS
    while (shown := request("tasks/get", task_id))["status"] not in statuses:
        assert time.monotonic() < deadline, shown
        time.sleep(0.02)
    return shown


def test_a_report_from_its_call_to_its_result(request_in: Callable[[float], Request], journal: Path) -> None:
    request = request_in(0.0)
    called = request("tools/call", name="build_report", arguments={"month": "2026-03", "stumble": True})
    assert called["resultType"] == "task"
    task_id = called["taskId"]
    wait(request, task_id, "input_required")
    request("tasks/update", task_id, inputResponses={"scope": accept(include=True)})
    shown = wait(request, task_id, "completed", "failed", "cancelled")
    assert shown["status"] == "completed", shown
    assert shown["result"]["structuredContent"]["orders"] == 279
    # Three attempts, in processes that share nothing, and each stage was run once.
    assert journal.read_text().splitlines() == [
        f"2026-03 {name}" for name in ("volume", "regions", "categories")
    ]


def test_a_long_comparison_becomes_a_task(request_in: Callable[[float], Request], journal: Path) -> None:
    request = request_in(0.25)
    called = request("tools/call", name="compare_months", arguments={"year": 2026})
    assert called["resultType"] == "task"
    shown = wait(request, called["taskId"], "completed", "failed", "cancelled")
    months = shown["result"]["structuredContent"]["months"]
    assert [part["name"] for part in months] == [f"2026-{number:02}" for number in range(1, 13)]
    # The month that was at work when the call was handed over may have got as far as its line.
    counts = Counter(journal.read_text().splitlines())
    assert len(counts) == 12
    assert sum(counts.values()) <= 13
