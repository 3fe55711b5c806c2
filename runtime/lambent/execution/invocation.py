"""The invocation that a request came in: hosts subclass this."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from lambent.errors import Cancelled, DeadlineReached
from lambent.execution.ports import AsyncRunner

T = TypeVar("T")


class Invocation:
    """Keeps the notifications of one request for its response, and never ends.

    Args:
        runner: runs coroutines.

    Attributes:
        notifications: encoded notifications, oldest first, that the response will carry.
        may_stream: the client reads streams, so hosts that can may send notifications at once.
        streamed: notifications have already been sent, so the response has begun.
        cancelled: the client does not want the result any more.
    """

    __slots__ = ("_deadline", "_runner", "cancelled", "may_stream", "notifications", "streamed")

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner
        self._deadline: float | None = None
        self.notifications: list[bytes] = []
        self.may_stream = False
        self.cancelled = False
        self.streamed = False

    def emit(self, notification: bytes) -> None:
        """Take one encoded notification: keep it, or send it and say so in ``streamed``."""
        self.notifications.append(notification)

    def keep_alive(self) -> None:
        """Keep an idle stream open; nothing to do where nothing is streamed."""

    def check(self) -> None:
        """Stop the handler if nobody wants its result, or if its time is up.

        Raises:
            Cancelled: the client is gone.
            DeadlineReached: the limit of ``call`` has passed.
        """
        if self.cancelled:
            raise Cancelled
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise DeadlineReached

    def remaining_ms(self) -> int | None:
        """Milliseconds until the host stops the invocation; None where it never does."""
        return None

    def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        """Take note of how far the handler is; nothing to do where only its client wants to know."""

    def run(self, coroutine: Coroutine[Any, Any, T], limit: float | None = None) -> T:
        """Run what an ``async def`` function returned.

        Args:
            coroutine: to run to its end.
            limit: seconds that it may take.

        Raises:
            DeadlineReached: it took longer.
        """
        return self._runner(coroutine if limit is None else _limited(coroutine, limit))

    def call(self, function: Callable[..., T], kwargs: dict[str, Any], limit: float | None = None) -> T:
        """Call a plain function.

        Args:
            function: to call.
            kwargs: its arguments.
            limit: seconds that it may take; hosts that cannot interrupt it stop it at its next ``check``.

        Raises:
            DeadlineReached: it took longer.
        """
        if limit is not None:
            self._deadline = time.monotonic() + limit
        return function(**kwargs)


async def _limited(coroutine: Coroutine[Any, Any, T], limit: float) -> T:
    import asyncio

    try:
        async with asyncio.timeout(limit) as scope:
            return await coroutine
    except TimeoutError:
        if scope.expired():
            raise DeadlineReached from None
        raise
