"""Signs of life on streams of Lambda whose calls are silent."""

import threading
from typing import Any

import pytest
from tests.hosts.aws_lambda.events import function_url
from tests.hosts.aws_lambda.test_streaming import STREAMS, Parts, call, context_of, sent
from tests.support import make_handler, make_server

from lambent import Context, MCPServer
from lambent.hosts.aws_lambda import streaming
from lambent.hosts.aws_lambda.keep_alive import KeepAlive
from lambent.hosts.aws_lambda.streaming import StreamedInvocation
from lambent.wire.http import SSE_KEEP_ALIVE, Request

REQUEST = Request("POST", "/mcp", {}, b"")


def silent(parts: Parts, beats: int) -> MCPServer:
    """A server whose tools are silent until there were so many signs of life."""
    mcp = make_server()

    @mcp.tool()
    def plain(ctx: Context) -> str:
        ctx.report_progress(1)
        parts.wait_for(1 + beats)
        ctx.report_progress(2)
        return "done"

    @mcp.tool()
    async def coroutine(ctx: Context) -> str:
        await ctx.report_progress(1)
        parts.wait_for(1 + beats)
        await ctx.report_progress(2)
        return "done"

    @mcp.tool()
    def never() -> list[str]:
        return [thread.name for thread in threading.enumerate()]

    return mcp


@pytest.mark.parametrize("tool", ["plain", "coroutine"])
def test_a_silent_call_sends_signs_of_life(monkeypatch: pytest.MonkeyPatch, tool: str) -> None:
    monkeypatch.setattr(streaming, "_KEEP_ALIVE_SECONDS", 0.01)
    parts = Parts()
    handler = make_handler(silent(parts, 2), STREAMS)
    handler(function_url(sent(call(tool, progressToken="t"))), context_of(parts))
    assert parts.written[1:3] == [SSE_KEEP_ALIVE] * 2
    assert [one.get("method") for one in parts.messages] == ["notifications/progress"] * 2 + [None]
    assert "keep-alive" not in {thread.name for thread in threading.enumerate()}
    handler.close()


def test_a_call_that_sends_nothing_has_no_thread_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "KeepAlive", None)
    parts = Parts()
    handler = make_handler(silent(parts, 0), STREAMS)
    handler(function_url(sent(call("never"))), context_of(parts))
    assert parts.head["statusCode"] == 200
    handler.close()


class Time:
    """The time, and what waits for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.beats: list[Any] = []
        self.ended = 0
        monkeypatch.setattr(streaming, "_clock", lambda: self.now)
        monkeypatch.setattr(streaming, "KeepAlive", self._keep_alive)

    def _keep_alive(self, beat: Any, pause: float) -> Any:
        assert pause == 15.0
        self.beats.append(beat)
        return self

    def end(self) -> None:
        self.ended += 1


def invocation_of(parts: Parts) -> StreamedInvocation:
    found = StreamedInvocation(None, lambda _: None, REQUEST, streaming._Writer(parts), 60.0)  # type: ignore[arg-type, return-value]
    found.may_stream = True
    return found


def test_a_sign_is_due_15_seconds_behind_whatever_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    time, parts = Time(monkeypatch), Parts()
    invocation = invocation_of(parts)
    assert time.beats == []
    invocation.emit(b"{}")
    (beat,) = time.beats
    time.now += 10.0
    invocation.emit(b"{}")
    time.now += 5.0
    assert beat() == 10.0
    assert len(parts.written) == 2
    time.now += 10.0
    assert beat() == 15.0
    assert parts.written[2:] == [SSE_KEEP_ALIVE]
    assert beat() == 15.0
    assert len(parts.written) == 3
    invocation.end()
    assert time.ended == 1


def test_a_sign_that_nobody_takes_tells_that_the_client_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    time, parts = Time(monkeypatch), Parts(taken=1)
    invocation = invocation_of(parts)
    invocation.emit(b"{}")
    time.now += 15.0
    assert time.beats[0]() is None
    assert invocation.cancelled


def test_the_thread_ends_by_itself_where_nobody_takes_anything() -> None:
    over = threading.Event()

    def beat() -> None:
        over.set()

    keep_alive = KeepAlive(beat, 0.0)
    assert over.wait(20)
    keep_alive.end()
