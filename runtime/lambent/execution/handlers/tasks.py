"""``tasks/get``, ``tasks/update`` and ``tasks/cancel`` (SEP-2663)."""

from __future__ import annotations

from lambent.execution.call import Call
from lambent.execution.durable.tasks.service import Tasks
from lambent.execution.rounds.questions import require_extension
from lambent.features.tasks import EXTENSION
from lambent.wire.results import EmptyResult, TaskResult


def get_task(call: Call) -> TaskResult:
    """Where a task stands, with its result or its questions."""
    tasks = _tasks(call)
    return tasks.show(tasks.get(call.rpc.params.task_id, call.principal))


def update_task(call: Call) -> EmptyResult:
    """Take answers to a task's questions."""
    params = call.rpc.params
    _tasks(call).update(params.task_id, params.input_responses, call.principal)
    return EmptyResult()


def cancel_task(call: Call) -> EmptyResult:
    """Ask for a task's cancellation."""
    _tasks(call).cancel(call.rpc.params.task_id, call.principal)
    return EmptyResult()


def _tasks(call: Call) -> Tasks:
    require_extension(call.client, EXTENSION)
    tasks = call.services.tasks
    assert tasks is not None  # noqa: S101 - without tasks these methods are not offered
    return tasks
