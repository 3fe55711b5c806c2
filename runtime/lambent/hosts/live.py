"""Invocations of hosts that stay: many at a time, each on a thread of its own, each cancellable."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from typing import Any, TypeVar

from lambent.errors import Cancelled
from lambent.execution.invocation import Invocation
from lambent.execution.loop import start_threadsafe, take

T = TypeVar("T")


class LiveInvocation(Invocation):
    """Runs coroutines on a loop that other threads share, and stops them when the client leaves.

    Args:
        loop: a running event loop.
    """

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(self._run_on_loop)
        self._loop = loop
        self._future: concurrent.futures.Future[Any] | None = None

    def cancel(self) -> None:
        """Nobody wants the result: stop a coroutine now, a plain function where it next looks."""
        self.cancelled = True
        if self._future is not None:
            self._future.cancel()

    def _run_on_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = start_threadsafe(coroutine, self._loop)
        self._future = future
        if self.cancelled:  # it came between the first line and the second
            future.cancel()
        try:
            return take(future)
        except concurrent.futures.CancelledError:
            raise Cancelled from None
