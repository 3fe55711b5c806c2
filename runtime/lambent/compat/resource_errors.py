"""What a client reads that a resource has refused with an error of the official SDK."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lambent.compat.current_call import current_call
from lambent.compat.errors import ResourceError, ResourceNotFoundError
from lambent.errors import InternalError
from lambent.errors import ResourceNotFoundError as NativeNotFoundError
from lambent.features.functions import is_coroutine_function

if TYPE_CHECKING:
    from lambent.execution.call import Call, Handler


def name_unknown(call: Call, following: Handler) -> Any:
    """Middleware: tell a client which resource there is none of."""
    try:
        return following(call)
    except NativeNotFoundError as error:
        if error.message == _NOT_FOUND:
            error.message = f"Unknown resource: {error.data['uri']}"
        raise


_NOT_FOUND = NativeNotFoundError("").message


def answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let errors of a resource's function be JSON-RPC errors with the URI, where a client reads it.

    Where a handler of the same server reads it, they stay what they are.
    """
    if is_coroutine_function(function):

        @functools.wraps(function)
        async def later(**arguments: Any) -> Any:
            try:
                return await function(**arguments)
            except ResourceError as error:
                raise _answer(error) from error

        return later

    @functools.wraps(function)
    def at_once(**arguments: Any) -> Any:
        try:
            return function(**arguments)
        except ResourceError as error:
            raise _answer(error) from error

    return at_once


def _answer(error: ResourceError) -> Exception:
    call = current_call()
    if call is None or call.method != "resources/read":
        return error
    if not isinstance(error, ResourceNotFoundError):
        return InternalError(str(error), {"uri": call.name})
    answer = NativeNotFoundError(call.name or "")
    answer.message = str(error)
    return answer
