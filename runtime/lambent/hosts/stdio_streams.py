"""Streams over stdio: their notifications are lines among the others, made as the client reads them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

from lambent.execution.event_loop import LoopThread
from lambent.execution.failures import report
from lambent.hosts.line_writer import LineWriter
from lambent.hosts.live import LiveInvocation

if TYPE_CHECKING:
    from lambent.execution.open_streams import OpenStream

_WAITING_BYTES = 256 * 1024
"""Where the client has so much to read, of all calls, no stream makes more."""

_PAUSE_SECONDS = 0.05


class StdioStreams:
    """The streams of one client, on the loop of its process."""

    def __init__(self, out: LineWriter, loop: LoopThread) -> None:
        self._out = out
        self._loop = loop
        self._running: dict[Future[None], OpenStream] = {}
        self._is_ending = False

    def begin(
        self, invocation: LiveInvocation, stream: OpenStream, reply: bytes, over: Callable[[], None]
    ) -> None:
        """Deliver a stream, and the reply behind it; ``over`` is called when it has ended in any way."""
        delivery = asyncio.run_coroutine_threadsafe(self._deliver(stream, reply), self._loop.loop)
        self._running[delivery] = stream
        if self._is_ending:
            stream.end()

        def forget(delivery: Future[None]) -> None:
            del self._running[delivery]
            over()

        delivery.add_done_callback(forget)
        invocation.delivers(delivery)

    def end(self) -> None:
        """End all of them, each with its reply; those that begin later too."""
        self._is_ending = True
        for stream in list(self._running.values()):
            stream.end()

    def wait(self, seconds: float) -> bool:
        """Wait until all have ended; False where that takes longer."""
        return not wait(list(self._running), seconds).not_done

    async def _deliver(self, stream: OpenStream, reply: bytes) -> None:
        try:
            async with contextlib.aclosing(stream.deliver()) as notifications:
                async for notification in notifications:
                    self._out.put(notification)
                    while self._out.unread >= _WAITING_BYTES:
                        await asyncio.sleep(_PAUSE_SECONDS)
        except Exception as error:
            report(error)
        self._out.put(reply)
