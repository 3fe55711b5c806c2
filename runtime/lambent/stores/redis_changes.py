"""A feed of changes that all processes of a server share, in a stream of Redis or Valkey."""

from __future__ import annotations

import threading
import time
from collections.abc import Coroutine
from typing import Any

from lambent.errors import StoreError
from lambent.execution.log_records import logger
from lambent.stores.memory import MemoryChanges
from lambent.stores.redis import RedisServer

_MOST = 10_000
"""Changes that the stream keeps, about: a process that was away for longer misses some."""

_BLOCK_SECONDS = 2.0
_PAUSE_SECONDS = 1.0

_OF_TASKS = "notifications/tasks"

_log = logger("lambent")


class RedisChanges:
    """The feed with a name at a server with a URL; see ``redis.RedisServer``.

    A thread takes what the stream brings into the feed of this process, from the first subscription on. It
    goes on behind the last change that it has seen, so nothing is missed while a connection is lost.
    """

    def __init__(self, url: str, name: str, redis: Any = None) -> None:
        self._server = RedisServer(url, redis)
        self._key = f"lambent:changes:{name}"
        self._feed = MemoryChanges()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.position = self._feed.position
        self.wait = self._feed.wait

    def publish(self, topic: str) -> Coroutine[Any, Any, None] | None:
        """See ``Changes.publish``. Where the server cannot be reached, this process alone is told."""
        import asyncio  # processes that stay have it

        # What changes a task has written its record just so, on the same thread.
        if topic != _OF_TASKS and asyncio._get_running_loop() is not None:
            return asyncio.to_thread(self._publish, topic)
        self._publish(topic)
        return None

    def receive(self) -> None:
        """See ``Changes.receive``.

        Raises:
            StoreError: the server cannot be reached.
        """
        with self._starting:
            if self._thread is None:
                with self._server.calling("receive") as redis:
                    newest = redis.xrevrange(self._key, count=1)
                last = newest[0][0].decode() if newest else "0-0"
                self._thread = threading.Thread(
                    target=self._read, args=(last,), name="lambent-changes", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """End the thread, and wait for its end."""
        self._is_closed = True
        if self._thread is not None:
            self._thread.join()

    def _publish(self, topic: str) -> None:
        try:
            with self._server.calling("publish") as redis:
                redis.xadd(self._key, {"topic": topic}, maxlen=_MOST, approximate=True)
        except StoreError as error:
            _log.warning("A change is told to this process alone: %s", error)
            self._feed.publish(topic)

    def _read(self, last: str) -> None:
        is_lost = False
        while not self._is_closed:
            try:
                with self._server.calling("receive") as redis:
                    found = redis.xread({self._key: last}, block=round(_BLOCK_SECONDS * 1000))
            except StoreError as error:
                if not is_lost:
                    _log.warning("Changes of other processes are late: %s", error)
                is_lost = True
                time.sleep(_PAUSE_SECONDS)
                continue
            is_lost = False
            for name, fields in _entries(found):
                last = name.decode()
                self._feed.publish(fields[b"topic"].decode())


def _entries(found: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The entries of the one stream that was read; the answer depends on the version of the protocol."""
    if not found:
        return []
    of_stream = next(iter(found.values()))[0] if isinstance(found, dict) else found[0][1]
    return list(of_stream)
