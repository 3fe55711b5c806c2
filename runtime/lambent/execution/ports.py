"""What running a call needs from outside, as small protocols; ``lambent.stores`` and hosts provide them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from lambent.execution.audit.record import AuditRecord

T = TypeVar("T")

Clock = Callable[[], float]
"""The time, in seconds since the epoch."""


class Keys(Protocol):
    """The secrets that seal request state.

    ``ring`` and ``renewed`` raise ``ConfigurationError`` where none is configured; it says what to set.
    """

    def ring(self) -> Sequence[bytes]:
        """All secrets in force: the first one seals, every one opens."""

    def renewed(self) -> Sequence[bytes]:
        """The ring, read again where it may have changed; asked when no secret of it opens a state.

        Anybody can send such a state: an implementation bounds how often it reads the ring for one.
        """

    def forget(self) -> None:
        """Drop what was read or made up so far: this process is a copy of another one."""


class AsyncRunner(Protocol):
    """Runs what ``async def`` functions return."""

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end on an event loop that stays the same from call to call."""


class Changes(Protocol):
    """A feed of changes that subscriptions deliver. Topics are notification methods and resource URIs."""

    def publish(self, topic: str) -> Coroutine[Any, Any, None] | None:
        """Tell whoever listens, in this process or another, that something changed.

        Returns:
            What has to be run for it; None where it is done.
        """

    def receive(self) -> Coroutine[Any, Any, None] | None:
        """Begin to receive what other processes publish, unless it has begun.

        Returns:
            What has to be run for it on the loop that all calls share; None where it is done.
        """

    def position(self) -> int:
        """The position at the end of the feed."""

    def wait(self, position: int, seconds: float) -> tuple[list[str], int]:
        """Topics published after a position, and the new position; waits for the first one if need be."""


class Item(msgspec.Struct, frozen=True):
    """A value under a key.

    Attributes:
        key: such as ``TASK#…``.
        version: rises with every write.
        body: opaque to the store.
        purge_at: seconds since the epoch, after which the store may forget the item.
        reserve: bytes that a later write of the item may need: there has to be room for them.
        topic: by which ``Topics`` finds it; nothing for items that are found by their keys alone.
    """

    key: str
    version: int
    body: bytes
    purge_at: int
    reserve: int = 0
    topic: str = ""


class Store(Protocol):
    """Keeps items. Every write is conditional; one that is refused returns False and changes nothing.

    Reads see all writes that have returned. Every method raises ``StoreError`` where the store cannot be
    reached or refuses; ``insert`` and ``replace`` raise ``ItemTooLargeError`` where the body is too large.
    """

    def insert(self, item: Item) -> bool:
        """Keep a new item, unless there is one under its key."""

    def read(self, key: str) -> Item | None:
        """The item under a key, if there is one."""

    def replace(self, item: Item) -> bool:
        """Keep an item in place of the one with the version before it."""

    def remove(self, key: str, version: int) -> bool:
        """Forget an item, if this is its version."""

    def advance(self, key: str, now: int, step: int, most: int, purge_at: int) -> int:
        """Move the time under a key to ``step`` after it; where it is past or there is none, after ``now``.

        A time later than ``most``, which is not before ``now``, stays as it is. Times are in microseconds
        since the epoch, ``purge_at`` is as in ``Item``. No other method takes such a key.

        Returns:
            0 where it was moved; else by how much it is later than ``most``.
        """


class Topics(Protocol):
    """Finds items of a store by their topic."""

    def members(self, topic: str, after: str, most: int) -> list[str]:
        """The keys of items with a topic that are greater than ``after``, at most so many, in their order.

        An item may be missing for a moment after it was written, and be here for one after it was removed.

        Raises:
            StoreError: the store cannot be reached, or refuses.
        """


class Queue(Protocol):
    """Brings tasks to workers: at least once each, in any order.

    ``task_id`` is opaque to it: an id, with the mark of its principal in front.
    """

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """Have a worker look at a task, after a delay of at most 900 seconds.

        Raises:
            StoreError: the queue cannot be reached or refuses.
        """


class Blobs(Protocol):
    """Keeps what is too large for an item. Raises ``StoreError`` where it cannot be reached or refuses."""

    def put(self, name: str, data: bytes, purge_at: float) -> None:
        """Keep bytes under a name; after ``purge_at``, in seconds since the epoch, they may be forgotten."""

    def get(self, name: str) -> bytes | None:
        """The bytes under a name, if there are any."""


class AuditSink(Protocol):
    """Takes audit records."""

    def write(self, record: AuditRecord) -> None:
        """Keep a record, before this returns: Lambda freezes the process when the response has left.

        Raises:
            Exception: it could not be kept. The log says so, and the call fails if the audit is required.
        """
