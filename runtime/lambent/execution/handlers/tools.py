"""``tools/call`` (server/tools)."""

from __future__ import annotations

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
from lambent.execution.rounds.run import invoke
from lambent.features.codecs import NotFiniteError, ValidationError
from lambent.features.tools import is_foreign_type, render
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
    if tool.headers and call.request.method and call.handshake is None:
        from lambent.execution.rounds.request_state import plain_arguments  # few tools have any

        check_params(call.request.headers, plain_arguments(raw), tool.headers)
    try:
        try:
            kwargs = tool.signature.arguments.decode(raw)
        except ValidationError as error:
            return failed(f"Error executing tool {tool.name}: Invalid arguments: {error}")
        if tool.is_plain and params.request_state is UNSET:
            return render(tool, invoke(tool.signature, kwargs, call))
        from lambent.execution.handlers.journaled_tools import run_journaled  # plain tools never load it

        result: CallToolResult | InputRequiredResult | TaskResult = run_journaled(tool, kwargs, call)
        return result
    except BaseException as error:
        if isinstance(error, _NOT_THE_TOOLS) or is_interrupt(error) or call.invocation.may_retry(error):
            raise
        if is_foreign_type(type(error)):
            from lambent.features.foreign import read_error  # loaded where there is another library

            error = read_error(error)
            if isinstance(error, ProtocolError):
                raise error from error.__cause__
        if isinstance(error, ToolError):
            return failed(f"Error executing tool {tool.name}: {message_of(error)}")
        reference = f"(reference {report(error, call.rpc)})"
        if isinstance(error, NotFiniteError):
            return failed(f"Error executing tool {tool.name}: {error} {reference}")
        return failed(f"Error executing tool {tool.name} {reference}")


def failed(message: str) -> CallToolResult:
    """A result that tells the model why the tool failed."""
    readable = message.encode("utf-8", "backslashreplace").decode()  # no JSON holds lone surrogates
    return CallToolResult(content=[TextContent(text=readable)], is_error=True)
