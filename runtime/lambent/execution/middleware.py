"""Middleware: ``(call, next) -> outcome``, one shape, around every call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from lambent.execution.call import Call, Handler

Middleware = Callable[[Call, Handler], Any]
"""Wraps a call: it may look at it, answer it, refuse it by raising a ``ProtocolError`` or, for a tool, a
``ToolError``, or pass it on with ``next(call)`` and look at the outcome."""


def chain(middleware: Sequence[Middleware], handler: Handler) -> Handler:
    """Wrap a handler; the first middleware sees a call first and its outcome last."""
    for wrap in reversed(middleware):
        handler = functools.partial(_around, wrap, handler)
    return handler


def _around(wrap: Middleware, handler: Handler, call: Call) -> Any:
    return wrap(call, handler)
