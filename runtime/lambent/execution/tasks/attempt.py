"""One attempt at a task: the record under its lease, and what a handler sees of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from lambent.errors import Cancelled, ItemTooLargeError, LambentError, StoreError
from lambent.execution.invocation import Invocation
from lambent.execution.replay import Replay
from lambent.execution.tasks.record import TaskRecord
from lambent.execution.tasks.service import Tasks, Versioned

_PROGRESS_SECONDS = 1.0
"""Progress is written no more often than this: every write is paid for."""


class LeaseLost(Cancelled):
    """Another worker has the task: this one must not write any more."""


class StoreFailed(Cancelled):
    """What must be kept could not be: that is no failure of the tool, and no result either."""


class Held:
    """A task under this worker's lease, as it was written last.

    Args:
        tasks: where it is kept.
        found: the record with the lease, and its version.
    """

    def __init__(self, tasks: Tasks, found: Versioned) -> None:
        self._tasks = tasks
        self._found = found
        self._owner = found.record.lease.owner if found.record.lease is not None else ""

    @property
    def record(self) -> TaskRecord:
        """The record as it was written last."""
        return self._found.record

    def change(self, **changes: Any) -> None:
        """Write changes, while the lease is ours.

        Raises:
            LeaseLost: it is not.
            StoreFailed: the store could not be reached.
        """

        def make(record: TaskRecord) -> TaskRecord | None:
            if record.lease is None or record.lease.owner != self._owner:
                return None
            if record.cancel and changes.get("status") == "input_required":
                # Nobody would look at it again: the cancellation came while the questions were asked.
                ended = {"status": "cancelled", "lease": None, "message": None, "updated": changes["updated"]}
                return msgspec.structs.replace(record, **ended)
            return msgspec.structs.replace(record, **changes)

        try:
            found = self._tasks.change(self._found, make)
        except StoreError as error:
            raise StoreFailed from error
        except LambentError:
            raise
        except Exception as error:
            raise StoreFailed from error
        if found is None:
            raise LeaseLost
        self._found = found


class TaskInvocation(Invocation):
    """An attempt at a task: what it reports becomes the task's status message.

    Args:
        host: the invocation that the attempt runs in.
        held: the task.
        clock: the time.
    """

    __slots__ = ("_clock", "_held", "_host", "_reported")

    def __init__(self, host: Invocation, held: Held, clock: Callable[[], float]) -> None:
        super().__init__(host.run)
        self._host = host
        self._held = held
        self._clock = clock
        self._reported = 0.0

    def emit(self, notification: bytes) -> None:
        """Tasks have no stream for notifications of their call (SEP-2663, "Task Status Notifications")."""

    def remaining_ms(self) -> int | None:
        """See ``Invocation.remaining_ms``."""
        return self._host.remaining_ms()

    def check(self) -> None:
        """See ``Invocation.check``."""
        if self._held.record.cancel:
            raise Cancelled
        self._host.check()

    def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        """See ``Invocation.progressed``."""
        now = self._clock()
        if now - self._reported >= _PROGRESS_SECONDS:
            self._reported = now
            said = message if message is not None else f"{progress:g}" + (f" of {total:g}" if total else "")
            self._held.change(message=said, updated=now)
        self.check()

    def call(self, function: Callable[..., Any], kwargs: dict[str, Any], limit: float | None = None) -> Any:
        """See ``Invocation.call``."""
        return self._host.call(function, kwargs, limit)


class TaskReplay(Replay):
    """A replay whose steps are kept as soon as they are done, so that no crash runs them again.

    Args:
        held: the task.
    """

    def __init__(self, held: Held) -> None:
        super().__init__(held.record.state, {}, first=False)
        self._held = held
        self.advanced = False

    def finish_step(self, name: str, result: Raw) -> None:
        """See ``Replay.finish_step``."""
        super().finish_step(name, result)
        self.advanced = True
        try:
            self._held.change(state=self.state)
        except ItemTooLargeError:
            self.forget_step(name)
            raise
