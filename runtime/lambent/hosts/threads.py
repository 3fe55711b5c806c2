"""Threads for the calls of hosts that stay."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from lambent.errors import OverloadedError

T = TypeVar("T")


class CallThreads:
    """Threads for calls, of which so many run at a time.

    Up to ``waiting`` more may wait for something that happens elsewhere, such as subscriptions and duplicates
    of a running call; further ones are refused.
    """

    def __init__(self, running: int, waiting: int = 1000, name: str = "lambent-call") -> None:
        self._pool = ThreadPoolExecutor(running + waiting, thread_name_prefix=name)
        self._changed = threading.Condition()
        self._free = running
        self._may_wait = waiting
        self._returning = 0
        self._unfinished = 0
        self._queue: OrderedDict[Future[Any], Callable[[], Any]] = OrderedDict()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Run something on a thread, at once or as soon as one may run."""
        future: Future[T] = Future()
        with self._changed:
            self._unfinished += 1
            self._queue[future] = work
            self._start_next()
        return future

    def withdraw(self, future: Future[Any]) -> None:
        """Forget something that was submitted, unless it has begun."""
        if not future.cancel():
            return
        with self._changed:
            if self._queue.pop(future, None) is not None:
                self._unfinished -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def idle(self, *, at_once: bool = False) -> Iterator[None]:
        """While the thread that calls this waits, another one may run.

        ``at_once``: in the end it does not wait for its turn, so that for a moment more may run than should.

        Raises:
            OverloadedError: too many wait already.
        """
        self.pause()
        try:
            yield
        finally:
            self.go_on(at_once=at_once)

    def pause(self) -> None:
        """Begin to wait; see ``idle``."""
        with self._changed:
            if not self._may_wait:
                raise OverloadedError
            self._may_wait -= 1
            self._release()

    def go_on(self, *, at_once: bool = False) -> None:
        """End to wait; see ``idle``."""
        with self._changed:
            self._returning += 1
            self._changed.wait_for(lambda: at_once or self._free > 0)
            self._returning -= 1
            self._free -= 1
            self._may_wait += 1
            self._start_next()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until everything that was submitted has ended; False where that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unfinished, seconds)

    def close(self) -> None:
        """End the threads, each when it has ended what it does; nothing is submitted any more."""
        self._pool.shutdown(wait=not self._unfinished)

    def _run(self, future: Future[Any], work: Callable[[], Any]) -> None:
        try:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
        finally:
            with self._changed:
                self._unfinished -= 1
                self._release()

    def _release(self) -> None:
        self._free += 1
        self._start_next()
        self._changed.notify_all()

    def _start_next(self) -> None:
        """Let calls run that wait for their turn, behind those that have waited in the middle of a call."""
        while self._queue and self._free > self._returning:
            self._free -= 1
            self._pool.submit(self._run, *self._queue.popitem(last=False))
