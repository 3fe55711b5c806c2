"""Middleware: ``(call, following) -> result``, one shape, around every call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lambent.execution.call import Call, Handler
from lambent.wire.results import Outcome

T = TypeVar("T")

Observer = Callable[[Call, Callable[[Call], Outcome]], Outcome]
"""Watches a call from before the first middleware until its outcome is known, for audit and telemetry.
``(call, execute) -> outcome``: it returns what ``execute(call)`` returns, and passes on what that raises."""

Middleware = Callable[[Call, Handler], Any]
"""Wraps a call. It may return a result of its own; refuse the call by raising a ``ProtocolError`` or, for a
tool, a ``ToolError``; or pass the call on with ``following(call)`` and look at the result. A coroutine
function awaits ``following(call)``; see ``execution.async_middleware``."""

_COROUTINE_FLAG = 0x80


def is_async(wrap: Any) -> bool:
    """Whether middleware is a coroutine function; told without ``inspect``, which loads slowly."""
    while isinstance(wrap, functools.partial):
        wrap = wrap.func
    code = getattr(wrap, "__code__", None) or getattr(type(wrap).__call__, "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE_FLAG)


def in_thread(middleware: Sequence[Middleware]) -> list[Middleware]:
    """The same middleware, of which coroutine functions are run on the event loop of the host."""
    if not any(map(is_async, middleware)):
        return list(middleware)
    from lambent.execution.async_middleware import synchronous  # loaded where there is one

    return [synchronous(one) if is_async(one) else one for one in middleware]


def note(call: Call, following: Callable[[Call], T]) -> T:
    """Keep the call as it is passed on, where observers find it: middleware may find out who is calling."""
    call.invocation.latest = call
    return following(call)


def forget(call: Call, following: Callable[[Call], T]) -> T:
    """Drop what ``note`` has kept, in the end: an invocation and its call would keep each other alive."""
    try:
        return following(call)
    finally:
        call.invocation.latest = None


def chain(
    wrappers: Sequence[Callable[[Call, Callable[[Call], T]], T]], handler: Callable[[Call], T]
) -> Callable[[Call], T]:
    """Wrap a handler in middleware or in observers; the first one sees a call first and its result last."""
    for wrap in reversed(wrappers):
        handler = functools.partial(_around, wrap, handler)
    return handler


def _around(wrap: Callable[[Call, Callable[[Call], T]], T], handler: Callable[[Call], T], call: Call) -> T:
    return wrap(call, handler)
