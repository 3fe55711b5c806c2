"""Typed records in the store: tasks, calls and sessions, each under a key of its own server and kind.

Every write is conditional on the version that was read, so of two writers one is refused.

A lease says who works on a record, and until when nobody else may::

    worker A   |── lease ───────────────| deadline of its invocation: Lambda kills it here
                                        |── skew ──| until: from here on another may take over
    worker B        ✗ tries again later            |── lease ──…

Where invocations have no deadline, the host renews the leases of what runs (``Invocation.renewing``), so that
those of a process that was killed are over soon.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeGuard, TypeVar

import msgspec

from lambent.errors import InternalError, Signal, StoreError
from lambent.execution.invocation import Invocation
from lambent.execution.ports import Clock, Item, Store
from lambent.execution.rounds.digests import digest, to_base64url

SKEW_SECONDS = 30.0
"""How far the clocks of two environments may be apart without both holding a lease."""

RESERVE = 8 * 1024
"""Bytes of an item that journals leave free, so that what ends a call always fits."""

_CONFLICTS = 20
_ATTEMPTS = 4
_PAUSE_SECONDS = 0.05
_RETRY_SECONDS = 3.0
"""No write is tried again after this: a client is waiting, and boto3 has tried several times already."""


class LeaseLost(Signal):
    """Another run works on the record: this one must not write any more."""


class StoreFailed(Signal):
    """A journal could not be kept, so the run ends here: that is no failure of the tool."""


class Lease(msgspec.Struct, frozen=True):
    """Names the run that works on a record, and until when nobody else may, in seconds since the epoch."""

    owner: str
    until: float


def lease_of(invocation: Invocation, now: float, unbounded: float, owner: str = "") -> Lease:
    """A lease for as long as an invocation can last.

    Where it never ends, for as long as the host renews it by; ``unbounded`` seconds where it renews none.
    """
    remaining = invocation.remaining_ms()
    seconds = (invocation.lease_seconds or unbounded) if remaining is None else remaining / 1000
    return Lease(owner or os.urandom(12).hex(), now + seconds + SKEW_SECONDS)


def is_leased(lease: Lease | None, now: float) -> TypeGuard[Lease]:
    """Whether another run may be working on a record with this lease."""
    return lease is not None and now < lease.until


class Record(msgspec.Struct, frozen=True):
    """What is kept under a key; each kind adds its fields."""

    @property
    def purge_at(self) -> float:
        """When the store may forget it, in seconds since the epoch."""
        raise NotImplementedError

    @property
    def topic(self) -> str:
        """By which the store finds it without its key; nothing for most."""
        return ""


R = TypeVar("R", bound=Record)


class Held(Generic[R]):
    """A record as it was read or written last, with the item that keeps it."""

    __slots__ = ("_item", "_records", "_writing", "record")

    def __init__(self, records: Records[R], item: Item, record: R) -> None:
        self._records = records
        self._item = item
        self._writing = threading.RLock()  # steps of one handler may end on several threads
        self.record = record

    def replace(self, record: R, *, reserve: int = 0) -> bool:
        """Write another record in its place; False where another writer was faster.

        ``reserve`` bytes have to stay free in its item.

        Raises:
            ItemTooLargeError: no item can hold it.
            StoreError: the store cannot be reached.
        """
        with self._writing:
            item = self._records.write(self._item.key, self._item.version + 1, record, reserve)
            if item is None:
                return False
            self._item, self.record = item, record
            return True

    def change(self, make: Callable[[R], R | None], *, reserve: int = 0) -> bool:
        """Change the record; where another writer was faster, change what that one wrote.

        ``make`` makes the new record from the one that is there. Where it returns None, or the record is
        gone, this returns False.

        Raises:
            InternalError: it changes too fast; also what ``replace`` raises.
        """
        with self._writing:
            for _ in range(_CONFLICTS):
                record = make(self.record)
                if record is None:
                    return False
                if self.replace(record, reserve=reserve):
                    return True
                fresh = self._records.read(self._item.key)
                if fresh is None:
                    return False
                self._item, self.record = fresh._item, fresh.record
        raise InternalError("The record is changing too fast: try again")

    def renew(self, make: Callable[[R], R | None]) -> None:
        """Change the record while whoever holds it goes on, or leave it where ``make`` returns None.

        What another writer has written is not taken: the holder has to notice that it is no longer theirs.

        Raises:
            StoreError: the store cannot be reached.
        """
        with self._writing:
            record = make(self.record)
            if record is not None:
                self.replace(record)

    def remove(self) -> bool:
        """Forget the record; False where another writer has changed or removed it."""
        with self._writing:
            return self._records.store.remove(self._item.key, self._item.version)


class Records(Generic[R]):
    """The records of one kind, such as ``TASK``, of one server: servers may share a store."""

    def __init__(self, store: Store, clock: Clock, kind: str, server: str, record_type: type[R]) -> None:
        self.clock = clock
        self.store = store
        self._kind = kind
        self._server = server
        self._decode = msgspec.json.Decoder(record_type).decode

    def key(self, name: str, principal: str = "") -> str:
        """The key of the record with this name, among those of a principal's key or mark."""
        return f"{self._kind}#{digest([self._server, principal])}#{name}"

    def insert(self, key: str, record: R, *, reserve: int = 0, version: int = 1) -> Held[R] | None:
        """Keep a new record; None where there is one under its key. Raises what ``Held.replace`` raises.

        Where a record may be removed and made anew while others hold it, the first ``version`` of the new one
        has to be beyond those of the old one: else they would take it for the old one.
        """
        item = self.write(key, version, record, reserve, is_new=True)
        return Held(self, item, record) if item is not None else None

    def read(self, key: str) -> Held[R] | None:
        """The record under a key, if there is one."""
        item = self.store.read(key)
        return Held(self, item, self._decode(item.body)) if item is not None else None

    def write(self, key: str, version: int, record: R, reserve: int, *, is_new: bool = False) -> Item | None:
        """Write a new record, or one in place of the version before it; None where that is refused.

        After a ``StoreError`` nobody knows whether the item was written: the write is tried again, and where
        that is refused the store is read.

        Raises:
            StoreError: the store cannot be reached, also after some attempts.
        """
        body, purge_at = msgspec.json.encode(record), math.ceil(record.purge_at)
        item = Item(key, version, body, purge_at, reserve, record.topic)
        write = self.store.insert if is_new else self.store.replace
        last = time.monotonic() + _RETRY_SECONDS
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                is_written = write(item) or (attempt > 1 and self._is_kept(item))
                return item if is_written else None
            except StoreError:
                if attempt == _ATTEMPTS or time.monotonic() > last:
                    raise
                time.sleep(_PAUSE_SECONDS * attempt)
        raise AssertionError  # the last attempt returns or raises

    def _is_kept(self, item: Item) -> bool:
        kept = self.store.read(item.key)
        return kept is not None and (kept.version, kept.body) == (item.version, item.body)


def random_id() -> str:
    """A new name, 192 random bits, that nobody can guess."""
    return to_base64url(os.urandom(24))


def changed(record: R, **changes: Any) -> R:
    """A record with other values of some fields."""
    return msgspec.structs.replace(record, **changes)
