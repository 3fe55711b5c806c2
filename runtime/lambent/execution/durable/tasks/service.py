"""What requests do with tasks: create, get, update, cancel. Every write is conditional on what was read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw

from lambent.auth.principal import Principal
from lambent.errors import InternalError, InvalidParamsError, ItemTooLargeError, StoreError
from lambent.execution.durable.records import RESERVE, Held, Records, changed, is_leased, random_id
from lambent.execution.durable.tasks.record import NULL, TRANSITIONS, TaskRecord
from lambent.execution.failures import report
from lambent.execution.log_records import logger
from lambent.execution.ports import Blobs, Changes, Clock, Queue, Store
from lambent.execution.rounds.digests import mark_of
from lambent.execution.rounds.questions import check_answer
from lambent.execution.rounds.sealing import State
from lambent.features.tasks import TaskPolicy
from lambent.features.tools import Tool
from lambent.wire.results import TaskResult

if TYPE_CHECKING:
    from lambent.execution.durable.tasks.slots import TaskSlots

_SPARE_SECONDS = 60.0
"""How much longer than its window an idempotent task is kept: both begin at about the same moment."""

PICKUP_SECONDS = 60.0
"""A task that no worker has begun for so long is queued again when its client asks for it."""

_INLINE_BYTES = 256 * 1024
"""Larger arguments and results go into a blob: an item holds 400 KB, state and questions included."""

_log = logger("lambent.tasks")


class Tasks:
    """The tasks of a server.

    ``blobs`` keeps what has more than ``inline_bytes`` or does not fit into an item, ``changes`` is told of
    every change of status; both may be missing. ``slots`` is None where callers may have any number of tasks.
    """

    slots: TaskSlots | None = None

    def __init__(
        self,
        store: Store,
        queue: Queue,
        blobs: Blobs | None,
        clock: Clock,
        changes: Changes | None,
        server: str,
        inline_bytes: int = _INLINE_BYTES,
    ) -> None:
        self._inline_bytes = inline_bytes
        self._records = Records(store, clock, "TASK", server, TaskRecord)
        self._blobs = blobs
        self._changes = changes
        self.queue = queue
        self.clock = clock

    def create(
        self, tool: Tool, params: Raw, state: State, principal: Principal | None, task_id: str = ""
    ) -> TaskRecord:
        """Create a task and queue it: one write, one message. A task that cannot be queued is removed again.

        ``state`` has the answers and steps that are known already. An empty ``task_id`` stands for a new one;
        if there is a task with this id, it is returned.

        Raises:
            ItemTooLargeError: the parameters need a bucket and there is none.
            StoreError: the table or the queue cannot be reached.
        """
        policy, now, ttl = tool.task or TaskPolicy(), self.clock(), lifetime(tool)
        record = TaskRecord(
            id=task_id or random_id(),
            tool=tool.name,
            params=Raw(_bare(params)),
            principal=_without_claims(principal),
            created=now,
            updated=now,
            expires=now + ttl,
            ttl_ms=int(ttl * 1000),
            poll_ms=max(1, int(policy.poll_interval.total_seconds() * 1000)),
            due=now + PICKUP_SECONDS,
            state=state,
        )
        if len(record.params) >= self._inline_bytes:
            blob = self._put(f"arguments/{record.id}", bytes(record.params), record)
            record = changed(record, params=NULL, params_blob=blob)
        held = self._records.insert(self._key(record.id, principal), record, reserve=RESERVE)
        if held is None:
            return self._owned(record.id, principal).record
        try:
            self.queue.send(record.queue_name)
        except BaseException:
            held.remove()
            raise
        return record

    def get(self, task_id: str, principal: Principal | None) -> TaskRecord:
        """A task of a principal: one read. If no worker has begun it in time, it is queued again.

        Raises:
            InvalidParamsError: it is unknown, expired or somebody else's.
        """
        held = self._owned(task_id, principal)
        record, now = held.record, self.clock()
        is_overdue = record.status == "working" and now > record.due and not is_leased(record.lease, now)
        if is_overdue and held.replace(changed(record, due=now + PICKUP_SECONDS)):
            _log.warning("Task %s was not picked up: queued again", record.id)
            try:
                self.queue.send(record.queue_name)
            except StoreError as error:  # the client gets an answer all the same, and may ask again
                report(error)
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
            now = self.clock()
            return record.answered(taken, now, due=now + PICKUP_SECONDS)

        if self.change(held, answered, reserve=RESERVE) and held.record.status == "working":
            try:
                self.queue.send(asking.queue_name)
            except BaseException:
                # The client has to send its answers again. If a worker has the task already, the message did
                # arrive, and the record has another version, so this changes nothing.
                held.replace(asking)
                raise

    def cancel(self, task_id: str, principal: Principal | None) -> None:
        """Cancel a task: at once where no worker has it, else when its worker looks next.

        Raises:
            InvalidParamsError: the task is unknown, expired or somebody else's.
        """

        def cancelled(record: TaskRecord) -> TaskRecord | None:
            if record.is_terminal or record.cancel:
                return None
            now = self.clock()
            if is_leased(record.lease, now):
                return changed(record, cancel=True)
            return record.ended("cancelled", now, cancel=True, message=record.message)

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

    def find(self, queue_name: str) -> Held[TaskRecord] | None:
        """A task, whoever it belongs to; see ``TaskRecord.queue_name``."""
        mark, _, task_id = queue_name.rpartition(".")
        return self._records.read(self._records.key(task_id, mark))

    def change(
        self, held: Held[TaskRecord], make: Callable[[TaskRecord], TaskRecord | None], *, reserve: int = 0
    ) -> bool:
        """Change a task; see ``Held.change``. Subscriptions are told if a client can see the change."""
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
            self._changes.publish("notifications/tasks")
        return True

    def keep_result(self, record: TaskRecord, result: bytes) -> dict[str, Any]:
        """The fields of a completed record for its result: the result, or the blob that it is put into."""
        if len(result) + len(record.params) < self._inline_bytes:
            return {"result": Raw(result)}
        return {"result_blob": self._put(f"results/{record.id}", result, record)}

    def load(self, blob: str | None, raw: Raw) -> Raw:
        """What a record holds itself, or the blob that it names."""
        if blob is None:
            return raw
        data = self._blobs.get(blob) if self._blobs is not None else None
        if data is None:
            raise InternalError("The task's data is not there any more")
        return Raw(data)

    def _owned(self, task_id: str, principal: Principal | None) -> Held[TaskRecord]:
        # By its key alone: the store does for another principal's task what it does for one that never was.
        found = self._records.read(self._key(task_id, principal))
        if found is None:
            raise InvalidParamsError("Task not found")
        if self.clock() >= found.record.expires:
            raise InvalidParamsError("Task has expired")
        return found

    def _key(self, task_id: str, principal: Principal | None) -> str:
        return self._records.key(task_id, mark_of(principal))

    def _put(self, name: str, data: bytes, record: TaskRecord) -> str:
        if self._blobs is None:
            raise ItemTooLargeError(
                f"{len(data)} bytes do not fit into an item: set LAMBENT_BUCKET to a bucket for large "
                "arguments and results"
            )
        self._blobs.put(name, data, record.expires)
        return name


def _without_claims(principal: Principal | None) -> Principal | None:
    """What an attempt has to know of a principal: no claim of a token is kept, nor what a subclass adds."""
    if principal is None:
        return None
    return Principal(principal.subject, principal.issuer, principal.scopes, client_id=principal.client_id)


def lifetime(tool: Tool) -> float:
    """For how many seconds a task of a tool can be asked for, from its creation on."""
    ttl = (tool.task or TaskPolicy()).ttl.total_seconds()
    if tool.idempotency is not None:  # the result is given again as long as the window lasts
        ttl = max(ttl, tool.idempotency.window.total_seconds() + _SPARE_SECONDS)
    return ttl


def _bare(params: Raw) -> bytes:
    """The parameters without members that are null, and without what belongs to the rounds before."""
    fields: dict[str, Raw] = msgspec.json.decode(params, type=dict[str, Raw])
    rounds = ("inputResponses", "requestState")
    bare = {key: value for key, value in fields.items() if key not in rounds and value != NULL}
    return msgspec.json.encode(bare)


def _visible(record: TaskRecord) -> tuple[Any, ...]:
    return record.status, record.message, tuple(record.questions)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
