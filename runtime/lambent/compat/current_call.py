"""The call that runs and its context, for functions that are given neither."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any

from lambent.execution.call import Call, Handler

if TYPE_CHECKING:
    from lambent.compat.context import Context

_call: contextvars.ContextVar[Call | None] = contextvars.ContextVar("lambent_call", default=None)
_context: contextvars.ContextVar[Context | None] = contextvars.ContextVar("lambent_context", default=None)


def remember(call: Call, following: Handler) -> Any:
    """Middleware: let functions below find out which call runs; see ``current_call``."""
    called, within = _call.set(call), _context.set(None)
    try:
        return following(call)
    finally:
        _call.reset(called)
        _context.reset(within)


def remember_context(context: Context) -> Context:
    """Let functions below find the context of their handler, the first one of its call."""
    if _context.get() is None:  # else a handler reads a resource of the same server
        _context.set(context)
    return context


def set_current_call(call: Call) -> None:
    """Do the same for the rest of the context that runs, such as that of a task."""
    _call.set(call)


def current_call() -> Call | None:
    """The call that runs; None elsewhere."""
    return _call.get()


def current_context() -> Context | None:
    """The context of the handler that runs; None elsewhere, and where the handler takes none."""
    return _context.get()
