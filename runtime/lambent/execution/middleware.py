"""Middleware: ``(call, following) -> result``, one shape, around every call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from lambent.execution.call import Call, Handler

Middleware = Callable[[Call, Handler], Any]
"""Wraps a call. It may return a result of its own; refuse the call by raising a ``ProtocolError`` or, for a
tool, a ``ToolError``; or pass the call on with ``following(call)`` and look at the result."""


def chain(middleware: Sequence[Middleware], handler: Handler) -> Handler:
    """Wrap a handler; the first middleware sees a call first and its result last."""
    for wrap in reversed(middleware):
        handler = functools.partial(_around, wrap, handler)
    return handler


def _around(wrap: Middleware, handler: Handler, call: Call) -> Any:
    return wrap(call, handler)
