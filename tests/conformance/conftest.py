"""Runs the official conformance suite once a revision and host, for all tests and workers."""

import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

import msgspec
import pytest
from tests.conformance import suite
from tests.installed import alone
from tests.interop import hosts


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], suite.Report]:
    """The report on `everything.py` for a revision and a host, from one run that all workers share."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine

    @cache
    def of(revision: str, host: str) -> suite.Report:
        folder = shared / f"conformance-{revision}-{host}"
        saved = folder.with_suffix(".json")
        with alone(folder.with_suffix(".lock")):
            if not saved.exists():
                saved.write_bytes(msgspec.json.encode(_run(revision, HOSTS[host], folder)))
            return msgspec.json.decode(saved.read_bytes(), type=suite.Report)

    return of


def _run(revision: str, serve: Callable[[Path], AbstractContextManager[str]], folder: Path) -> suite.Report:
    folder.mkdir()
    log = folder / "server.log"
    try:
        with serve(log) as url:
            report = suite.run(url, revision, folder / "suite")
    except (subprocess.SubprocessError, OSError, RuntimeError) as error:
        # Saved like any other outcome, so that the other workers do not try, and wait, again.
        return suite.Report({}, -1, str(error))
    server = log.read_text(errors="replace")[-10_000:]
    return msgspec.structs.replace(report, output=f"{report.output}\n--- server\n{server}")


@contextmanager
def _gateway(log: Path) -> Iterator[str]:
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


def _asgi(log: Path) -> AbstractContextManager[str]:
    """The server in one live process; its address."""
    return hosts.asgi(log, "tests.conformance.everything:mcp.asgi", "--factory")


HOSTS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {"gateway": _gateway, "asgi": _asgi}
