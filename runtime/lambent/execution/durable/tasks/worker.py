"""Running a task: one attempt, under a lease, from the journal that is kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Raw

from lambent.errors import (
    DeadlineReached,
    InternalError,
    ItemTooLargeError,
    ProtocolError,
    StoreError,
    ToolError,
)
from lambent.execution.call import Call
from lambent.execution.durable.records import Lease, LeaseLost, StoreFailed, changed, is_leased, lease_of
from lambent.execution.durable.tasks.attempt import Attempt, TaskInvocation
from lambent.execution.durable.tasks.record import NULL, OpenQuestion, TaskRecord, brief
from lambent.execution.durable.tasks.service import PICKUP_SECONDS, Tasks
from lambent.execution.execute import AttemptFailed, Executor, failure, too_large
from lambent.execution.failures import report
from lambent.execution.invocation import MARGIN_SECONDS, Invocation
from lambent.execution.log_records import logger
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.sealing import State
from lambent.features.tasks import TaskPolicy
from lambent.wire import jsonrpc
from lambent.wire.eras import MODERN, RpcRequest
from lambent.wire.http import Request
from lambent.wire.methods import METHODS
from lambent.wire.results import InputRequiredResult, Outcome
from lambent.wire.values import ClientCapabilities, RequestMeta

_UNBOUNDED_SECONDS = 3600.0
"""The length of a lease where invocations have no deadline, and the host renews none."""

_WORTHWHILE_SECONDS = 1.0
"""With less time than this an attempt is not begun."""

_MAX_DELAY = 900.0
"""The longest delay of a queue, in seconds."""

_SHOWN_BYTES = 16 * 1024
"""What the response of ``tasks/get`` has around a result: it has to fit there too."""

_log = logger("lambent.tasks")


class Worker:
    """Runs the tasks of a server, whose calls the executor executes as it does every other call."""

    def __init__(self, executor: Executor, tasks: Tasks) -> None:
        self._executor = executor
        self._tasks = tasks

    def run(
        self, queue_name: str, host: Invocation, request: Request | None = None, *, may_wait: bool = False
    ) -> None:
        """Run a task that the queue brought, if there is anything to run; see ``TaskRecord.queue_name``.

        Delivery is at least once: a task that is done, waits for input or is unknown is left alone. One that
        another worker holds is queued again for when its lease is over, in case that worker is dead.

        If ``may_wait``, it is queued again where the host's invocation is nearly over. ``request`` is what
        the platform says of that invocation.

        Raises:
            StoreError: the store cannot be reached: the queue has to deliver the task again.
        """
        remaining = host.remaining_ms() if may_wait else None
        if remaining is not None and remaining / 1000 < MARGIN_SECONDS + _WORTHWHILE_SECONDS:
            self._tasks.queue.send(queue_name)  # it has waited behind slower ones of its batch
            return
        attempt = self._take(queue_name, host)
        if attempt is None:
            return
        try:
            with host.renewing(attempt.renew):
                delay = self._attempt(attempt, host, request or Request())
        except LeaseLost:
            _log.warning("Task %s is with another worker now", attempt.record.id)
            return
        except (StoreError, StoreFailed) as error:
            _log.warning("Task %s: the store failed, so it is tried again: %s", attempt.record.id, error)
            try:
                delay = self._release(attempt, _backoff(attempt.record.attempt), state=attempt.journal.state)
            except LeaseLost:
                return
        if delay is not None:
            self._tasks.queue.send(queue_name, delay)

    def fail_undelivered(self, queue_name: str) -> None:
        """End a task that is working, that no worker holds, and that the queue has given up."""

        def failed(record: TaskRecord) -> TaskRecord | None:
            if record.status != "working" or is_leased(record.lease, self._tasks.clock()):
                return None
            return self._failed(record, "The task could not be run")

        held = self._tasks.find(queue_name)
        if held is not None:
            self._tasks.change(held, failed)

    def _take(self, queue_name: str, host: Invocation) -> Attempt | None:
        held = self._tasks.find(queue_name)
        if held is None or held.record.status != "working":
            return None

        def lease(owner: str = "") -> Lease:
            return lease_of(host, self._tasks.clock(), _UNBOUNDED_SECONDS, owner)

        if self._tasks.change(held, lambda record: self._leased(record, lease)):
            return Attempt(self._tasks, held, lease) if held.record.lease is not None else None
        held, now = self._tasks.find(queue_name), self._tasks.clock()
        found = held.record.lease if held is not None and held.record.status == "working" else None
        if is_leased(found, now):  # its worker may be dead
            self._tasks.queue.send(queue_name, min(found.until - now + 1.0, _MAX_DELAY))
        return None

    def _leased(self, record: TaskRecord, make: Callable[[], Lease]) -> TaskRecord | None:
        """The record under a new lease, or ended; None leaves it as it is."""
        now = self._tasks.clock()
        if record.status != "working" or now >= record.expires or is_leased(record.lease, now):
            return None
        if record.cancel:
            return record.ended("cancelled", now)
        policy = self._policy(record)
        if policy is not None and record.attempt >= policy.max_attempts:
            return self._failed(record, f"The task was interrupted {record.attempt} times")
        lease = make()
        return changed(record, lease=lease, attempt=record.attempt + 1, due=lease.until)

    def _attempt(self, attempt: Attempt, host: Invocation, request: Request) -> float | None:
        """Run the task; the seconds until it has to be queued again, if it has to."""
        try:
            call = self._call(attempt, host, request)
        except ProtocolError as error:  # its arguments are gone
            attempt.end("failed", **_error(error))
            return None
        try:
            outcome = self._executor.execute(call)
            encoded = jsonrpc.encode(outcome.result if outcome.error is None else outcome.error.data)
            limit = call.services.response_limit
            if limit is not None:
                size = limit.string_size(encoded) + min(_SHOWN_BYTES, limit.size // 4)
                if size > limit.size:
                    outcome = too_large(call.method, size, limit.size)
                    encoded = jsonrpc.encode(outcome.result)
        except DeadlineReached:  # an attempt that has finished a step does not count
            tries = 0 if attempt.journal.advanced else attempt.record.attempt
            return self._release(attempt, 0.0, state=attempt.journal.state, attempt=tries)
        except AttemptFailed as failed:
            cause, number = failed.__cause__ or failed, attempt.record.attempt
            if isinstance(cause, StoreError):
                raise cause from None
            said = f": {cause}" if isinstance(cause, ToolError) else f" (reference {report(cause, call.rpc)})"
            _log.warning("Task %s: attempt %s failed%s", attempt.record.id, number, said)
            message = brief(f"Attempt {number} failed, another one follows{said}")
            return self._release(attempt, _backoff(number), message=message, updated=self._tasks.clock())
        except (TypeError, ValueError, RecursionError) as error:  # middleware's doing: no JSON form
            outcome, encoded = failure(error, call.rpc), b"null"
        self._end(attempt, outcome, encoded)
        return None

    def _call(self, attempt: Attempt, host: Invocation, request: Request) -> Call:
        """The call that became the task."""
        record = attempt.record
        raw = self._tasks.load(record.params_blob, record.params)
        params = METHODS["tools/call"].decoder.decode(raw)
        meta = params.meta if isinstance(params.meta, RequestMeta) else RequestMeta()
        client = meta.client_capabilities
        client = client if isinstance(client, ClientCapabilities) else ClientCapabilities()
        rpc = RpcRequest(record.id, "tools/call", params, meta, client, raw, MODERN)
        invocation = TaskInvocation(host, attempt, self._policy(record), self._tasks.clock)
        return Call(rpc, request, invocation, self._executor.services, record.principal, attempt.journal)

    def _end(self, attempt: Attempt, outcome: Outcome, encoded: bytes) -> None:
        try:
            if outcome.status == 499:
                attempt.end("cancelled")
            elif outcome.error is not None:
                attempt.end("failed", **_error(outcome.error, Raw(encoded)))
            elif isinstance(outcome.result, InputRequiredResult):
                self._ask(attempt)
            else:
                # The next task of an idempotent call that failed must know the finished steps.
                is_done = getattr(outcome.result, "is_error", UNSET) is not True
                kept = self._tasks.keep_result(attempt.record, encoded)
                attempt.end("completed", **kept, **({"state": State()} if is_done else {}))
        except ItemTooLargeError as error:
            attempt.end("failed", **_error(InternalError(str(error))))

    def _ask(self, attempt: Attempt) -> None:
        questions, used = _name(attempt.record, attempt.journal)
        now = self._tasks.clock()

        def asking(record: TaskRecord) -> TaskRecord:
            if record.cancel:  # while the questions were asked: no later worker would notice it
                return record.ended("cancelled", now)
            return changed(
                record,
                status="input_required",
                questions=questions,
                used_keys=used,
                state=attempt.journal.state,
                attempt=0,
                lease=None,
                updated=now,
            )

        attempt.change(asking)

    def _release(self, attempt: Attempt, delay: float, /, **changes: Any) -> float:
        """End the lease, so that the task is run again after a delay in seconds, which is returned."""
        due = self._tasks.clock() + delay + PICKUP_SECONDS
        attempt.change(lambda record: changed(record, lease=None, due=due, **changes))
        return delay

    def _failed(self, record: TaskRecord, said: str) -> TaskRecord:
        return record.ended("failed", self._tasks.clock(), **_error(InternalError(said)))

    def _policy(self, record: TaskRecord) -> TaskPolicy | None:
        tool = self._executor.services.catalog.tools.get(record.tool)
        return tool.task if tool is not None else None


def _backoff(attempt: int) -> float:
    """Seconds to wait after an attempt: full jitter below a bound that doubles, up to 30 s."""
    return random.uniform(0, min(2.0 ** min(attempt - 1, 5), 30.0))  # noqa: S311 - no secret


def _name(record: TaskRecord, journal: Journal) -> tuple[dict[str, OpenQuestion], dict[str, str]]:
    """Give open questions their wire keys: none is ever used for two questions in a task's life."""
    used = dict(record.used_keys)
    questions: dict[str, OpenQuestion] = {}
    for key, (mark, question) in journal.asked.items():
        wire_key = next(
            (name for name, open_ in record.questions.items() if open_.key == key and open_.mark == mark), key
        )
        number = len(used)
        while wire_key in used and wire_key not in record.questions:
            number += 1
            wire_key = f"{key}.{number}"
        used[wire_key] = mark
        questions[wire_key] = OpenQuestion(key, mark, Raw(jsonrpc.encode(question.request)))
    return questions, used


def _error(error: ProtocolError, data: Raw = NULL) -> dict[str, Any]:
    encoded: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        encoded["data"] = data
    return {"error": encoded, "message": error.message}
