"""Work that several processes share, with invocations that end with their process: another one goes on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from lambent.errors import Cancelled, DeadlineReached
from lambent.execution.event_loop import LoopThread
from lambent.execution.leased_queue import LeasedQueue
from lambent.hosts.live import LiveInvocation
from lambent.hosts.shared_queue import SharedQueue

_HAND_ON_SECONDS = 3.0
"""How long a task may take to end when it is stopped: its journal is written."""

T = TypeVar("T")


class SharedWork(SharedQueue):
    """A queue whose messages are worked with invocations; see ``SharedQueue``."""

    def __init__(self, queue: LeasedQueue, name: str, threads: int) -> None:
        super().__init__(queue, name, threads)
        self._making = threading.Lock()
        self._loop: LoopThread | None = None
        self._invocations: set[_HandedOn] = set()

    @contextlib.contextmanager
    def invocation(self) -> Iterator[LiveInvocation]:
        """What a message is worked with; ``stop`` stops it."""
        with self._making:
            if self._loop is None:
                self._loop = LoopThread()
        invocation = _HandedOn(self._loop.loop)
        self._invocations.add(invocation)
        try:
            yield invocation
        finally:
            self._invocations.discard(invocation)

    def stop(self) -> None:
        """Stop what runs where it can be stopped, for others to go on with it: the process ends."""
        self.leave()
        for invocation in list(self._invocations):
            invocation.hand_on()

    def close(self, seconds: float) -> bool:
        """See ``SharedQueue.close``: what does not end in time is stopped then, and others go on."""
        self.leave()
        if not self.wait(seconds):
            self.stop()
        ended = super().close(_HAND_ON_SECONDS)
        with self._making:
            loop, self._loop = self._loop, None
        return (loop is None or loop.close(_HAND_ON_SECONDS)) and ended


class _HandedOn(LiveInvocation):
    """An attempt that can be stopped so that another process makes the next one: as if its time were over."""

    _is_over = False

    def hand_on(self) -> None:
        """Stop a coroutine now, a plain function where it next looks."""
        self._is_over = True
        self._gone.set()
        if self._started is not None:
            self._started.cancel()

    def check(self) -> None:
        """See ``Invocation.check``."""
        if self._is_over:
            self.expired = True
            raise DeadlineReached
        super().check()

    def _run_on_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return super()._run_on_loop(coroutine)
        except Cancelled:
            self.check()  # not cancelled, but over
            raise
