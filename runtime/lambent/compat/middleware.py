"""Middleware of the official SDK, ``async def middleware(ctx, call_next)``, as middleware of this library."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from lambent.compat.current_call import set_current_call
from lambent.compat.mcp_errors import inward, outward
from lambent.compat.requests import CallNext, HandlerResult, ServerRequestContext
from lambent.compat.results import members_of, result_of
from lambent.execution.call import Call, Handler
from lambent.execution.middleware import in_thread
from lambent.wire.results import Result

Wrap = Callable[[ServerRequestContext[Any, Any], CallNext], Awaitable[HandlerResult]]


def chained(middleware: Sequence[Wrap]) -> Callable[[Call, Handler], Any]:
    """The one middleware that runs those of a list, of which the first one is the outermost.

    The list is read at each call, so this process may change it at any time.
    """

    async def around(call: Call, following: Callable[[Call], Awaitable[Any]]) -> Result:
        set_current_call(call)  # for ``get_access_token``; this runs in a task, so in a context of its own
        passed: list[tuple[Result, dict[str, Any]]] = []

        async def innermost(ctx: ServerRequestContext[Any, Any]) -> HandlerResult:
            result = await outward(following(ctx.passed_on()))
            passed.append((result, members_of(result)))
            return members_of(result)

        handle: CallNext = innermost
        for wrap in reversed(middleware):
            handle = functools.partial(_wrapped, wrap, handle)
        value = await inward(handle(ServerRequestContext.of(call)))
        for result, members in passed:
            if value == members:  # the result itself is known better than what is on the wire of it
                return result
        return result_of(call.method, value)

    (run,) = in_thread([around])

    def all_of_them(call: Call, following: Handler) -> Any:
        return run(call, following) if middleware else following(call)

    return all_of_them


async def _wrapped(wrap: Wrap, following: CallNext, ctx: ServerRequestContext[Any, Any]) -> HandlerResult:
    return await wrap(ctx, following)
