"""Running ``async def`` functions from synchronous code.

One event loop, made when the first coroutine comes along and kept for the life of the process, so that
connection pools that handlers open on it stay warm from invocation to invocation. It runs in a thread of its
own only where the caller's thread has a running loop already, or where several threads share it.
"""

from __future__ import annotations

import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

T = TypeVar("T")


def start_threadsafe(
    coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
) -> Future[tuple[T | None, BaseException | None]]:
    """Start a coroutine on a loop that runs in another thread; ``take`` gives what became of it."""
    import asyncio

    # A future does not carry every BaseException from thread to thread, so it carries them as values.
    async def outcome() -> tuple[T | None, BaseException | None]:
        try:
            return await coroutine, None
        except BaseException as error:
            return None, error

    return asyncio.run_coroutine_threadsafe(outcome(), loop)


def cancelled_within() -> Exception:
    """What a cancellation is that nobody outside asked for: a failure of the coroutine like any other."""
    return RuntimeError("The coroutine was cancelled from within")


def take(future: Future[tuple[T | None, BaseException | None]]) -> T:
    """Wait for what ``start_threadsafe`` started, and return or raise what it did."""
    import asyncio

    value, error = future.result()
    if isinstance(error, asyncio.CancelledError):
        raise cancelled_within() from error
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


class OwnLoop:
    """Runs coroutines on a loop in the caller's thread; for hosts that serve one request at a time."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._elsewhere: LoopThread | None = None

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """See ``AsyncRunner``."""
        import asyncio

        if asyncio._get_running_loop() is not None:
            # Called from a coroutine, as tests do: its loop is busy waiting for this very call.
            self._elsewhere = self._elsewhere or LoopThread()
            return self._elsewhere(coroutine)
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        try:
            return self._loop.run_until_complete(coroutine)
        except asyncio.CancelledError as error:
            raise cancelled_within() from error

    def close(self) -> None:
        """Close the loops, as tests and tools do; Lambda never does."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None
        if self._elsewhere is not None:
            self._elsewhere.close()
            self._elsewhere = None


class LoopThread:
    """Runs coroutines on a loop in a thread of its own; any number of threads may call.

    Attributes:
        loop: the loop, running.
    """

    def __init__(self) -> None:
        import asyncio

        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="lambent-loop", daemon=True)
        self._thread.start()

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """See ``AsyncRunner``."""
        return take(start_threadsafe(coroutine, self.loop))

    def close(self) -> None:
        """Stop the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
