"""A process that works queues where no Lambda does: it takes messages, and does as they say, on threads."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lambent.errors import Cancelled, DeadlineReached, StoreError
from lambent.execution.event_loop import LoopTask, LoopThread
from lambent.execution.failures import report
from lambent.execution.lifespan import Lifespan
from lambent.execution.log_records import logger
from lambent.hosts.lease_renewal import LeaseRenewal
from lambent.hosts.live import LiveInvocation
from lambent.stores.sqs_inbox import TakenMessage

if TYPE_CHECKING:
    import asyncio

_RECEIVE_SECONDS = 5
"""How long a queue is asked for messages: so long the end may wait for it."""

_EXTEND_SECONDS = 20.0
"""How often a message that is worked is kept from others."""

_CLEAN_UP_SECONDS = 5.0
"""What has been told to hand over has so long for it."""

_LOOK_SECONDS = 0.1
"""How often somebody looks whether the process was told to end."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds before a queue is asked again that could not be reached."""

_log = logger("lambent.tasks")

T = TypeVar("T")


class Inbox(Protocol):
    """A queue from which messages are taken; what is taken and not deleted comes again.

    Attributes:
        name: names the queue in the log.
    """

    name: str

    def receive(self, most: int, seconds: int) -> list[TakenMessage]:
        """Take up to so many messages; where there is none, wait for one for so many seconds.

        Raises:
            StoreError: the queue cannot be reached.
        """

    def extend(self, message: TakenMessage, seconds: int = ...) -> None:
        """Keep a message from others for so many seconds from now; 0: give it back.

        Raises:
            StoreError: as above.
        """

    def delete(self, message: TakenMessage) -> None:
        """Forget a message: it is done.

        Raises:
            StoreError: as above.
        """


Work = Callable[[str, "WorkerInvocation"], None]
"""Does as a message says. Where it raises, the queue brings the message again."""


class WorkerInvocation(LiveInvocation):
    """What runs for one message; it has no deadline before the process is told to end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._end: float | None = None

    def ends_at(self, end: float) -> None:
        """The process ends then, by the monotonic clock."""
        self._end = end

    def hand_over(self) -> None:
        """Stop, so that another process goes on: a coroutine now, a plain function where it next looks."""
        self.expired = True
        self._gone.set()
        if self._started is not None:
            self._started.cancel()

    def remaining_ms(self) -> int | None:
        """See ``Invocation.remaining_ms``."""
        return None if self._end is None else max(0, int((self._end - time.monotonic()) * 1000))

    def check(self) -> None:
        """See ``Invocation.check``."""
        if self.expired:
            raise DeadlineReached
        super().check()

    def _run_on_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self.expired:
            coroutine.close()
            raise DeadlineReached
        try:
            return super()._run_on_loop(coroutine)
        except Cancelled:
            if self.expired:
                raise DeadlineReached from None
            raise


class QueueWorker:
    """Takes messages and does as they say, until it is told to end.

    Args:
        inboxes: the queues, and what does as their messages say.
        threads: messages of one queue that are worked at a time.
        seconds: how long what runs may go on at the end. Then it is handed over.
        give_up: does with messages that were taken too often.
        schedule: what is done beside that again and again, as its name, the seconds between and the work.
        lifespan: left at the end.
    """

    def __init__(
        self,
        inboxes: Sequence[tuple[Inbox, Work]],
        *,
        threads: int = 8,
        seconds: float = 10.0,
        give_up: Work | None = None,
        schedule: Sequence[tuple[str, float, Callable[[WorkerInvocation], object]]] = (),
        lifespan: Lifespan | None = None,
    ) -> None:
        self._inboxes = inboxes
        self._threads = threads
        self._seconds = seconds
        self._give_up = give_up
        self._schedule = schedule
        self._lifespan = lifespan
        self._ending = threading.Event()
        self._stops = 0
        self._error: BaseException | None = None
        self._deadline = 0.0
        self._changed = threading.Condition()
        self._running: set[WorkerInvocation] = set()
        self._loop = LoopThread()
        self._extending = LeaseRenewal(_EXTEND_SECONDS)

    def stop(self) -> None:
        """Take no more messages; what runs has some time to end. Called again: it has none."""
        self._stops += 1  # and no lock is taken: a handler of a signal may have interrupted who has it

    def run(self) -> bool:
        """Work until ``stop`` is called, from any thread or a handler of a signal.

        Returns:
            Whether everything has ended. What has not keeps threads, for which the interpreter would wait.

        Raises:
            BaseException: why messages could not be taken, other than that a queue could not be reached.
        """
        pools = [ThreadPoolExecutor(self._threads, "lambent-worker") for _ in self._inboxes]
        pollers = [
            threading.Thread(target=self._poll, args=(inbox, work, pool), name="lambent-poll", daemon=True)
            for (inbox, work), pool in zip(self._inboxes, pools, strict=True)
        ]
        pollers += [
            threading.Thread(target=self._repeat, args=one, name="lambent-schedule", daemon=True)
            for one in self._schedule
        ]
        for thread in pollers:
            thread.start()
        _log.info("Taking messages of %s", ", ".join(inbox.name for inbox, _ in self._inboxes))
        while not self._stops:
            time.sleep(_LOOK_SECONDS)
        self._deadline = time.monotonic() + self._seconds
        self._ending.set()
        ended = self._finish()
        for thread in pollers:
            thread.join(_until(self._deadline + _CLEAN_UP_SECONDS))
        for pool in pools:
            pool.shutdown(wait=ended, cancel_futures=True)
        ended &= self._leave() and self._loop.close(_CLEAN_UP_SECONDS)
        if self._error is not None:
            raise self._error
        return ended

    def _finish(self) -> bool:
        """Let what runs end, and have handed over what does not; False where something does neither."""
        with self._changed:
            for one in self._running:
                one.ends_at(self._deadline + _CLEAN_UP_SECONDS)
            while self._running and self._stops < 2 and time.monotonic() < self._deadline:
                self._changed.wait(_LOOK_SECONDS)
            for one in self._running:
                one.hand_over()
            return self._changed.wait_for(lambda: not self._running, _CLEAN_UP_SECONDS)

    def _leave(self) -> bool:
        if self._lifespan is None:
            return True
        try:
            LoopTask(self._lifespan.leave(), self._loop.loop).result(_CLEAN_UP_SECONDS)
        except TimeoutError:
            return False
        except Exception as error:
            report(error)
        return True

    def _poll(self, inbox: Inbox, work: Work, pool: ThreadPoolExecutor) -> None:
        try:
            self._take(inbox, work, pool)
        except BaseException as error:
            self._error = error
            self.stop()

    def _take(self, inbox: Inbox, work: Work, pool: ThreadPoolExecutor) -> None:
        """Take messages from a queue while threads are free."""
        free, pause = threading.Semaphore(self._threads), _FIRST_PAUSE

        def do(message: TakenMessage) -> None:
            try:
                self._do(inbox, work, message)
            finally:
                free.release()

        while not self._ending.is_set():
            if not free.acquire(timeout=_LOOK_SECONDS):
                continue
            count = 1
            while free.acquire(blocking=False):
                count += 1
            try:
                messages, pause = inbox.receive(count, _RECEIVE_SECONDS), _FIRST_PAUSE
            except StoreError as error:
                _log.warning("No messages could be taken: %s", error)
                messages = []
                self._ending.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            if unused := count - len(messages):
                free.release(unused)
            for message in messages:
                if self._ending.is_set():
                    with contextlib.suppress(StoreError):
                        inbox.extend(message, 0)
                else:
                    pool.submit(do, message)

    def _do(self, inbox: Inbox, work: Work, message: TakenMessage) -> None:
        if message.is_spent and self._give_up is not None:
            work = self._give_up
        try:
            with self._invocation() as invocation, self._extending.renewing(lambda: inbox.extend(message)):
                work(message.body, invocation)
            inbox.delete(message)
        except BaseException:
            _log.exception("A message of %s failed: the queue delivers it again", inbox.name)

    def _repeat(self, name: str, seconds: float, work: Callable[[WorkerInvocation], object]) -> None:
        while not self._ending.wait(seconds):
            try:
                with self._invocation() as invocation:
                    work(invocation)
            except Exception:
                _log.exception("%s failed: it is done again in %s seconds", name, seconds)

    @contextlib.contextmanager
    def _invocation(self) -> Iterator[WorkerInvocation]:
        invocation = WorkerInvocation(self._loop.loop)
        with self._changed:
            self._running.add(invocation)
            if self._ending.is_set():
                invocation.ends_at(self._deadline + _CLEAN_UP_SECONDS)
        try:
            yield invocation
        finally:
            with self._changed:
                self._running.discard(invocation)
                self._changed.notify_all()


def serve(worker: QueueWorker) -> None:
    """Work until SIGTERM or SIGINT. If something does not end in time, the process is ended here.

    Raises:
        BaseException: what ``QueueWorker.run`` raises.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        worker.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        if not worker.run():
            os._exit(0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until(deadline: float) -> float:
    return max(0.05, deadline - time.monotonic())
