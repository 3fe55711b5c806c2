"""The observer that makes one record of each call, and hands it to every sink before the response leaves."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from lambent.auth.principal import Principal
from lambent.errors import InternalError, LambentError, ProtocolError
from lambent.execution.audit.arguments import UNREADABLE, Arguments, Asked
from lambent.execution.audit.record import (
    MAX_NAME,
    AuditClient,
    AuditPrincipal,
    AuditRecord,
    iso_time,
    json_of,
    shown,
)
from lambent.execution.audit.trail import Trail, task_mark
from lambent.execution.call import Call
from lambent.execution.execute import AttemptFailed
from lambent.execution.failures import message_of
from lambent.execution.log_records import logger, one_line
from lambent.execution.outcome_kinds import kind_of, kind_of_refusal
from lambent.execution.ports import AuditSink, Clock
from lambent.wire.http import Request
from lambent.wire.results import TASK, Outcome, TaskResult

_DESCRIBING = frozenset(
    {
        *("server/discover", "initialize", "ping", "logging/setLevel", "subscriptions/listen"),
        *("tools/list", "resources/list", "resources/templates/list", "prompts/list"),
        *("resources/subscribe", "resources/unsubscribe", "events/list"),
    }
)
"""Methods that run nothing of the server's author and read none of its data: recorded where refused."""

_ASKING = frozenset({"tools/call", "resources/read", "prompts/get"})
"""Methods that may take several rounds."""

_TRACE_PARENT = r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"

_log = logger("lambent")


class Recorder:
    """Records calls; ``record_call`` is an ``Observer``.

    Args:
        server: the server's name.
        sinks: get every record, one after the other.
        arguments: says of arguments what the policy lets it.
        clock: the time.
        required: a call whose record a sink did not take is answered with an error.
        xray_trace: gives the header of X-Ray's trace, where the platform has one; else empty.
    """

    def __init__(
        self,
        server: str,
        sinks: Sequence[AuditSink],
        arguments: Arguments,
        clock: Clock,
        *,
        required: bool = False,
        xray_trace: Callable[[], str] = str,
    ) -> None:
        self._server = server
        self._sinks = tuple(sinks)
        self._arguments = arguments
        self._clock = clock
        self._required = required
        self._xray_trace = xray_trace

    def record_call(self, call: Call, execute: Callable[[Call], Outcome]) -> Outcome:
        """Execute a call and record it; see ``Observer``."""
        trail = call.invocation.trail = _trail_of(call)
        began, start = self._clock(), time.perf_counter()
        try:
            outcome = execute(call)
        except BaseException as error:  # an attempt at a task that is not its last
            ending = "retried" if isinstance(error, AttemptFailed) else "interrupted"
            self._write(self._record(call, trail, ending, None, began, start))
            raise
        finally:
            call.invocation.trail = None
        ending = _ending(call, outcome)
        if not _is_recorded(call, outcome, ending):
            return outcome
        if self._write(self._record(call, trail, ending, outcome, began, start)) or not self._required:
            return outcome
        text = "The call could not be recorded for audit; it may have taken effect"
        return Outcome(error=InternalError(text, status=500))

    def record_refusal(self, request: Request, refusal: ProtocolError) -> None:
        """Record that a caller was refused before the body of the request was read."""
        ending = kind_of_refusal(refusal.status)
        record = AuditRecord(
            time=iso_time(self._clock()),
            server=self._server,
            call_id=Trail().call_id,
            outcome=ending,
            code=refusal.code,
            status=refusal.status,
            duration_ms=0.0,
            client_address=request.client_address,
            **self._platform(request),
        )
        self._write(record)

    def _record(
        self, call: Call, trail: Trail, ending: str, outcome: Outcome | None, began: float, start: float
    ) -> AuditRecord:
        duration = round((time.perf_counter() - start) * 1000, 3)
        # As the last middleware that passed the call on had it: middleware may find out who is calling.
        principal = (call.invocation.latest or call).principal
        asked, arguments = self._tell(call)
        is_counted = call.method in _ASKING and not call.is_task
        return AuditRecord(
            time=iso_time(began),
            server=self._server,
            call_id=trail.call_id,
            method=shown(call.method),
            name=None if asked.name is None else shown(asked.name, MAX_NAME),
            outcome=ending,
            code=outcome.error.code if outcome is not None and outcome.error is not None else None,
            status=outcome.status if outcome is not None else None,
            duration_ms=duration,
            principal=_principal_of(principal),
            client=_client_of(call, principal),
            client_address=call.request.client_address,
            request_id=_request_id(call),
            traceparent=_trace_parent(call),
            round=trail.round or None if is_counted else None,
            attempt=call.invocation.attempt or None,
            task=_task_of(call, outcome),
            arguments=arguments,
            **self._platform(call.request),
        )

    def _tell(self, call: Call) -> tuple[Asked, Any]:
        """What the call asks for, and what the record says of it: whatever fails there fails no call."""
        asked = Asked()
        try:
            asked = self._arguments.asked(call)
            return asked, self._arguments.tell(asked, call.services.keys)
        except Exception as error:
            why = type(error).__name__
            if isinstance(error, LambentError):  # what others say may quote an argument
                why = one_line(f"{why}: {message_of(error)}")
            _log.warning("The audit record of %s has no arguments: %s", call.method, why)
            return asked, json_of(UNREADABLE)

    def _platform(self, request: Request) -> dict[str, Any]:
        aws = getattr(request.context, "aws_request_id", None)
        return {
            "aws_request_id": shown(aws) or None,
            "xray_trace": shown(self._xray_trace() or request.headers.get("x-amzn-trace-id")) or None,
        }

    def _write(self, record: AuditRecord) -> bool:
        """Hand a record to every sink; whether all of them took it."""
        is_written = True
        for sink in self._sinks:
            try:
                sink.write(record)
            except Exception as error:
                is_written = False
                what = f"{record.method or 'a refused request'}, call {record.call_id}"
                why = one_line(f"{type(error).__name__}: {message_of(error)}")
                name = type(sink).__name__
                _log.error("%s did not take the audit record of %s (%s): %s", name, what, record.outcome, why)
        return is_written


def _trail_of(call: Call) -> Trail:
    if call.journal is None:
        return Trail()
    trail = Trail(task_mark(str(call.rpc.id)))  # of a task that was made before calls were audited
    if call.journal.trail is not None:
        trail.call_id, _ = call.journal.trail
    return trail


def _ending(call: Call, outcome: Outcome) -> str:
    if call.resumed is not None and call.resumed.is_early:
        return "not_ready"
    if isinstance(outcome.result, TaskResult) and outcome.result.result_type == TASK:
        return "task_created"
    return kind_of(outcome)


def _is_recorded(call: Call, outcome: Outcome, ending: str) -> bool:
    if ending in ("denied", "limited"):
        return True
    if call.method == "tasks/get":  # clients ask again and again: what counts is what they are given
        return not isinstance(outcome.result, TaskResult) or outcome.result.result is not UNSET
    return call.method not in _DESCRIBING


def _request_id(call: Call) -> str | int | None:
    """The id of the request; attempts at a task have none, but that of the task in its place."""
    if call.is_task:
        return None
    return call.rpc.id if isinstance(call.rpc.id, int) else shown(call.rpc.id)


def _principal_of(principal: Principal | None) -> AuditPrincipal | None:
    return None if principal is None else AuditPrincipal(shown(principal.subject), shown(principal.issuer))


def _client_of(call: Call, principal: Principal | None) -> AuditClient | None:
    handshake = call.handshake
    info = (call.rpc.meta.client_info if handshake is None else handshake.client_info) or {}
    known = AuditClient(
        id=shown(principal.client_id if principal is not None else ""),
        name=shown(info.get("name")),
        version=shown(info.get("version")),
    )
    return None if known == AuditClient() else known


def _trace_parent(call: Call) -> str | None:
    given = call.rpc.meta.trace_parent
    return given if isinstance(given, str) and re.fullmatch(_TRACE_PARENT, given) else None


def _task_of(call: Call, outcome: Outcome | None) -> str | None:
    """A mark of the task that the call is about: it makes it, is an attempt at it, or names it."""
    if call.is_task:
        return task_mark(str(call.rpc.id))
    result = outcome.result if outcome is not None else None
    if isinstance(result, TaskResult):
        return task_mark(result.task_id)
    task_id = getattr(call.rpc.params, "task_id", None)
    return task_mark(task_id) if isinstance(task_id, str) else None
