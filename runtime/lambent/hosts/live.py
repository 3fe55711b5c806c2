"""Hosts that stay: many calls at a time, each on a thread, each cancellable; and threads as workers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.errors import Cancelled
from lambent.execution.event_loop import LoopTask, LoopThread
from lambent.execution.failures import report
from lambent.execution.invocation import Invocation

if TYPE_CHECKING:
    from lambent.execution.durable.tasks.worker import Worker

_MAX_TASKS = 32
"""Tasks that run at a time."""

T = TypeVar("T")


class CallThreads:
    """Threads for calls, of which so many run at a time.

    Up to ``waiting`` more may wait for something that happens elsewhere, such as subscriptions and duplicates
    of a running call; further ones count as running.
    """

    def __init__(self, running: int, waiting: int = 1000) -> None:
        self._pool = ThreadPoolExecutor(running + waiting, thread_name_prefix="lambent-call")
        self._changed = threading.Condition()
        self._free = running
        self._may_wait = waiting
        self._returning = 0
        self._queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Run something on a thread, at once or as soon as one may run."""
        future: Future[T] = Future()
        with self._changed:
            self._queue.append((future, work))
            self._start_next()
        return future

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """While the thread that calls this waits, another one may run."""
        with self._changed:
            may_wait = self._may_wait > 0
            if may_wait:
                self._may_wait -= 1
                self._release()
        try:
            yield
        finally:
            if may_wait:
                with self._changed:
                    self._returning += 1
                    self._changed.wait_for(lambda: self._free > 0)
                    self._returning -= 1
                    self._free -= 1
                    self._may_wait += 1
                    self._start_next()

    def close(self) -> None:
        """Wait until everything that was submitted has ended, and end the threads."""
        with self._changed:
            self._changed.wait_for(lambda: not self._queue)
        self._pool.shutdown()

    def _run(self, future: Future[Any], work: Callable[[], Any]) -> None:
        try:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
        finally:
            with self._changed:
                self._release()

    def _release(self) -> None:
        self._free += 1
        self._start_next()
        self._changed.notify_all()

    def _start_next(self) -> None:
        """Let calls run that wait for their turn, behind those that have waited in the middle of a call."""
        while self._queue and self._free > self._returning:
            self._free -= 1
            self._pool.submit(self._run, *self._queue.popleft())


class LiveInvocation(Invocation):
    """Runs coroutines on a running loop that other threads share, and stops them when the client leaves.

    The call itself runs on one of ``threads``, or on a thread of its own.
    """

    __slots__ = ("_gone", "_loop", "_started", "_threads", "_writing")

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: CallThreads | None = None) -> None:
        super().__init__(self._run_on_loop)
        self._loop = loop
        self._threads = threads
        self._gone = threading.Event()
        self._writing = asyncio.Lock()
        self._started: LoopTask[Any] | None = None

    def cancel(self) -> None:
        """Nobody wants the result: stop a coroutine now, a plain function where it next looks.

        A call that holds a claim is not stopped: its result is kept for a retry.
        """
        if self.cancelled:
            return
        self.cancelled = True
        self._gone.set()
        if self._started is not None and not self.detached:
            self._started.cancel()

    async def write(self, work: Callable[[], T]) -> T:
        """See ``Invocation.write``; once begun it is done, whatever becomes of the coroutine."""
        async with self._writing:
            done = asyncio.ensure_future(asyncio.to_thread(work))
            try:
                return await asyncio.shield(done)
            except asyncio.CancelledError:
                await asyncio.wait({done})
                raise

    def idle(self) -> contextlib.AbstractContextManager[None]:
        """See ``Invocation.idle``."""
        return super().idle() if self._threads is None else self._threads.idle()

    def sleep(self, seconds: float) -> None:
        """See ``Invocation.sleep``; it ends when the client leaves."""
        with self.idle():
            self._gone.wait(seconds)

    def _is_unwanted(self) -> bool:
        """Whether it is cancelled now; a method, since another thread may change it between two looks."""
        return self.cancelled and not self.detached

    def _run_on_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._is_unwanted():
            coroutine.close()
            raise Cancelled
        started = LoopTask(coroutine, self._loop)
        self._started = started
        if self._is_unwanted():  # before there was anything to cancel
            started.cancel()
        try:
            value = started.result()
        except asyncio.CancelledError:
            raise Cancelled from None
        self.check()
        return value


class ThreadQueue:
    """A queue whose messages are run by threads of this process; they are lost when it ends.

    ``worker`` is set once the server's services, which hold this queue, are made.
    """

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._loop: LoopThread | None = None
        self._lock = threading.Lock()

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``."""
        if delay > 0:
            timer = threading.Timer(delay, self._run, (task_id,))
            timer.daemon = True
            timer.start()
        else:
            self._run(task_id)

    def _run(self, task_id: str) -> None:
        with self._lock:
            if self._threads is None or self._loop is None:
                self._threads = ThreadPoolExecutor(_MAX_TASKS, thread_name_prefix="lambent-task")
                self._loop = LoopThread()
        self._threads.submit(self._work, task_id, LiveInvocation(self._loop.loop))

    def _work(self, task_id: str, invocation: LiveInvocation) -> None:
        assert self.worker is not None  # noqa: S101 - set before the first request
        try:
            self.worker.run(task_id, invocation)
        except Exception as error:
            report(error)
            self.send(task_id, delay=1.0)
