"""The invocation that a request came in: hosts subclass this."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from lambent.errors import Cancelled
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

    __slots__ = ("_runner", "cancelled", "may_stream", "notifications", "streamed")

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner
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
        """Stop the handler if nobody wants its result.

        Raises:
            Cancelled: the client is gone.
        """
        if self.cancelled:
            raise Cancelled

    def remaining_ms(self) -> int | None:
        """Milliseconds until the host stops the invocation; None where it never does."""
        return None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run what an ``async def`` function returned."""
        return self._runner(coroutine)
