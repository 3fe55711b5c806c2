"""Running a task: one attempt, under a lease, from the state that is kept."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from lambent.errors import (
    Cancelled,
    DeadlineReached,
    InternalError,
    ItemTooLargeError,
    LambentError,
    ProtocolError,
    StoreError,
    ToolError,
)
from lambent.execution.call import Call, Services
from lambent.execution.failures import report
from lambent.execution.invocation import Invocation
from lambent.execution.middleware import Middleware, chain
from lambent.execution.replay import Replay
from lambent.execution.run import run_replay
from lambent.execution.sealing import State
from lambent.execution.tasks.attempt import Held, LeaseLost, StoreFailed, TaskInvocation, TaskReplay
from lambent.execution.tasks.record import Lease, OpenQuestion, TaskRecord
from lambent.execution.tasks.service import PICKUP_SECONDS, Tasks
from lambent.features.tasks import TaskPolicy
from lambent.features.tools import Tool, render
from lambent.wire import jsonrpc
from lambent.wire.judge import Request
from lambent.wire.methods import METHODS
from lambent.wire.results import CallToolResult, InputRequiredResult
from lambent.wire.values import ClientCapabilities, RequestMeta, TextContent

_SKEW_SECONDS = 30.0
"""How far the clocks of two workers may be apart without both holding a lease."""

_UNBOUNDED_SECONDS = 3600.0
"""How long a lease lasts where invocations have no deadline."""

_MARGIN_SECONDS = 2.0
"""How long before its deadline a worker stops, so that it can still say so."""

_WORTHWHILE_SECONDS = 1.0
"""With less time than this an attempt is not begun."""

_MAX_DELAY = 900.0
"""What a queue can be asked to wait, at most, in seconds."""

_log = logging.getLogger("lambent.tasks")


class Worker:
    """Runs tasks.

    Args:
        services: what every call of the server shares; it has tasks.
        tasks: the same tasks.
        middleware: wrapped around every attempt, as around every call.
    """

    def __init__(self, services: Services, tasks: Tasks, middleware: Sequence[Middleware] = ()) -> None:
        self._services = services
        self._middleware = middleware
        self._tasks = tasks

    def run(self, task_id: str, host: Invocation, *, may_wait: bool = False) -> None:
        """Look at a task that the queue brought, and run it if there is anything to run.

        Delivery is at least once: a task that is done, waits for input or is unknown is left alone. One that
        another worker holds is queued again for when its lease is over, in case that worker is dead.

        Args:
            task_id: the task.
            host: the invocation to run in.
            may_wait: the invocation has done other things before; if it is nearly over, another one may try.
        """
        if may_wait and _is_nearly_over(host):
            self._tasks.queue.send(task_id)  # behind slower ones of its batch: it is not to blame
            return
        held = self._take(task_id, host)
        if held is None:
            return
        replay = TaskReplay(held)
        try:
            self._attempt(held, replay, host)
        except LeaseLost:
            _log.warning("Task %s is with another worker now", task_id)
        except StoreFailed as failed:
            self._recover(held, replay, failed)

    def bury(self, task_id: str) -> None:
        """End a task that the queue has given up: it must not stay working for ever.

        One that waits for its client is not working, and one under a lease is in good hands, or picked up
        when the lease is over.
        """
        found = self._tasks.find(task_id)
        if found is not None:
            self._tasks.change(found, self._buried)

    def _buried(self, record: TaskRecord) -> TaskRecord | None:
        if record.status != "working" or record.is_leased(self._tasks.clock()):
            return None
        return self._ended(record, "failed", _error(InternalError("The task could not be run")))

    def _recover(self, held: Held, replay: TaskReplay, failed: StoreFailed) -> None:
        """Write down once more what this attempt has done, and try again later; or let the queue do it."""
        delay = _backoff(held.record.attempt)
        try:
            held.change(state=replay.state, lease=None, due=self._tasks.clock() + delay + PICKUP_SECONDS)
            self._tasks.queue.send(held.record.id, delay)
        except LeaseLost:
            return
        except StoreFailed as again:
            raise (again.__cause__ or again) from failed
        reason = failed.__cause__ or failed
        _log.warning("Task %s: the store failed, tried again in %.1f s: %s", held.record.id, delay, reason)

    # Taking

    def _take(self, task_id: str, host: Invocation) -> Held | None:
        found = self._tasks.find(task_id)
        if found is None or found.record.status != "working":
            return None
        remaining = host.remaining_ms()
        seconds = remaining / 1000 if remaining is not None else _UNBOUNDED_SECONDS
        owner = os.urandom(12).hex()
        taken = self._tasks.change(found, lambda record: self._leased(record, owner, seconds))
        if taken is None:
            self._look_again_later(task_id)
            return None
        return Held(self._tasks, taken) if taken.record.lease is not None else None

    def _leased(self, record: TaskRecord, owner: str, seconds: float) -> TaskRecord | None:
        """The record with a lease, or ended where there is nothing to try; None: hands off."""
        now = self._tasks.clock()
        is_done = record.status != "working" or now >= record.expires
        if is_done or record.is_leased(now):
            return None
        policy = self._policy(record)
        if record.cancel:
            return self._ended(record, "cancelled")
        if policy is None:
            return self._ended(record, "failed", _error(InternalError(f"Unknown tool: {record.tool}")))
        if record.attempt >= policy.max_attempts:
            said = f"The task was interrupted {record.attempt} times"
            return self._ended(record, "failed", _error(InternalError(said)))
        lease = Lease(owner, now + seconds + _SKEW_SECONDS)
        return msgspec.structs.replace(record, lease=lease, attempt=record.attempt + 1, due=lease.until)

    def _look_again_later(self, task_id: str) -> None:
        """Have a task looked at when its lease is over: its worker may be dead."""
        found = self._tasks.find(task_id)
        now = self._tasks.clock()
        if found is None or found.record.status != "working" or found.record.lease is None:
            return
        if found.record.is_leased(now):
            self._tasks.queue.send(task_id, min(found.record.lease.until - now + 1.0, _MAX_DELAY))

    # Trying

    def _attempt(self, held: Held, replay: TaskReplay, host: Invocation) -> None:
        policy = self._policy(held.record)
        tool = self._services.catalog.tools[held.record.tool]
        assert policy is not None  # noqa: S101 - without a policy there is no lease
        try:
            outcome = self._call(tool, held, replay, host)
        except (LeaseLost, StoreFailed, KeyboardInterrupt):
            raise
        except Cancelled:
            held.change(**self._end(held.record, "cancelled"))
        except DeadlineReached:
            self._interrupted(held, replay)
        except policy.transient as error:
            self._failed_attempt(held, policy, error)
        except ToolError as error:
            self._complete(held, CallToolResult(content=[TextContent(text=str(error))], is_error=True))
        except ProtocolError as error:
            held.change(**self._end(held.record, "failed", _error(error)))
        except ItemTooLargeError as error:
            self._too_large(held, error)
        except BaseException as error:
            text = f"Tool {tool.name!r} failed unexpectedly (reference {report(error)})"
            self._complete(held, CallToolResult(content=[TextContent(text=text)], is_error=True))
        else:
            self._settle(held, replay, outcome)

    def _call(self, tool: Tool, held: Held, replay: Replay, host: Invocation) -> Any:
        record = held.record
        try:
            raw = self._tasks.load(record.params_blob, record.params)
        except StoreError as error:
            raise StoreFailed from error
        except LambentError:
            raise
        except Exception as error:
            raise StoreFailed from error
        params = METHODS["tools/call"].decoder.decode(raw)
        meta = params.meta if isinstance(params.meta, RequestMeta) else RequestMeta()
        client = meta.client_capabilities
        request = Request(
            id=record.id,
            method="tools/call",
            params=params,
            meta=meta,
            client=client if isinstance(client, ClientCapabilities) else ClientCapabilities(),
            headers=None,
            raw=raw,
        )
        invocation = TaskInvocation(host, held, self._tasks.clock)
        call = Call(request, invocation, self._services, record.principal)
        kwargs = (
            tool.signature.arguments.decode(params.arguments)
            if tool.signature.arguments is not None
            else msgspec.json.decode(params.arguments)
        )
        remaining = host.remaining_ms()
        limit = max(0.1, remaining / 1000 - _MARGIN_SECONDS) if remaining is not None else None

        def attempt(call: Call) -> Any:
            value = run_replay(tool.signature, kwargs, call, replay, limit)
            return value if isinstance(value, InputRequiredResult) else render(tool, value)

        return chain(self._middleware, attempt)(call)

    # Ending

    def _settle(self, held: Held, replay: Replay, outcome: CallToolResult | InputRequiredResult) -> None:
        if isinstance(outcome, CallToolResult):
            self._complete(held, outcome)
            return
        questions, used = _name(held.record, replay)
        try:
            held.change(
                status="input_required",
                questions=questions,
                used_keys=used,
                state=replay.state,
                attempt=0,
                lease=None,
                updated=self._tasks.clock(),
            )
        except ItemTooLargeError as error:
            self._too_large(held, error)

    def _complete(self, held: Held, result: CallToolResult) -> None:
        encoded = jsonrpc.encode(result)
        ended = {**self._end(held.record, "completed"), "state": State()}
        try:
            held.change(**ended, **self._tasks.keep_result(held.record, encoded))
        except ItemTooLargeError as error:
            self._too_large(held, error)

    def _too_large(self, held: Held, error: ItemTooLargeError) -> None:
        ended = self._end(held.record, "failed", _error(InternalError(str(error))))
        held.change(**ended, state=State())

    def _interrupted(self, held: Held, replay: TaskReplay) -> None:
        """The invocation is nearly over: go on in the next one. An attempt that got on does not count."""
        attempt = 0 if replay.advanced else held.record.attempt
        now = self._tasks.clock()
        held.change(state=replay.state, lease=None, attempt=attempt, due=now + PICKUP_SECONDS)
        self._tasks.queue.send(held.record.id)

    def _failed_attempt(self, held: Held, policy: TaskPolicy, error: Exception) -> None:
        record = held.record
        if record.attempt >= policy.max_attempts:
            said = f"Failed {record.attempt} times, last with: {error}"
            held.change(**self._end(record, "failed", _error(InternalError(said))))
            return
        delay = _backoff(record.attempt)
        _log.warning("Task %s: attempt %s failed: %s", record.id, record.attempt, error)
        held.change(lease=None, due=self._tasks.clock() + delay + PICKUP_SECONDS)
        self._tasks.queue.send(record.id, delay)

    def _end(self, record: TaskRecord, status: str, error: dict[str, Any] | None = None) -> dict[str, Any]:
        ended: dict[str, Any] = {
            "status": status,
            "updated": self._tasks.clock(),
            "lease": None,
            "questions": {},
            "message": None,
        }
        if error is not None:
            ended |= {"error": error, "message": error["message"]}
        return ended

    def _ended(self, record: TaskRecord, status: str, error: dict[str, Any] | None = None) -> TaskRecord:
        return msgspec.structs.replace(record, **self._end(record, status, error))

    def _policy(self, record: TaskRecord) -> TaskPolicy | None:
        tool = self._services.catalog.tools.get(record.tool)
        return tool.task if tool is not None else None


def _is_nearly_over(host: Invocation) -> bool:
    remaining = host.remaining_ms()
    return remaining is not None and remaining / 1000 < _MARGIN_SECONDS + _WORTHWHILE_SECONDS


def _backoff(attempt: int) -> float:
    """Seconds to wait after an attempt: full jitter below a bound that doubles, up to 30 s."""
    return random.uniform(0, min(2.0 ** min(attempt - 1, 5), 30.0))  # noqa: S311 - spreads, hides nothing


def _name(record: TaskRecord, replay: Replay) -> tuple[dict[str, OpenQuestion], dict[str, str]]:
    """Give open questions their wire keys: none is ever used for two questions in a task's life."""
    used = dict(record.used_keys)
    questions: dict[str, OpenQuestion] = {}
    for key, (mark, question) in replay.asked.items():
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


def _error(error: ProtocolError) -> dict[str, Any]:
    encoded: dict[str, Any] = {"code": error.code, "message": error.message}
    return encoded if error.data is None else {**encoded, "data": error.data}
