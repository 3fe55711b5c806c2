"""Tools that ask, work in steps, keep a session, take effect once or become tasks: they need a journal."""

from __future__ import annotations

import functools
from typing import Any

from lambent.execution.call import Call
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.request_state import open_journal, seal_journal
from lambent.execution.rounds.run import run
from lambent.features.tools import Tool, render


def run_journaled(tool: Tool, kwargs: dict[str, Any], call: Call) -> Any:
    """Run a tool with the journal of its task, or with one from the request state.

    Raises:
        InvalidParamsError: the request state or an answer is not valid.
        BaseException: whatever the tool raises.
    """
    if call.journal is not None:
        limit = call.invocation.time_limit()
        return run(tool.signature, kwargs, call, call.journal, functools.partial(render, tool), limit)
    journal = open_journal(call)
    if tool.idempotency is None and not tool.single_use and call.resumed is None:
        return _run_inline(tool, kwargs, call, journal)
    from lambent.execution.durable.calls import run_claimed  # servers without such tools never load it

    return run_claimed(tool, kwargs, call, journal, functools.partial(_run_inline, tool, kwargs, call))


def _run_inline(tool: Tool, kwargs: dict[str, Any], call: Call, journal: Journal, task_id: str = "") -> Any:
    result: Any
    if tool.task is None:
        # A call that holds a claim says so when its time is up; others are ended by the host.
        limit = call.invocation.time_limit() if journal.keeper is not None else None
        result = run(tool.signature, kwargs, call, journal, functools.partial(render, tool), limit)
    else:
        from lambent.execution.durable.tasks.promotion import run_task_tool  # as above

        result = run_task_tool(tool, tool.task, kwargs, call, journal, task_id)
    return seal_journal(result, journal, call, single_use=tool.single_use)
