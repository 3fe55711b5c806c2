"""What requests do with tasks: create, get, update, cancel. Every write is conditional on what was read."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from lambent.auth.principal import Principal, key_of
from lambent.errors import (
    ConfigurationError,
    InternalError,
    InvalidParamsError,
    ItemTooLargeError,
    StoreError,
)
from lambent.execution.durable.records import RESERVE, Held, Records, changed
from lambent.execution.durable.tasks.record import NULL, TRANSITIONS, Status, TaskRecord
from lambent.execution.failures import report
from lambent.execution.ports import Blobs, Changes, Clock, Queue, Store
from lambent.execution.rounds.answers import check_answer
from lambent.execution.rounds.sealing import State
from lambent.features.tasks import TaskPolicy
from lambent.features.tools import Tool
from lambent.wire.results import TaskResult

_TOMBSTONE_SECONDS = 24 * 3600
"""How long an expired task can still be told from an unknown one."""

_SPARE_SECONDS = 60.0
"""How much longer than its window an idempotent task is kept: both begin at about the same moment."""

PICKUP_SECONDS = 60.0
"""After this a task that nobody has picked up is queued again by whoever asks for it."""

_log = logging.getLogger("lambent.tasks")

_encode = msgspec.json.encode


class Tasks:
    """The tasks of a server.

    Args:
        store: keeps them.
        queue: brings them to workers.
        blobs: keeps what does not fit into an item; None where there is no such place.
        clock: the time.
        changes: told of every change of status; None where nobody can listen.
        server: the server that they belong to.
    """

    def __init__(
        self,
        store: Store,
        queue: Queue,
        blobs: Blobs | None,
        clock: Clock,
        changes: Changes | None,
        server: str,
    ) -> None:
        self._records = Records(store, clock, "TASK", server, TaskRecord, _purge_at)
        self._blobs = blobs
        self._changes = changes
        self.queue = queue
        self.clock = clock

    # Requests

    def create(
        self, tool: Tool, params: Raw, state: State, principal: Principal | None, task_id: str = ""
    ) -> TaskRecord:
        """Create a task and queue it: one write, one message. What cannot be queued is removed again.

        Args:
            tool: the tool that was called.
            params: the parameters of the call.
            state: the answers and steps that are known already.
            principal: who called, if known.
            task_id: default: a new one. The task that has it already is the same one.

        Raises:
            ItemTooLargeError: the parameters need a bucket and there is none.
            StoreError: the table or the queue cannot be reached.
        """
        policy, now = tool.task or TaskPolicy(), self.clock()
        ttl = policy.ttl.total_seconds()
        if tool.idempotency is not None:  # its result is given again for as long as the window lasts
            ttl = max(ttl, tool.idempotency.window.total_seconds() + _SPARE_SECONDS)
        record = TaskRecord(
            id=task_id or base64.urlsafe_b64encode(os.urandom(24)).decode(),
            tool=tool.name,
            params=Raw(_bare(params)),
            principal=principal,
            created=now,
            updated=now,
            expires=now + ttl,
            ttl_ms=int(ttl * 1000),
            poll_ms=max(1, int(policy.poll_interval.total_seconds() * 1000)),
            due=now + PICKUP_SECONDS,
            state=state,
        )
        if len(record.params) >= _INLINE_BYTES:
            blob = self._put(f"arguments/{record.id}", bytes(record.params))
            record = changed(record, params=NULL, params_blob=blob)
        held = self._records.insert(self._key(record.id), record, reserve=RESERVE)
        if held is None:
            return self._owned(record.id, principal).record
        try:
            self.queue.send(record.id)
        except BaseException:
            held.remove()
            raise
        return record

    def get(self, task_id: str, principal: Principal | None) -> TaskRecord:
        """A task, as its caller may see it: one read.

        A task that should have been picked up long ago is queued again.

        Raises:
            InvalidParamsError: it is unknown, expired or somebody else's.
        """
        held = self._owned(task_id, principal)
        record, now = held.record, self.clock()
        if record.status == "working" and not record.is_leased(now) and now > record.due:
            self._requeue(held, now)
        return record

    def update(self, task_id: str, responses: dict[str, Raw], principal: Principal | None) -> None:
        """Take answers to what a task asks; with the last one it is queued again.

        Raises:
            InvalidParamsError: the task is unknown, expired or somebody else's, or an answer is none.
        """
        held = self._owned(task_id, principal)
        asking = held.record

        def answered(record: TaskRecord) -> TaskRecord | None:
            nonlocal asking
            asking = record
            taken = {key: responses[key] for key in record.questions if key in responses}
            if record.status != "input_required" or not taken:
                return None  # answered, superseded or never asked: to be ignored
            for key, response in taken.items():
                check_answer(key, record.questions[key].request, response)
            return _answered(record, taken, self.clock())

        if self.change(held, answered, reserve=RESERVE) and held.record.status == "working":
            self._send_or_restore(held, asking)

    def cancel(self, task_id: str, principal: Principal | None) -> None:
        """Ask for cancellation: done at once where nobody is at work, else where the worker next looks.

        Raises:
            InvalidParamsError: the task is unknown, expired or somebody else's.
        """

        def cancelled(record: TaskRecord) -> TaskRecord | None:
            if record.is_terminal or record.cancel:
                return None
            if record.is_leased(self.clock()):
                return changed(record, cancel=True)
            return ended(record, "cancelled", self.clock(), cancel=True, message=record.message)

        self.change(self._owned(task_id, principal), cancelled)

    def show(self, record: TaskRecord) -> TaskResult:
        """A task as the wire carries it."""
        result: Any = UNSET
        if record.status == "completed":
            result = self.load(record.result_blob, record.result)
        return TaskResult(
            task_id=record.id,
            status=record.status,
            status_message=record.message if record.message is not None else UNSET,
            created_at=_iso(record.created),
            last_updated_at=_iso(record.updated),
            ttl_ms=record.ttl_ms,
            poll_interval_ms=record.poll_ms,
            input_requests={key: question.request for key, question in record.questions.items()} or UNSET,
            result=result,
            error=record.error if record.error is not None else UNSET,
        )

    # Workers

    def find(self, task_id: str) -> Held[TaskRecord] | None:
        """A task, whoever it belongs to."""
        return self._records.read(self._key(task_id))

    def change(
        self, held: Held[TaskRecord], make: Callable[[TaskRecord], TaskRecord | None], *, reserve: int = 0
    ) -> bool:
        """Change a task; see ``Held.change``. Whoever listens is told what can be seen of it."""
        before = held.record

        def checked(record: TaskRecord) -> TaskRecord | None:
            nonlocal before
            before, new = record, make(record)
            if new is not None and new.status not in TRANSITIONS[record.status]:
                raise InternalError(f"A task that is {record.status} cannot become {new.status}")
            return new

        if not held.change(checked, reserve=reserve):
            return False
        if self._changes is not None and _visible(before) != _visible(held.record):
            self._changes.publish(f"TASK#{held.record.id}")
        return True

    def keep_result(self, record: TaskRecord, result: bytes) -> dict[str, Any]:
        """What a completed record says of its result: the result, or the blob that it is in."""
        arguments = len(record.params)
        if len(result) + arguments < _INLINE_BYTES:
            return {"result": Raw(result)}
        return {"result_blob": self._put(f"results/{record.id}", result)}

    def load(self, blob: str | None, raw: Raw) -> Raw:
        """What a record says, or what lies in the blob that it names."""
        if blob is None:
            return raw
        data = self._blobs.get(blob) if self._blobs is not None else None
        if data is None:
            raise InternalError("The task's data is not there any more")
        return Raw(data)

    # Storage

    def _key(self, task_id: str) -> str:
        return self._records.key(task_id)

    def _owned(self, task_id: str, principal: Principal | None) -> Held[TaskRecord]:
        found = self.find(task_id)
        if found is None or key_of(found.record.principal) != key_of(principal):
            raise InvalidParamsError("Task not found")
        if self.clock() >= found.record.expires:
            raise InvalidParamsError("Task has expired")
        return found

    def _put(self, name: str, data: bytes) -> str:
        if self._blobs is None:
            raise ItemTooLargeError(
                f"{len(data)} bytes do not fit into an item: set LAMBENT_BUCKET to a bucket for large "
                "arguments and results"
            )
        self._blobs.put(name, data)
        return name

    def _requeue(self, held: Held[TaskRecord], now: float) -> None:
        if held.replace(changed(held.record, due=now + PICKUP_SECONDS)):
            _log.warning("Task %s was not picked up: queued again", held.record.id)
            try:
                self.queue.send(held.record.id)
            except StoreError as error:  # who asks gets an answer all the same, and may ask again
                report(error)

    def _send_or_restore(self, held: Held[TaskRecord], asking: TaskRecord) -> None:
        """Queue a task that has its answers; if that fails, the client has to send them again."""
        try:
            self.queue.send(asking.id)
        except BaseException:
            # The version alone decides: if a worker is at it already, the message did arrive.
            held.replace(asking)
            raise


_INLINE_BYTES = 256 * 1024
"""Larger arguments and results go elsewhere: an item holds 400 KB, state and questions included."""


def _answered(record: TaskRecord, taken: dict[str, Raw], now: float) -> TaskRecord:
    answers = dict(record.state.answers)
    for key, answer in taken.items():
        question = record.questions[key]
        answers[question.key] = question.mark, answer
    questions = {key: question for key, question in record.questions.items() if key not in taken}
    state = msgspec.structs.replace(record.state, answers=answers, asked={})
    if questions:
        return changed(record, state=state, questions=questions, updated=now)
    return changed(record, state=state, questions={}, updated=now, status="working", due=now + PICKUP_SECONDS)


def _bare(params: Raw) -> bytes:
    """The parameters without what belongs to the rounds before the task."""
    fields: dict[str, Raw] = msgspec.json.decode(params, type=dict[str, Raw])
    fields.pop("inputResponses", None)
    fields.pop("requestState", None)
    return _encode(fields)


def ended(record: TaskRecord, status: Status, now: float, **changes: Any) -> TaskRecord:
    """A task that is over, from one that is not."""
    over: dict[str, Any] = {"status": status, "updated": now, "lease": None, "questions": {}, "message": None}
    return changed(record, **(over | changes))


def _purge_at(record: TaskRecord) -> float:
    return record.expires + _TOMBSTONE_SECONDS


def _visible(record: TaskRecord) -> tuple[Any, ...]:
    return record.status, record.message, tuple(record.questions)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def missing_tasks(tool: str) -> ConfigurationError:
    """What the log says where a tool needs tasks and nothing keeps them."""
    return ConfigurationError(
        f"Tool {tool!r} runs as a task, so this function needs a table and a queue: set LAMBENT_TABLE and "
        "LAMBENT_TASK_QUEUE_URL"
    )
