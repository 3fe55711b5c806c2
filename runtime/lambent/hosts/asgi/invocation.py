"""One HTTP request of a live server: notifications leave as they happen."""

from __future__ import annotations

import asyncio
from typing import Any

from lambent.hosts.live import CallThreads, LiveInvocation
from lambent.wire.sse import KEEP_ALIVE, frame


class AsgiInvocation(LiveInvocation):
    """Bridges the worker thread that runs a call and the event loop that talks to its client.

    Args:
        loop: the server's event loop; coroutines run on it too, where the rest of the application lives.
        threads: where the call runs.
        lambda_context: Lambda's context object, behind Mangum.

    Attributes:
        frames: what to send, and None when there is no more.
    """

    __slots__ = ("_lambda_context", "frames")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, threads: CallThreads | None = None, lambda_context: Any = None
    ) -> None:
        super().__init__(loop, threads)
        self._lambda_context = lambda_context
        self.frames: asyncio.Queue[bytes | None] = asyncio.Queue()

    def remaining_ms(self) -> int | None:
        """See ``Invocation.remaining_ms``."""
        remaining = getattr(self._lambda_context, "get_remaining_time_in_millis", None)
        return int(remaining()) if remaining is not None else None

    def emit(self, notification: bytes) -> None:
        """See ``Invocation.emit``."""
        if not self.may_stream:
            super().emit(notification)
        elif not self.cancelled:
            self.streamed = True
            self._push(frame(notification))

    def keep_alive(self) -> None:
        """See ``Invocation.keep_alive``."""
        if self.streamed:
            self._push(KEEP_ALIVE)

    def _push(self, data: bytes) -> None:
        self._loop.call_soon_threadsafe(self.frames.put_nowait, data)
