"""The call that runs, for functions that take no context."""

from __future__ import annotations

import contextvars
from typing import Any

from lambent.execution.call import Call, Handler

_call: contextvars.ContextVar[Call | None] = contextvars.ContextVar("lambent_call", default=None)


def remember(call: Call, following: Handler) -> Any:
    """Middleware: let functions below find out who is calling; see ``current_call``."""
    token = _call.set(call)
    try:
        return following(call)
    finally:
        _call.reset(token)


def set_current_call(call: Call) -> None:
    """Do the same for the rest of the context that runs, such as that of a task."""
    _call.set(call)


def current_call() -> Call | None:
    """The call that runs; None elsewhere."""
    return _call.get()
