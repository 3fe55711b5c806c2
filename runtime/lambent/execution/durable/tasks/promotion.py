"""Turning a call into a task: at once, or when it takes too long (SEP-2663, "Task Creation")."""

from __future__ import annotations

import functools
from typing import Any

from lambent.errors import (
    DeadlineReached,
    InternalError,
    ItemTooLargeError,
    MissingCapabilityError,
    ToolError,
)
from lambent.execution.call import Call
from lambent.execution.durable.tasks.service import Tasks, missing_tasks
from lambent.execution.invocation import MARGIN_SECONDS
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.run import gather, run
from lambent.features.tasks import EXTENSION, TaskPolicy
from lambent.features.tools import Tool, render
from lambent.wire.results import TASK, TaskResult
from lambent.wire.values import ClientCapabilities


def declares_tasks(client: ClientCapabilities) -> bool:
    """The client can deal with tasks, as it says with this very request."""
    return EXTENSION in (client.extensions or {})


def require_tasks(client: ClientCapabilities) -> None:
    """Refuse clients that cannot.

    Raises:
        MissingCapabilityError: naming the extension.
    """
    if not declares_tasks(client):
        raise MissingCapabilityError({"extensions": {EXTENSION: {}}})


def run_task_tool(
    tool: Tool, policy: TaskPolicy, kwargs: dict[str, Any], call: Call, journal: Journal, task_id: str
) -> Any:
    """Run a tool that may become a task, inline or as one.

    Resolvers run before the task is made: what they ask is answered in rounds of the call itself.

    Args:
        tool: the tool.
        policy: how it becomes a task.
        kwargs: the arguments, converted.
        call: the call.
        journal: of the call; the task goes on with it.
        task_id: of the task; default: a new one.

    Raises:
        MissingCapabilityError: the tool requires a task and the client cannot deal with one.
        ConfigurationError: the tool requires a task and there is nothing to keep it in.
    """
    tasks = call.services.tasks
    if policy.support == "required":
        require_tasks(call.rpc.client)
        if tasks is None:
            raise missing_tasks(tool.name)
    if tasks is not None and not declares_tasks(call.rpc.client):
        tasks = None
    if policy.support == "auto":
        return _run_for_a_while(tool, policy, kwargs, call, journal, tasks, task_id)
    if tasks is None:
        return run(tool.signature, kwargs, call, journal, functools.partial(render, tool))
    return gather(tool.signature, kwargs, call, journal) or _create(tool, call, journal, tasks, task_id)


def _run_for_a_while(
    tool: Tool,
    policy: TaskPolicy,
    kwargs: dict[str, Any],
    call: Call,
    journal: Journal,
    tasks: Tasks | None,
    task_id: str,
) -> Any:
    limit = policy.inline.total_seconds()
    remaining = call.invocation.remaining_ms()
    if remaining is not None:
        limit = max(0.0, min(limit, remaining / 1000 - MARGIN_SECONDS))
    try:
        return run(tool.signature, kwargs, call, journal, functools.partial(render, tool), limit)
    except DeadlineReached:
        if tasks is None:
            raise ToolError(
                f"Tool {tool.name!r} takes longer than a request may. A client that declares the extension "
                f"{EXTENSION} gets a task instead of this error."
            ) from None
        return _create(tool, call, journal, tasks, task_id)


def _create(tool: Tool, call: Call, journal: Journal, tasks: Tasks, task_id: str) -> TaskResult:
    try:
        record = tasks.create(tool, call.rpc.raw, journal.state, call.principal, task_id)
    except ItemTooLargeError as error:
        raise InternalError(str(error)) from error
    shown = tasks.show(record)
    shown.result_type = TASK
    return shown
