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

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.auth.principal import key_of
from lambent.errors import (
    ConfigurationError,
    DeadlineReached,
    InvalidParamsError,
    ItemTooLargeError,
    OverloadedError,
    StoreError,
    ToolError,
)
from lambent.execution.call import Call
from lambent.execution.durable.call_record import TOO_LARGE, CallRecord, contradicts, kept_result, kept_task
from lambent.execution.durable.records import (
    RESERVE,
    Held,
    LeaseLost,
    Records,
    StoreFailed,
    changed,
    is_leased,
    lease_of,
    random_id,
)
from lambent.execution.failures import report
from lambent.execution.log_records import logger
from lambent.execution.rounds.digests import digest
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.sealing import State
from lambent.features.codecs import to_plain
from lambent.features.tools import Tool
from lambent.wire.eras import meta_of
from lambent.wire.results import CallToolResult, TaskResult

CALL, FLOW = "CALL", "FLOW"
"""What a claim is named by: the key of an idempotent call, or the flow that a request state belongs to."""

_UNBOUNDED_SECONDS = 3600.0
"""How long a lease lasts where invocations have no deadline and the host renews none; each step renews it."""

_WAIT_SECONDS = 20.0
_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 1.0
_SPARE_SECONDS = 1.0
_FLOW_SPARE_SECONDS = 60.0

_log = logger("lambent.state")

Run = Callable[[Journal, str], Any]
"""Runs a call with a journal; a task that it becomes has the given id."""


def run_claimed(tool: Tool, kwargs: dict[str, Any], call: Call, journal: Journal, run: Run) -> Any:
    """Run a call of a tool that is idempotent or whose states count once, or give the result that it had.

    ``kwargs`` are the arguments, converted, so that other spellings of them make the same call.

    Raises:
        ConfigurationError: there is no table to remember calls in.
        InvalidParamsError: the state was used before, with other answers.
        MissingCapabilityError: the first call became a task, which this client cannot deal with.
        ToolError: the key was used with other arguments, or the first call takes too long.
    """
    claim = _claim_of(tool, kwargs, call, journal)
    if claim is None:
        return run(journal, "")
    if tool.idempotency is not None and (trail := call.invocation.trail) is not None:
        trail.join(journal, claim.key)
    try:
        given = claim.begin()
    except StoreError:
        if call.resumed is not None:  # nothing is done yet
            call.resumed.is_early = True
        raise
    if given is not None:
        return given
    journal.keeper, journal.session_owner = claim, claim.key
    call.invocation.detached = True
    try:
        with call.invocation.renewing(claim.renew):
            result = run(journal, claim.record.task_id)
    except LeaseLost:
        raise claim.still_running() from None
    except DeadlineReached:
        claim.give_back()
        raise ToolError(
            "The call takes longer than its invocation: ask again, to go on behind its steps"
        ) from None
    except BaseException:
        claim.give_back()
        raise
    if isinstance(result, TaskResult) or (isinstance(result, CallToolResult) and result.is_error is not True):
        claim.finish(result)
    else:
        claim.give_back()
    return result


def _claim_of(tool: Tool, kwargs: dict[str, Any], call: Call, journal: Journal) -> Claim | None:
    # As clients name them: neither the context nor what resolvers give is among them.
    wires = {parameter.name: parameter.wire for parameter in tool.signature.parameters}
    arguments = {wires.get(name, name): value for name, value in to_plain(kwargs).items()}
    if tool.idempotency is not None:
        key = tool.idempotency.key_of(arguments, meta_of(call.rpc))
        name = digest([tool.name, key]) if key is not None else ""
        if journal.flow and journal.flow != name:
            raise _invalid_state()  # it belongs to a call with another key
        if name:
            journal.flow = name
            window = tool.idempotency.window.total_seconds()
            if tool.single_use:
                window = max(window, call.services.state_ttl + _FLOW_SPARE_SECONDS)
            return Claim(CALL, name, window, tool, arguments, call, journal)
    elif journal.flow and (tool.single_use or call.resumed is not None):
        window = call.services.state_ttl + _FLOW_SPARE_SECONDS
        return Claim(FLOW, journal.flow, window, tool, arguments, call, journal)
    return None


def _invalid_state() -> InvalidParamsError:
    return InvalidParamsError("Invalid or expired requestState: start the request over")


class Claim:
    """The exclusive right to run a call, and the keeper of its journal.

    ``name`` names the call among those of its kind and principal. For ``window`` seconds its result is given
    again.
    """

    def __init__(
        self, kind: str, name: str, window: float, tool: Tool, arguments: Any, call: Call, journal: Journal
    ) -> None:
        services = call.services
        if services.store is None:
            why = "remembers its calls" if kind == CALL else "wants states used once"
            raise ConfigurationError(f"This tool {why}, so the function needs a table: set LAMBENT_TABLE")
        self._records = Records(services.store, services.clock, kind, services.audience, CallRecord)
        self._kind = kind
        self.key = self._records.key(name, key_of(call.principal))
        self._window = window
        self._tool = tool
        self._arguments = digest(arguments)
        self._call = call
        self._journal = journal
        self._held: Held[CallRecord]  # from ``begin`` on

    @property
    def record(self) -> CallRecord:
        """The record as it was written last."""
        return self._held.record

    def begin(self) -> Any:
        """Take the call over and return None, or wait for the call that runs it and return its result."""
        invocation, wait = self._call.invocation, _FIRST_POLL_SECONDS
        remaining, seconds = invocation.remaining_ms(), _WAIT_SECONDS
        if remaining is not None:
            seconds = min(seconds, remaining / 1000 - _SPARE_SECONDS)
        deadline = time.monotonic() + seconds
        found: Held[CallRecord] | None = None
        while True:
            invocation.check()
            if found is None:
                made = self._records.insert(self.key, self._taken(None, State()), reserve=RESERVE)
                if made is not None:
                    self._held = made
                    return None
            found = self._records.read(self.key)
            if found is None:
                continue
            given, prior = self._given(found.record)
            if given is not None:
                return given
            if not is_leased(found.record.lease, self._records.clock()):
                if found.replace(self._taken(found.record, prior), reserve=RESERVE):
                    self._held = found
                    self._journal.adopt(prior)
                    return None
                continue
            if time.monotonic() >= deadline:
                raise self.still_running()
            try:
                invocation.sleep(wait)
            except OverloadedError:
                raise self.still_running() from None
            wait = min(wait * 1.5, _LONGEST_POLL_SECONDS)

    def still_running(self) -> ToolError:
        """The error of a call while another one holds the claim."""
        if self._call.resumed is not None:
            self._call.resumed.is_early = True
        what = "key" if self._kind == CALL else "state"
        return ToolError(f"The same call is still running: ask again in a moment, with the same {what}")

    def _given(self, record: CallRecord) -> tuple[Any, State]:
        """The result that the call had; or None, and the journal to run it with.

        Raises:
            ToolError: the key was used with other arguments.
            InvalidParamsError: the state was used with other answers.
        """
        now = self._records.clock()
        is_running = is_leased(record.lease, now)
        if now >= record.expires and not is_running:
            return None, State()
        has_effects = record.result is not UNSET or record.state.has_effects
        if (has_effects or is_running) and record.arguments != self._arguments:
            raise ToolError("The idempotency key was used before with other arguments: use a new key")
        if has_effects and self._tool.single_use and contradicts(self._journal.answers(), record.state):
            _log.warning("Request state for %r rejected: used before, with other answers", self._call.name)
            raise _invalid_state()
        prior, given = State(), None
        if not isinstance(record.result, UnsetType):
            given = kept_result(record.result, self._call, self._window)
        elif not is_running:
            prior = record.state if has_effects else State()
            if self._tool.task is not None:
                # The run before may have made its task, and died before it could say so.
                given = kept_task(record.task_id, self._call, self._window)
        return (None, given) if isinstance(given, State) else (given, prior)

    def _taken(self, found: CallRecord | None, prior: State) -> CallRecord:
        """The record under our lease, with the answers that came: a later run has to have the same."""
        now = self._records.clock()
        lease = lease_of(self._call.invocation, now, _UNBOUNDED_SECONDS)
        task_id = random_id() if self._tool.task is not None else ""
        if found is not None and found.result is UNSET and now < found.expires:
            task_id = found.task_id
        return CallRecord(
            arguments=self._arguments,
            expires=lease.until + self._window,  # whoever takes over needs the journal
            lease=lease,
            state=msgspec.structs.replace(prior, answers={**self._journal.answers(), **prior.answers}),
            task_id=task_id,
        )

    def keep(self, state: State, *, final: bool = False) -> None:
        """See ``Keeper.keep``."""
        try:
            self._write(self._renewed(self.record, state=state), reserve=0 if final else RESERVE)
        except StoreError as error:
            raise StoreFailed(error) from error

    def renew(self) -> None:
        """Hold the claim for longer; see ``Invocation.renewing``."""
        self._held.renew(lambda record: self._renewed(record) if record.lease is not None else None)

    def _renewed(self, record: CallRecord, **changes: Any) -> CallRecord:
        owner = record.lease.owner if record.lease is not None else ""
        lease = lease_of(self._call.invocation, self._records.clock(), _UNBOUNDED_SECONDS, owner)
        return changed(record, lease=lease, expires=lease.until + self._window, **changes)

    def finish(self, result: Any) -> None:
        """Keep the result. The call has taken effect, so an error of the store is only logged."""
        answers = self._journal.state.answers if self._tool.single_use else {}
        window = self._window
        if isinstance(result, TaskResult):  # it is known for as long as it runs; see ``kept_task``
            window = max(window, result.ttl_ms / 1000)
        ended = changed(
            self.record,
            lease=None,
            state=State(answers=answers),
            expires=self._records.clock() + window,
            result=Raw(msgspec.json.encode(result)),
        )
        try:
            try:
                self._write(ended)
            except ItemTooLargeError:
                self._write(changed(ended, result=TOO_LARGE))
        except (StoreError, LeaseLost) as error:
            report(error, self._call.rpc)

    def give_back(self) -> None:
        """Let the call be run again; what its journal has keeps it from repeating what it did."""
        try:
            if self.record.state.has_effects or self._journal.advanced:
                expires = self._records.clock() + self._window
                self._write(changed(self.record, lease=None, state=self._journal.state, expires=expires))
            else:
                self._held.remove()
        except (StoreError, ItemTooLargeError, LeaseLost) as error:
            report(error, self._call.rpc)  # the lease ends by itself

    def _write(self, record: CallRecord, *, reserve: int = 0) -> None:
        if not self._held.replace(record, reserve=reserve):
            raise LeaseLost
