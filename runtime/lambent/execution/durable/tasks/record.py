"""A task as it is kept, the table of what may follow each status, and the changes that requests make."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from msgspec import Raw

from lambent.auth.principal import Principal
from lambent.execution.durable.records import Lease, Record, changed
from lambent.execution.rounds.digests import mark_of
from lambent.execution.rounds.sealing import State

NULL = Raw(b"null")

_TOMBSTONE_SECONDS = 24 * 3600
"""How long an expired task can still be told from an unknown one."""

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]

TRANSITIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "working": frozenset({"working", "input_required", "completed", "failed", "cancelled"}),
        "input_required": frozenset({"input_required", "working", "cancelled"}),
        "completed": frozenset(),
        "failed": frozenset(),
        "cancelled": frozenset(),
    }
)
"""What may follow a status. Nothing follows a terminal one."""


_MESSAGE_CHARACTERS = 1000


def brief(message: str) -> str:
    """A status message that can be written, and leaves room for the journal in the task's item."""
    is_long = len(message) > _MESSAGE_CHARACTERS
    cut = message[: _MESSAGE_CHARACTERS - 1] + "…" if is_long else message
    return cut.encode(errors="replace").decode()


class OpenQuestion(msgspec.Struct, frozen=True):
    """A question that a task waits for.

    Attributes:
        key: the handler's own key; the wire's may differ, since a task never uses one twice.
        mark: a digest of the question.
        request: the input request as the wire carries it.
    """

    key: str
    mark: str
    request: Raw


def queue_name_of(task_id: str, principal: Principal | None) -> str:
    """A task as the queue names it: by its id, behind the mark of its principal if it has one."""
    return f"{mark}.{task_id}" if (mark := mark_of(principal)) else task_id


class TaskRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about a task; times are in seconds since the epoch.

    Attributes:
        params: the parameters of the call, without its MRTR parts; null where a blob holds them.
        params_blob: the name of that blob.
        principal: who called, if known, without the claims; the task belongs to them.
        updated: when its status last changed.
        expires: until when it can be asked for; ``ttl_ms`` says the same from its creation.
        poll_ms: how often clients should ask.
        message: what it is doing, or why it failed.
        attempt: how often a worker has tried since the last progress.
        due: when a worker should have begun at the latest.
        cancel: the client has asked for cancellation.
        state: answers and steps that a run starts with.
        questions: what it waits for, by wire key.
        used_keys: every wire key that it ever had.
        result: the result of the call; null where there is none yet, or where a blob holds it.
        result_blob: the name of that blob.
        error: the JSON-RPC error that ended it.
    """

    id: str
    tool: str
    params: Raw
    params_blob: str | None = None
    principal: Principal | None = None
    created: float
    updated: float
    expires: float
    ttl_ms: int
    poll_ms: int
    status: Status = "working"
    message: str | None = None
    attempt: int = 0
    lease: Lease | None = None
    due: float = 0.0
    cancel: bool = False
    state: State = State()
    questions: dict[str, OpenQuestion] = msgspec.field(default_factory=dict)
    used_keys: dict[str, str] = msgspec.field(default_factory=dict)
    result: Raw = NULL
    result_blob: str | None = None
    error: dict[str, Any] | None = None

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.expires + _TOMBSTONE_SECONDS

    @property
    def queue_name(self) -> str:
        """The task as the queue names it."""
        return queue_name_of(self.id, self.principal)

    @property
    def is_terminal(self) -> bool:
        """Nothing follows its status."""
        return not TRANSITIONS[self.status]

    def ended(self, status: Status, now: float, **changes: Any) -> TaskRecord:
        """The record of the same task when it is over."""
        over: dict[str, Any] = {"status": status, "updated": now, "lease": None, "questions": {}}
        return changed(self, **(over | {"message": None} | changes))

    def answered(self, taken: Mapping[str, Raw], now: float, due: float) -> TaskRecord:
        """The record with answers to some of its questions; without open ones it is working again."""
        answers = dict(self.state.answers)
        for key, answer in taken.items():
            question = self.questions[key]
            answers[question.key] = question.mark, answer
        state = msgspec.structs.replace(self.state, answers=answers, asked={})
        questions = {key: question for key, question in self.questions.items() if key not in taken}
        answered = changed(self, state=state, questions=questions, updated=now)
        return answered if questions else changed(answered, status="working", due=due)
