"""Hosts that stay: calls that are cancelled, whose clients may read slowly; and threads as workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.errors import Cancelled, OverloadedError
from lambent.execution.event_loop import LoopTask, LoopThread
from lambent.execution.failures import report
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.pending import Pending
from lambent.hosts.lease_renewal import LEASE_SECONDS, leases
from lambent.hosts.threads import CallThreads

if TYPE_CHECKING:
    from lambent.execution.durable.tasks.worker import Worker
    from lambent.execution.open_streams import OpenStream

_MAX_TASKS = 32
"""Tasks that run at a time."""

_SLOW_BYTES = 256 * 1024
"""Where its client has so much to read, a handler that sends more waits until it has less."""

_DROP_BYTES = 4 * 1024 * 1024
"""Where the handler does not wait, as a coroutine that does not await: what comes on top is dropped."""

_LONGEST_PAUSE = 0.05
"""Seconds between two looks whether the client has read something."""

_log = logging.getLogger("lambent")

T = TypeVar("T")


class LiveInvocation(Invocation):
    """Runs coroutines on a running loop that other threads share, and stops them when the client leaves.

    The call itself runs on one of ``threads``, or on a thread of its own.

    Attributes:
        following: the stream that the call has opened; None where it has opened none.
    """

    shares_loop = True
    lease_seconds: float | None = LEASE_SECONDS
    following: OpenStream | None = None
    _started: LoopTask[Any] | Future[Any] | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: CallThreads | None = None) -> None:
        super().__init__(self._run_on_loop)
        self._loop = loop
        self._threads = threads
        self._gone = threading.Event()
        self._writing = asyncio.Lock()
        self._waits = 0
        self._dropped = False
        self._unread = 0
        self._counting = threading.Lock()

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

    def delivers(self, delivery: Future[Any]) -> None:
        """What to cancel from now on: the delivery of a stream, behind the call."""
        self._started = delivery
        if self.cancelled:
            delivery.cancel()

    def stop(self) -> None:
        """See ``Invocation.stop``."""
        if self.detached:
            self.detached = self.cancelled = False
        self.cancel()

    def count_unread(self, size: int) -> None:
        """Count bytes that were sent to the client, or with a minus sign that have been read."""
        with self._counting:
            self._unread += size

    def unread(self) -> int:
        """How many bytes the client has yet to read."""
        return self._unread

    def drops(self) -> bool:
        """Whether to drop a notification, because its client has to read too many of this call."""
        if self._unread < _DROP_BYTES:
            return False
        if not self._dropped:
            self._dropped = True
            _log.warning("Notifications of a call are dropped: its client does not read them")
        return True

    def slow_down(self) -> Pending[None] | None:
        """Wait until the client has read most of what was sent; a coroutine waits for what this returns."""
        if self.unread() < _SLOW_BYTES:
            return None
        if asyncio._get_running_loop() is not None:
            return _Room(self)
        with contextlib.suppress(OverloadedError), self.idle():
            self.wait_for_room()
        return None

    def wait_for_room(self) -> None:
        """Block until the client has read most of what was sent, or has gone."""
        pause = 0.001
        while self.unread() >= _SLOW_BYTES and not self._gone.wait(pause):
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def write(self, work: Callable[[], T]) -> T:
        """See ``Invocation.write``; once begun it is done, whatever becomes of the coroutine."""
        async with self._writing:
            done = asyncio.ensure_future(asyncio.to_thread(work))
            try:
                return await asyncio.shield(done)
            except asyncio.CancelledError:
                await asyncio.wait({done})
                raise

    @contextlib.contextmanager
    def idle(self, *, at_once: bool = False) -> Iterator[None]:
        """See ``Invocation.idle`` and ``CallThreads.idle``; it may be entered again.

        A call that waits for several things at once, as a task group does, waits until the last one is there.
        """
        if self._threads is None:
            yield
            return
        with self._counting:
            if not self._waits:
                self._threads.pause()
            self._waits += 1
        try:
            yield
        finally:
            with self._counting:
                self._waits -= 1
                goes_on = not self._waits
            if goes_on:
                self._threads.go_on(at_once=at_once)

    def renewing(self, renew: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
        """See ``Invocation.renewing``."""
        return super().renewing(renew) if self.remaining_ms() is not None else leases.renewing(renew)

    def sleep(self, seconds: float) -> None:
        """See ``Invocation.sleep``; it ends when the client leaves, unless the call goes on then."""
        with self.idle():
            (time.sleep if self.detached else self._gone.wait)(seconds)

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


class _Room(Pending[None]):
    """What a coroutine awaits that sends faster than its client reads; it cannot wait in any other way."""

    __slots__ = ("_invocation",)

    def __init__(self, invocation: LiveInvocation) -> None:
        super().__init__(lambda: None)
        self._invocation = invocation

    def __await__(self) -> Generator[Any, None, None]:
        pause, invocation = 0.0, self._invocation
        # The thread of the call waits too. The loop must not wait for that thread's next turn.
        with contextlib.suppress(OverloadedError), invocation.idle(at_once=True):
            while invocation.unread() >= _SLOW_BYTES and not invocation.cancelled:
                yield from asyncio.sleep(pause).__await__()
                pause = min(pause * 2 or 0.001, _LONGEST_PAUSE)


class TaskRunner:
    """Runs tasks by threads of this process, of whatever queue."""

    def set_worker(self, worker: Worker) -> None:
        """Set what runs tasks: it needs the server's services, which hold this."""
        raise NotImplementedError

    def wait(self, seconds: float) -> bool:
        """Wait until no task runs; False where that takes longer."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop what runs: the process is about to end."""
        raise NotImplementedError

    def close(self, seconds: float) -> bool:
        """End the threads, so far as they end within this time; False where they do not."""
        raise NotImplementedError


class ThreadQueue(TaskRunner):
    """A queue whose messages are run by threads of this process; they are lost when it ends."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self._threads: CallThreads | None = None
        self._loop: LoopThread | None = None
        self._lock = threading.Lock()
        self._running: set[LiveInvocation] = set()

    def set_worker(self, worker: Worker) -> None:
        """See ``TaskRunner.set_worker``."""
        self.worker = worker

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``."""
        with self._lock:
            if self._threads is None or self._loop is None:
                self._threads = CallThreads(_MAX_TASKS, 0, "lambent-task")
                self._loop = LoopThread()
        if delay > 0:
            loop = self._loop.loop
            loop.call_soon_threadsafe(loop.call_later, delay, self._run, task_id)
        else:
            self._run(task_id)

    def wait(self, seconds: float) -> bool:
        """See ``TaskRunner.wait``."""
        return self._threads is None or self._threads.wait(seconds)

    def stop(self) -> None:
        """See ``TaskRunner.stop``: it is cancelled."""
        for invocation in list(self._running):
            invocation.stop()

    def close(self, seconds: float) -> bool:
        """See ``TaskRunner.close``."""
        if self._threads is None or self._loop is None:
            return True
        self._threads.close()
        return self._loop.close(seconds)

    def _run(self, task_id: str) -> None:
        assert self._threads is not None  # noqa: S101 - made by ``send``
        assert self._loop is not None  # noqa: S101
        invocation = LiveInvocation(self._loop.loop)
        self._running.add(invocation)
        self._threads.submit(lambda: self._work(task_id, invocation))

    def _work(self, task_id: str, invocation: LiveInvocation) -> None:
        assert self.worker is not None  # noqa: S101 - set before the first request
        try:
            self.worker.run(task_id, invocation)
        except Exception as error:
            report(error)
            self.send(task_id, delay=1.0)
        finally:
            self._running.discard(invocation)
