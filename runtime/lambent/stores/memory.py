"""The ports in memory: the reference implementation, and the stores of hosts that are one process."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from lambent.errors import ItemTooLargeError
from lambent.execution.ports import Clock, Item

MAX_ITEM_BYTES = 400 * 1024
"""DynamoDB's limit for an item, which applies to every store."""

_PURGE_SECONDS = 2.0
"""How long something may still be there when it has expired."""

_PURGE_SHARE = 0.02
"""The share of the time that a very large store may spend on looking for what has expired."""

_KEPT = 10_000


class _Expiring(Protocol):
    @property
    def purge_at(self) -> float: ...


E = TypeVar("E", bound=_Expiring)


class _Expirable(Generic[E]):
    """Keeps values under keys; with a clock a timer removes what has expired, also where nobody calls."""

    def __init__(self, clock: Clock | None) -> None:
        self._lock = threading.RLock()
        self._clock = clock
        self._items: dict[str, E] = {}
        self._is_timed = False
        self._purged_in = 0.0

    def purge(self, now: float) -> None:
        """Remove what has expired at a time in seconds since the epoch."""
        with self._lock:
            self._items = {key: item for key, item in self._items.items() if item.purge_at > now}

    def _keep(self, key: str, item: E) -> None:
        """Keep a value; the lock is held."""
        self._items[key] = item
        if self._clock is not None and not self._is_timed:
            self._is_timed = True
            # The timer does not keep in memory what nobody uses any more.
            seconds = max(_PURGE_SECONDS, self._purged_in / _PURGE_SHARE)
            timer = threading.Timer(seconds, _purge, (weakref.ref(self),))
            timer.daemon = True
            timer.start()

    def _purge(self) -> None:
        with self._lock:
            self._is_timed, began = False, time.monotonic()
            if self._clock is not None:
                self.purge(self._clock())
            self._purged_in = time.monotonic() - began
            for key, item in self._items.items():
                self._keep(key, item)
                break


def _purge(ref: weakref.ref[_Expirable[E]]) -> None:
    if (kept := ref()) is not None:
        kept._purge()


class MemoryStore(_Expirable[Item]):
    """Keeps items in a dictionary, for any number of threads; with a clock it removes expired ones."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)

    def insert(self, item: Item) -> bool:
        """See ``Store.insert``."""
        check_size(item)
        with self._lock:
            if item.key in self._items:
                return False
            self._keep(item.key, item)
            return True

    def read(self, key: str) -> Item | None:
        """See ``Store.read``."""
        return self._items.get(key)

    def replace(self, item: Item) -> bool:
        """See ``Store.replace``."""
        check_size(item)
        with self._lock:
            if not self._has(item.key, item.version - 1):
                return False
            self._keep(item.key, item)
            return True

    def remove(self, key: str, version: int) -> bool:
        """See ``Store.remove``."""
        with self._lock:
            if not self._has(key, version):
                return False
            del self._items[key]
            return True

    def advance(self, key: str, now: int, step: int, most: int, purge_at: int) -> int:
        """See ``Store.advance``."""
        with self._lock:
            known = self._items.get(key)
            time_kept = now if known is None else max(now, int(known.body))
            if time_kept > most:
                return time_kept - most
            self._keep(key, Item(key, 1, b"%d" % (time_kept + step), purge_at))
            return 0

    def members(self, topic: str, after: str, most: int) -> list[str]:
        """See ``Topics.members``."""
        with self._lock:
            found = [key for key, item in self._items.items() if item.topic == topic and key > after]
        return sorted(found)[:most]

    def _has(self, key: str, version: int) -> bool:
        known = self._items.get(key)
        return known is not None and known.version == version


def check_size(item: Item) -> None:
    """Refuse an item that is too large.

    Raises:
        ItemTooLargeError: key and body are larger than 400 KB.
    """
    # 100 bytes for the other attributes and their names
    size = len(item.key.encode()) + len(item.body) + item.reserve + 100
    if size > MAX_ITEM_BYTES:
        raise ItemTooLargeError(
            f"{size} bytes do not fit into an item of {MAX_ITEM_BYTES} bytes: keep large data in a store of "
            "your own, and here a reference to it"
        )


class _Blob(NamedTuple):
    data: bytes
    purge_at: float


class MemoryBlobs(_Expirable[_Blob]):
    """Keeps blobs in a dictionary; with a clock it removes expired ones."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)

    def put(self, name: str, data: bytes, purge_at: float = math.inf) -> None:
        """See ``Blobs.put``."""
        with self._lock:
            self._keep(name, _Blob(data, purge_at))

    def get(self, name: str) -> bytes | None:
        """See ``Blobs.get``."""
        kept = self._items.get(name)
        return kept.data if kept is not None else None


class MemoryQueue:
    """Keeps task ids and their delays in ``messages``: for tests, which deliver them themselves."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, float]] = []

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``."""
        self.messages.append((task_id, delay))

    def send_all(self, messages: Sequence[str]) -> None:
        """See ``MessageQueue.send_all``."""
        for message in messages:
            self.send(message)


class MemoryChanges:
    """A feed of changes within one process; any number of threads may publish and wait."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._topics: list[str] = []
        self._forgotten = 0

    def publish(self, topic: str) -> None:
        """See ``Changes.publish``."""
        with self._changed:
            self._topics.append(topic)
            if len(self._topics) > _KEPT:
                surplus = len(self._topics) - _KEPT // 2
                del self._topics[:surplus]
                self._forgotten += surplus
            self._changed.notify_all()

    def receive(self) -> None:
        """See ``Changes.receive``: there is no other process."""

    def position(self) -> int:
        """See ``Changes.position``."""
        with self._changed:
            return self._forgotten + len(self._topics)

    def wait(self, position: int, seconds: float) -> tuple[list[str], int]:
        """See ``Changes.wait``."""
        with self._changed:
            self._changed.wait_for(lambda: self._forgotten + len(self._topics) > position, seconds)
            topics = self._topics[max(0, position - self._forgotten) :]
            return topics, self._forgotten + len(self._topics)
