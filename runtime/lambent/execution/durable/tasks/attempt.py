"""One attempt at a task: the record under its lease, and what a handler sees of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from lambent.errors import Cancelled, Signal, StoreError
from lambent.execution.durable.records import RESERVE, Held, Lease, LeaseLost, StoreFailed, changed
from lambent.execution.durable.tasks.record import TaskRecord, brief
from lambent.execution.durable.tasks.service import Tasks
from lambent.execution.invocation import Invocation
from lambent.execution.ports import Clock
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.sealing import State
from lambent.features.tasks import TaskPolicy

_PROGRESS_SECONDS = 1.0
"""Progress is written no more often than this: every write is paid for."""


class Attempt:
    """A task under this worker's lease, and the keeper of its journal.

    ``lease`` makes a lease from now on, for an owner.
    """

    def __init__(self, tasks: Tasks, held: Held[TaskRecord], lease: Callable[[str], Lease]) -> None:
        self.journal = Journal(held.record.state, keeper=self)
        self._tasks = tasks
        self._held = held
        self._lease = lease
        self._owner = held.record.lease.owner if held.record.lease is not None else ""

    @property
    def record(self) -> TaskRecord:
        """The record as it was written last."""
        return self._held.record

    def keep(self, state: State, *, final: bool = False) -> None:
        """See ``Keeper.keep``."""
        self.write(lambda record: changed(record, state=state), reserve=0 if final else RESERVE)

    def write(self, make: Callable[[TaskRecord], TaskRecord], *, reserve: int = 0) -> None:
        """``change`` while a handler runs: an error of the store is a signal, which no handler catches."""
        try:
            self.change(make, reserve=reserve)
        except StoreError as error:
            raise StoreFailed(error) from error

    def change(self, make: Callable[[TaskRecord], TaskRecord], *, reserve: int = 0) -> None:
        """Change the record while the lease is ours; see ``Held.change``.

        Raises:
            LeaseLost: it is not.
            StoreError: the store could not be reached.
        """

        def ours(record: TaskRecord) -> TaskRecord | None:
            is_ours = record.lease is not None and record.lease.owner == self._owner
            return make(record) if is_ours else None

        if not self._tasks.change(self._held, ours, reserve=reserve):
            raise LeaseLost

    def renew(self) -> None:
        """Hold the task for longer; see ``Invocation.renewing``."""

        def renewed(record: TaskRecord) -> TaskRecord | None:
            if record.lease is None or record.lease.owner != self._owner:
                return None
            lease = self._lease(self._owner)
            return changed(record, lease=lease, due=lease.until)

        self._held.renew(renewed)

    def end(self, status: Any, **changes: Any) -> None:
        """End the task; see ``change``."""
        now = self._tasks.clock()
        self.change(lambda record: record.ended(status, now, **changes))


class TaskInvocation(Invocation):
    """An attempt within the invocation of a host: its progress becomes the task's status message."""

    def __init__(self, host: Invocation, attempt: Attempt, policy: TaskPolicy | None, clock: Clock) -> None:
        super().__init__(host.run)
        self._policy = policy
        self._host = host
        self._attempt = attempt
        self._clock = clock
        self._reported = 0.0
        self.attempt = attempt.record.attempt
        self.lease_seconds = host.lease_seconds

    def emit(self, notification: bytes) -> None:
        """Tasks have no stream for notifications of their call (SEP-2663, "Task Status Notifications")."""

    def remaining_ms(self) -> int | None:
        """See ``Invocation.remaining_ms``."""
        return self._host.remaining_ms()

    def renewing(self, renew: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
        """See ``Invocation.renewing``."""
        return self._host.renewing(renew)

    def sleep(self, seconds: float) -> None:
        """See ``Invocation.sleep``."""
        self._host.sleep(seconds)

    def check(self) -> None:
        """See ``Invocation.check``."""
        if self._attempt.record.cancel:
            raise Cancelled
        self._host.check()
        super().check()

    def has_sent(self, signal: Signal) -> bool:
        """See ``Invocation.has_sent``."""
        if isinstance(signal, Cancelled):
            return self._attempt.record.cancel or self._host.has_sent(signal)
        return super().has_sent(signal) or self._host.has_sent(signal)

    def may_retry(self, error: BaseException) -> bool:
        """See ``Invocation.may_retry``: a failure of the store always, others while attempts are left."""
        has_attempts = self._policy is not None and self._attempt.record.attempt < self._policy.max_attempts
        transient = self._policy.transient if self._policy is not None and has_attempts else ()
        return isinstance(error, (StoreError, *transient))

    def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        """See ``Invocation.progressed``."""
        now = self._clock()
        if now - self._reported >= _PROGRESS_SECONDS:
            self._reported = now
            said = message if message is not None else f"{progress:g}" + (f" of {total:g}" if total else "")
            self._attempt.write(lambda record: changed(record, message=brief(said), updated=now))
        self.check()

    def call(
        self,
        function: Callable[..., Any],
        kwargs: dict[str, Any],
        limit: float | None = None,
        journal: Journal | None = None,
    ) -> Any:
        """See ``Invocation.call``."""
        return self._host.call(function, kwargs, limit, journal)
