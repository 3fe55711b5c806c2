"""What a client reads that a resource has refused with an error of the official SDK."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lambent.compat.current_call import current_call
from lambent.compat.errors import ResourceError, ResourceNotFoundError
from lambent.errors import InternalError, InvalidParamsError
from lambent.features.functions import is_coroutine_function


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
    kind = InvalidParamsError if isinstance(error, ResourceNotFoundError) else InternalError
    return kind(str(error), {"uri": call.name})
