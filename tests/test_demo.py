"""`python -m demo` as a command."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("mcp")

ROOT = Path(__file__).parents[1]
SECONDS = 60


def demo(*arguments: str) -> "subprocess.Popen[str]":
    """The command, started as in the background of a shell that is not interactive."""
    return subprocess.Popen(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_harmless(errors: str) -> bool:
    """Whether nothing was said but that there is no table: refunds are events, and are in memory here."""
    return all("in the memory of this process" in line for line in errors.splitlines())


def test_the_session() -> None:
    with demo() as process:
        printed, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert is_harmless(errors), errors
    assert "the user agrees" in printed
    assert re.search(r"^done +[\d.]+ s in all$", printed, re.MULTILINE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_gateway(number: signal.Signals) -> None:
    with demo("--serve", "--port", "0") as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("Serving "))
        port = int(re.findall(r":(\d+)/", line)[0])
        process.send_signal(number)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert is_harmless(errors), errors
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
