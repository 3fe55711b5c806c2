"""Invocations of hosts that stay: many at a time, each on a thread of its own, each cancellable."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from lambent.errors import Cancelled
from lambent.execution.invocation import Invocation
from lambent.execution.event_loop import LoopTask

T = TypeVar("T")


class LiveInvocation(Invocation):
    """Runs coroutines on a loop that other threads share, and stops them when the client leaves.

    Args:
        loop: a running event loop.
    """

    __slots__ = ("_loop", "_started")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(self._run_on_loop)
        self._loop = loop
        self._started: LoopTask[Any] | None = None

    def cancel(self) -> None:
        """Nobody wants the result: stop a coroutine now, a plain function where it next looks."""
        self.cancelled = True
        if self._started is not None:
            self._started.cancel()

    def _is_unwanted(self) -> bool:
        """Whether it is cancelled now; a method, since another thread may change it between two looks."""
        return self.cancelled

    def _run_on_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._is_unwanted():
            coroutine.close()
            raise Cancelled
        started = LoopTask(coroutine, self._loop)
        self._started = started
        if self.cancelled:  # before there was anything to cancel
            started.cancel()
        try:
            value = started.result()
        except asyncio.CancelledError:
            raise Cancelled from None
        self.check()
        return value
