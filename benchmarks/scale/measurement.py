"""Processor time of a plain call: on Lambda, and of servers behind uvicorn, in one run."""

import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.cost.measurement import measure as measure_invocations
from benchmarks.environments import HERE, Environment, Installer
from benchmarks.exchanges import MODERN, WrongAnswerError, call

MEASURED = HERE / "results" / "scale.json"
PEERS = {
    f"{server}, {tool}": (server, tool) for server in ("lambent", "sdk") for tool in ("coroutine", "function")
}
"""Servers, with a tool of either kind."""
WARMUP = 100
TURNS = 6
"""Of each, and half as many of the function. The best one counts: what else runs here only makes it worse."""
_TICK = os.sysconf("SC_CLK_TCK")


def read_measured(path: Path = MEASURED) -> dict[str, Any]:
    """What was measured the last time."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def measure(calls: int, starts: int) -> dict[str, Any]:
    """Measure.

    Args:
        calls: warm calls of each.
        starts: cold starts of the function.
    """
    plain: list[dict[str, Any]] = []
    installer = Installer(sys.executable)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in PEERS}
    for turn in range(TURNS):
        if turn % 2 == 0:
            plain.append(measure_invocations(calls, starts, ("plain",))["invocations"]["plain"])
        for name, (server, tool) in PEERS.items():
            environment = installer.environment(f"{server}-uvicorn")
            rounds[name].append(_measure(server, tool, environment, calls))
    found = {name: min(runs, key=lambda run: run["processor_ms"]) for name, runs in rounds.items()}
    python = ".".join(map(str, sys.version_info[:2]))
    return {
        "conditions": f"{platform.machine()}, {calls} calls each; Python 3.13 of Lambda, {python} of uvicorn",
        "lambda": min(plain, key=lambda one: one["cold_processor_ms"] + one["cold_waiting_ms"]),
        **found,
    }


def _measure(server: str, tool: str, environment: Environment, calls: int) -> dict[str, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).with_name("uvicorn_peer.py")
    begun = time.perf_counter()
    process = subprocess.Popen([environment.python, "-I", script, server, tool, str(port)])
    try:
        connection = _connect(port, process)
        start = time.perf_counter() - begun
        for _ in range(WARMUP):
            _call(connection)
        before = _processor(process.pid)
        for _ in range(calls):
            _call(connection)
        used = _processor(process.pid) - before
        connection.close()
    finally:
        process.terminate()
        process.wait(10)
    return {"processor_ms": round(used / calls * 1000, 3), "start_ms": round(start * 1000)}


def _connect(port: int, process: subprocess.Popen[bytes]) -> http.client.HTTPConnection:
    for _ in range(300):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.connect()
        except OSError:
            if process.poll() is not None:
                raise
            time.sleep(0.1)
        else:
            return connection
    raise TimeoutError("the server does not begin")


EXCHANGE = call(MODERN, "add", {"a": 2, "b": 3}, 5)


def _call(connection: http.client.HTTPConnection) -> None:
    event = json.loads(EXCHANGE.event)
    headers = {
        name: value for name, value in event["headers"].items() if name not in ("host", "accept-encoding")
    }
    connection.request("POST", "/mcp", event["body"], headers)
    response = connection.getresponse()
    body = response.read().decode()
    if response.status != 200:
        raise WrongAnswerError(f"{response.status}: {body[:500]}")
    EXCHANGE.check({"statusCode": 200, "body": body})


def _processor(pid: int) -> float:
    """Seconds of a processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
