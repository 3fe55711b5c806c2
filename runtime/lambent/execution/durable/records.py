"""Typed records in the store: tasks, calls and sessions, each under a key of its own server and kind.

Every write is conditional on the version that was read, so of two writers one is told that it lost.

A lease says who works on a record, and until when nobody else may::

    worker A   |── lease ───────────────| deadline of its invocation: Lambda kills it here
                                        |── skew ──| until: from here on another may take over
    worker B        ✗ tries again later            |── lease ──…
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from lambent.errors import InternalError, Signal, StoreError
from lambent.execution.invocation import Invocation
from lambent.execution.ports import Clock, Item, Store
from lambent.execution.rounds.sealing import digest

SKEW_SECONDS = 30.0
"""How far the clocks of two environments may be apart without both holding a lease."""

RESERVE = 8 * 1024
"""Bytes of an item that journals leave free, so that what ends a call always fits."""

_CONFLICTS = 20
_ATTEMPTS = 4
_PAUSE_SECONDS = 0.05
_RETRY_SECONDS = 3.0
"""No write is tried again after this: a client is waiting, and boto3 has tried several times already."""

R = TypeVar("R", bound=msgspec.Struct)

_encode = msgspec.json.encode


class LeaseLost(Signal):
    """Somebody else works on the record: this run must not write any more."""


class StoreFailed(Signal):
    """What must be kept could not be, so the run ends here: that is no failure of the tool.

    Args:
        error: of the store.
    """

    def __init__(self, error: StoreError) -> None:
        super().__init__(error)
        self.error = error


class Lease(msgspec.Struct, frozen=True):
    """Who works on a record, and until when nobody else may.

    Attributes:
        owner: one run of one environment.
        until: seconds since the epoch.
    """

    owner: str
    until: float


def lease_of(owner: str, invocation: Invocation, now: float, unbounded: float) -> Lease:
    """A lease for as long as an invocation can last.

    Args:
        owner: names the run.
        invocation: the invocation.
        now: seconds since the epoch.
        unbounded: seconds that the lease lasts where the invocation never ends.
    """
    remaining = invocation.remaining_ms()
    seconds = unbounded if remaining is None else remaining / 1000
    return Lease(owner, now + seconds + SKEW_SECONDS)


class Held(Generic[R]):
    """A record as it was read or written last.

    Args:
        records: where it is kept.
        item: as it is kept.
        record: what is in it.
    """

    __slots__ = ("_item", "_records", "record")

    def __init__(self, records: Records[R], item: Item, record: R) -> None:
        self._records = records
        self._item = item
        self.record = record

    def replace(self, record: R, *, reserve: int = 0) -> bool:
        """Write another record in its place.

        Args:
            record: the new one.
            reserve: bytes that have to stay free in its item.

        Returns:
            False where it is not the one that is kept any more.

        Raises:
            ItemTooLargeError: no item can hold it.
            StoreError: the store cannot be reached.
        """
        item = self._records.item(self._item.key, self._item.version + 1, record, reserve)
        if not self._records.put(item):
            return False
        self._item, self.record = item, record
        return True

    def change(self, make: Callable[[R], R | None], *, reserve: int = 0) -> bool:
        """Change the record, again from what is there whenever another writer was faster.

        Args:
            make: the new record from the one that is there; None leaves it.
            reserve: see ``replace``.

        Returns:
            False where ``make`` gave None or the record is gone.

        Raises:
            InternalError: it changes too fast; also what ``replace`` raises.
        """
        for _ in range(_CONFLICTS):
            record = make(self.record)
            if record is None:
                return False
            if self.replace(record, reserve=reserve):
                return True
            if not self.refresh():
                return False
        raise InternalError("The record is changing too fast: try again")

    def refresh(self) -> bool:
        """Read the record again; False where it is gone."""
        fresh = self._records.store.read(self._item.key)
        if fresh is None:
            return False
        self._item, self.record = fresh, self._records.decode(fresh.body)
        return True

    def remove(self) -> bool:
        """Forget the record; False where it is not the one that is kept any more."""
        return self._records.store.remove(self._item.key, self._item.version)


class Records(Generic[R]):
    """The records of one kind.

    Args:
        store: keeps them.
        clock: the time.
        kind: begins their keys, such as ``TASK``.
        server: the server that they belong to: servers that share a table never meet.
        record_type: what they are.
        purge_at: seconds since the epoch, after which a record may be forgotten.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        kind: str,
        server: str,
        record_type: type[R],
        purge_at: Callable[[R], float],
    ) -> None:
        self.store = store
        self.clock = clock
        self._kind = kind
        self._server = server
        self._purge_at = purge_at
        self.decode: Callable[[bytes], R] = msgspec.json.Decoder(record_type).decode

    def key(self, name: str, principal: str = "") -> str:
        """The key of a record.

        Args:
            name: names it among those of its kind, server and principal.
            principal: the key of the principal that it belongs to.
        """
        return f"{self._kind}#{digest([self._server, principal])}#{name}"

    def insert(self, key: str, record: R, *, reserve: int = 0) -> Held[R] | None:
        """Keep a new record; None where there is one under its key.

        Raises:
            ItemTooLargeError: no item can hold it.
            StoreError: the store cannot be reached.
        """
        item = self.item(key, 1, record, reserve)
        return Held(self, item, record) if self.put(item) else None

    def read(self, key: str) -> Held[R] | None:
        """The record under a key, if there is one.

        Raises:
            StoreError: the store cannot be reached.
        """
        item = self.store.read(key)
        return Held(self, item, self.decode(item.body)) if item is not None else None

    def item(self, key: str, version: int, record: R, reserve: int) -> Item:
        """A record as an item."""
        return Item(key, version, _encode(record), math.ceil(self._purge_at(record)), reserve)

    def put(self, item: Item) -> bool:
        """Write an item, as the first one under its key or in place of the version before it.

        Where the answer is lost nobody knows whether the item was written: the store is asked, and the write
        is tried again.

        Raises:
            StoreError: the store cannot be reached, also after some attempts.
        """
        write = self.store.insert if item.version == 1 else self.store.replace
        last = time.monotonic() + _RETRY_SECONDS
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return write(item) or (attempt > 1 and self._is_kept(item))
            except StoreError:
                if attempt == _ATTEMPTS or time.monotonic() > last:
                    raise
                time.sleep(_PAUSE_SECONDS * attempt)
        raise AssertionError  # the last attempt returns or raises

    def _is_kept(self, item: Item) -> bool:
        kept = self.store.read(item.key)
        return kept is not None and (kept.version, kept.body) == (item.version, item.body)


def changed(record: R, **changes: Any) -> R:
    """A record with other values of some fields."""
    return msgspec.structs.replace(record, **changes)
