"""A claimed call as it is kept, and what a later call is given of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import InvalidParamsError
from lambent.execution.call import Call
from lambent.execution.durable.records import Lease, Record
from lambent.execution.handlers.tools import failed
from lambent.execution.rounds.digests import decode_exactly, digest
from lambent.execution.rounds.questions import require_extension
from lambent.execution.rounds.sealing import State
from lambent.features.tasks import EXTENSION
from lambent.wire.results import TASK, CallToolResult, Result, TaskResult


class CallRecord(Record, frozen=True, omit_defaults=True):
    """A call as it is kept.

    Attributes:
        arguments: a digest of them: a key that comes with others is a mistake.
        expires: seconds since the epoch.
        task_id: the id of the task that it becomes, if it becomes one.
        result: what it returned, once it is done.
    """

    arguments: str
    expires: float
    lease: Lease | None = None
    state: State = State()
    task_id: str = ""
    result: Raw | UnsetType = UNSET

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.expires if self.lease is None else max(self.expires, self.lease.until)


class _KeptResult(CallToolResult, kw_only=True):
    """The result of a call, or the id of the task that it became; what is not needed stays JSON."""

    content: list[Raw] | UnsetType = UNSET  # type: ignore[assignment]
    structured_content: Raw | UnsetType = UNSET
    task_id: str | UnsetType = UNSET


_results = msgspec.json.Decoder(_KeptResult)

TOO_LARGE = Raw(
    msgspec.json.encode(failed("The call was done before; its result is too large to be given again."))
)
"""Kept in place of a result that no item can hold."""


def kept_result(raw: Raw, call: Call, window: float) -> Result | State | None:
    """The result that a call had; for a task see ``kept_task``."""
    result = _results.decode(raw)
    return result if isinstance(result.task_id, UnsetType) else kept_task(result.task_id, call, window)


def kept_task(task_id: str, call: Call, window: float) -> TaskResult | State | None:
    """A task as it stands now; its journal where it ended without success; None where there is none.

    One that is completed is given for ``window`` seconds from its creation; one that is not, until it ends.
    """
    tasks = call.services.tasks
    if tasks is None:
        return None
    try:
        record = tasks.get(task_id, call.principal)
    except InvalidParamsError:
        return None
    if record.is_terminal and call.services.clock() >= record.created + window:
        return None
    require_extension(call.client, EXTENSION)
    shown = tasks.show(record)
    is_failed = record.status == "completed" and msgspec.json.decode(shown.result).get("isError")
    if is_failed or record.status in ("failed", "cancelled"):
        return record.state
    shown.result_type, shown.result = TASK, UNSET
    return shown


def contradicts(answers: Mapping[str, tuple[str, Raw]], kept: State) -> bool:
    """Whether an answer differs from the one that the same question of a kept call was given."""
    return any(
        key in answers and answers[key][0] == mark and not _is_same(answers[key][1], answer)
        for key, (mark, answer) in kept.answers.items()
    )


def _is_same(one: Raw, other: Raw) -> bool:
    """Whether two answers are the same JSON value, whatever the order of their members."""
    if bytes(one) == bytes(other):
        return True
    try:
        return digest(decode_exactly(one)) == digest(decode_exactly(other))
    except (msgspec.DecodeError, ValueError, RecursionError):  # such as a number out of range
        return False
