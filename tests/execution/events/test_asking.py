"""Calls that streams share, and calls of functions that fail in every way."""

import asyncio
from typing import Any

import pytest
from tests.hosts.asgi.driving import on_loop, until

from lambent.execution.events.asking import LookFailed, SharedCalls, call_author


@on_loop
async def test_one_call_for_all() -> None:
    calls, made, go = SharedCalls(), [], asyncio.Event()

    async def work(value: int) -> list[int]:
        made.append(value)
        await go.wait()
        return [value]

    asked = [asyncio.ensure_future(calls.call("a", work, 1)) for _ in range(3)]
    asked.append(asyncio.ensure_future(calls.call("b", work, 2)))
    await until(lambda: len(made) == 2)
    go.set()
    first, second, third, other = await asyncio.gather(*asked)
    assert first is second is third
    assert (first, other, sorted(made), calls._running) == ([1], [2], [1, 2], {})
    assert await calls.call("a", work, 3) == [3]


@on_loop
async def test_who_leaves_does_not_end_it_for_others() -> None:
    calls, ended, go = SharedCalls(), [], asyncio.Event()

    async def work() -> str:
        try:
            await go.wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "done"

    one, other = (asyncio.ensure_future(calls.call("a", work)) for _ in range(2))
    await asyncio.sleep(0.02)
    one.cancel()
    await asyncio.wait({one})
    assert (one.cancelled(), other.done(), ended) == (True, False, [])
    other.cancel()
    await asyncio.wait({other})
    await until(lambda: ended)
    assert (ended, calls._running) == (["cancelled"], {})


@on_loop
async def test_a_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    calls = SharedCalls()

    def fail() -> None:
        raise OSError("down")

    found = await asyncio.gather(*(calls.call("a", fail) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [LookFailed] * 3
    assert len({str(one) for one in found}) == 1
    assert caplog.text.count("OSError: down") == 1


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError, StopIteration])
@pytest.mark.parametrize("is_async", [False, True])
@on_loop
async def test_nothing_that_is_raised_ends_the_loop(kind: type[BaseException], is_async: bool) -> None:
    def fail() -> Any:
        raise kind

    async def fail_later() -> Any:
        raise kind

    with pytest.raises(RuntimeError):
        await call_author(fail_later if is_async else fail)
