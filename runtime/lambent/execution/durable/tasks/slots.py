"""How many tasks of one caller run at the same time: a record with their ids, never more than may run.

An id is added before its task is created. Nothing has to take it out when the task ends: when the record is
full, the tasks in it are looked at, and those that are over make room. So however a task ends, by a crash, a
cancellation, a dead letter or its expiry, it never keeps its slot.
"""

from __future__ import annotations

from lambent.execution.call import Call
from lambent.execution.durable.records import Record, Records
from lambent.execution.durable.tasks.record import queue_name_of
from lambent.execution.durable.tasks.service import Tasks, lifetime
from lambent.execution.limits import caller_of, refusal
from lambent.execution.ports import Clock, Store
from lambent.execution.rounds.digests import digest
from lambent.features.tasks import TaskPolicy
from lambent.features.tools import Tool

_CONFLICTS = 20

_CREATION_SECONDS = 60.0
"""How long the creation of a task may take. A slot whose task is not found is free from then on."""

_SPARE_SECONDS = 60.0


class SlotsRecord(Record, frozen=True, kw_only=True):
    """The tasks of a caller that may be running.

    Attributes:
        tasks: when each got its slot, by id, in seconds since the epoch.
        expires: when the last of them has expired, in seconds since the epoch.
    """

    tasks: dict[str, float]
    expires: float

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.expires + _SPARE_SECONDS


class TaskSlots:
    """Lets a caller have ``most`` running tasks."""

    def __init__(self, store: Store, clock: Clock, server: str, most: int) -> None:
        self._records = Records(store, clock, "SLOTS", server, SlotsRecord)
        self._server = server
        self._most = most

    def take(self, call: Call, tasks: Tasks, tool: Tool, task_id: str) -> None:
        """Take a slot for a task of a tool that is about to be created.

        Raises:
            InvalidRequestError: 429, as many tasks are running as may.
            StoreError: the store cannot be reached.
        """
        key, now = f"SLOTS#{digest([self._server, *caller_of(call)])}", self._records.clock()
        until = now + lifetime(tool)
        for _ in range(_CONFLICTS):
            held = self._records.read(key)
            running = {} if held is None else held.record.tasks
            if task_id in running:
                return
            if len(running) >= self._most:
                running = {
                    known: since for known, since in running.items() if _runs(call, tasks, known, since)
                }
            if len(running) >= self._most:
                break
            expires = until if held is None else max(held.record.expires, until)
            record = SlotsRecord(tasks={**running, task_id: now}, expires=expires)
            if held is None:
                if self._records.insert(key, record) is not None:
                    return
            elif held.replace(record):
                return
        policy = tool.task or TaskPolicy()
        raise refusal("Too many tasks are running", policy.poll_interval.total_seconds())


def _runs(call: Call, tasks: Tasks, task_id: str, since: float) -> bool:
    """Whether a task of the caller runs, or may still be created."""
    now, found = tasks.clock(), tasks.find(queue_name_of(task_id, call.principal))
    if found is None:
        return now < since + _CREATION_SECONDS
    return not found.record.is_terminal and now < found.record.expires
