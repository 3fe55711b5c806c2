"""Running ``async def`` functions from synchronous code.

One event loop, made when the first coroutine comes along and kept for the life of the process, so that
connection pools that handlers open on it stay warm from invocation to invocation. It runs in a thread of its
own only where the caller's thread has a running loop already, or where several threads share it.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
import weakref
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lambent.errors import Signal
from lambent.execution.log_records import logger

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

_LOOK_SECONDS = 1.0
"""How often whoever waits for a coroutine looks whether its loop still runs."""

_STOPPED_LOOKS = 5
"""A loop that does not run at so many looks, one after the other, is not going to run again."""


class CallerLoop:
    """Runs coroutines on a loop in the caller's thread; for hosts that serve one request at a time."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._elsewhere: LoopThread | None = None

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """See ``AsyncRunner``."""
        import asyncio

        if asyncio._get_running_loop() is not None:
            # Called from a coroutine, as tests do: its loop cannot run while it waits for this call.
            self._elsewhere = self._elsewhere or LoopThread()
            return self._elsewhere(coroutine)
        if self._loop is not None and self._loop.is_running():
            # Called from a thread that a coroutine waits for, as ``asyncio.to_thread`` makes one.
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        if self._loop is None or self._loop.is_closed():
            self._loop = _new_loop()
            # Who drops a handler without closing it, as tests do, is not warned of an unclosed loop.
            weakref.finalize(self, self._loop.close).atexit = False
        loop, before = self._loop, asyncio.all_tasks(self._loop)
        task = loop.create_task(coroutine)
        try:
            while True:
                try:
                    return loop.run_until_complete(task)
                except (SystemExit, RuntimeError):
                    # Where it is not over, a task that it has left behind has exited, or stopped the loop.
                    if task.done() or loop.is_closed() or loop.is_running():
                        raise
        except asyncio.CancelledError as error:
            raise _cancelled_within() from error
        except (Signal, KeyboardInterrupt, GeneratorExit):
            # A handler that stopped in the middle leaves tasks that must not act while another is served.
            loop.run_until_complete(_end(asyncio.all_tasks(loop) - before))
            raise

    def close(self) -> None:
        """End what is left on the loops and close them, as tests and tools do; Lambda never does."""
        if self._loop is not None:
            self._loop.run_until_complete(_end_all())
            self._loop.close()
            self._loop = None
        if self._elsewhere is not None:
            self._elsewhere.close()
            self._elsewhere = None


class LoopThread:
    """Runs coroutines on ``loop``, which runs in a thread of its own; any number of threads may call.

    The loop goes on where a task stops it or raises ``SystemExit``; one that was closed is replaced.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._ending = False
        self._start()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that runs."""
        with self._starting:
            if self._loop.is_closed() and not self._ending:
                self._start()
            return self._loop

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """See ``AsyncRunner``."""
        return LoopTask(coroutine, self.loop).result()

    def close(self, seconds: float | None = None) -> bool:
        """End what is left on the loop, and stop the thread; False where that takes more than ``seconds``."""
        try:
            LoopTask(_end_all(), self.loop).result(seconds)
            self._ending = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        except (TimeoutError, RuntimeError):  # something goes on when it is cancelled, or has closed the loop
            self._ending = True
            return False
        self._thread.join(seconds)
        if not self._thread.is_alive():
            self._loop.close()
        return not self._thread.is_alive()

    def _start(self) -> None:
        self._loop = _new_loop()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop,), name="lambent-loop", daemon=True
        )
        self._thread.start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not (self._ending or loop.is_closed()):
            # asyncio logs what a task has raised; RuntimeError: it was closed just now.
            with contextlib.suppress(SystemExit, KeyboardInterrupt, RuntimeError):
                loop.run_forever()


class LoopTask(Generic[T]):
    """A coroutine on a loop that runs in another thread; one that is cancelled in time never begins."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._task: asyncio.Task[None]  # from ``_begin`` on
        self._ended = threading.Event()
        self._cancelled = False
        self._value: T | None = None
        self._error: BaseException | None = None
        try:
            loop.call_soon_threadsafe(self._begin)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise

    def cancel(self) -> None:
        """Cancel it from any thread."""
        self._cancelled = True
        with contextlib.suppress(RuntimeError):  # the loop is closed, so it has ended
            self._loop.call_soon_threadsafe(self._cancel)

    def result(self, seconds: float | None = None) -> T:
        """Wait until it has ended, its cleaning up included, and return or raise what it did.

        Raises:
            CancelledError: of asyncio, where ``cancel`` was called.
            RuntimeError: it was cancelled, but not by ``cancel``; or the loop itself would wait here; or the
                loop has stopped for good.
            TimeoutError: it has not ended after so many ``seconds``.
        """
        import asyncio

        if asyncio._get_running_loop() is self._loop:
            self.cancel()
            raise RuntimeError("Waiting here would block the event loop for ever: use await in async def")
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        stopped = 0
        while not self._ended.wait(max(0.0, min(_LOOK_SECONDS, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                raise TimeoutError
            stopped = 0 if self._loop.is_running() else stopped + 1
            if stopped >= _STOPPED_LOOKS or self._loop.is_closed():
                raise RuntimeError("The event loop has stopped")
        if isinstance(self._error, asyncio.CancelledError) and not self._cancelled:
            raise _cancelled_within() from self._error
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._run())
        self._task.add_done_callback(self._end)
        if self._cancelled:
            self._task.cancel()

    def _cancel(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        # What a task raises may end its loop, and not every exception passes between threads: it is kept.
        try:
            self._value = await self._coroutine
        except BaseException as error:
            self._error = error

    def _end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before its first step
            import asyncio

            self._coroutine.close()
            self._error = asyncio.CancelledError()
        self._ended.set()


def _new_loop() -> asyncio.AbstractEventLoop:
    import asyncio

    logger("asyncio")  # which writes what tasks have raised that nobody waits for
    return asyncio.new_event_loop()


def _cancelled_within() -> RuntimeError:
    """A cancellation that nobody outside asked for is a failure of the coroutine like any other."""
    return RuntimeError("The coroutine was cancelled from within")


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    import asyncio

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _end_all() -> None:
    """Cancel every other task of the loop, and let each clean up, as ``asyncio.Runner`` does at its end."""
    import asyncio

    loop = asyncio.get_running_loop()
    await _end({task for task in asyncio.all_tasks() if task is not asyncio.current_task()})
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
