"""Turning a call into a task: at once, or when it takes too long (SEP-2663, "Task Creation")."""

from __future__ import annotations

from typing import Any

from lambent.errors import (
    DeadlineReached,
    InternalError,
    ItemTooLargeError,
    MissingCapabilityError,
    ToolError,
)
from lambent.execution.call import Call
from lambent.execution.rounds.journal import Replay
from lambent.execution.rounds.run import Round, Target, run
from lambent.execution.durable.tasks.service import Tasks, missing_tasks
from lambent.features.tasks import EXTENSION, TaskPolicy
from lambent.features.tools import Tool
from lambent.wire.results import TASK, TaskResult
from lambent.wire.values import ClientCapabilities

_MARGIN_SECONDS = 2.0
"""What handing a call over takes, at most: one write, one message, the response."""


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


def run_task_tool(tool: Tool, policy: TaskPolicy, kwargs: dict[str, Any], call: Call) -> Any:
    """Run a tool that may become a task, inline or as one.

    Resolvers run before the task is made: what they ask is answered in rounds of the call itself.

    Raises:
        MissingCapabilityError: the tool requires a task and the client cannot deal with one.
        ConfigurationError: the tool requires a task and there is nothing to keep it in.
    """
    target = Target(tool.name, call.request.params.arguments)
    tasks = call.services.tasks
    if policy.support == "required":
        require_tasks(call.request.client)
        if tasks is None:
            raise missing_tasks(tool.name)
    able = tasks is not None and declares_tasks(call.request.client)
    if policy.support == "auto":
        return _run_for_a_while(tool, policy, kwargs, call, tasks if able else None)
    if not able or tasks is None:
        return run(tool.signature, target, kwargs, call)
    this_round = Round(tool.signature, target, call)
    return this_round.gather(kwargs) or _create(tool, policy, call, tasks, this_round.replay)


def _run_for_a_while(
    tool: Tool, policy: TaskPolicy, kwargs: dict[str, Any], call: Call, tasks: Tasks | None
) -> Any:
    this_round = Round(tool.signature, Target(tool.name, call.request.params.arguments), call)
    limit = policy.inline.total_seconds()
    remaining = call.invocation.remaining_ms()
    if remaining is not None:
        limit = max(0.0, min(limit, remaining / 1000 - _MARGIN_SECONDS))
    try:
        return this_round.run(kwargs, limit)
    except DeadlineReached:
        if tasks is None:
            raise ToolError(
                f"Tool {tool.name!r} takes longer than a request may. A client that declares the extension "
                f"{EXTENSION} gets a task instead of this error."
            ) from None
        return _create(tool, policy, call, tasks, this_round.replay)


def _create(tool: Tool, policy: TaskPolicy, call: Call, tasks: Tasks, replay: Replay) -> TaskResult:
    try:
        record = tasks.create(tool.name, call.request.raw, replay.state, policy, call.principal)
    except ItemTooLargeError as error:
        raise InternalError(str(error)) from error
    shown = tasks.show(record)
    shown.result_type = TASK
    return shown
