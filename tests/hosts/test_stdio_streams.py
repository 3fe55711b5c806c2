"""Streams of events over stdio: lines among the others, cancelled by a notification, ended with the input."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from tests import support
from tests.hosts.asgi.driving import SECONDS, make, tool_call
from tests.hosts.asgi.event_streams import declare, ended, note, request
from tests.hosts.test_stdio import Wire, cancel, wait_for

from lambent.execution.events.service import Events
from lambent.hosts import stdio_streams


def events_of(wire: Wire) -> Events:
    found = wire.server._endpoint.executor.services.events
    assert found is not None
    assert found.watches is not None
    found.watches.look_seconds = 3600.0
    return found


def pay(cents: int) -> Any:
    return tool_call("pay", {"cents": cents}, request_id=f"pay{cents}")


def tell(wire: Wire, *messages: Any) -> list[dict[str, Any]]:
    """The lines that follow a call, but for the answer to the call itself."""
    wire.send(*messages)
    return [found for _ in messages for found in (wire.read(), wire.read()) if "id" not in found]


def opened(wire: Wire, request_id: Any = "s1", **params: Any) -> str:
    """Open a stream; its cursor."""
    heard = wire.ask(request(params, request_id))
    cursor: str = heard["params"]["cursor"]
    assert heard == note("active", request_id, cursor=cursor, truncated=False)
    return cursor


def test_the_lines_of_a_stream() -> None:
    with Wire(declare(make())) as wire:
        events_of(wire)
        assert wire.ask(support.message("events/list"))["result"]["events"][0]["delivery"] == ["poll", "push"]
        begun = opened(wire)
        (heard,) = tell(wire, pay(5))
        assert heard["method"] == "notifications/events/event"
        assert heard["params"]["data"] == {"order": "o", "cents": 5}
        assert heard["params"]["cursor"] == begun.replace(".0", ".1")
    assert [json.loads(line) for line in wire.rest] == [ended()]


def test_streams_are_told_apart_by_their_ids() -> None:
    with Wire(declare(make())) as wire:
        events_of(wire)
        opened(wire, 1)
        opened(wire, "two", arguments={"cents": 9})
        (heard,) = tell(wire, pay(5))
        assert heard["params"]["_meta"] == {f"{support.PREFIX}subscriptionId": 1}
        wire.send(cancel(1))
        wait_for(lambda: 1 not in wire.server._running)
        (heard,) = tell(wire, pay(10))
        assert heard["params"]["_meta"] == {f"{support.PREFIX}subscriptionId": "two"}
    assert [json.loads(line) for line in wire.rest] == [ended("two")]


def test_a_stream_that_is_cancelled_leaves_nothing() -> None:
    with Wire(declare(make())) as wire:
        events = events_of(wire)
        opened(wire)
        wire.send(cancel("s1"))
        wait_for(lambda: not wire.server._running)
        assert events.watches is not None
        wait_for(lambda: events.watches and not events.watches._running)
        assert (wire.server._unanswered, wire.server._held, wire.server._streams._running) == (set(), 0, {})
        assert wire.ask(pay(5))["id"] == "pay5"
    assert wire.rest == []


def test_an_error_opens_no_stream() -> None:
    with Wire(declare(make())) as wire:
        assert wire.ask(request({"name": "other"}))["error"]["code"] == -32023
        wait_for(lambda: not wire.server._running)
        assert (wire.server._unanswered, wire.server._held) == (set(), 0)
    assert wire.rest == []


def test_hundreds_of_streams_need_no_threads() -> None:
    with Wire(declare(make())) as wire:
        events_of(wire)
        before = threading.active_count()
        for number in range(300):
            opened(wire, number)
        assert threading.active_count() - before < 50
        wire.send(pay(5))
        told = [wire.read() for _ in range(301)]
        ids = {one["params"]["_meta"][f"{support.PREFIX}subscriptionId"] for one in told if "id" not in one}
        assert ids == set(range(300))
    assert len(wire.rest) == 300


def test_what_a_client_does_not_read_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio_streams, "_WAITING_BYTES", 1000)
    monkeypatch.setattr(stdio_streams, "_PAUSE_SECONDS", 0.001)
    with Wire(declare(make()), reads=False) as wire:
        events = events_of(wire)
        wire.send(request())
        wait_for(lambda: events.watches and events.watches._running)
        for cents in range(1000, 3000):
            events.emit("order.paid", {"order": "o" * 100, "cents": cents})
        wait_for(lambda: wire.server._out.unread >= 1000)
        assert wire.server._out.unread < 3000
        wire.read_on()
        heard = [wire.read() for _ in range(2001)]
        assert [one["params"]["data"]["cents"] for one in heard[1:]] == list(range(1000, 3000))


def test_a_stream_that_begins_at_the_end_ends_at_once() -> None:
    mcp, opening, go = make(), threading.Event(), threading.Event()

    def may(caller: Any) -> bool:
        opening.set()
        return go.wait(SECONDS)

    mcp = declare(mcp)

    @mcp.event("slow", payload=dict[str, int], delivery=["push"], allow=may)
    def slow() -> None:
        """Something."""

    with Wire(mcp, drain_seconds=SECONDS) as wire:
        wire.send(support.message("events/stream", {"name": "slow"}, request_id="s1"))
        assert opening.wait(SECONDS)
        wire.close_input()
        wait_for(lambda: wire.server._streams._is_ending)
        go.set()
        assert wire.read()["method"] == "notifications/events/active"
        assert wire.read() == ended()


@pytest.mark.parametrize("how", ["input", signal.SIGTERM])
def test_a_process(tmp_path: Path, how: Any) -> None:
    app = tmp_path / "app.py"
    app.write_text(
        "from tests.hosts.asgi.driving import make\n"
        "from tests.hosts.asgi.event_streams import declare\n"
        "mcp = declare(make())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "lambent", "stdio", str(app)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(request()).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["method"] == "notifications/events/active"
            process.stdin.write(json.dumps(pay(5)).encode() + b"\n")
            process.stdin.flush()
            lines = [json.loads(process.stdout.readline()) for _ in range(2)]
            assert "notifications/events/event" in [line.get("method") for line in lines]
            if how == "input":
                process.stdin.close()
            else:
                process.send_signal(how)
            assert json.loads(process.stdout.readline()) == ended()
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
