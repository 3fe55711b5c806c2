"""``tools/call`` (server/tools)."""

from __future__ import annotations

import functools
from typing import Any

from msgspec import UNSET

from lambent.errors import (
    ConfigurationError,
    InvalidParamsError,
    ItemTooLargeError,
    ProtocolError,
    Signal,
    StoreError,
    ToolError,
)
from lambent.execution.call import Call
from lambent.execution.failures import is_interrupt, message_of, report
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.request_state import open_journal, plain_arguments, seal_journal
from lambent.execution.rounds.run import invoke, run
from lambent.features.codecs import NotFiniteError, ValidationError
from lambent.features.tools import Tool, render
from lambent.wire.headers import check_params
from lambent.wire.results import CallToolResult, InputRequiredResult, TaskResult
from lambent.wire.values import TextContent

_OPENING_BRACE = ord("{")

_NOT_THE_TOOLS = (ProtocolError, ConfigurationError, StoreError, ItemTooLargeError, Signal)
"""What is no failure of the tool itself: ``execute`` says what becomes of it."""


def call_tool(call: Call) -> CallToolResult | InputRequiredResult | TaskResult:
    """Run a tool. What it raises becomes a result with ``isError``.

    Raises:
        InvalidParamsError: there is no such tool, or the arguments are no object.
        HeaderMismatchError: a mirrored parameter differs from its header.
    """
    params = call.rpc.params
    tool = call.services.catalog.tools.get(params.name)
    if tool is None:
        raise InvalidParamsError(f"Unknown tool: {params.name}")
    raw = params.arguments
    if memoryview(raw)[0] != _OPENING_BRACE:
        raise InvalidParamsError("Invalid params: Expected `object` - at `$.params.arguments`")
    if tool.headers and call.request.method:
        check_params(call.request.headers, plain_arguments(raw), tool.headers)
    try:
        try:
            kwargs = tool.signature.arguments.decode(raw)
        except ValidationError as error:
            return failed(f"Invalid arguments for tool {tool.name!r}: {error}")
        if tool.is_plain and params.request_state is UNSET:
            return render(tool, invoke(tool.signature, kwargs, call))
        result: CallToolResult | InputRequiredResult | TaskResult = _run(tool, kwargs, call)
        return result
    except BaseException as error:
        if isinstance(error, _NOT_THE_TOOLS) or is_interrupt(error) or call.invocation.may_retry(error):
            raise
        if isinstance(error, ToolError):
            return failed(message_of(error))
        reference = f"(reference {report(error, call.rpc)})"
        if isinstance(error, NotFiniteError):
            return failed(f"Tool {tool.name!r} failed: {error} {reference}")
        return failed(f"Tool {tool.name!r} failed unexpectedly {reference}")


def _run(tool: Tool, kwargs: dict[str, Any], call: Call) -> Any:
    """Run a tool with the journal that it needs."""
    if call.journal is not None:
        limit = call.invocation.time_limit()
        return run(tool.signature, kwargs, call, call.journal, functools.partial(render, tool), limit)
    journal = open_journal(call)
    if tool.idempotency is None and not tool.single_use:
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


def failed(message: str) -> CallToolResult:
    """A result that tells the model why the tool failed."""
    readable = message.encode("utf-8", "backslashreplace").decode()  # no JSON holds lone surrogates
    return CallToolResult(content=[TextContent(text=readable)], is_error=True)
