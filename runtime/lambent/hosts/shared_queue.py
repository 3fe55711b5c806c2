"""Work that several processes share: threads of each take messages of one queue, under leases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lambent.errors import StoreError
from lambent.execution.failures import report
from lambent.execution.leased_queue import LeasedQueue, Message
from lambent.execution.log_records import logger

LEASE_SECONDS = 30.0
"""How long a message is kept from others when its process has died; as long as that lives it is prolonged."""

_BEATS = 3
"""Prolongations within a lease: two may fail."""

_LOOK_SECONDS = 2.0
"""How often a process looks at the queue that nobody wakes."""

_PAUSE_SECONDS = 1.0
"""Between two looks at a queue that cannot be reached, and before what has failed is done again."""

_LONGEST_PAUSE_SECONDS = 60.0

MOST_COUNTS = 10
"""A message that was received more often is given up: its processes have died, or it fails always."""

MOST_AT_ONCE = 10
"""Messages that a process takes at a time: others may be idle."""

_log = logger("lambent")


class SharedQueue:
    """A queue of several processes, of which threads of this process do a part, once it is started.

    Args:
        queue: the queue.
        name: of the threads.
        threads: how many messages are worked at a time.

    Attributes:
        work: does what a message says; set before the first one comes.
        give_up: is called with a message that was received too often.
        queue: see above.
        name: see above.
        beat: is called several times within a lease.
        regular: messages, each with the seconds in which one of all processes sends it once.
        at_end: is called when the threads have ended.
    """

    work: Callable[[str], None]
    give_up: Callable[[str], None]

    def __init__(self, queue: LeasedQueue, name: str, threads: int) -> None:
        self.beat: Callable[[], None] = _nothing
        self.at_end: Callable[[], None] = _nothing
        self.regular: tuple[tuple[str, float], ...] = ()
        self.queue = queue
        self.name = name
        self._most = threads
        self._changed = threading.Condition()
        self._running: set[Message] = set()
        self._pool: ThreadPoolExecutor | None = None
        self._helpers: list[threading.Thread] = []
        self._ending = threading.Event()
        self._given_back = threading.Event()

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``."""
        self.queue.send(task_id, delay)
        self.start()

    def send_all(self, messages: Sequence[str]) -> None:
        """See ``MessageQueue.send_all``."""
        self.queue.send_all(messages)
        self.start()

    def start(self) -> None:
        """Begin to take messages, unless that has begun, or is over."""
        if self._helpers:
            return
        with self._changed:
            if self._helpers or self._ending.is_set():
                return
            self._pool = ThreadPoolExecutor(self._most, thread_name_prefix=self.name)
            for run in (self._take, self._keep):
                self._helpers.append(threading.Thread(target=run, name=f"{self.name}-queue", daemon=True))
            for helper in self._helpers:
                helper.start()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing runs in this process; False where that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def leave(self) -> None:
        """Take no further messages: the process is about to end."""
        self._ending.set()
        with self._changed:
            self._changed.notify_all()

    def close(self, seconds: float) -> bool:
        """Let what runs end, and end the threads; False where that takes longer.

        What has not ended is given back: another process has it after a moment.
        """
        self.leave()
        deadline = time.monotonic() + seconds
        ended = self.wait(seconds)
        self._given_back.set()
        for message in list(self._running):
            self._tell(lambda message=message: self.queue.give_back(message))  # type: ignore[misc]
        for helper in self._helpers:
            helper.join(max(0.0, deadline - time.monotonic()) + _LOOK_SECONDS + _PAUSE_SECONDS)
        if self._pool is not None:
            self._pool.shutdown(wait=ended)
        if ended:
            self.at_end()
        return ended

    def _take(self) -> None:
        """Give messages to the threads as long as some of them are free."""
        assert self._pool is not None  # noqa: S101 - made by ``start``
        is_lost = False
        while not self._ending.is_set():
            with self._changed:
                self._changed.wait_for(lambda: len(self._running) < self._most or self._ending.is_set())
                free = self._most - len(self._running)
            if self._ending.is_set():
                return
            try:
                messages, wait = self.queue.receive(min(free, MOST_AT_ONCE), LEASE_SECONDS, _LOOK_SECONDS)
                if not messages:
                    self.queue.wait(wait)
                is_lost = False
            except Exception as error:
                if not is_lost:
                    self._tell_of(error)
                is_lost = True
                self._ending.wait(_PAUSE_SECONDS)
                continue
            for message in messages:
                with self._changed:
                    self._running.add(message)
                try:
                    self._pool.submit(self._run, message)
                except RuntimeError:  # the interpreter is ending: what was taken comes again after its lease
                    return

    def _keep(self) -> None:
        """Prolong the leases of what runs, and of the records that it has, until it is over or given back."""
        while not self._given_back.wait(LEASE_SECONDS / _BEATS):
            self._tell(lambda: self.queue.extend(list(self._running), LEASE_SECONDS))
            self._tell(self.beat)
            if not self._ending.is_set():
                self._tell(lambda: send_regular(self.queue, self.regular))

    def _run(self, message: Message) -> None:
        try:
            if message.count > MOST_COUNTS:
                self.give_up(message.body)
            else:
                self.work(message.body)
        except Exception as error:
            report(error)
            pause = min(_PAUSE_SECONDS * message.count, _LONGEST_PAUSE_SECONDS)
            self._tell(lambda: self.queue.give_back(message, pause))
        else:
            self._tell(lambda: self.queue.done(message))
        finally:
            with self._changed:
                self._running.discard(message)
                self._changed.notify_all()

    def _tell(self, tell: Callable[[], None]) -> None:
        """Tell the queue of something that it finds out by itself when a lease is over."""
        try:
            tell()
        except Exception as error:
            self._tell_of(error)

    def _tell_of(self, error: Exception) -> None:
        """Note an error in the log; the thread goes on, since nobody else would do its work."""
        if isinstance(error, StoreError):
            _log.warning("%s: the queue cannot be used at the moment: %s", self.name, error)
        else:
            report(error)


def send_regular(queue: LeasedQueue, regular: Iterable[tuple[str, float]]) -> None:
    """Send those of some messages whose turn it is: one of all processes sends each.

    Args:
        queue: takes them.
        regular: each with the seconds in which it is sent once.

    Raises:
        StoreError: the queue cannot be reached.
    """
    for message, seconds in regular:
        if queue.turn(message, seconds):
            queue.send(message)


def _nothing() -> None:
    """Nothing is to be done."""
