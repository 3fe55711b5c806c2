"""Looking at the ends of logs for streams: one look for all streams of an event type in this process.

An ``emit`` of this process makes it look at once; those of other processes are found by the next look. ::

    emit ──► wake ─┐
    every second ──┴─► head of the log: one read ──► streams whose position is before it
                                                        └─► entries behind a position: read once for all
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lambent.execution.events.asking import SharedCalls
from lambent.execution.events.ports import LogEntry, LogHead
from lambent.execution.failures import report

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from lambent.execution.events.service import Events

PAGE = 25
"""Entries that are read at a time: each has up to 256 KiB."""

_KEPT_PAGES = 2


class Watches:
    """The watches of a process, for any number of event loops; without streams nothing is looked at.

    Attributes:
        calls: of ``check`` functions, which streams share too.
        look_seconds: how often a log is looked at, which other processes may write: each is a read.
        retry_seconds: the same where the store cannot be reached.
    """

    look_seconds = 1.0
    retry_seconds = 5.0

    def __init__(self, events: Events) -> None:
        self.calls = SharedCalls()
        self._events = events
        self._lock = threading.Lock()
        self._running: dict[tuple[str, asyncio.AbstractEventLoop], LogWatch] = {}

    def wake(self, key: str) -> None:
        """Something was appended to a log: look at it now."""
        with self._lock:
            found = [watch for (known, _), watch in self._running.items() if known == key]
        for watch in found:
            watch.wake()

    @contextlib.contextmanager
    def join(self, key: str, news: asyncio.Event) -> Iterator[LogWatch]:
        """While a stream reads a log: its watch, which sets ``news`` whenever there is something new."""
        import asyncio

        place = key, asyncio.get_running_loop()
        with self._lock:
            watch = self._running.get(place)
            if watch is None:
                watch = self._running[place] = LogWatch(self, self._events, key)
        watch.streams.add(news)
        watch.wake()  # what was appended since the stream has looked itself
        try:
            yield watch
        finally:
            watch.streams.discard(news)
            if not watch.streams:
                with self._lock:
                    self._running.pop(place, None)
                watch.stop()


class LogWatch:
    """Looks at one log from one event loop.

    Attributes:
        streams: told of news.
        head: the end of the log at the last look; None before the first one.
        failure: the reference under which the log says why that is not known now; else None.
    """

    def __init__(self, watches: Watches, events: Events, key: str) -> None:
        import asyncio

        self.streams: set[asyncio.Event] = set()
        self.head: LogHead | None = None
        self.failure: str | None = None
        self._watches = watches
        self._events = events
        self._key = key
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())
        self._lock = threading.Lock()
        self._pages: OrderedDict[tuple[int, int], Future[list[LogEntry]]] = OrderedDict()

    def wake(self) -> None:
        """Look now; called on any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """Look no more."""
        self._task.cancel()

    def read(self, after: int, last: int) -> list[LogEntry]:
        """Entries behind a number, up to another one: streams at the same position share one read.

        Raises:
            StoreError: the store cannot be reached.
        """
        from concurrent.futures import Future

        place, is_own = (after, last), False
        with self._lock:
            page = self._pages.get(place)
            if page is None:
                page, is_own = Future(), True
                self._pages[place] = page
                while len(self._pages) > _KEPT_PAGES:
                    self._pages.popitem(last=False)
        if is_own:
            try:
                page.set_result(self._events.log.read(self._key, after, last - after))
            except BaseException as error:
                with self._lock:
                    self._pages.pop(place, None)
                page.set_exception(error)
        return page.result()

    async def _run(self) -> None:
        import asyncio

        while True:
            self._woken.clear()
            pause = self._watches.look_seconds
            try:
                head = await asyncio.to_thread(self._events.log.head, self._key)
            except Exception as error:
                pause = self._watches.retry_seconds
                if self.failure is None:
                    self.failure = report(error)
                    self._tell()
            else:
                if head != self.head or self.failure is not None:
                    self.head, self.failure = head, None
                    self._tell()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    def _tell(self) -> None:
        for news in self.streams:
            news.set()
