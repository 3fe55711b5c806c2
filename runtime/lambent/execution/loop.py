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

T = TypeVar("T")


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
        return self._loop.run_until_complete(coroutine)

    def close(self) -> None:
        """Close the loops, as tests and tools do; Lambda never does."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None
        if self._elsewhere is not None:
            self._elsewhere.close()
            self._elsewhere = None


class LoopThread:
    """Runs coroutines on a loop in a thread of its own; any number of threads may call."""

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lambent-loop", daemon=True)
        self._thread.start()

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """See ``AsyncRunner``."""
        import asyncio

        # A task's future cannot carry every BaseException over to another thread: carry it as a value.
        async def outcome() -> tuple[T | None, BaseException | None]:
            try:
                return await coroutine, None
            except BaseException as error:
                return None, error

        value, error = asyncio.run_coroutine_threadsafe(outcome(), self._loop).result()
        if error is not None:
            raise error
        return value  # type: ignore[return-value]

    def close(self) -> None:
        """Stop the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
