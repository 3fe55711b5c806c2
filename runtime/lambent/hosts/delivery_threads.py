"""Deliveries by threads of the process that answers requests, where there is no table that others see."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lambent.execution.failures import report
from lambent.execution.log_records import logger

_THREADS = 32
"""Messages that are worked at a time: one whose endpoint does not answer takes a thread for seconds."""

_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0
"""Before a message that has failed is tried again; longer each time."""


class DeliveryThreads:
    """A queue whose messages are worked by threads of this process; they are lost when it ends.

    ``work`` is set once what delivers, which needs this queue, is made; ``at_end`` is called when all ended.
    """

    def __init__(self) -> None:
        self.work: Callable[[str], None] | None = None
        self.at_end: Callable[[], None] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._watcher: threading.Thread | None = None
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, str, int]] = []
        """When each message is due, by the monotonic clock, and how often it has failed."""
        self._numbers = itertools.count()
        self._unfinished = 0
        self._closing = False

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``."""
        self._put(task_id, delay, 0)

    def send_all(self, messages: Sequence[str]) -> None:
        """See ``MessageQueue.send_all``."""
        for message in messages:
            self._put(message, 0.0, 0)

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is to be done any more, now or later; False where that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._unfinished, seconds)

    def close(self, seconds: float) -> bool:
        """Forget what has not begun, and let end what has; False where that takes longer.

        A message that is sent afterwards begins anew: applications may be started again.
        """
        with self._changed:
            pool, self._pool = self._pool, None
            if pool is None or self._watcher is None:
                return True
            watcher = self._watcher
            self._closing = True
            self._waiting.clear()
            self._changed.notify_all()
            ended = self._changed.wait_for(lambda: not self._unfinished, seconds)
            self._closing = False
        watcher.join(seconds)
        pool.shutdown(wait=ended, cancel_futures=True)
        if ended and self.at_end is not None:
            self.at_end()
        return ended

    def _put(self, message: str, delay: float, failures: int) -> None:
        with self._changed:
            if self._closing:
                return
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="lambent-delivery")
                self._watcher = threading.Thread(
                    target=self._watch, args=(self._pool,), name="lambent-deliveries", daemon=True
                )
                self._watcher.start()
            due = time.monotonic() + max(0.0, delay)
            heapq.heappush(self._waiting, (due, next(self._numbers), message, failures))
            self._changed.notify_all()

    def _watch(self, pool: ThreadPoolExecutor) -> None:
        """Give messages to the threads of a pool when they are due."""
        with self._changed:
            while self._pool is pool:
                now, waits = time.monotonic(), self._waiting
                # None is given to a pool that is busy: at its end the interpreter waits for all that it has.
                while waits and waits[0][0] <= now and self._unfinished < _THREADS:
                    _, _, message, failures = heapq.heappop(self._waiting)
                    try:
                        pool.submit(self._run, message, failures)
                    except RuntimeError:  # the interpreter is ending
                        return
                    self._unfinished += 1
                is_free = self._unfinished < _THREADS
                self._changed.wait(waits[0][0] - now if waits and is_free else None)

    def _run(self, message: str, failures: int) -> None:
        assert self.work is not None  # noqa: S101 - set before the first request
        try:
            self.work(message)
        except Exception as error:
            report(error)
            if failures + 1 < _ATTEMPTS:
                self._put(message, _PAUSE_SECONDS * (failures + 1), failures + 1)
            else:
                kind = message.partition(" ")[0]
                logger("lambent.events").error("A message %r failed %d times: it is lost", kind, _ATTEMPTS)
        finally:
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()
