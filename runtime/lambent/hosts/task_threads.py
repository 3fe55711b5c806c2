"""Workers for hosts that stay: threads of the same process, fed by timers."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lambent.execution.failures import report
from lambent.hosts.live import LiveInvocation

if TYPE_CHECKING:
    from lambent.execution.durable.tasks.worker import Worker

_MAX_TASKS = 32


class ThreadQueue:
    """A queue whose messages are run by threads of this process; they are lost when it ends.

    ``worker`` is set once the server's services, which hold this queue, are made.
    """

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
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
            if self._threads is None:
                from lambent.execution.event_loop import LoopThread

                self._threads = ThreadPoolExecutor(_MAX_TASKS, thread_name_prefix="lambent-task")
                self._loop = LoopThread().loop
        self._threads.submit(self._work, task_id)

    def _work(self, task_id: str) -> None:
        assert self.worker is not None  # noqa: S101 - set before the first request
        assert self._loop is not None  # noqa: S101 - made with the threads
        try:
            self.worker.run(task_id, LiveInvocation(self._loop))
        except Exception as error:
            report(error)
            self.send(task_id, delay=1.0)
