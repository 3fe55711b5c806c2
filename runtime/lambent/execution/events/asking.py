"""Calling functions of the server's author for streams: never on their event loop, once for many of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.execution.failures import report

if TYPE_CHECKING:
    import asyncio


class LookFailed(Exception):  # noqa: N818 - says what happened
    """What many streams look at is not known now; the log of the process says why, under this reference."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference


async def call_author(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function of the server's author on a thread; a coroutine that it returns, on this loop.

    Raises:
        CancelledError: of asyncio: the task of the caller is cancelled.
        Exception: what it has raised; a ``RuntimeError`` in place of ``SystemExit`` and the like, which would
            end the loop, and of a cancellation from within.
    """
    import asyncio

    def guarded() -> tuple[Any, BaseException | None]:
        try:
            return function(*given), None
        except BaseException as error:  # not every exception passes between threads
            return None, error

    answer, failure = await asyncio.to_thread(guarded)
    try:
        if failure is not None:
            raise failure
        return await answer if type(answer) is CoroutineType else answer
    except Exception:
        raise
    except BaseException as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        raise RuntimeError(f"{type(error).__name__} was raised") from error


class _SharedCall(msgspec.Struct):
    task: asyncio.Task[Any]
    waiters: int = 0


class SharedCalls:
    """Calls that several streams of an event loop want at the same time: each is made once for all."""

    def __init__(self) -> None:
        self._running: dict[tuple[asyncio.AbstractEventLoop, Hashable], _SharedCall] = {}

    async def call(self, key: Hashable, function: Callable[..., Any], *given: Any) -> Any:
        """Call a function, or wait for the call with this key that runs.

        Raises:
            LookFailed: it has failed.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        place = loop, key
        asked = self._running.get(place)
        if asked is None:
            asked = self._running[place] = _SharedCall(loop.create_task(_reported(function, given)))
        asked.waiters += 1
        try:
            return await asyncio.shield(asked.task)
        finally:
            asked.waiters -= 1
            if self._running.get(place) is asked and (asked.task.done() or not asked.waiters):
                del self._running[place]
            if not asked.waiters:
                asked.task.cancel()


async def _reported(function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    try:
        return await call_author(function, *given)
    except Exception as error:
        raise LookFailed(report(error)) from None
