"""Middleware that is a coroutine function: ``async def middleware(call, following)``.

A call runs in one thread, and its coroutines on an event loop of the host. While such middleware waits for
``following(call)``, the thread runs the call, and the loop is free for its coroutines::

    thread of the call         loop
    run(begin) ──────────────► task: middleware … await following(call)
    ◄───────────────────────── wants the call to go on
    following(call)
    run(resume) ─────────────► … result; middleware ends
    ◄───────────────────────── ended

The middleware is one task from its beginning to its end, so cancel scopes and locks around
``await following(call)`` work.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from lambent.execution.call import Call, Handler
from lambent.execution.failures import is_interrupt

if TYPE_CHECKING:
    import asyncio

    from lambent.execution.middleware import Middleware

AsyncMiddleware = Callable[[Call, Callable[[Call], Awaitable[Any]]], Coroutine[Any, Any, Any]]


def synchronous(wrap: AsyncMiddleware) -> Middleware:
    """The middleware that runs a coroutine function."""

    def around(call: Call, following: Handler) -> Any:
        return _Run(wrap, call).finish(following)

    return around


class _Wanted:
    """The middleware waits for the rest of the call: for ``call``, in the context that it has set up."""

    def __init__(self, call: Call) -> None:
        import asyncio

        self.call = call
        self.context = contextvars.copy_context()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, following: Handler) -> None:
        """Run the rest of the call, in its thread."""
        try:
            self.result = self.context.run(following, self.call)
        except BaseException as error:
            if is_interrupt(error):
                raise
            self.error = error


class _Run:
    """One run of a middleware."""

    def __init__(self, wrap: AsyncMiddleware, call: Call) -> None:
        self._wrap = wrap
        self._call = call
        self._task: asyncio.Task[Any] | None = None
        self._wanted: deque[_Wanted] = deque()
        self._changed: asyncio.Future[None]  # while it is waited for

    def finish(self, following: Handler) -> Any:
        """Run it to its end."""
        run = self._call.invocation.run
        try:
            wanted = run(self._begin())
            while wanted is not None:
                wanted.run(following)
                wanted = run(self._resume(wanted))
        except BaseException:
            if (task := self._task) is not None and not task.done():
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    task.get_loop().call_soon_threadsafe(task.cancel)
            raise
        assert self._task is not None  # noqa: S101 - it has begun
        return self._task.result()

    async def _begin(self) -> _Wanted | None:
        import asyncio

        self._changed = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._wrap(self._call, self._follow))
        return await self._next()

    async def _resume(self, wanted: _Wanted) -> _Wanted | None:
        if not wanted.ended.done():
            wanted.ended.set_result(None)
        return await self._next()

    async def _next(self) -> _Wanted | None:
        """What the middleware wants next; None where it has ended."""
        import asyncio

        task = self._task
        assert task is not None  # noqa: S101 - it has begun
        while not task.done() and not self._wanted:
            self._changed = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait({task, self._changed}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:  # the client has left
                task.cancel()
                await asyncio.wait({task})
                raise
        return None if task.done() else self._wanted.popleft()

    async def _follow(self, call: Call) -> Any:
        """What the middleware calls as ``following``."""
        wanted = _Wanted(call)
        self._wanted.append(wanted)
        if not self._changed.done():
            self._changed.set_result(None)
        await wanted.ended
        if wanted.error is not None:
            raise wanted.error
        return wanted.result
