"""The lifespan of a server: an asynchronous context manager that is entered once an execution environment.

A task of its own holds it open on the event loop that the environment keeps, so it is left by the task that
has entered it, as task groups and cancel scopes within it want.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from lambent.execution.call import Call, Handler
    from lambent.execution.invocation import Invocation

Enter = Callable[[], AbstractAsyncContextManager[Any]]
"""Makes the context manager of an environment."""


class Lifespan:
    """Enters a lifespan with the first call, or when the host says so, and leaves it when the host ends.

    One that has failed is entered anew by the next call; so is one whose event loop was closed.
    """

    def __init__(self, enter: Enter) -> None:
        self._enter = enter
        self._entering = threading.Lock()
        self._held: _Held | None = None

    @property
    def value(self) -> Any:
        """What the context manager gave when it was entered.

        Raises:
            RuntimeError: it is not entered.
        """
        held = self._held
        if held is None or not held.is_open:
            raise RuntimeError("The lifespan is not entered")
        return held.entered.result()

    def around(self, call: Call, following: Handler) -> Any:
        """Middleware: pass a call on once the lifespan is entered."""
        self.enter(call.invocation)
        return following(call)

    def enter(self, invocation: Invocation) -> None:
        """Enter it, unless it is entered; other calls wait until it is.

        Raises:
            BaseException: what entering raised.
        """
        if self._held is not None and self._held.is_open:
            return
        with self._entering:
            if self._held is None or not self._held.is_open:
                invocation.run(self.start())

    async def start(self) -> None:
        """Enter it on the loop that runs, unless it is entered; see ``enter``."""
        import asyncio  # loaded by a first coroutine

        loop = asyncio.get_running_loop()
        if self._held is None or self._held.task.done() or self._held.loop is not loop:
            self._held = _Held(self._enter, loop)
        # A client that leaves meanwhile does not end it for the others.
        await asyncio.shield(self._held.entered)

    async def leave(self) -> None:
        """Leave it, if it is entered; on the loop that it was entered on.

        Raises:
            BaseException: what leaving raised.
        """
        held, self._held = self._held, None
        if held is not None and not held.task.done():
            held.leaving.set()
            await held.task


class _Held:
    """A lifespan that is held open by a task, which sees no context variables of the call that began it."""

    def __init__(self, enter: Enter, loop: asyncio.AbstractEventLoop) -> None:
        import asyncio

        self.loop = loop
        self.entered: asyncio.Future[Any] = loop.create_future()
        # Whoever waits for it may have gone.
        self.entered.add_done_callback(lambda entered: entered.cancelled() or entered.exception())
        self.leaving = asyncio.Event()
        self.task = loop.create_task(self._hold(enter), context=contextvars.Context())

    @property
    def is_open(self) -> bool:
        """It is entered, and its loop can go on."""
        return self.entered.done() and not self.task.done() and not self.loop.is_closed()

    async def _hold(self, enter: Enter) -> None:
        try:
            async with enter() as value:
                self.entered.set_result(value)
                await self.leaving.wait()
        except BaseException as error:
            if self.entered.done():
                raise  # ``leave`` passes it on, or else asyncio logs it
            self.entered.set_exception(error)
