"""The hosts of a run, whose processes are killed: ``lambent dev`` replaces its own, ``Servers`` too."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from tests.chaos.calls.plan import Plan
from tests.chaos.cloud import CREDENTIALS, REGION
from tests.support import SECRET

ROOT = Path(__file__).parents[3]
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class Host(Protocol):
    """Something that serves."""

    port: int

    def close(self) -> None:
        """End every process of it."""


def _variables(plan: Plan) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBENT_"))},
        **plan.variables(),
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": plan.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LAMBENT_TABLE": plan.table,
        "LAMBENT_STATE_KEYS": SECRET,
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
    }


class Gateway:
    """``lambent dev`` with several environments.

    Args:
        plan: the run.
        log: where it writes what it has to say.
    """

    def __init__(self, plan: Plan, log: Path) -> None:
        app = Path(__file__).with_name("lambda_app.py")
        options = ["--port", "0", "--environments", str(plan.environments), "--timeout", str(plan.invocation)]
        options += ["--no-reload", "--no-aws", "--quiet"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lambent.cli", "dev", f"{app}:handler", *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=_variables(plan),
            )
        try:
            self.port = self._wait_for_port(log)
        except BaseException:
            self.close()
            raise

    def _wait_for_port(self, log: Path) -> int:
        last = time.monotonic() + _START_SECONDS
        while time.monotonic() < last and self._process.poll() is None:
            for line in log.read_text().splitlines():
                if line.startswith("Serving "):
                    return int(line.split()[1].rsplit(":", 1)[1].split("/")[0])
            time.sleep(0.05)
        raise RuntimeError(f"lambent dev does not serve:\n{log.read_text()}")

    def close(self) -> None:
        _end(self._process)


class Servers:
    """Processes of uvicorn on one port; each is started again when it is dead.

    Args:
        plan: the run.
        log: where they write what they have to say.
    """

    def __init__(self, plan: Plan, log: Path) -> None:
        self._plan = plan
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._socket.getsockname()[1]
        self._output = log.open("wb")
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._serve) for _ in range(plan.servers)]
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        descriptor = self._socket.fileno()
        options = ["--fd", str(descriptor), "--lifespan", "off", "--no-access-log"]
        while not self._stop.is_set():
            process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "tests.chaos.calls.asgi_app:app", *options],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                cwd=ROOT,
                env=_variables(self._plan),
                pass_fds=[descriptor],
            )
            while not self._stop.is_set() and process.poll() is None:
                self._stop.wait(0.05)
            _end(process)

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._socket.close()
        self._output.close()


def _end(process: "subprocess.Popen[Any]") -> None:
    """Ask a process to end, and see to it that it does."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


HOSTS = {"lambent dev": Gateway, "uvicorn": Servers}
