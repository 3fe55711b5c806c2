"""What running a call needs from outside, as small protocols; ``lambent.stores`` and hosts provide them."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

T = TypeVar("T")


class Keys(Protocol):
    """The secrets that seal request state."""

    def ring(self) -> Sequence[bytes]:
        """All secrets in force: the first one seals, every one opens.

        Raises:
            ConfigurationError: none is configured; the message says what to set.
        """

    def renewed(self) -> Sequence[bytes]:
        """The ring, read again where it may have changed; asked when no secret of it opens a state.

        Anybody can send such a state: an implementation bounds how often it does anything for one.

        Raises:
            ConfigurationError: as ``ring``.
        """

    def forget(self) -> None:
        """Drop what was read or made up so far: this process is a copy of another one."""


class Clock(Protocol):
    """The time."""

    def __call__(self) -> float:
        """Seconds since the epoch."""


class AsyncRunner(Protocol):
    """Runs what ``async def`` functions return."""

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end on an event loop that stays the same from call to call."""


class Changes(Protocol):
    """A feed of changes that subscriptions deliver. Topics are notification methods and resource URIs."""

    def publish(self, topic: str) -> None:
        """Tell whoever listens, in this process or another, that something changed."""

    def position(self) -> int:
        """Where the feed stands now."""

    def wait(self, position: int, seconds: float) -> tuple[list[str], int]:
        """Topics published after a position, and the new position; waits for the first one if need be."""


class Item(msgspec.Struct, frozen=True):
    """Something kept under a key.

    Attributes:
        key: such as ``TASK#…``.
        version: rises with every write.
        body: opaque to the store.
        purge_at: seconds since the epoch, after which the store may forget the item.
    """

    key: str
    version: int
    body: bytes
    purge_at: int


class Store(Protocol):
    """Keeps items. Every write is conditional, and a write that is refused changes nothing.

    Reads see all writes that have returned. Whoever is told False has lost to another writer. Every method
    raises ``StoreError`` where the store cannot be reached or refuses.
    """

    def insert(self, item: Item) -> bool:
        """Keep a new item, unless there is one under its key.

        Raises:
            ItemTooLargeError: no store of this kind could keep it.
        """

    def read(self, key: str) -> Item | None:
        """The item under a key, if there is one."""

    def replace(self, item: Item) -> bool:
        """Keep an item in place of the one with the version before it.

        Raises:
            ItemTooLargeError: as ``insert``.
        """

    def remove(self, key: str, version: int) -> bool:
        """Forget an item, if this is its version."""


class Queue(Protocol):
    """Brings task ids to workers: at least once each, in any order.

    ``send`` raises ``StoreError`` where the queue cannot be reached or refuses.
    """

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """Have a worker look at a task.

        Args:
            task_id: the task.
            delay: seconds to wait before; at most 900.
        """


class Blobs(Protocol):
    """Keeps what is too large for an item.

    Both methods raise ``StoreError`` where the store cannot be reached or refuses.
    """

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes under a name."""

    def get(self, name: str) -> bytes | None:
        """The bytes under a name, if there are any."""
