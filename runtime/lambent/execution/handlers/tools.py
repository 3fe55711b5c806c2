"""``tools/call`` (server/tools)."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from lambent.errors import SIGNALS, ConfigurationError, InvalidParamsError, ProtocolError, ToolError
from lambent.execution.call import Call
from lambent.execution.failures import report
from lambent.execution.run import Target, run
from lambent.features.codecs import ValidationError
from lambent.features.tools import Tool, render
from lambent.wire.headers import check_params
from lambent.wire.results import CallToolResult, InputRequiredResult, TaskResult
from lambent.wire.values import TextContent

ToolOutcome = CallToolResult | InputRequiredResult | TaskResult

_OPENING_BRACE = ord("{")


def call_tool(call: Call) -> ToolOutcome:
    """Run a tool.

    Raises:
        InvalidParamsError: there is no such tool, or the arguments are no object.
        HeaderMismatchError: a mirrored parameter differs from its header.
    """
    params = call.request.params
    tool = call.services.catalog.tools.get(params.name)
    if tool is None:
        raise InvalidParamsError(f"Unknown tool: {params.name}")
    raw = params.arguments
    if memoryview(raw)[0] != _OPENING_BRACE:
        raise InvalidParamsError("Invalid params: Expected `object` - at `$.params.arguments`")
    if tool.headers and call.request.headers is not None:
        check_params(call.request.headers, _decode(raw), tool.headers)
    try:
        kwargs = tool.arguments.decode(raw) if tool.arguments is not None else _decode(raw)
    except ValidationError as error:
        return failed(f"Invalid arguments for tool {tool.name!r}: {error}")
    return _run(tool, kwargs, call)


def _run(tool: Tool, kwargs: dict[str, Any], call: Call) -> ToolOutcome:
    try:
        if tool.idempotency is None and not tool.single_use:
            return _outcome(tool, kwargs, call)
        outcome: ToolOutcome = _remembered(tool, kwargs, call)
        return outcome
    except ToolError as error:
        return failed(str(error))
    except (ProtocolError, ConfigurationError, *SIGNALS):
        raise
    except BaseException as error:
        return failed(f"Tool {tool.name!r} failed unexpectedly (reference {report(error, call.request)})")


def _outcome(tool: Tool, kwargs: dict[str, Any], call: Call) -> ToolOutcome:
    if tool.task is None:
        check = None if tool.session is None else functools.partial(render, tool)
        value = run(tool, Target(tool.name, call.request.params.arguments), kwargs, call, check)
    else:
        from lambent.execution.tasks.promotion import run_task_tool  # servers without tasks never load them

        value = run_task_tool(tool, tool.task, kwargs, call)
    return value if isinstance(value, InputRequiredResult | TaskResult) else render(tool, value)


def _remembered(tool: Tool, kwargs: dict[str, Any], call: Call) -> Any:
    """Run a tool whose calls, or whose request states, count once."""
    from lambent.execution.once import result_counts, run_once
    from lambent.execution.single_use import claim_state

    claim = claim_state(tool, call)
    try:
        if tool.idempotency is None:
            outcome: Any = _outcome(tool, kwargs, call)
        else:
            outcome = run_once(tool, tool.idempotency, kwargs, call, lambda: _outcome(tool, kwargs, call))
    except BaseException:
        if claim is not None:
            claim.release()
        raise
    if claim is not None and not result_counts(outcome):
        claim.release()
    return outcome


def failed(message: str) -> CallToolResult:
    """A result that tells the model why the tool failed."""
    return CallToolResult(content=[TextContent(text=message)], is_error=True)


def _decode(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        arguments: dict[str, Any] = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidParamsError(f"Invalid params: {error} - at `$.params.arguments`") from None
    return arguments
