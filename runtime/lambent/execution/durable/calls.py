"""Calls that take effect once, however often they arrive: idempotent calls, and flows of single-use states.

::

    first call    insert "running until …" ── step ─► journal ── run ── replace with the result ─► result
    second call        ✗ is there: wait ··································· read ────────────► the same result
    first dies    insert ── step ─► journal ── ✗
    second call        ✗ is there, but its lease is over: take over, go on behind the step ──► result

The claim on a key is given back only while nothing can have taken effect: no step is finished and no result
is kept. A call that holds a claim runs to its end also when its client hangs up.
"""

from __future__ import annotations

import base64
import logging
import os
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.auth.principal import key_of
from lambent.errors import ConfigurationError, InvalidParamsError, ItemTooLargeError, StoreError, ToolError
from lambent.execution.call import Call
from lambent.execution.durable.records import (
    RESERVE,
    Held,
    Lease,
    LeaseLost,
    Records,
    StoreFailed,
    changed,
    lease_of,
)
from lambent.execution.failures import report
from lambent.execution.ports import Store
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.sealing import State, digest
from lambent.features.codecs import to_json
from lambent.features.tools import Tool
from lambent.wire.eras import meta_of
from lambent.wire.results import TASK, CallToolResult, Result, TaskResult
from lambent.wire.values import TextContent

CALL, FLOW = "CALL", "FLOW"
"""What claims are named by: the key of an idempotent call, or the flow that a request state belongs to."""

_UNBOUNDED_SECONDS = 900.0
_WAIT_SECONDS = 20.0
_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 1.0
_SPARE_SECONDS = 1.0
_FLOW_SPARE_SECONDS = 60.0

_USED_WITH_OTHER_ARGUMENTS = "The idempotency key was used before with other arguments: use a new key"
_STILL_RUNNING = "The same call is still running: ask again in a moment, with the same {}"
_INVALID_STATE = "Invalid or expired requestState: start the request over"

_log = logging.getLogger("lambent.state")
_encode = msgspec.json.encode

Run = Callable[[Journal, str], Any]
"""Runs a call with a journal; a task that it becomes has the given id."""


class CallRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call as it is kept.

    Attributes:
        arguments: a digest of them: a key that comes with others is a mistake.
        expires: when it is forgotten, in seconds since the epoch.
        lease: who runs it; None where nobody does.
        state: its journal.
        task_id: the id of the task that it becomes, if it becomes one.
        result: what it gave, once it is done.
    """

    arguments: str
    expires: float
    lease: Lease | None = None
    state: State = State()
    task_id: str = ""
    result: Raw | UnsetType = UNSET

    @property
    def purge_at(self) -> float:
        """When it may be forgotten."""
        return self.expires if self.lease is None else max(self.expires, self.lease.until)


class _KeptResult(Result, kw_only=True):
    """A result that was given before."""

    content: list[Raw]
    structured_content: Raw | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET


_results = msgspec.json.Decoder(_KeptResult)
_tasks = msgspec.json.Decoder(TaskResult)


def run_claimed(tool: Tool, kwargs: dict[str, Any], call: Call, journal: Journal, run: Run) -> Any:
    """Run a call of a tool that is idempotent or whose states count once, or give the result that it had.

    Args:
        tool: the tool.
        kwargs: its arguments, converted: calls that say the same in other words are the same.
        call: the call.
        journal: what came with the request.
        run: runs the call.

    Raises:
        ConfigurationError: there is no table to remember calls in.
        InvalidParamsError: the state was used before, with other answers.
        MissingCapabilityError: the first call became a task, which this client cannot deal with.
        ToolError: the key was used with other arguments, or the first call takes too long.
    """
    claim = _claim_of(tool, kwargs, call, journal)
    if claim is None:
        return run(journal, "")
    given = claim.begin()
    if given is not None:
        return given
    journal.keeper = claim
    call.invocation.detach()
    try:
        result = run(journal, claim.task_id)
    except LeaseLost:
        raise claim.still_running() from None
    except BaseException:
        claim.give_back()
        raise
    if isinstance(result, CallToolResult | TaskResult) and not is_failure(result):
        claim.finish(result)
    else:
        claim.give_back()
    return result


def is_failure(result: Any) -> bool:
    """Whether a result says that the tool failed."""
    return isinstance(result, CallToolResult) and result.is_error is True


def _claim_of(tool: Tool, kwargs: dict[str, Any], call: Call, journal: Journal) -> Claim | None:
    arguments: dict[str, Any] = msgspec.json.decode(to_json(kwargs))
    if tool.idempotency is not None:
        key = tool.idempotency.key_of(arguments, meta_of(call.rpc))
        if key is not None:
            name = digest([tool.name, key])
            store = store_of(call, "This tool remembers its calls")
            return Claim(
                CALL, store, name, tool, call, journal, arguments, tool.idempotency.window.total_seconds()
            )
    if tool.single_use and journal.flow:
        store = store_of(call, "This tool wants states used once")
        seconds = call.services.sealer.ttl + _FLOW_SPARE_SECONDS
        return Claim(FLOW, store, journal.flow, tool, call, journal, arguments, seconds)
    return None


class Claim:
    """The exclusive right to run a call, and the keeper of its journal.

    Args:
        kind: ``CALL`` or ``FLOW``.
        store: keeps the record.
        name: names the call among those of its kind.
        tool: the tool that is called.
        call: the call.
        journal: what came with the request; what is kept is put into it.
        arguments: of the call.
        window: seconds for which its result is given again.
    """

    def __init__(
        self,
        kind: str,
        store: Store,
        name: str,
        tool: Tool,
        call: Call,
        journal: Journal,
        arguments: Any,
        window: float,
    ) -> None:
        services = call.services
        self._records: Records[CallRecord] = Records(
            store, services.clock, kind, services.sealer.audience, CallRecord, _purge_at
        )
        self._kind = kind
        self._key = self._records.key(name, key_of(call.principal))
        self._tool = tool
        self._call = call
        self._journal = journal
        self._arguments = digest(arguments)
        self._window = window
        self._owner = os.urandom(12).hex()
        self._held: Held[CallRecord] | None = None
        self._prior = State()

    @property
    def task_id(self) -> str:
        """The id of the task that the call becomes, if it becomes one: the same in every run."""
        return self._record.task_id

    def begin(self) -> Any:
        """Take the call on, and return None; or wait for whoever has, and return the result."""
        invocation, wait = self._call.invocation, _FIRST_POLL_SECONDS
        remaining = invocation.remaining_ms()
        seconds = (
            _WAIT_SECONDS if remaining is None else min(_WAIT_SECONDS, remaining / 1000 - _SPARE_SECONDS)
        )
        deadline = time.monotonic() + seconds
        found: Held[CallRecord] | None = None
        while True:
            invocation.check()
            if found is None:
                self._held = self._records.insert(self._key, self._taken(None), reserve=RESERVE)
                if self._held is not None:
                    return None
            found = self._records.read(self._key)
            if found is None:
                continue
            given = self._given(found.record)
            if given is not None:
                return given
            if not self._is_running(found.record):
                if found.replace(self._taken(found.record), reserve=RESERVE):
                    self._held = found
                    self._journal.adopt(self._prior)
                    return None
                continue
            if time.monotonic() >= deadline:
                raise self.still_running()
            invocation.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_POLL_SECONDS)

    def still_running(self) -> ToolError:
        """What a call is answered with that another one excludes."""
        return ToolError(_STILL_RUNNING.format("key" if self._kind == CALL else "state"))

    def _is_running(self, record: CallRecord) -> bool:
        return record.lease is not None and self._records.clock() < record.lease.until

    def _given(self, record: CallRecord) -> Any:
        """The result that the call had; None where it has to be run, with ``_prior`` as its journal.

        Raises:
            ToolError: the key was used with other arguments.
            InvalidParamsError: the state was used with other answers.
        """
        self._prior = State()
        is_running, is_done = self._is_running(record), not isinstance(record.result, UnsetType)
        if self._records.clock() >= record.expires and not is_running:
            return None
        has_effects = is_done or record.state.has_effects
        if (has_effects or is_running) and record.arguments != self._arguments:
            raise ToolError(_USED_WITH_OTHER_ARGUMENTS)
        if has_effects and self._kind == FLOW and self._contradicts(record.state):
            _log.warning("Request state for %r rejected: used before, with other answers", self._call.name)
            raise InvalidParamsError(_INVALID_STATE)
        if not isinstance(record.result, UnsetType):
            return self._result(record.result)
        if is_running:
            return None
        if has_effects:
            self._prior = record.state
        # The run before may have made its task, and died before it could say so.
        return self._task(record.task_id) if self._tool.task is not None else None

    def _contradicts(self, state: State) -> bool:
        """Whether an answer that came now differs from the one that the call was run with."""
        mine = self._journal.answers()
        return any(
            key in mine and mine[key][0] == mark and not _is_same(mine[key][1], answer)
            for key, (mark, answer) in state.answers.items()
        )

    def _taken(self, found: CallRecord | None) -> CallRecord:
        """The record under our lease, with the answers that came: a later run has to have the same."""
        now = self._records.clock()
        is_same_call = found is not None and isinstance(found.result, UnsetType) and now < found.expires
        return CallRecord(
            arguments=self._arguments,
            expires=now + self._window,
            lease=lease_of(self._owner, self._call.invocation, now, _UNBOUNDED_SECONDS),
            state=msgspec.structs.replace(
                self._prior, answers={**self._journal.answers(), **self._prior.answers}
            ),
            task_id=found.task_id if found is not None and is_same_call else _task_id(self._tool),
        )

    # The journal

    def keep(self, state: State, *, final: bool = False) -> None:
        """See ``Keeper.keep``."""
        try:
            self._write(changed(self._record, state=state), reserve=0 if final else RESERVE)
        except StoreError as error:
            raise StoreFailed(error) from error

    def finish(self, result: Any) -> None:
        """Keep the result. The call has taken effect: what goes wrong here must not look like a failure."""
        answers = self._journal.state.answers if self._kind == FLOW else {}
        ended = changed(
            self._record,
            lease=None,
            state=State(answers=answers),
            expires=self._records.clock() + self._window,
            result=Raw(_encode(result)),
        )
        try:
            try:
                self._write(ended)
            except ItemTooLargeError:
                self._write(changed(ended, result=_TOO_LARGE))
        except (StoreError, LeaseLost) as error:
            report(error, self._call.rpc)

    def give_back(self) -> None:
        """Let the call be run again; what its journal has keeps it from repeating what it did."""
        assert self._held is not None  # noqa: S101 - the call was taken on
        try:
            if self._record.state.has_effects or self._journal.advanced:
                self._write(changed(self._record, lease=None, state=self._journal.state))
            else:
                self._held.remove()
        except (StoreError, ItemTooLargeError, LeaseLost) as error:
            report(error, self._call.rpc)  # the lease ends by itself

    @property
    def _record(self) -> CallRecord:
        assert self._held is not None  # noqa: S101 - the call was taken on
        return self._held.record

    def _write(self, record: CallRecord, *, reserve: int = 0) -> None:
        assert self._held is not None  # noqa: S101 - the call was taken on
        if not self._held.replace(record, reserve=reserve):
            raise LeaseLost

    # Results

    def _result(self, raw: Raw) -> Any:
        """The result that the call had; see ``_task`` where it is one."""
        if msgspec.json.decode(raw)["resultType"] != TASK:
            return _results.decode(raw)
        return self._task(_tasks.decode(raw).task_id)

    def _task(self, task_id: str) -> Any:
        """A task as it stands now; None where there is none, or where it ended without taking effect."""
        from lambent.execution.durable.tasks.promotion import require_tasks

        tasks, principal = self._call.services.tasks, self._call.principal
        if tasks is None:
            return None
        try:
            record = tasks.get(task_id, principal)
        except InvalidParamsError:
            return None
        require_tasks(self._call.rpc.client)
        shown = tasks.show(record)
        is_failed = record.status == "completed" and msgspec.json.decode(shown.result).get("isError")
        if is_failed or record.status in ("failed", "cancelled"):
            self._prior = record.state
            return None
        shown.result_type, shown.result = TASK, UNSET
        return shown


def _is_same(one: Raw, other: Raw) -> bool:
    """Whether two answers say the same, whatever the order of their members."""
    if bytes(one) == bytes(other):
        return True
    try:
        return digest(msgspec.json.decode(one)) == digest(msgspec.json.decode(other))
    except (msgspec.DecodeError, ValueError, RecursionError):  # such as a number out of range
        return False


def _task_id(tool: Tool) -> str:
    return base64.urlsafe_b64encode(os.urandom(24)).decode() if tool.task is not None else ""


def _purge_at(record: CallRecord) -> float:
    return record.purge_at


def store_of(call: Call, why: str) -> Store:
    """The store of a call's server.

    Args:
        call: the call.
        why: what needs it, for the error.

    Raises:
        ConfigurationError: there is none; the message says what to set.
    """
    store = call.services.store
    if store is None:
        raise ConfigurationError(f"{why}, so the function needs a table: set LAMBENT_TABLE")
    return store


_TOO_LARGE = Raw(
    _encode(
        CallToolResult(
            content=[
                TextContent(text="The call was done before; its result is too large to be given again.")
            ],
            is_error=True,
        )
    )
)
