"""Whether a host wants requests, and how it tells that it soon wants none."""

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
from tests.hosts.asgi.driving import make, settings
from tests.hosts.test_lease_renewal import SECONDS, until

from lambent.hosts.entry_points import asgi_app
from lambent.hosts.process_end import told_of_the_end
from lambent.hosts.readiness import Readiness

READY, ENDING = b'{"status":"ready"}', b'{"status":"ending"}'


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


def status(readiness: Readiness) -> int:
    answer = readiness.answer("GET", "/ready")
    assert answer is not None
    return answer.status


def test_what_is_answered() -> None:
    readiness = Readiness("/ready", 0.0)
    answers = [readiness.answer(*one) for one in (("GET", "/ready"), ("HEAD", "/ready/"))]
    assert [(one.status, one.body, one.headers) for one in answers if one is not None] == [
        (200, body, {"content-type": "application/json", "cache-control": "no-store"})
        for body in (READY, b"")
    ]
    for method, path in (("POST", "/ready"), ("GET", "/health"), ("GET", "/ready/x")):
        assert readiness.answer(method, path) is None
    assert Readiness(None, 0.0).answer("GET", "/ready") is None


def test_the_signal_is_passed_on_after_the_delay(seen: list[Any]) -> None:
    readiness = Readiness("/ready", 0.05)
    readiness.begin()
    assert status(readiness) == 200
    with told_of_the_end(lambda: seen.append("stream")):
        signal.raise_signal(signal.SIGTERM)
        assert (status(readiness), seen) == (503, [])
        assert getattr(readiness.answer("GET", "/ready"), "body", b"") == ENDING
        until(lambda: seen)
    assert (status(readiness), seen) == (503, ["stream", "handler"])
    readiness.forget()


def test_a_second_signal_is_passed_on_at_once(seen: list[Any]) -> None:
    readiness = Readiness("/ready", 3600.0)
    readiness.begin()
    signal.raise_signal(signal.SIGTERM)
    assert seen == []
    signal.raise_signal(signal.SIGTERM)
    assert seen == ["handler"]
    readiness.forget()


def test_who_asks_tells_a_mounted_application_that_it_serves(seen: list[Any]) -> None:
    readiness = Readiness("/ready", 3600.0)
    assert (status(readiness), status(readiness)) == (200, 200)
    signal.raise_signal(signal.SIGTERM)
    assert (status(readiness), seen) == (503, [])
    readiness.forget()
    readiness.forget()


def test_other_threads_and_hosts_without_a_delay_leave_signals_alone(seen: list[Any]) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    Readiness("/ready", 0.0).begin()
    thread = threading.Thread(target=Readiness("/ready", 1.0).begin)
    thread.start()
    thread.join(SECONDS)
    assert signal.getsignal(signal.SIGTERM) is handler


def test_without_a_delay_nothing_is_put_between_an_application_and_its_server() -> None:
    def send(message: Any) -> Any:
        """Never called."""

    assert Readiness("/ready", 0.0).closing({"type": "http"}, send) is send
    assert Readiness("/ready", 1.0).closing({"type": "http", "http_version": "2"}, send) is send


def test_the_application_has_it(seen: list[Any]) -> None:
    app = asgi_app(make()._parts(), settings(ready_path="/up/ready"))
    answer = app._readiness.answer("GET", "/up/ready")
    assert answer is not None


def test_a_subscription_ends_with_its_result_when_the_process_is_to_end(tmp_path: Path) -> None:
    (tmp_path / "listening_app.py").write_text(
        "from tests.hosts.asgi.driving import make, settings\n"
        "mcp = make()\n"
        "@mcp.tool()\n"
        "def tool() -> None: ...\n"
        "app = mcp.asgi(settings(shutdown_delay=0.2, listen_seconds=3600.0))\n"
    )
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(8)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/mcp"
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "listening_app:app", "--fd", str(sock.fileno())],
            pass_fds=[sock.fileno()],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
            stderr=subprocess.DEVNULL,
        )
    message = support.message("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    try:
        with (
            httpx.Client(timeout=SECONDS, trust_env=False) as client,
            client.stream("POST", url, json=message, headers=support.headers_of(message)) as response,
        ):
            lines = response.iter_lines()
            assert any("subscriptions/acknowledged" in line for line in lines)
            process.send_signal(signal.SIGTERM)
            (last,) = [line for line in lines if line.startswith("data: ")]
        assert json.loads(last.removeprefix("data: "))["result"]["resultType"] == "complete"
        assert process.wait(SECONDS) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait(SECONDS)


def test_uvicorn_serves_on_and_then_takes_no_connections(tmp_path: Path) -> None:
    (tmp_path / "delayed_app.py").write_text(
        "from tests.hosts.asgi.driving import make, settings\n"
        "import asyncio\n"
        "mcp = make()\n"
        "@mcp.tool()\n"
        "async def work(seconds: float) -> str:\n"
        "    await asyncio.sleep(seconds)\n"
        "    return 'worked'\n"
        "app = mcp.asgi(settings(shutdown_delay=1.0))\n"
    )
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(8)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "delayed_app:app", "--fd", str(sock.fileno())],
            pass_fds=[sock.fileno()],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
            stderr=subprocess.DEVNULL,
        )
    message = support.message("tools/call", {"name": "work", "arguments": {"seconds": 0.0}})
    slow = support.message("tools/call", {"name": "work", "arguments": {"seconds": 2.0}})
    answers: list[httpx.Response] = []

    def call_slowly() -> None:
        with httpx.Client(timeout=SECONDS, trust_env=False) as client:
            answers.append(client.post(f"{url}/mcp", json=slow, headers=support.headers_of(slow)))

    try:
        with httpx.Client(timeout=SECONDS, trust_env=False) as client:
            assert client.get(f"{url}/ready").content == READY
            process.send_signal(signal.SIGTERM)
            until(lambda: client.get(f"{url}/ready").status_code == 503)
            thread = threading.Thread(target=call_slowly)
            thread.start()
            called = client.post(f"{url}/mcp", json=message, headers=support.headers_of(message))
            assert (called.status_code, called.headers["connection"]) == (200, "close")
            assert client.get(f"{url}/health").status_code == 200
            thread.join(SECONDS)
        # The delay was over before the call was, and it was not lost.
        assert b"worked" in answers[0].content
        assert process.wait(SECONDS) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait(SECONDS)
