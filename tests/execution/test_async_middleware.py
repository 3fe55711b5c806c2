"""Middleware that is a coroutine function: one task around the call, whose coroutines the loop still runs."""

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.hosts.asgi.driving import Exchange, on_loop, until
from tests.support import SETTINGS, Client, MCPServer, failure, make_server, message, success

from lambent import Call, Handler, InvalidParamsError, Middleware, ProtocolError
from lambent.execution.middleware import in_thread, is_async
from lambent.wire.results import CallToolResult

Serve = Callable[..., Client]
USER: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")


def full(*middleware: Middleware) -> MCPServer:
    mcp = make_server(middleware=middleware)

    @mcp.tool()
    def plain() -> str:
        return USER.get()

    @mcp.tool()
    async def waiting() -> str:
        await asyncio.sleep(0)
        return USER.get()

    return mcp


async def named(call: Call, following: Handler) -> Any:
    """Awaits on both sides, and hands on what it sets."""
    await asyncio.sleep(0)
    USER.set("ada")
    result = await following(call)
    await asyncio.sleep(0)
    result.content = [*result.content, *result.content]
    return result


TWICE = success(
    '"content":[{"type":"text","text":"ada"},{"type":"text","text":"ada"}],"structuredContent":{"result":"ada"}'
)


@pytest.mark.parametrize("tool", ["plain", "waiting"])
def test_it_is_around_a_call_in_lambda(tool: str, serve: Serve) -> None:
    assert serve(full(named)).call(tool).body == TWICE


@pytest.mark.parametrize("tool", ["plain", "waiting"])
def test_it_is_around_a_call_on_a_live_host(tool: str) -> None:
    @on_loop
    async def talk() -> None:
        async with Exchange(full(named).asgi(SETTINGS), message("tools/call", {"name": tool})) as exchange:
            assert (await exchange.next())["status"] == 200
            assert (await exchange.next())["body"] == TWICE

    talk()


def test_several_of_both_kinds_wrap_each_other(serve: Serve) -> None:
    seen: list[str] = []

    async def outer(call: Call, following: Handler) -> Any:
        seen.append("outer in")
        result = await following(call)
        seen.append("outer out")
        return result

    def middle(call: Call, following: Handler) -> Any:
        seen.append("middle in")
        result = following(call)
        seen.append("middle out")
        return result

    async def inner(call: Call, following: Handler) -> Any:
        seen.append("inner in")
        result = await following(call)
        seen.append("inner out")
        return result

    assert serve(full(outer, middle, inner)).call("waiting").text == "nobody"
    assert seen == ["outer in", "middle in", "inner in", "inner out", "middle out", "outer out"]


def test_it_is_one_task_on_the_loop_of_the_handlers(serve: Serve) -> None:
    tasks, loops = [], []

    async def middleware(call: Call, following: Handler) -> Any:
        async with asyncio.timeout(20):  # which has to be left in the task that has entered it
            tasks.append(asyncio.current_task())
            loops.append(asyncio.get_running_loop())
            result = await following(call)
            tasks.append(asyncio.current_task())
        return result

    mcp = make_server(middleware=[middleware])

    @mcp.tool()
    async def loop() -> str:
        loops.append(asyncio.get_running_loop())
        return "done"

    assert serve(mcp).call("loop").text == "done"
    assert tasks[0] is tasks[1]
    assert loops[0] is loops[1]


def test_plain_functions_run_in_the_thread_of_the_call(serve: Serve) -> None:
    """Where Lambda can interrupt them at their time limit."""
    threads = []

    async def middleware(call: Call, following: Handler) -> Any:
        return await following(call)

    mcp = make_server(middleware=[middleware])

    @mcp.tool()
    def thread() -> str:
        threads.append(threading.current_thread())
        return "done"

    assert serve(mcp).call("thread").text == "done"
    assert threads == [threading.current_thread()]


def test_it_sees_what_a_call_raises_and_may_answer_itself(serve: Serve) -> None:
    async def lenient(call: Call, following: Handler) -> Any:
        try:
            return await following(call)
        except InvalidParamsError as error:
            return CallToolResult(content=[], structured_content=error.message)

    assert serve(full(lenient)).call("missing").value == "Unknown tool: missing"


def test_it_may_refuse(serve: Serve) -> None:
    async def closed(call: Call, following: Handler) -> Any:
        await asyncio.sleep(0)
        raise ProtocolError("Closed on Sundays", {"until": "Monday"})

    assert serve(full(closed)).call("plain").body == failure(-32603, "Closed on Sundays", {"until": "Monday"})


def test_what_it_raises_unexpectedly_is_an_internal_error(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(call: Call, following: Handler) -> Any:
        raise ValueError("the secret")

    reply = serve(full(broken)).call("plain")
    assert reply.error["code"] == -32603
    assert b"secret" not in reply.body
    assert "the secret" in caplog.text


def test_one_that_is_cancelled_from_within_is_an_internal_error(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def gone(call: Call, following: Handler) -> Any:
        raise asyncio.CancelledError

    assert serve(full(gone)).call("plain").error["code"] == -32603
    assert "CancelledError" in caplog.text


def test_it_may_pass_a_call_on_twice(serve: Serve) -> None:
    runs = []

    async def twice(call: Call, following: Handler) -> Any:
        await following(call)
        return await following(call)

    mcp = make_server(middleware=[twice])

    @mcp.tool()
    async def count() -> str:
        runs.append(1)
        return str(len(runs))

    assert serve(mcp).call("count").text == "2"


def test_it_may_pass_a_call_on_from_two_tasks(serve: Serve) -> None:
    async def both(call: Call, following: Handler) -> Any:
        first, second = await asyncio.gather(following(call), following(call))
        first.content = [*first.content, *second.content]
        return first

    mcp = make_server(middleware=[both])
    runs: list[int] = []

    @mcp.tool()
    async def count() -> str:
        runs.append(1)
        return str(len(runs))

    assert [block["text"] for block in serve(mcp).call("count").result["content"]] == ["1", "2"]


def test_its_client_leaves_and_it_is_cancelled() -> None:
    seen: list[str] = []
    begun = threading.Event()

    async def watching(call: Call, following: Handler) -> Any:
        try:
            return await following(call)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    mcp = make_server(middleware=[watching])

    @mcp.tool()
    async def forever() -> str:
        begun.set()
        await asyncio.sleep(1000)
        return "never"

    @on_loop
    async def talk() -> None:
        async with Exchange(mcp.asgi(SETTINGS), message("tools/call", {"name": "forever"})) as exchange:
            await until(begun.is_set)
            exchange.leave()
        await until(lambda: seen)

    talk()
    assert seen in (["Cancelled"], ["CancelledError"])


def test_its_client_leaves_while_it_waits_itself() -> None:
    seen: list[str] = []
    begun = threading.Event()

    async def slow(call: Call, following: Handler) -> Any:
        begun.set()
        try:
            await asyncio.sleep(1000)
        finally:
            seen.append("cleaned up")

    @on_loop
    async def talk() -> None:
        async with Exchange(full(slow).asgi(SETTINGS), message("tools/call", {"name": "plain"})) as exchange:
            await until(begun.is_set)
            exchange.leave()
        await until(lambda: seen)

    talk()
    assert seen == ["cleaned up"]


def test_what_is_a_coroutine_function_is_found_without_inspect() -> None:
    async def function(call: Call, following: Handler) -> Any: ...

    class Plain:
        def __call__(self, call: Call, following: Handler) -> Any: ...

    class Waiting:
        async def __call__(self, call: Call, following: Handler) -> Any: ...

        async def method(self, call: Call, following: Handler) -> Any: ...

    assert all(map(is_async, [function, functools.partial(function), Waiting(), Waiting().method]))
    assert not any(map(is_async, [lambda call, following: None, Plain(), functools.partial(Plain())]))


def test_plain_middleware_is_left_as_it_is() -> None:
    def plain(call: Call, following: Handler) -> Any: ...

    assert in_thread([plain]) == [plain]
