"""``Middleware``: classes with a method for each kind of request, around the calls of a server."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from lambent.compat.fastmcp.current import collected, entered
from lambent.compat.fastmcp.middleware_values import Params, from_native, to_native
from lambent.compat.requests import ServerRequestContext
from lambent.wire.results import CallToolResult

if TYPE_CHECKING:
    from lambent.compat.fastmcp.context import Context
    from lambent.execution.call import Call

T = TypeVar("T")
R = TypeVar("R")

_HOOKS = {
    "initialize": "on_initialize",
    "server/discover": "on_discover",
    "tools/call": "on_call_tool",
    "tools/list": "on_list_tools",
    "resources/read": "on_read_resource",
    "resources/list": "on_list_resources",
    "resources/templates/list": "on_list_resource_templates",
    "prompts/get": "on_get_prompt",
    "prompts/list": "on_list_prompts",
}


@dataclasses.dataclass(kw_only=True, frozen=True)
class MiddlewareContext(Generic[T]):
    """A request, as middleware sees it.

    Attributes:
        message: its parameters, as attributes; ``model_copy(update=…)`` makes others of them.
        fastmcp_context: the context of the call, which cannot ask the client.
        source: who has sent it.
        type: always a request: notifications of clients need no answer, and have no middleware.
        method: the JSON-RPC method.
        timestamp: when it came.
    """

    message: T
    fastmcp_context: Context | None = None
    source: str = "client"
    type: str = "request"
    method: str | None = None
    timestamp: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC))

    def copy(self, **changes: Any) -> Self:
        """The same with other members."""
        return dataclasses.replace(self, **changes)


CallNext = Callable[[MiddlewareContext[T]], Awaitable[R]]
"""Passes a request on, and gives its result."""


class Middleware:
    """The base of middleware: every method passes the request on, unless a derived class has another one.

    ``on_message`` is the outermost; within it is ``on_request``, and then that of the method, such as
    ``on_call_tool``.
    """

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Pass a request through the methods that it concerns."""
        handle = call_next
        for name in (_HOOKS.get(context.method or ""), "on_request", "on_message"):
            if name is not None:
                handle = functools.partial(_call, getattr(self, name), handle)
        return await handle(context)

    async def on_message(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Around every request."""
        return await call_next(context)

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Around every request, within ``on_message``."""
        return await call_next(context)

    on_notification = on_request
    on_initialize = on_request
    on_discover = on_request
    on_call_tool = on_request
    on_list_tools = on_request
    on_read_resource = on_request
    on_list_resources = on_request
    on_list_resource_templates = on_request
    on_get_prompt = on_request
    on_list_prompts = on_request


async def _call(
    method: Callable[..., Awaitable[Any]], following: CallNext[Any, Any], context: MiddlewareContext[Any]
) -> Any:
    return await method(context, following)


def adapted(middleware: Any) -> Any:
    """Middleware as ``lambent`` has it: a ``Middleware``, another one of its shape, or one of ``lambent``."""
    if not isinstance(middleware, Middleware) and not hasattr(type(middleware), "on_message"):
        return middleware
    return functools.partial(_around, middleware)


async def _around(middleware: Any, call: Call, following: Callable[[Call], Awaitable[Any]]) -> Any:
    request = ServerRequestContext.of(call)
    failed: list[tuple[Exception, Any]] = []
    results: list[Any] = []

    async def call_next(context: MiddlewareContext[Any]) -> Any:
        params = {key: value for key, value in context.message.items() if value is not None}
        with collected() as failures:
            result = await following(dataclasses.replace(request, params=params).passed_on())
        if failures and isinstance(result, CallToolResult) and result.is_error is True:
            failed.append((failures[-1], result))
            raise failures[-1]
        results.append(result)
        return from_native(call.method, result)

    context = MiddlewareContext(
        message=Params(request.params or {}),
        method=call.method,
        fastmcp_context=request.handler_context,
    )
    try:
        with entered(request.handler_context):
            value = await middleware(context, call_next)
    except Exception as error:
        for raised, result in failed:
            if raised is error:
                return result  # what clients get of it is known already
        raise
    return to_native(call.method, value, results[-1] if results else None, call)
