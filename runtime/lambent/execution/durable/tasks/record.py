"""A task as it is kept, and the table of what may become of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from msgspec import Raw

from lambent.auth.principal import Principal
from lambent.execution.durable.records import Lease
from lambent.execution.rounds.sealing import State

NULL = Raw(b"null")

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


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about a task.

    Attributes:
        id: at least 128 random bits.
        tool: the tool that was called.
        params: the parameters of the call, without its MRTR parts; null where they lie in a blob.
        params_blob: the name of that blob.
        principal: who called, if known: nobody else gets at the task.
        created: seconds since the epoch, like all times here.
        updated: when its status last changed.
        expires: until when it can be asked for.
        ttl_ms: the same, from its creation.
        poll_ms: how often clients should ask.
        status: where it stands.
        message: what it is doing, or why it failed.
        attempt: how often a worker has tried since the last progress.
        lease: who works on it.
        due: by when a worker should have begun, if all is well.
        cancel: the client has asked for cancellation.
        state: answers and steps that a run starts with.
        questions: what it waits for, by wire key.
        used_keys: every wire key it ever had.
        result: the result of the call; null where there is none yet, or where it lies in a blob.
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
    questions: dict[str, OpenQuestion] = {}
    used_keys: dict[str, str] = {}
    result: Raw = NULL
    result_blob: str | None = None
    error: dict[str, Any] | None = None

    @property
    def is_terminal(self) -> bool:
        """Nothing will become of it any more."""
        return not TRANSITIONS[self.status]

    def is_leased(self, now: float) -> bool:
        """A worker may be at it."""
        return self.lease is not None and now < self.lease.until
