"""Runs the official conformance suite once, however many tests and workers look at its results."""

import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from tests.conformance import suite
from tests.installed import alone


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> suite.Report:
    """The suite's report on `everything.py`, from one run that all workers share."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    saved = shared / "conformance.json"
    with alone(shared / "conformance.lock"):
        if not saved.exists():
            saved.write_bytes(msgspec.json.encode(_run(shared / "conformance")))
        return msgspec.json.decode(saved.read_bytes(), type=suite.Report)


def _run(folder: Path) -> suite.Report:
    folder.mkdir()
    log = folder / "gateway.log"
    try:
        with _served(log) as url:
            report = suite.run(url, folder / "suite")
    except (subprocess.SubprocessError, OSError, RuntimeError) as error:
        # Saved like any other outcome, so that the other workers do not try, and wait, again.
        return suite.Report({}, -1, str(error))
    gateway = log.read_text(errors="replace")[-10_000:]
    return msgspec.structs.replace(report, output=f"{report.output}\n--- gateway\n{gateway}")


@contextmanager
def _served(log: Path) -> Iterator[str]:
    """The server behind the development gateway, three environments in turn and two workers; its address."""
    command = [sys.executable, "-m", "lambent.cli", "dev", str(suite.EVERYTHING)]
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
