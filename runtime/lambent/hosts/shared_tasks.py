"""Tasks that several processes share, run by threads of hosts that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.execution.leased_queue import LeasedQueue
from lambent.hosts.live import TaskRunner
from lambent.hosts.shared_work import SharedWork

if TYPE_CHECKING:
    from lambent.execution.durable.tasks.worker import Worker

_MAX_TASKS = 32
"""Tasks that run at a time in a process."""


class SharedTaskQueue(SharedWork, TaskRunner):
    """A queue of tasks; ``worker``, which runs them, is set before the first message comes."""

    def __init__(self, queue: LeasedQueue) -> None:
        super().__init__(queue, "lambent-task", _MAX_TASKS)

    def set_worker(self, worker: Worker) -> None:
        """Set what runs tasks."""
        self._worker = worker
        self.work, self.give_up = self._run_task, worker.fail_undelivered

    def _run_task(self, task_id: str) -> None:
        with self.invocation() as invocation:
            self._worker.run(task_id, invocation)
