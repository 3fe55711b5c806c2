"""stdio: lines over pipes, and a whole process."""

import asyncio
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.types import ElicitRequestParams, ElicitResult, TextContent
from tests import support
from tests.execution.durable.tasks.harness import TASKS
from tests.hosts.asgi.driving import SECONDS, make, progress, settings, subscription, text_result, tool_call

from lambent import Call, Context, Handler, Idempotency, MCPServer, RateLimit
from lambent.execution.handlers import subscriptions
from lambent.hosts import live, stdio
from lambent.hosts.entry_points import local_endpoint
from lambent.hosts.stdio import StdioServer
from lambent.hosts.threads import CallThreads

SUBSCRIPTION_ID = f"{support.PREFIX}subscriptionId"


class Wire:
    """A server on two pipes.

    Args:
        mcp: what it offers.
        reads: the client reads what the server writes; else it does once ``read_on`` is called.
        options: settings.

    Attributes:
        has_ended: what ``serve`` returned.
    """

    def __init__(self, mcp: MCPServer, *, reads: bool = True, **options: Any) -> None:
        self._reads = reads
        self.has_ended: bool | None = None
        its_input, our_output = os.pipe()
        our_input, its_output = os.pipe()
        self._to = os.fdopen(our_output, "wb", buffering=0)
        self._from = os.fdopen(our_input, "rb")
        self._its_input, self._its_output = os.fdopen(its_input, "rb"), os.fdopen(its_output, "wb")
        chosen = settings(**options)
        endpoint = local_endpoint(mcp._parts(), chosen)
        self.server = StdioServer(endpoint, self._its_input, self._its_output, chosen)
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._serving = threading.Thread(target=self._serve)
        self._reading = threading.Thread(target=self._read)

    def _serve(self) -> None:
        try:
            self.has_ended = self.server.serve()
        finally:
            with suppress(BrokenPipeError):
                self._its_output.close()

    def read_on(self) -> None:
        """Begin to read."""
        self._reading.start()

    def hang_up(self) -> None:
        """The client does not read any more, and its input stays open."""
        assert not self._reads
        self._from.close()

    def _read(self) -> None:
        for line in self._from:
            self._lines.put(line)

    def __enter__(self) -> Self:
        self._serving.start()
        if self._reads:
            self.read_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._from.close()
        self._its_input.close()

    def close_input(self) -> None:
        """The client closes its end."""
        self._to.close()

    def end(self) -> None:
        """The client closes its end; the server ends, and so does what it writes."""
        self.close_input()
        self._serving.join(SECONDS)
        assert not self._serving.is_alive(), "the server goes on"
        if self._reading.ident is not None:
            self._reading.join(SECONDS)

    def write(self, data: bytes) -> None:
        self._to.write(data)

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.write(support.dumps(message).encode() + b"\n")

    def line(self) -> bytes:
        """The next line."""
        return self._lines.get(timeout=SECONDS)

    def read(self) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = json.loads(self.line())
        return message

    def ask(self, message: Any) -> dict[str, Any]:
        self.send(message)
        return self.read()

    @property
    def rest(self) -> list[bytes]:
        """The lines that nobody has read, once the server has ended."""
        assert not self._reading.is_alive()
        return list(self._lines.queue)


def cancel(request_id: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": request_id, "reason": "no longer needed"},
    }


def keep(calls: list[Call]) -> Callable[[Call, Handler], Any]:
    """Middleware that keeps the calls, so that a test can see when one was cancelled."""

    def remember(call: Call, following: Handler) -> Any:
        calls.append(call)
        return following(call)

    return remember


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something in another thread is so."""
    pause = threading.Event()
    for _ in range(int(SECONDS / 0.001)):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("waited in vain")


class Endless:
    """A tool that ends only when it is cancelled."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.has_ended = threading.Event()

    async def wait(self) -> str:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.has_ended.set()
        return "never"


def threads_of_servers() -> set[threading.Thread]:
    """Every thread of the library, also those of applications that are not collected yet.

    The one that renews leases is of the process, and no server's.
    """
    found = {thread for thread in threading.enumerate() if thread.name.startswith("lambent")}
    return {thread for thread in found if thread.name != "lambent-leases"}


@pytest.fixture(autouse=True)
def _nothing_left(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that has ended leaves no threads, and no tasks that asyncio would complain of."""
    monkeypatch.setattr(subscriptions, "_POLL_SECONDS", 0.005)
    before = threads_of_servers()
    with caplog.at_level(logging.WARNING, "asyncio"):
        yield
    assert not threads_of_servers() - before
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def echo_server() -> MCPServer:
    mcp = make()

    @mcp.tool()
    def echo(text: str = "") -> str:
        return text

    @mcp.tool()
    async def echo_async(text: str = "") -> str:
        await asyncio.sleep(0)
        return text

    return mcp


# Requests and responses.


@pytest.mark.parametrize("tool", ["echo", "echo_async"])
def test_a_request_is_a_line_and_so_is_its_response(tool: str) -> None:
    with Wire(echo_server()) as wire:
        wire.send(tool_call(tool, {"text": "grüße\nund\u2028mehr"}, request_id="a"))
        assert wire.line() == text_result("grüße\nund\u2028mehr", "a") + b"\n"


def test_requests_need_no_headers_and_have_none() -> None:
    mcp = make()

    @mcp.tool()
    def headers(ctx: Context) -> dict[str, str]:
        return ctx.headers

    with Wire(mcp) as wire:
        assert wire.ask(tool_call("headers"))["result"]["structuredContent"] == {}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n  \n"])
def test_how_lines_end(end: bytes) -> None:
    with Wire(echo_server()) as wire:
        for number in range(3):
            wire.write(support.dumps(tool_call("echo", request_id=number)).encode() + end)
            assert wire.line() == text_result("", number) + b"\n"


@pytest.mark.parametrize("params", [{}, {"arguments": None}, {"arguments": None, "requestState": None}])
def test_a_byte_order_mark_and_nulls_are_read_as_over_http(params: dict[str, Any]) -> None:
    mcp = make()

    @mcp.tool()
    def nothing() -> str:
        return "done"

    with Wire(mcp) as wire:
        line = support.dumps(support.message("tools/call", {"name": "nothing", **params})).encode()
        for mark in (b"\xef\xbb\xbf", b""):
            wire.write(mark + line + b"\n")
            assert wire.line() == text_result("done") + b"\n"


def test_a_line_may_arrive_in_pieces_and_be_long() -> None:
    text = "x" * 1_000_000
    data = support.dumps(tool_call("echo", {"text": text})).encode() + b"\n"
    with Wire(echo_server()) as wire:
        for start in range(0, len(data), 50_000):
            wire.write(data[start : start + 50_000])
        assert wire.read()["result"]["content"][0]["text"] == text


def test_a_call_above_the_limit_gets_the_error() -> None:
    mcp = make()
    mcp.tool(limit=RateLimit(calls=1, per=3600))(dear)
    with Wire(mcp) as wire:
        assert "result" in wire.ask(tool_call("dear"))
        error = wire.ask(tool_call("dear"))["error"]
        wait = error["data"]["retryAfter"]
        assert 3500 < wait <= 3600
        assert error == {
            "code": -32600,
            "message": f"Too many calls of dear: try again in {wait} s",
            "data": {"retryAfter": wait},
        }


def dear() -> None: ...


def test_one_call_does_not_wait_for_another() -> None:
    mcp = make()
    go = threading.Event()

    @mcp.tool()
    def slow() -> str:
        assert go.wait(SECONDS)
        return "slow"

    @mcp.tool()
    def quick() -> str:
        return "quick"

    with Wire(mcp) as wire:
        wire.send(tool_call("slow", request_id=1), tool_call("quick", request_id=2))
        assert wire.line() == text_result("quick", 2) + b"\n"
        go.set()
        assert wire.line() == text_result("slow", 1) + b"\n"


@pytest.mark.parametrize("kind", ["plain", "asynchronous"])
def test_a_hundred_calls_in_flight_are_answered_in_the_order_in_which_they_end(kind: str) -> None:
    mcp = make()
    turns = [threading.Event() for _ in range(101)]
    turns[100].set()
    together = threading.Barrier(101)
    arrived = asyncio.Barrier(100)
    async_turns = [asyncio.Event() for _ in range(101)]
    async_turns[100].set()

    @mcp.tool()
    def plain(number: int) -> int:
        together.wait(SECONDS)
        assert turns[number + 1].wait(SECONDS)
        return number

    @mcp.tool()
    async def asynchronous(number: int) -> int:
        await arrived.wait()
        await async_turns[number + 1].wait()
        return number

    with Wire(mcp) as wire:
        wire.send(*(tool_call(kind, {"number": n}, request_id=n) for n in range(100)))
        if kind == "plain":
            together.wait(SECONDS)
        for number in reversed(range(100)):
            assert wire.read()["id"] == number
            turns[number].set()
            wire.server._loop.loop.call_soon_threadsafe(async_turns[number].set)


def test_async_tools_share_one_loop_which_is_nobody_elses() -> None:
    mcp = make()
    seen: set[tuple[Any, Any]] = set()

    @mcp.tool()
    async def where() -> None:
        seen.add((asyncio.get_running_loop(), threading.current_thread()))

    with Wire(mcp) as wire:
        for number in range(5):
            wire.ask(tool_call("where", request_id=number))
    assert len(seen) == 1
    assert next(iter(seen))[1] is not threading.main_thread()


def test_a_question_takes_two_rounds() -> None:
    mcp = make()

    @mcp.tool()
    def remove(name: str, ctx: Context) -> str:
        return ctx.elicit(f"Remove {name}?", {"type": "object", "properties": {}}, key="sure").result().action

    with Wire(mcp) as wire:
        asked = {"name": "remove", "arguments": {"name": "lamp"}}
        first = wire.ask(support.message("tools/call", asked, capabilities={"elicitation": {}}))["result"]
        assert first["inputRequests"]["sure"]["params"]["message"] == "Remove lamp?"
        retry = {**asked, "inputResponses": {"sure": support.accept()}, "requestState": first["requestState"]}
        wire.send(support.message("tools/call", retry, capabilities={"elicitation": {}}, request_id=2))
        assert wire.line() == text_result("accept", 2) + b"\n"


def test_a_tool_whose_own_task_was_cancelled_is_answered() -> None:
    mcp = make()

    @mcp.tool()
    async def work() -> str:
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task
        return "never"

    with Wire(mcp) as wire:
        assert wire.ask(tool_call("work"))["result"]["isError"] is True


# Notifications.


def test_notifications_are_lines_before_the_response() -> None:
    mcp = make()

    @mcp.tool()
    async def work(ctx: Context) -> str:
        await ctx.report_progress(1)
        await ctx.info("halfway")
        await ctx.report_progress(2)
        return "worked"

    with Wire(mcp) as wire:
        wire.send(tool_call("work", progressToken="p", logLevel="info"))
        assert wire.line() == progress(1) + b"\n"
        assert wire.read()["params"] == {"level": "info", "data": "halfway"}
        assert wire.line() == progress(2) + b"\n"
        assert wire.line() == text_result("worked") + b"\n"


def test_a_notification_leaves_while_the_tool_runs() -> None:
    mcp = make()
    go = threading.Event()

    @mcp.tool()
    def work(ctx: Context) -> str:
        ctx.report_progress(1)
        assert go.wait(SECONDS)
        return "worked"

    with Wire(mcp) as wire:
        wire.send(tool_call("work", progressToken="p"))
        assert wire.line() == progress(1) + b"\n"
        go.set()
        assert wire.line() == text_result("worked") + b"\n"


def test_lines_of_many_calls_do_not_mix() -> None:
    mcp = make()

    @mcp.tool()
    def work(name: str, ctx: Context) -> str:
        for number in range(1, 51):
            ctx.report_progress(number, message=name * 500)
        return name

    with Wire(mcp) as wire:
        names = "abcdefgh"
        wire.send(*(tool_call("work", {"name": n}, request_id=n, progressToken=n) for n in names))
        heard: dict[str, list[Any]] = {name: [] for name in names}
        for _ in range(len(names) * 51):
            message = wire.read()
            if "id" in message:
                heard[message["id"]].append(message["result"]["content"][0]["text"])
            else:
                params = message["params"]
                assert params["message"] == params["progressToken"] * 500
                heard[params["progressToken"]].append(params["progress"])
    assert heard == {name: [*range(1, 51), name] for name in names}


# Lines that are no requests.


@pytest.mark.parametrize(
    ("line", "code", "request_id"),
    [
        (b"no json", -32700, None),
        (b"{", -32700, None),
        (b'"\xff\xfe"', -32700, None),
        (b"\xef\xbb\xbfno json", -32700, None),
        ('{"jsonrpc":"2.0","id":1}'.encode("utf-16"), -32700, None),
        (b"[" * 100_000, -32700, None),
        (b"[]", -32600, None),
        (b"17", -32600, None),
        (b'{"jsonrpc":"1.0","id":5,"method":"tools/list"}', -32600, 5),
        (b'{"jsonrpc":"2.0","id":null,"method":"tools/list"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":6,"result":{}}', -32600, 6),
        (b'{"jsonrpc":"2.0","id":7,"method":"nothing/known"}', -32602, 7),
    ],
)
def test_a_malformed_line_is_answered_and_the_next_one_read(line: bytes, code: int, request_id: Any) -> None:
    with Wire(echo_server()) as wire:
        wire.write(line + b"\n")
        answer = wire.read()
        assert (answer["error"]["code"], answer.get("id")) == (code, request_id)
        wire.send(tool_call("echo", request_id=8))
        assert wire.line() == text_result("", 8) + b"\n"


def test_unknown_methods_are_refused() -> None:
    with Wire(echo_server()) as wire:
        assert wire.ask(support.message("nothing/known"))["error"]["code"] == -32601


@pytest.mark.parametrize(
    "note",
    [
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
        b'{"jsonrpc":"2.0","method":"notifications/of/the/future","params":{"x":1}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":[]}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"unknown"}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\xff"}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"x":'
        + b"[" * 100
        + b"]" * 100
        + b"}}",
        b"",
        b"   ",
    ],
)
def test_notifications_and_empty_lines_are_not_answered(note: bytes) -> None:
    with Wire(echo_server()) as wire:
        wire.write(note + b"\n")
        wire.send(tool_call("echo", request_id="after"))
        heard = [wire.read()]
        if "error" in heard[0]:  # what is no JSON at all is answered: nobody can tell what it was
            assert note.endswith(b'\xff"}}')
            heard = [wire.read()]
        assert heard[0]["id"] == "after"


@pytest.mark.parametrize("depth", range(100, 1100, 100))
def test_no_depth_of_nesting_ends_the_server(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    with Wire(echo_server()) as wire:
        wire.write(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"x":' + nested + b"}}\n")
        wire.write(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":' + nested + b"}\n")
        wire.send(tool_call("echo", request_id="after"))
        while wire.read().get("id") != "after":
            pass


# Cancellation.


def test_a_cancelled_async_call_cleans_up_and_is_not_answered() -> None:
    mcp = make()
    seen: list[str] = []

    @mcp.tool()
    async def work(ctx: Context) -> str:
        await ctx.report_progress(1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")
        return "never"

    @mcp.tool()
    def hello() -> str:
        return "hello"

    with Wire(mcp) as wire:
        wire.send(tool_call("work", progressToken="p", request_id="long"))
        wire.line()
        wire.send(cancel("long"))
        wait_for(lambda: len(seen) == 2)
        assert wire.ask(tool_call("hello", request_id=2))["id"] == 2
        wire.end()
        assert wire.rest == []
    assert seen == ["cancelled", "cleaned up"]


def test_a_cancelled_plain_call_stops_at_its_next_look_and_is_not_answered() -> None:
    calls: list[Call] = []
    mcp = make(middleware=[keep(calls)])
    cancelled = threading.Event()
    seen: list[str] = []

    @mcp.tool()
    def work(ctx: Context) -> str:
        ctx.report_progress(1)
        assert cancelled.wait(SECONDS)
        try:
            ctx.report_progress(2)
            seen.append("went on")
        finally:
            seen.append("cleaned up")
        return "never"

    with Wire(mcp) as wire:
        wire.send(tool_call("work", progressToken="p", request_id=1))
        wire.line()
        wire.send(cancel(1))
        wait_for(lambda: calls[0].invocation.cancelled)
        cancelled.set()
        wire.end()
        assert wire.rest == []
    assert seen == ["cleaned up"]


def test_a_cancelled_call_that_does_not_look_is_not_answered_either() -> None:
    calls: list[Call] = []
    mcp = make(middleware=[keep(calls)])
    cancelled = threading.Event()

    @mcp.tool()
    def work() -> str:
        assert cancelled.wait(SECONDS)
        return "for nobody"

    with Wire(mcp) as wire:
        wire.send(tool_call("work", request_id=1))
        wait_for(lambda: calls)
        wire.send(cancel(1))
        wait_for(lambda: calls[0].invocation.cancelled)
        cancelled.set()
        wire.end()
        assert wire.rest == []


def test_a_call_that_is_cancelled_before_its_turn_never_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_RUNNING", 1)
    mcp = make()
    go = threading.Event()
    ran: list[str] = []

    @mcp.tool()
    def block() -> str:
        assert go.wait(SECONDS)
        return "released"

    @mcp.tool()
    def charge(how: str) -> str:
        ran.append(how)
        return how

    with Wire(mcp) as wire:
        wire.send(
            tool_call("block", request_id="first"),
            tool_call("charge", {"how": "cancelled"}, request_id="second"),
            cancel("second"),
        )
        # Answered by the thread that reads: what is before it has been read.
        wire.write(b"no json\n")
        assert wire.read()["error"]["code"] == -32700
        go.set()
        assert wire.read()["id"] == "first"
        wire.send(tool_call("charge", {"how": "wanted"}, request_id="third"))
        assert wire.read()["id"] == "third"
    assert ran == ["wanted"]


def test_ids_are_not_mixed_up() -> None:
    mcp = make()
    go = asyncio.Event()
    began = threading.Semaphore(0)
    seen: list[str] = []

    @mcp.tool()
    async def work(name: str) -> str:
        try:
            began.release()
            await go.wait()
        except asyncio.CancelledError:
            seen.append(name)
            raise
        return name

    with Wire(mcp) as wire:
        wire.send(
            tool_call("work", {"name": "number"}, request_id=1),
            tool_call("work", {"name": "text"}, request_id="1"),
        )
        for _ in range(2):
            assert began.acquire(timeout=SECONDS)
        wire.send(cancel("1"))
        wait_for(lambda: seen)
        wire.server._loop.loop.call_soon_threadsafe(go.set)
        assert wire.line() == text_result("number", 1) + b"\n"
        wire.end()
        assert wire.rest == []
    assert seen == ["text"]


def test_cancelling_what_is_over_does_nothing() -> None:
    with Wire(echo_server()) as wire:
        wire.ask(tool_call("echo", request_id=1))
        wire.send(cancel(1), cancel(1))
        assert wire.ask(tool_call("echo", request_id=1))["id"] == 1  # an id may be used again


# Subscriptions.


def lamp() -> MCPServer:
    mcp = make()

    @mcp.resource("desk://lamp")
    def resource() -> str:
        return "on"

    @mcp.tool()
    def switch(ctx: Context) -> str:
        ctx.notify_resource_updated("desk://lamp")
        return "switched"

    return mcp


def test_a_subscription_hears_of_other_calls_until_it_is_cancelled() -> None:
    with Wire(lamp()) as wire:
        acknowledged = wire.ask(subscription("sub", resourceSubscriptions=["desk://lamp"]))
        assert acknowledged["params"] == {
            "notifications": {"resourceSubscriptions": ["desk://lamp"]},
            "_meta": {SUBSCRIPTION_ID: "sub"},
        }
        wire.send(tool_call("switch", request_id=2))
        heard = sorted((wire.read() for _ in range(2)), key=lambda message: "id" in message)
        assert heard[0]["method"] == "notifications/resources/updated"
        assert heard[0]["params"] == {"uri": "desk://lamp", "_meta": {SUBSCRIPTION_ID: "sub"}}
        wire.send(cancel("sub"))
        wait_for(lambda: not wire.server._running)
        assert wire.ask(tool_call("switch", request_id=3))["id"] == 3
        wire.end()
        assert wire.rest == []


def test_a_subscription_ends_with_a_result_when_its_time_is_up() -> None:
    with Wire(lamp(), listen_seconds=0.01) as wire:
        wire.ask(subscription("sub", resourceSubscriptions=["desk://lamp"]))
        assert wire.read()["result"]["resultType"] == "complete"


def test_many_subscriptions_leave_room_for_calls() -> None:
    with Wire(lamp()) as wire:
        wire.server._threads = CallThreads(1, 3)
        for number in range(3):
            wire.ask(subscription(number, resourceSubscriptions=["desk://lamp"]))
        assert wire.ask(subscription("late", resourceSubscriptions=["desk://lamp"])) == {
            "jsonrpc": "2.0",
            "id": "late",
            "error": {"code": -32603, "message": "Too many calls are waiting: try again later"},
        }
        wire.send(tool_call("switch", request_id="call"))
        heard = [wire.read() for _ in range(4)]
        assert sum(message.get("id") == "call" for message in heard) == 1


# The end.


def test_the_end_of_the_input_ends_the_server_and_what_runs() -> None:
    """Where it leaves no time."""
    began = threading.Barrier(3)
    seen: list[str] = []
    calls: list[Call] = []

    def watch(call: Call, following: Handler) -> Any:
        calls.append(call)
        try:
            return following(call)
        finally:
            seen.append(f"{call.name or call.method} is over")

    mcp = make(middleware=[watch])

    @mcp.tool()
    async def asynchronous() -> str:
        try:
            await asyncio.to_thread(began.wait, SECONDS)
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            seen.append("cleaned up")
        return "never"

    @mcp.tool()
    def plain(ctx: Context) -> str:
        began.wait(SECONDS)
        wait_for(lambda: next(call for call in calls if call.name == "plain").invocation.cancelled)
        ctx.report_progress(1)
        return "never"

    with Wire(mcp, drain_seconds=0) as wire:
        wire.send(tool_call("asynchronous", request_id=1), tool_call("plain", request_id=2))
        assert wire.ask(subscription("sub", toolsListChanged=True))["method"].endswith("acknowledged")
        began.wait(SECONDS)
        wire.end()
        assert wire.rest == []
    assert sorted(seen) == [
        "asynchronous is over",
        "cleaned up",
        "plain is over",
        "subscriptions/listen is over",
    ]


def test_the_end_of_the_input_ends_what_tools_left_running() -> None:
    mcp = make()
    seen: list[str] = []
    kept: list[Any] = []

    async def background() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")

    @mcp.tool()
    async def leave() -> str:
        kept.append(asyncio.ensure_future(background()))
        await asyncio.sleep(0)
        return "left"

    with Wire(mcp) as wire:
        wire.ask(tool_call("leave"))
    kept.clear()
    assert seen == ["cleaned up"]


@pytest.mark.parametrize("tool", ["plain", "asynchronous", "once", "task"])
def test_what_runs_at_the_end_of_the_input_ends_and_is_answered(tool: str) -> None:
    mcp = make()
    began, go = threading.Event(), threading.Event()
    seen: list[str] = []

    @mcp.tool()
    def plain() -> str:
        began.set()
        assert go.wait(SECONDS)
        seen.append("ended")
        return "answered"

    @mcp.tool()
    async def asynchronous() -> str:
        return await asyncio.to_thread(plain)

    @mcp.tool(idempotency=Idempotency(key="key"))
    def once(key: str = "a") -> str:
        return plain()

    @mcp.tool(task=True)
    def task() -> str:
        return plain()

    with Wire(mcp) as wire:
        wire.send(tool_call(tool, request_id="a", capabilities=TASKS))
        assert began.wait(SECONDS)
        if tool == "task":
            assert wire.read()["result"]["resultType"] == "task"
        wire.close_input()
        wire.server._reader.join(SECONDS)
        go.set()
        wire.end()
        assert wire.has_ended
        assert wire.rest == ([text_result("answered", "a") + b"\n"] if tool != "task" else [])
    assert seen == ["ended"]


@pytest.mark.parametrize("tool", ["echo", "echo_async"])
def test_every_request_before_the_end_of_the_input_is_answered(tool: str) -> None:
    with Wire(echo_server()) as wire:
        wire.send(*(tool_call(tool, request_id=number) for number in range(300)))
        wire.write(support.dumps(tool_call(tool, request_id=300)).encode())  # the last line may have no end
        wire.end()
        assert sorted(json.loads(line)["id"] for line in wire.rest) == list(range(301))


@pytest.mark.parametrize("tool", ["plain", "asynchronous", "once", "task"])
def test_what_never_looks_does_not_keep_the_server(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_CLEAN_UP_SECONDS", 0.05)
    before = threads_of_servers()
    mcp = make()
    began, go = threading.Event(), threading.Event()

    @mcp.tool()
    def plain() -> str:
        began.set()
        assert go.wait(SECONDS)
        return "for nobody"

    @mcp.tool()
    async def asynchronous() -> str:
        return plain()

    @mcp.tool(idempotency=Idempotency(key="key"))
    def once(key: str = "a") -> str:
        return plain()

    @mcp.tool(task=True)
    def task() -> str:
        return plain()

    try:
        with Wire(mcp, drain_seconds=0.01) as wire:
            wire.send(tool_call(tool, capabilities=TASKS))
            assert began.wait(SECONDS)
            wire.end()
            assert wire.has_ended is False
    finally:
        go.set()
        wire.server._threads.wait(SECONDS)
        wire.server._loop.close(SECONDS)
        if wire.server._tasks is not None:
            wire.server._tasks.wait(SECONDS)
            wire.server._tasks.close(SECONDS)
        wait_for(lambda: not threads_of_servers() - before)


@pytest.mark.parametrize("tool", ["once", "task"])
def test_a_call_that_holds_a_claim_and_a_task_are_cancelled_in_the_end(tool: str) -> None:
    mcp, endless = make(), Endless()

    @mcp.tool(idempotency=Idempotency(key="key"))
    async def once(key: str = "a") -> str:
        return await endless.wait()

    @mcp.tool(task=True)
    async def task() -> str:
        return await endless.wait()

    with Wire(mcp, drain_seconds=0.01) as wire:
        wire.send(tool_call(tool, capabilities=TASKS))
        assert endless.began.wait(SECONDS)
        wire.end()
        assert wire.has_ended
    assert endless.has_ended.is_set()


def test_the_end_of_the_input_ends_subscriptions_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "_POLL_SECONDS", 3600.0)
    with Wire(lamp(), drain_seconds=3600) as wire:
        wire.ask(subscription("sub", resourceSubscriptions=["desk://lamp"]))
        wire.end()
        assert wire.has_ended
        assert wire.rest == []


# Clients that do not read.


def test_a_client_that_does_not_read_can_cancel_and_end() -> None:
    mcp, endless = make(), Endless()

    @mcp.tool()
    def large() -> str:
        return "x" * 1_000_000

    mcp.tool()(endless.wait)

    with Wire(mcp, reads=False) as wire:
        wire.send(*(tool_call("large", request_id=number) for number in range(5)))
        wire.send(tool_call("wait", request_id="w"))
        assert endless.began.wait(SECONDS)
        wire.send(cancel("w"))
        assert endless.has_ended.wait(SECONDS)
        wire.read_on()
        wire.end()
        assert sorted(json.loads(line)["id"] for line in wire.rest) == list(range(5))
        assert wire.has_ended


@pytest.mark.parametrize("kind", ["plain", "asynchronous"])
def test_a_tool_waits_for_a_client_that_does_not_read(kind: str) -> None:
    mcp = make()
    sent: list[int] = []
    text = "x" * 50_000

    @mcp.tool()
    def plain(ctx: Context) -> str:
        for number in range(100):
            ctx.info(text)
            sent.append(number)
        return "said"

    @mcp.tool()
    async def asynchronous(ctx: Context) -> str:
        for number in range(100):
            await ctx.info(text)
            sent.append(number)
        return "said"

    with Wire(mcp, reads=False) as wire:
        wire.send(tool_call(kind, logLevel="info"))
        wait_for(lambda: wire.server._out.unread >= live._SLOW_BYTES)
        threading.Event().wait(0.01)
        assert len(sent) < 20
        wire.read_on()
        for _ in range(100):
            assert wire.read()["params"]["data"] == text
        assert wire.line() == text_result("said") + b"\n"


def test_a_large_result_costs_no_notification_of_another_call() -> None:
    mcp = make()

    @mcp.tool()
    def large() -> str:
        return "x" * (live._DROP_BYTES + 1)

    @mcp.tool()
    async def hasty(ctx: Context) -> str:
        ctx.report_progress(1)
        return "said"

    with Wire(mcp, reads=False) as wire:
        wire.send(tool_call("large", request_id="large"))
        wait_for(lambda: wire.server._out.unread > live._DROP_BYTES)
        wire.send(tool_call("hasty", progressToken="p"))
        wait_for(lambda: wire.server._out._lines.qsize() == 2)
        wire.read_on()
        assert wire.read()["id"] == "large"
        assert wire.line() == progress(1) + b"\n"
        assert wire.line() == text_result("said") + b"\n"


def test_a_client_that_never_reads_does_not_keep_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_CLEAN_UP_SECONDS", 0.05)
    before = threads_of_servers()
    mcp = make()

    @mcp.tool()
    def large() -> str:
        return "x" * 1_000_000

    with Wire(mcp, reads=False, drain_seconds=0.01) as wire:
        wire.send(tool_call("large"))
        wire.close_input()
        wait_for(lambda: wire.has_ended is not None)
        assert wire.has_ended is False
        wire.hang_up()
    wait_for(lambda: not threads_of_servers() - before)


def test_a_server_whose_answers_nobody_reads_ends() -> None:
    mcp, endless = make(), Endless()

    mcp.tool()(endless.wait)

    @mcp.tool()
    def hello() -> str:
        return "hello"

    with Wire(mcp, reads=False) as wire:
        wire.send(tool_call("wait"))
        assert endless.began.wait(SECONDS)
        wire.hang_up()
        wire.send(tool_call("hello", request_id=2))
        wire._serving.join(SECONDS)
        assert wire.has_ended
    assert endless.has_ended.is_set()


# Lines that are too long.


@pytest.mark.parametrize("length", [1, 2, 70_000, 1_000_000])
def test_a_line_over_the_limit_is_answered_and_the_next_one_read(length: int) -> None:
    message = support.dumps(tool_call("echo", request_id=1)).encode()
    with Wire(echo_server(), body_limit=len(message)) as wire:
        wire.write(message + b"x" * length + b"\n" + message + b"\n" + message + b" " * length)
        assert wire.read() == {
            "jsonrpc": "2.0",
            "error": {"code": -32600, "message": f"The line is longer than {len(message)} bytes"},
        }
        assert wire.line() == text_result("", 1) + b"\n"
        wire.close_input()
        assert wire.read()["error"]["code"] == -32600


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_the_end_of_a_line_does_not_count_for_its_limit(end: bytes) -> None:
    message = support.dumps(tool_call("echo", request_id=1)).encode()
    with Wire(echo_server(), body_limit=len(message)) as wire:
        wire.write(message + end)
        wire.close_input()
        assert wire.line() == text_result("", 1) + b"\n"


def test_requests_are_read_as_fast_as_they_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_UNANSWERED_BYTES", 20_000)
    mcp = make()
    go = threading.Event()

    @mcp.tool()
    def wait(text: str) -> str:
        assert go.wait(SECONDS)
        return "waited"

    with Wire(mcp) as wire:
        wire.send(*(tool_call("wait", {"text": "x" * 5000}, request_id=number) for number in range(8)))
        wait_for(lambda: len(wire.server._running) == 2)
        assert 10_000 < wire.server._held <= 20_000
        go.set()
        assert sorted(wire.read()["id"] for _ in range(8)) == list(range(8))


# A process of its own.

SERVER = """
import asyncio, os, subprocess, sys
from dataclasses import dataclass
from lambent import Context, MCPServer

mcp = MCPServer("desk", version="1.0.0")

@dataclass
class Confirm:
    sure: bool

@mcp.tool()
def add(left: int, right: int) -> int:
    print("adding", left, right)
    os.write(1, b"straight to the descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return left + right

@mcp.tool()
async def remove(name: str, ctx: Context) -> str:
    answer = await ctx.elicit(f"Remove {name}?", Confirm)
    return f"{answer.action} {answer.data.sure}" if answer.action == "accept" else answer.action

@mcp.tool()
async def count(ctx: Context) -> str:
    for number in range(3):
        await ctx.report_progress(number + 1, 3)
    return "counted"

@mcp.resource("desk://lamp")
def lamp() -> str:
    return "on"

@mcp.tool()
def switch(ctx: Context) -> str:
    ctx.notify_resource_updated("desk://lamp")
    return "switched"

SCRIPTS = {
    "reads": "import sys; print(repr(sys.stdin.read()), file=sys.stderr); sys.exit(7)",
    "writes": "import scribble; scribble.everywhere()",
}

@mcp.tool()
def child(kind: str, close_fds: bool = True) -> int:
    return subprocess.run([sys.executable, "-c", SCRIPTS[kind]], close_fds=close_fds).returncode

@mcp.tool()
def fork() -> int:
    if not (pid := os.fork()):
        import scribble
        scribble.everywhere()
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

@mcp.tool()
def read() -> list[str]:
    return [sys.stdin.read(), sys.stdin.buffer.read().decode(), os.read(0, 100).decode()]

@mcp.tool()
def ask() -> str:
    return input()

@mcp.tool()
def stuck(where: str) -> str:
    import threading, time
    print("stuck", file=sys.stderr, flush=True)
    if where == "thread":
        threading.Thread(target=time.sleep, args=(3600,)).start()
        return "left a thread"
    time.sleep(3600)

@mcp.tool()
async def stuck_on_the_loop() -> str:
    return stuck("here")

@mcp.tool()
async def stuck_in_a_pool() -> str:
    return await asyncio.to_thread(stuck, "here")

@mcp.tool(task=True)
def stuck_task() -> str:
    return stuck("here")

@mcp.tool()
async def wait() -> str:
    print("waiting", file=sys.stderr, flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("cleaned up", file=sys.stderr, flush=True)
"""
SCRIBBLE = """
import os

def everywhere():
    for number in range(64):
        try:
            os.write(number, b"from a child ")
        except OSError:
            pass
"""
# A shell that runs jobs in the background has its children ignore SIGINT, and Python leaves it ignored then.
RUN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from desk import mcp
mcp.run_stdio()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "desk.py").write_text(SERVER)
    (tmp_path / "scribble.py").write_text(SCRIBBLE)
    return tmp_path


@contextmanager
def started(folder: Path, *command: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "", **env},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def process(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with started(folder, "-c", RUN, LAMBENT_DRAIN_SECONDS="0.1") as process:
        yield process


def line(message: Any) -> bytes:
    return support.dumps(message).encode() + b"\n"


def pipes(process: subprocess.Popen[bytes]) -> tuple[Any, Any, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


def test_standard_output_carries_messages_and_nothing_else(process: subprocess.Popen[bytes]) -> None:
    to, back, errors = pipes(process)
    to.write(line(tool_call("add", {"left": 1, "right": 2})))
    to.flush()
    assert json.loads(back.readline())["result"]["structuredContent"] == {"result": 3}
    to.close()
    assert (back.read(), process.wait(SECONDS)) == (b"", 0)
    printed = errors.read().decode()
    for text in ("adding 1 2", "straight to the descriptor", "from a child"):
        assert text in printed
    assert "Traceback" not in printed


def test_the_process_ends_with_its_input_and_cleans_up(process: subprocess.Popen[bytes]) -> None:
    to, back, errors = pipes(process)
    to.write(line(tool_call("wait")))
    to.write(line(subscription(resourceSubscriptions=["desk://lamp"])))
    to.flush()
    assert b"acknowledged" in back.readline()
    assert errors.readline() == b"waiting\n"
    to.close()
    assert (back.read(), process.wait(SECONDS)) == (b"", 0)
    assert errors.read() == b"cleaned up\n"


def test_an_interrupt_ends_the_process_and_cleans_up(process: subprocess.Popen[bytes]) -> None:
    to, back, errors = pipes(process)
    to.write(line(tool_call("wait")))
    to.write(line(subscription(resourceSubscriptions=["desk://lamp"])))
    to.flush()
    assert b"acknowledged" in back.readline()
    assert errors.readline() == b"waiting\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 0
    assert errors.read() == b"cleaned up\n"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("child", {"kind": "reads"}, "7"),
        ("child", {"kind": "writes", "close_fds": False}, "0"),
        ("read", {}, "||"),
        ("ask", {}, "Error executing tool ask"),
        ("fork", {}, "7"),
    ],
)
def test_features_and_their_children_see_other_streams(
    folder: Path, tool: str, arguments: dict[str, Any], said: str
) -> None:
    # Python 3.12 warns of every fork of a process with threads.
    with started(folder, "-W", "ignore::DeprecationWarning", "-c", RUN) as process:
        to, back, errors = pipes(process)
        to.write(line(tool_call(tool, arguments, request_id=1)) + line(tool_call("count", request_id=2)))
        to.flush()
        answers = sorted((json.loads(back.readline()) for _ in range(2)), key=lambda answer: answer["id"])
        texts = [block["text"] for block in answers[0]["result"]["content"]]
        assert "|".join(texts).startswith(said)
        assert answers[1]["result"]["content"][0]["text"] == "counted"
        to.close()
        assert (back.read(), process.wait(SECONDS)) == (b"", 0)
        printed = errors.read()
    assert (b"from a child" in printed) is (tool == "fork" or arguments.get("kind") == "writes")


STUCK = ["stuck", "stuck_on_the_loop", "stuck_in_a_pool", "stuck_task"]


def begin(process: subprocess.Popen[bytes], tool: str, where: str = "here") -> tuple[Any, Any, Any]:
    """Call a tool that never returns, and wait until it has begun."""
    to, back, errors = pipes(process)
    arguments = {"where": where} if tool == "stuck" else {}
    to.write(line(tool_call(tool, arguments, capabilities=TASKS)))
    to.flush()
    assert errors.readline() == b"stuck\n"
    if tool == "stuck_task" or where == "thread":
        back.readline()
    return to, back, errors


@pytest.mark.parametrize("tool", STUCK)
def test_a_process_whose_threads_never_return_ends_with_its_input(
    process: subprocess.Popen[bytes], tool: str
) -> None:
    to, back, errors = begin(process, tool)
    to.close()
    assert (back.read(), process.wait(SECONDS)) == (b"", 0)
    assert errors.read() == b""


@pytest.mark.parametrize(
    ("tool", "number"), [*((tool, signal.SIGTERM) for tool in STUCK), ("stuck", signal.SIGINT)]
)
def test_a_process_whose_threads_never_return_ends_when_it_is_told(
    folder: Path, tool: str, number: signal.Signals
) -> None:
    with started(folder, "-c", RUN) as process:
        _, back, errors = begin(process, tool)
        process.send_signal(number)
        assert (back.read(), process.wait(SECONDS)) == (b"", 0)
        assert errors.read() == b""


def test_the_command_line_ends_although_a_tool_has_left_a_thread(folder: Path) -> None:
    with started(folder, "-m", "lambent.cli", "stdio", "desk.py") as process:
        to, back, errors = begin(process, "stuck", "thread")
        to.close()
        assert (back.read(), process.wait(SECONDS)) == (b"", 0)
        assert errors.read() == b""


def test_what_an_app_prints_when_it_is_loaded_is_no_message(folder: Path) -> None:
    (folder / "loud.py").write_text("print('loading')\nfrom desk import mcp\nprint('loaded')\n")
    for command in (["-c", "import loud\n" + RUN], ["-m", "lambent.cli", "stdio", "loud.py"]):
        with started(folder, *command) as process:
            to, back, errors = pipes(process)
            to.write(line(tool_call("count")))
            to.close()
            assert json.loads(back.read())["id"] == 1
            assert errors.read() == b"loading\nloaded\n"


@pytest.mark.parametrize(
    "before",
    [
        "print('buffered'); sys.stdout = sys.stderr",
        "sys.stderr = sys.stdout",
        "sys.stdin, sys.stdout, sys.stderr = io.StringIO(), io.StringIO(), io.StringIO()",
        "sys.stdin = sys.stdout = sys.stderr = None",
        "sys.stdout = io.TextIOWrapper(sys.stdout.detach(), 'utf-8')",
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'utf-8')",
        "os.close(2)",
        "os.close(2); sys.stderr = None",
    ],
)
def test_messages_keep_their_streams_whatever_the_app_has_done_to_them(folder: Path, before: str) -> None:
    code = f"import io, os, sys\n{before}\nprint('no message')\n{RUN}"
    with started(folder, "-c", code) as process:
        to, back, _ = pipes(process)
        to.write(line(tool_call("add", {"left": 1, "right": 2})))
        to.close()
        assert json.loads(back.read())["result"]["structuredContent"] == {"result": 3}
        assert process.wait(SECONDS) == 0


def test_a_process_that_is_told_to_end_does_so_cleanly(process: subprocess.Popen[bytes]) -> None:
    to, back, errors = pipes(process)
    to.write(line(tool_call("wait")))
    to.write(line(subscription(resourceSubscriptions=["desk://lamp"])))
    to.flush()
    assert b"acknowledged" in back.readline()
    assert errors.readline() == b"waiting\n"
    process.send_signal(signal.SIGTERM)
    assert (back.read(), process.wait(SECONDS)) == (b"", 0)
    assert errors.read() == b"cleaned up\n"


def test_a_process_whose_answers_nobody_reads_ends(process: subprocess.Popen[bytes]) -> None:
    to, back, errors = pipes(process)
    back.close()
    to.write(line(tool_call("count")))
    to.flush()
    assert process.wait(SECONDS) == 0
    assert errors.read() == b""


def test_a_reader_that_has_gone_is_no_error(process: subprocess.Popen[bytes]) -> None:
    to, back, errors = pipes(process)
    to.write(line(tool_call("count")))
    to.flush()
    back.readline()
    back.close()
    to.write(line(tool_call("count", request_id=2, progressToken="p")))
    to.close()
    assert process.wait(SECONDS) == 0
    assert errors.read() == b""


def test_the_official_client(folder: Path) -> None:
    async def on_elicit(context: Any, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="accept", content={"sure": True})

    heard: list[tuple[float, float | None]] = []

    async def on_progress(done: float, total: float | None, text: str | None) -> None:
        heard.append((done, total))

    async def session() -> None:
        parameters = StdioServerParameters(command=sys.executable, args=["-c", RUN], cwd=str(folder))
        async with Client(parameters, elicitation_callback=on_elicit) as client:
            assert client.protocol_version == support.VERSION
            assert client.server_info is not None
            assert (client.server_info.name, client.server_info.version) == ("desk", "1.0.0")
            assert {"add", "remove", "count", "switch", "wait"} <= {
                tool.name for tool in (await client.list_tools()).tools
            }
            total = await client.call_tool("add", {"left": 20, "right": 22})
            assert total.structured_content == {"result": 42}
            removed = (await client.call_tool("remove", {"name": "lamp"})).content[0]
            assert isinstance(removed, TextContent)
            assert removed.text == "accept True"
            await client.call_tool("count", {}, progress_callback=on_progress)
            assert heard == [(1, 3), (2, 3), (3, 3)]
            async with client.listen(resource_subscriptions=["desk://lamp"]) as updates:
                await client.call_tool("switch", {})
                async for update in updates:
                    assert str(getattr(update, "uri", "")) == "desk://lamp"
                    break
            waiting = asyncio.ensure_future(client.call_tool("wait", {}))
            answers = await asyncio.gather(
                *(client.call_tool("add", {"left": n, "right": n}) for n in range(5))
            )
            assert [answer.structured_content for answer in answers] == [{"result": 2 * n} for n in range(5)]
            waiting.cancel()
            await asyncio.wait([waiting])

    asyncio.run(asyncio.wait_for(session(), SECONDS))
