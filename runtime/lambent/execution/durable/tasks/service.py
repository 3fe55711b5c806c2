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

from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError, InternalError, InvalidParamsError, ItemTooLargeError
from lambent.execution.rounds.answers import check_answer
from lambent.execution.failures import report
from lambent.execution.ports import Blobs, Changes, Clock, Item, Queue, Store
from lambent.execution.rounds.sealing import State
from lambent.execution.durable.tasks.record import NULL, TRANSITIONS, TaskRecord
from lambent.features.tasks import TaskPolicy
from lambent.wire.results import TaskResult

_KEY = "TASK#"
_TOMBSTONE_SECONDS = 24 * 3600
"""How long an expired task can still be told from an unknown one."""

PICKUP_SECONDS = 60.0
"""After this a task that nobody has picked up is queued again by whoever asks for it."""

_CONFLICTS = 20

_log = logging.getLogger("lambent.tasks")

_encode = msgspec.json.encode
_decoder = msgspec.json.Decoder(TaskRecord)


class Versioned(msgspec.Struct, frozen=True):
    """A record and the version under which it is kept."""

    record: TaskRecord
    version: int


class Tasks:
    """The tasks of a server.

    Args:
        store: keeps them.
        queue: brings them to workers.
        blobs: keeps what does not fit into an item; None where there is no such place.
        clock: the time.
        changes: told of every change of status; None where nobody can listen.
    """

    def __init__(
        self, store: Store, queue: Queue, blobs: Blobs | None, clock: Clock, changes: Changes | None
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._changes = changes
        self.queue = queue
        self.clock = clock

    # Requests

    def create(
        self, tool: str, params: Raw, state: State, policy: TaskPolicy, principal: Principal | None
    ) -> TaskRecord:
        """Create a task and queue it: one write, one message. What cannot be queued is removed again.

        Args:
            tool: the tool that was called.
            params: the parameters of the call.
            state: the answers and steps that are known already.
            policy: the tool's policy.
            principal: who called, if known.

        Raises:
            ConfigurationError: the parameters need a bucket and there is none.
        """
        now = self.clock()
        ttl = policy.ttl.total_seconds()
        record = TaskRecord(
            id=base64.urlsafe_b64encode(os.urandom(24)).decode(),
            tool=tool,
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
        record = self._insert(record)
        try:
            self.queue.send(record.id)
        except BaseException:
            self._store.remove(_KEY + record.id, 1)
            raise
        return record

    def get(self, task_id: str, principal: Principal | None) -> TaskRecord:
        """A task, as its caller may see it: one read.

        A task that should have been picked up long ago is queued again: whoever waits for it, heals it.

        Raises:
            InvalidParamsError: it is unknown, expired or somebody else's.
        """
        found = self._find(task_id, principal)
        record, now = found.record, self.clock()
        if record.status == "working" and not record.is_leased(now) and now > record.due:
            self._requeue(found, now)
        return record

    def update(self, task_id: str, responses: dict[str, Raw], principal: Principal | None) -> None:
        """Take answers to what a task asks; with the last one it is queued again.

        Raises:
            InvalidParamsError: the task is unknown, expired or somebody else's, or an answer is none.
        """
        for _ in range(_CONFLICTS):
            found = self._find(task_id, principal)
            record = found.record
            taken = {key: responses[key] for key in record.questions if key in responses}
            if record.status != "input_required" or not taken:
                return  # answered, superseded or never asked: to be ignored
            for key, answer in taken.items():
                check_answer(key, record.questions[key].request, answer)
            answered = _answered(record, taken, self.clock())
            if not self._replace(found, answered):
                continue
            if answered.status == "working":
                self._send_or_restore(found, answered)
            return
        raise InternalError("The task is changing too fast: try again")

    def cancel(self, task_id: str, principal: Principal | None) -> None:
        """Ask for cancellation: done at once where nobody is at work, else where the worker next looks.

        Raises:
            InvalidParamsError: the task is unknown, expired or somebody else's.
        """
        for _ in range(_CONFLICTS):
            found = self._find(task_id, principal)
            record = found.record
            if record.is_terminal or record.cancel:
                return
            now = self.clock()
            changes: dict[str, Any] = {"cancel": True}
            if not record.is_leased(now):
                changes |= {"status": "cancelled", "updated": now, "lease": None, "questions": {}}
            if self._replace(found, msgspec.structs.replace(record, **changes)):
                return
        raise InternalError("The task is changing too fast: try again")

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

    def find(self, task_id: str) -> Versioned | None:
        """A task, whoever it belongs to."""
        item = self._store.read(_KEY + task_id)
        return Versioned(_decoder.decode(item.body), item.version) if item is not None else None

    def change(self, found: Versioned, make: Callable[[TaskRecord], TaskRecord | None]) -> Versioned | None:
        """Change a task, again from what is there whenever another writer was faster.

        Args:
            found: what was read last.
            make: the new record from the one that is there; None leaves it.

        Returns:
            What is kept now; None where ``make`` gave None or the task is gone.
        """
        for _ in range(_CONFLICTS):
            record = make(found.record)
            if record is None:
                return None
            if self._replace(found, record):
                return Versioned(record, found.version + 1)
            fresh = self.find(found.record.id)
            if fresh is None:
                return None
            found = fresh
        raise InternalError("The task is changing too fast: try again")

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

    def _find(self, task_id: str, principal: Principal | None) -> Versioned:
        found = self.find(task_id)
        if found is None or _owner(found.record.principal) != _owner(principal):
            raise InvalidParamsError("Task not found")
        if self.clock() >= found.record.expires:
            raise InvalidParamsError("Task has expired")
        return found

    def _insert(self, record: TaskRecord) -> TaskRecord:
        if len(record.params) >= _INLINE_BYTES:
            blob = self._put(f"arguments/{record.id}", bytes(record.params))
            record = msgspec.structs.replace(record, params=NULL, params_blob=blob)
        if not self._store.insert(self._item(record, 1)):
            raise InternalError("A task with this id exists")  # 192 random bits: not in this universe
        return record

    def _replace(self, found: Versioned, record: TaskRecord) -> bool:
        if record.status not in TRANSITIONS[found.record.status]:
            raise InternalError(f"A task that is {found.record.status} cannot become {record.status}")
        replaced = self._store.replace(self._item(record, found.version + 1))
        if replaced and self._changes is not None and _visible(found.record) != _visible(record):
            self._changes.publish(_KEY + record.id)
        return replaced

    @staticmethod
    def _item(record: TaskRecord, version: int) -> Item:
        return Item(_KEY + record.id, version, _encode(record), int(record.expires) + _TOMBSTONE_SECONDS)

    def _put(self, name: str, data: bytes) -> str:
        if self._blobs is None:
            raise ItemTooLargeError(
                f"{len(data)} bytes do not fit into an item: set LAMBENT_BUCKET to a bucket for large "
                "arguments and results"
            )
        self._blobs.put(name, data)
        return name

    def _requeue(self, found: Versioned, now: float) -> None:
        record = msgspec.structs.replace(found.record, due=now + PICKUP_SECONDS)
        if self._replace(found, record):
            _log.warning("Task %s was not picked up: queued again", record.id)
            try:
                self.queue.send(record.id)
            except Exception as error:  # who asks gets an answer all the same, and may ask again
                report(error)

    def _send_or_restore(self, found: Versioned, answered: TaskRecord) -> None:
        """Queue a task that has its answers; if that fails, the client has to send them again."""
        try:
            self.queue.send(answered.id)
        except BaseException:
            # The version alone decides: if a worker is at it already, the message did arrive.
            self._store.replace(self._item(found.record, found.version + 2))
            raise


_INLINE_BYTES = 256 * 1024
"""Larger arguments and results go elsewhere: an item holds 400 KB, state and questions included."""


def _answered(record: TaskRecord, taken: dict[str, Raw], now: float) -> TaskRecord:
    answers = dict(record.state.answers)
    for key, answer in taken.items():
        question = record.questions[key]
        answers[question.key] = question.mark, answer
    questions = {key: question for key, question in record.questions.items() if key not in taken}
    state = State(answers, record.state.steps, {})
    if questions:
        return msgspec.structs.replace(record, state=state, questions=questions, updated=now)
    return msgspec.structs.replace(
        record, state=state, questions={}, updated=now, status="working", due=now + PICKUP_SECONDS
    )


def _bare(params: Raw) -> bytes:
    """The parameters without what belongs to the rounds before the task."""
    fields: dict[str, Raw] = msgspec.json.decode(params, type=dict[str, Raw])
    fields.pop("inputResponses", None)
    fields.pop("requestState", None)
    return _encode(fields)


def _owner(principal: Principal | None) -> str:
    return principal.key if principal is not None else ""


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
