"""Turning a call into a task: at once, or when it takes too long (SEP-2663, "Task Creation")."""

from __future__ import annotations

import functools
from typing import Any

from lambent.errors import ConfigurationError, DeadlineReached, ToolError
from lambent.execution.call import Call
from lambent.execution.durable.records import random_id
from lambent.execution.durable.tasks.service import Tasks
from lambent.execution.invocation import MARGIN_SECONDS
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.questions import require_extension
from lambent.execution.rounds.run import gather, run
from lambent.features.tasks import EXTENSION, TaskPolicy
from lambent.features.tools import Tool, render
from lambent.wire.eras import MODERN
from lambent.wire.results import TASK, TaskResult


def run_task_tool(
    tool: Tool, policy: TaskPolicy, kwargs: dict[str, Any], call: Call, journal: Journal, task_id: str
) -> Any:
    """Run a tool that may become a task, inline or as one.

    Resolvers run before the task is made: what they ask is answered in rounds of the call itself. The task
    continues the journal of the call. An empty ``task_id`` stands for a new one.

    Raises:
        MissingCapabilityError: the tool requires a task and the client cannot deal with one.
        ToolError: the tool takes too long, or requires a task that the client's version does not have.
        ConfigurationError: the tool requires a task and there is nothing to keep it in.
    """
    tasks = call.services.tasks
    if policy.support == "required":
        if call.handshake is not None:
            raise ToolError(f"Tool {tool.name!r} runs as a task: {_without_tasks(call)}")
        require_extension(call.client, EXTENSION)
        if tasks is None:
            raise ConfigurationError(
                f"Tool {tool.name!r} runs as a task, so this function needs a table and a queue: set "
                "LAMBENT_TABLE and LAMBENT_TASK_QUEUE_URL"
            )
    elif EXTENSION not in (call.client.extensions or {}):
        tasks = None
    if tasks is not None and policy.support != "auto":
        return gather(tool.signature, kwargs, call, journal) or _create(tool, call, journal, tasks, task_id)
    limit = _inline_seconds(policy, call) if policy.support == "auto" else None
    try:
        return run(tool.signature, kwargs, call, journal, functools.partial(render, tool), limit)
    except DeadlineReached:
        if limit is None:
            raise
        if tasks is not None:
            return _create(tool, call, journal, tasks, task_id)
        instead = f"A client that declares the extension {EXTENSION} gets a task instead of this error"
        if call.handshake is not None:
            instead = f"Ask for less at a time, or use a task: {_without_tasks(call)}"
        raise ToolError(f"Tool {tool.name!r} takes longer than a request may. {instead}.") from None


def _without_tasks(call: Call) -> str:
    """Why a client of the legacy era gets no task, and which one would."""
    versions = f"version {call.rpc.era.version} of the protocol has no such tasks"
    return f"{versions}, version {MODERN.version} has them"


def _inline_seconds(policy: TaskPolicy, call: Call) -> float:
    """How long the tool may run before its call becomes a task."""
    limit, remaining = policy.inline.total_seconds(), call.invocation.remaining_ms()
    return limit if remaining is None else max(0.0, min(limit, remaining / 1000 - MARGIN_SECONDS))


def _create(tool: Tool, call: Call, journal: Journal, tasks: Tasks, task_id: str) -> TaskResult:
    if tasks.slots is not None:
        task_id = task_id or random_id()
        tasks.slots.take(call, tasks, tool, task_id)
    shown = tasks.show(tasks.create(tool, call.rpc.raw, journal.state, call.principal, task_id))
    shown.result_type = TASK
    return shown
