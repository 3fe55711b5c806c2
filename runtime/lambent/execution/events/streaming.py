"""``events/stream``: what happens, as notifications of a request that stays open ("Push-Based Delivery").

A stream is a generator on the event loop of its host, without a thread. What a client has not read yet is not
made yet: the position of its stream stays where it is. Only work that may block is done on threads, such as
reads of the table and functions of the server's author.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any, Protocol

from lambent.errors import ProtocolError
from lambent.execution.events.asking import LookFailed, call_author
from lambent.execution.events.stream_sources import StreamBatch
from lambent.execution.failures import report
from lambent.features.events import EventType
from lambent.wire import jsonrpc
from lambent.wire.events import ForbiddenError
from lambent.wire.values import SUBSCRIPTION_ID_KEY

if TYPE_CHECKING:
    import asyncio

    from lambent.execution.call import Call

_HEARTBEAT_SECONDS = 15.0
"""Within the 30 seconds that clients count on, and the idle time that load balancers allow a connection."""

_RETRY_SECONDS = 5.0
"""After a failure."""


class StreamSource(Protocol):
    """Where a stream finds what happened.

    Attributes:
        truncated: something was skipped before the first batch.
        due: the time of the loop at which to look again, whatever happens before.
    """

    truncated: bool
    due: float

    @property
    def cursor(self) -> str | None:
        """The position behind all that was taken; None where the upstream has no history."""

    def joined(self, news: asyncio.Event) -> contextlib.AbstractContextManager[None]:
        """While the stream runs: ``news`` is set when it is worth looking."""

    async def look(self) -> StreamBatch:
        """What is behind the position, which stays.

        Raises:
            Exception: what is there could not be found out now.
        """

    def advance(self, batch: StreamBatch) -> None:
        """Move the position behind a batch."""


class OccurrenceStream:
    """One stream, which is an ``OpenStream``.

    Args:
        call: that has opened it.
        event: the event type.
        arguments: of the subscription.
        source: where it finds what happens.
        seconds: how long it lasts at most; a client goes on with another one.
    """

    def __init__(
        self, call: Call, event: EventType, arguments: Any, source: StreamSource, seconds: float
    ) -> None:
        self.tag = {SUBSCRIPTION_ID_KEY: call.rpc.id}
        self._call = call
        self._event = event
        self._arguments = arguments
        self._source = source
        self._seconds = seconds
        self._is_ending = False
        self._stop: Callable[[], object] | None = None

    def end(self) -> None:
        """See ``OpenStream.end``."""
        self._is_ending = True
        if self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._stop()

    async def deliver(self) -> AsyncGenerator[bytes, None]:
        """See ``OpenStream.deliver``."""
        import asyncio

        loop, news, source = asyncio.get_running_loop(), asyncio.Event(), self._source
        taking: asyncio.Task[StreamBatch] | None = None

        def stop() -> None:
            news.set()
            if taking is not None:
                taking.cancel()

        self._stop = lambda: loop.call_soon_threadsafe(stop)
        ends_at, retry_at = loop.time() + self._seconds, 0.0
        yield self._notification("active", {"cursor": source.cursor, "truncated": source.truncated})
        told_at = loop.time()
        with source.joined(news):
            while not self._is_ending and loop.time() < ends_at:
                news.clear()
                batch = StreamBatch()
                taking = asyncio.ensure_future(self._take())
                try:
                    # A function of the server's author may take long: the client still gets heartbeats.
                    until = min(told_at + _HEARTBEAT_SECONDS, ends_at)
                    while not (await asyncio.wait({taking}, timeout=until - loop.time()))[0]:
                        if loop.time() >= ends_at:
                            return
                        yield self._notification("heartbeat", {"cursor": source.cursor})
                        told_at = loop.time()
                        until = min(told_at + _HEARTBEAT_SECONDS, ends_at)
                    if taking.cancelled():
                        return
                    batch, retry_at = taking.result(), 0.0
                except ForbiddenError as error:
                    yield self._notification("terminated", {"error": _shown(error)})
                    return
                except Exception as error:
                    if not retry_at:  # once, however long it goes on
                        batch.told.append(("error", {"error": self._told_of(error)}))
                    retry_at = loop.time() + _RETRY_SECONDS
                finally:
                    taking.cancel()
                for kind, params in batch.told:
                    yield self._notification(kind, params)
                    told_at = loop.time()
                if loop.time() - told_at >= _HEARTBEAT_SECONDS:
                    yield self._notification("heartbeat", {"cursor": source.cursor})
                    told_at = loop.time()
                if not batch.has_more:
                    until = min(told_at + _HEARTBEAT_SECONDS, ends_at, source.due, retry_at or ends_at)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout_at(until):
                            await news.wait()

    async def _take(self) -> StreamBatch:
        """What the client gets next, if it still may have it; the position is behind it then.

        Raises:
            ForbiddenError: it may not.
            Exception: it could not be found out.
        """
        batch = await self._source.look()
        if batch.has_events and not await self._is_allowed():
            raise ForbiddenError("Access revoked")
        self._source.advance(batch)
        return batch

    async def _is_allowed(self) -> bool:
        """Ask the server's author again; the scopes of a caller are those of its request."""
        allow, caller = self._event.allow, self._call.principal
        if allow is None:
            return True
        given = (caller,) if self._event.arguments is None else (self._arguments, caller)
        return await call_author(allow, *given) is True

    def _told_of(self, error: Exception) -> dict[str, Any]:
        """A failure as the client is told of it, which the log describes."""
        reference = error.reference if isinstance(error, LookFailed) else report(error, self._call.rpc)
        return {"code": -32603, "message": f"Internal error (reference {reference})"}

    def _notification(self, kind: str, params: dict[str, Any]) -> bytes:
        return jsonrpc.notification(f"notifications/events/{kind}", {**params, "_meta": self.tag})


def _shown(error: ProtocolError) -> dict[str, Any]:
    """An error as a member of a notification."""
    return {"code": error.code, "message": error.message, "data": error.data}
