"""Signals that tell a process to end: streams are told, and then whoever handles them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest
from tests import support
from tests.hosts.asgi.driving import SECONDS
from tests.hosts.asgi.event_streams import ended, request

from lambent.hosts.process_end import told_of_the_end


@pytest.fixture
def seen() -> Iterator[list[Any]]:
    """What a handler of SIGTERM has got."""
    found: list[Any] = []

    def handle(number: int, frame: FrameType | None) -> None:
        found.append("handler")

    before = signal.signal(signal.SIGTERM, handle)
    yield found
    assert signal.getsignal(signal.SIGTERM) is handle
    signal.signal(signal.SIGTERM, before)


def test_all_are_told_before_the_handler(seen: list[Any]) -> None:
    with told_of_the_end(lambda: seen.append(1)), told_of_the_end(lambda: seen.append(2)):
        signal.raise_signal(signal.SIGTERM)
    assert seen == [1, 2, "handler"]
    signal.raise_signal(signal.SIGTERM)
    assert seen == [1, 2, "handler", "handler"]


def test_a_handler_that_was_put_in_front_stays(seen: list[Any]) -> None:
    handle = signal.getsignal(signal.SIGTERM)
    with told_of_the_end(lambda: seen.append(1)):
        behind = signal.getsignal(signal.SIGTERM)
        assert callable(behind)

        def in_front(number: int, frame: FrameType | None) -> None:
            seen.append("front")
            behind(number, frame)

        signal.signal(signal.SIGTERM, in_front)
        with told_of_the_end(lambda: seen.append(2)):
            signal.raise_signal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, behind)
    assert seen == [1, 2, "front", 1, 2, "handler"]
    signal.signal(signal.SIGTERM, handle)


def test_a_signal_that_nobody_handles_ends_the_process_as_ever() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with told_of_the_end(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, before)


def test_other_threads_have_no_signals(seen: list[Any]) -> None:
    def work() -> None:
        with told_of_the_end(lambda: seen.append(1)):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(SECONDS)
    assert seen == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_uvicorn_ends_with_an_open_stream(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "streaming_app.py").write_text(
        "from tests.hosts.asgi.driving import make, settings\n"
        "from tests.hosts.asgi.event_streams import declare\n"
        "app = declare(make()).asgi(settings())\n"
    )
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(8)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/mcp"
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "streaming_app:app", "--fd", str(sock.fileno())],
            pass_fds=[sock.fileno()],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
            stderr=subprocess.DEVNULL,
        )
    message = request()
    try:
        with (
            httpx.Client(timeout=SECONDS, trust_env=False) as client,
            client.stream("POST", url, json=message, headers=support.headers_of(message)) as response,
        ):
            lines = response.iter_lines()
            assert "notifications/events/active" in [next(lines) for _ in range(3)][1]
            process.send_signal(number)
            last = [line for line in lines if line.startswith("data: ")]
        assert [json.loads(line.removeprefix("data: ")) for line in last] == [ended()]
        assert process.wait(SECONDS) in (0, -number)
    finally:
        process.kill()
        process.wait(SECONDS)
