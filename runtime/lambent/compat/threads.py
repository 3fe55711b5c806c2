"""Plain functions that use ``anyio.from_thread``: they need a worker thread, with an event loop beside it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from lambent.features.functions import is_coroutine_function

_MARK = "__lambent_thread__"
"""An attribute of functions that run there already, where a feature is registered in two steps."""


def on_worker_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a plain function run on a worker thread of anyio, where anyio is in use; else where it is called.

    A server that nothing of imports anyio cannot call ``anyio.from_thread``, so it does without the thread.
    """
    if is_coroutine_function(function) or getattr(function, _MARK, False):
        return function
    code = getattr(function, "__code__", None)
    imports_it = code is not None and "anyio" in (*code.co_names, *code.co_consts)

    @functools.wraps(function)
    def call(**arguments: Any) -> Any:
        if imports_it or "anyio" in sys.modules:
            return _in_thread(functools.partial(function, **arguments))
        return function(**arguments)

    vars(call)[_MARK] = True
    return call


async def _in_thread(work: Callable[[], Any]) -> Any:
    from anyio import to_thread

    result = await to_thread.run_sync(work)
    # A plain function may return a coroutine, which runs on the loop.
    return await result if hasattr(result, "__await__") and hasattr(result, "close") else result
