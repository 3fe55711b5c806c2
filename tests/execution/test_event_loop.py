"""Running coroutines from synchronous code: one loop for the life of the process."""

import asyncio
import contextvars
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support import Client, make_server

from lambent.errors import Suspend
from lambent.execution import event_loop
from lambent.execution.event_loop import CallerLoop, LoopTask, LoopThread

Serve = Callable[..., Client]
Runner = CallerLoop | LoopThread


@pytest.fixture(params=[CallerLoop, LoopThread])
def run(request: pytest.FixtureRequest) -> Iterator[Runner]:
    runner: Runner = request.param()
    yield runner
    runner.close()


async def loop_and_thread() -> tuple[asyncio.AbstractEventLoop, int]:
    await asyncio.sleep(0)
    return asyncio.get_running_loop(), threading.get_ident()


async def fail(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


def test_a_coroutine_is_run_to_its_end(run: Runner) -> None:
    async def add(a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    assert [run(add(n, 1)) for n in range(5)] == [1, 2, 3, 4, 5]


def test_the_loop_stays_the_same(run: Runner) -> None:
    """So that connection pools of one call are good for the next."""
    assert len({run(loop_and_thread())[0] for _ in range(5)}) == 1


@pytest.mark.parametrize(
    "error", [ValueError("x"), Suspend(), SystemExit(3), BaseExceptionGroup("g", [Suspend()])]
)
def test_exceptions_come_through_and_the_loop_lives_on(run: Runner, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        run(fail(error))
    assert caught.value is error
    assert run(loop_and_thread())


def test_a_coroutine_that_cancels_itself_has_failed(run: Runner) -> None:
    with pytest.raises(RuntimeError, match="cancelled from within"):
        run(fail(asyncio.CancelledError()))
    assert run(loop_and_thread())


def test_what_a_call_leaves_behind_does_not_run_on_into_the_next() -> None:
    """A suspended handler's other tasks must not act while another request is served."""
    run = CallerLoop()
    acted: list[str] = []

    async def act_later() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        acted.append("late")

    async def suspended() -> None:
        task = asyncio.ensure_future(act_later())
        await asyncio.sleep(0)
        assert not task.done()
        raise Suspend

    async def another() -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    with pytest.raises(Suspend):
        run(suspended())
    run(another())
    run.close()
    assert acted == []


def test_an_own_loop_is_in_the_callers_thread() -> None:
    run = CallerLoop()
    assert run(loop_and_thread())[1] == threading.get_ident()
    run.close()


def test_a_loop_thread_serves_many_threads() -> None:
    run = LoopThread()
    results: list[int] = []

    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return n * 2

    threads = [threading.Thread(target=lambda n=n: results.append(run(double(n)))) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    run.close()
    assert sorted(results) == [n * 2 for n in range(20)]


def test_within_a_running_loop_another_thread_does_the_work() -> None:
    run = CallerLoop()

    async def outer() -> bool:
        loop, thread = run(loop_and_thread())
        again, _ = run(loop_and_thread())
        return loop is not asyncio.get_running_loop() and thread != threading.get_ident() and loop is again

    assert asyncio.run(outer())
    run.close()


def test_a_thread_that_a_coroutine_waits_for_shares_its_loop() -> None:
    run = CallerLoop()

    async def outer() -> bool:
        loop, thread = await asyncio.to_thread(lambda: run(loop_and_thread()))
        return loop is asyncio.get_running_loop() and thread == threading.get_ident()

    assert run(outer())
    run.close()


def test_closing_is_for_good_and_may_come_twice() -> None:
    run = CallerLoop()
    loop, _ = run(loop_and_thread())
    run.close()
    run.close()
    assert loop.is_closed()
    CallerLoop().close()


def test_handlers_may_be_called_from_a_running_loop(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool("plain")
    def plain() -> str:
        return "done"

    @mcp.tool("async")
    async def asynchronous() -> str:
        await asyncio.sleep(0)
        return "done"

    client = serve(mcp)

    async def outer() -> list[str]:
        return [client.call(tool).text for tool in ("plain", "async", "plain", "async")]

    assert asyncio.run(outer()) == ["done"] * 4
    assert client.call("async").text == "done"


def test_async_tools_keep_their_loop_between_calls(serve: Serve) -> None:
    mcp = make_server()
    loops: list[Any] = []

    @mcp.tool()
    async def t() -> None:
        loops.append(asyncio.get_running_loop())

    client = serve(mcp)
    for _ in range(5):
        client.call("t")
    assert len(set(map(id, loops))) == 1


def test_context_variables_do_not_leak_from_call_to_call(serve: Serve) -> None:
    mcp = make_server()
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    @mcp.tool()
    async def t(value: str) -> str:
        before = variable.get()
        variable.set(value)
        return before

    client = serve(mcp)
    assert [client.call("t", {"value": value}).text for value in "ab"] == ["unset", "unset"]


def test_a_handler_that_is_closed_can_be_used_again(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    async def t() -> str:
        return "done"

    client = serve(mcp)
    assert client.call("t").text == "done"
    client.handler.close()  # type: ignore[attr-defined]
    assert client.call("t").text == "done"


# What a coroutine leaves behind, or does to the loop itself.


async def leave(error: BaseException) -> str:
    """Leave a task that ends the way ``error`` does while this coroutine still runs."""
    task = asyncio.ensure_future(fail(error))
    for _ in range(5):
        await asyncio.sleep(0)
    assert task.exception() is error
    return "went on"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseException()])
def test_a_task_that_is_left_behind_ends_no_loop(error: BaseException) -> None:
    run = LoopThread()
    assert run(leave(error)) == "went on"
    assert run(loop_and_thread())
    run.close()


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), BaseException()])
def test_a_task_that_is_left_behind_ends_no_call_in_lambda(error: BaseException) -> None:
    run = CallerLoop()
    assert run(leave(error)) == "went on"
    assert run(loop_and_thread())
    run.close()


def test_a_task_group_whose_task_exits_fails(run: Runner) -> None:
    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail(SystemExit(3)))

    with pytest.raises((SystemExit, BaseExceptionGroup)):
        run(group())
    assert run(loop_and_thread())


def test_a_loop_that_is_stopped_goes_on(run: Runner) -> None:
    async def stop() -> str:
        for _ in range(3):
            asyncio.get_running_loop().stop()
            await asyncio.sleep(0)
        return "went on"

    assert run(stop()) == "went on"
    assert run(loop_and_thread())


def test_a_loop_cannot_be_closed_while_it_runs(run: Runner) -> None:
    async def close() -> None:
        asyncio.get_running_loop().close()

    with pytest.raises(RuntimeError):
        run(close())
    assert run(loop_and_thread())


def test_a_loop_that_was_closed_is_replaced(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, _ = run(loop_and_thread())
    if isinstance(run, LoopThread):  # between two of its turns
        monkeypatch.setattr(loop, "run_forever", loop.close)
        loop.call_soon_threadsafe(loop.stop)
        run._thread.join(30)
    else:
        loop.close()
    assert run(loop_and_thread())[0] is not loop


@pytest.mark.parametrize("is_closed", [False, True])
def test_nobody_waits_for_a_loop_that_has_stopped_for_good(
    monkeypatch: pytest.MonkeyPatch, is_closed: bool
) -> None:
    monkeypatch.setattr(event_loop, "_LOOK_SECONDS", 0.001)
    loop = asyncio.new_event_loop()

    async def never() -> None: ...

    task = LoopTask(never(), loop)
    if is_closed:
        loop.close()
    with pytest.raises(RuntimeError, match="stopped"):
        task.result()
    task._coroutine.close()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        LoopTask(never(), loop)


def test_closing_does_not_wait_longer_than_it_may() -> None:
    run, go = LoopThread(), threading.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(go.wait, 30)

    async def start() -> asyncio.Task[None]:
        task = asyncio.ensure_future(stubborn())
        await asyncio.sleep(0)
        return task

    run(start())
    assert not run.close(0.01)
    go.set()
    assert run.close(30)


def test_waiting_on_a_loop_for_a_coroutine_of_the_same_loop_fails() -> None:
    """It could never end: the loop waits for itself, and with it every other call of the process."""
    runner, begun, said = LoopThread(), [], []

    async def inner() -> None:
        begun.append(True)

    async def outer() -> None:
        try:
            runner(inner())
        except RuntimeError as error:
            said.append(str(error))

    thread = threading.Thread(target=runner, args=(outer(),), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    runner.close()
    assert said == ["Waiting here would block the event loop for ever: use await in async def"]
    assert not begun


def test_the_loop_of_a_dropped_handler_is_closed() -> None:
    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    runner = CallerLoop()
    ran = runner(loop())
    assert not ran.is_closed()
    del runner
    gc.collect()
    assert ran.is_closed()
