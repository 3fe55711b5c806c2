"""Logs of occurrences: in memory, which is the reference, and in DynamoDB.

In the table a log has one item for its end, one for each entry, and one for each name that an entry has once:

=====================  ===========  ================================================================
key                    attributes   holds
=====================  ===========  ================================================================
``<key>``              ``epoch``    see ``LogHead``
..                     ``moment``   the number of the last entry
``<key>#<number>``     ``body``     of the entry, compressed if that makes it smaller
..                     ``by``       random bytes of the write
``<key>#ID#<once>``    ``moment``   the number of the entry
=====================  ===========  ================================================================

All but the first have ``purge_at``, the table's TTL attribute. Whoever appends writes the item behind one
that it knows to be there, on condition that there is none, and moves the end then. So numbers have no holes,
whoever is killed where, and every reader finds the entries in one order.
"""

from __future__ import annotations

import math
import os
import threading
import time
from typing import Any

import msgspec

from lambent.errors import StoreError
from lambent.execution.events.ports import LogEntry, LogHead
from lambent.execution.ports import Clock, Item
from lambent.stores.aws import AwsResource
from lambent.stores.dynamodb import pack, unpack
from lambent.stores.memory import check_size

_IS_NEW = "attribute_not_exists(pk)"
_IS_BEFORE = "moment < :moment"

_ATTEMPTS = 50
"""How many numbers a write may find taken: each time another writer has succeeded."""

_PAUSE_SECONDS = 0.02

_TAKEN, _UNDECIDED = 0, -1
"""What a write finds instead of its number: another entry has it, or the write has to be tried again."""

_FAILED = "ConditionalCheckFailed"
_PASSING = {_FAILED, "TransactionConflict"}
"""Reasons for which a transaction is cancelled that are no failures of the table."""

_MOST_IN_MEMORY = 10_000
"""Entries of a log in memory: what is older is forgotten."""


class _KeptEntry(msgspec.Struct, frozen=True):
    body: bytes
    purge_at: int


class _MemoryLogData(msgspec.Struct):
    epoch: str
    number: int = 0
    entries: dict[int, _KeptEntry] = msgspec.field(default_factory=dict)
    once: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)


class MemoryLog:
    """Keeps logs in a dictionary, for any number of threads.

    Args:
        clock: the time, by which entries are forgotten with the next one; None: they are kept.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._logs: dict[str, _MemoryLogData] = {}

    def append(self, key: str, body: bytes, purge_at: int, once: str | None = None) -> int:
        """See ``EventLog.append``."""
        check_size(Item(f"{key}#{0:020}", 1, body, purge_at))
        with self._lock:
            log = self._log(key)
            if once is not None and once in log.once:
                return log.once[once][0]
            log.number += 1
            log.entries[log.number] = _KeptEntry(body, purge_at)
            if once is not None:
                log.once[once] = log.number, purge_at
            self._purge(log)
            return log.number

    def head(self, key: str) -> LogHead:
        """See ``EventLog.head``."""
        with self._lock:
            log = self._log(key)
            return LogHead(log.epoch, log.number)

    def read(self, key: str, after: int, most: int) -> list[LogEntry]:
        """See ``EventLog.read``."""
        with self._lock:
            kept = self._log(key).entries
            numbers = range(after + 1, after + most + 1)
            return [LogEntry(number, kept[number].body) for number in numbers if number in kept]

    def purge(self, now: float) -> None:
        """Forget what has expired at a time in seconds since the epoch."""
        with self._lock:
            for log in self._logs.values():
                _forget(log, now)

    def _log(self, key: str) -> _MemoryLogData:
        return self._logs.setdefault(key, _MemoryLogData(_new_epoch()))

    def _purge(self, log: _MemoryLogData) -> None:
        _forget(log, -math.inf if self._clock is None else self._clock())


def _forget(log: _MemoryLogData, now: float) -> None:
    """Forget from the oldest entry on, so that an append looks at few of them."""
    for number in list(log.entries):
        if log.entries[number].purge_at > now and len(log.entries) <= _MOST_IN_MEMORY:
            break
        del log.entries[number]
    for name in list(log.once):
        if log.once[name][1] > now and len(log.once) <= _MOST_IN_MEMORY:
            break
        del log.once[name]


class DynamoLog:
    """Keeps logs in the table of a name; see ``aws.AwsResource``."""

    def __init__(self, table: str, dynamodb: Any = None) -> None:
        self._table = AwsResource("dynamodb", table, dynamodb)
        self._known: dict[str, int] = {}

    def append(self, key: str, body: bytes, purge_at: int, once: str | None = None) -> int:
        """See ``EventLog.append``: two writes; with ``once`` the first one is a transaction of two items.

        Raises:
            StoreError: also where other writers have been faster too often.
        """
        packed = pack(body)
        check_size(Item(_entry_key(key, 0), 1, packed, purge_at))
        number = (self._known[key] if key in self._known else self.head(key).number) + 1
        for attempt in range(_ATTEMPTS):
            if attempt > 1:
                time.sleep(_PAUSE_SECONDS * min(attempt, 10) * (0.5 + os.urandom(1)[0] / 256))
            entry = {
                "pk": {"S": _entry_key(key, number)},
                "body": {"B": packed},
                "purge_at": {"N": str(purge_at)},
                "by": {"B": os.urandom(12)},
            }
            found = self._put(entry, number) if once is None else self._put_once(key, entry, number, once)
            if found is _TAKEN:
                number = max(number, self.head(key).number) + 1
            elif found is not _UNDECIDED:
                self._move(key, found)
                return found
        raise StoreError(f"dynamodb: PutItem of {self._table.name!r} failed: other writers are always faster")

    def head(self, key: str) -> LogHead:
        """See ``EventLog.head``: one read."""
        while True:
            with self._table.calling("GetItem") as dynamodb:
                found = dynamodb.get_item(**self._row(key), ConsistentRead=True).get("Item")
            if found is not None:
                head = LogHead(found["epoch"]["S"], int(found["moment"]["N"]))
                self._known[key] = max(head.number, self._known.get(key, 0))
                return head
            self._known.pop(key, None)
            row = {"pk": {"S": key}, "epoch": {"S": _new_epoch()}, "moment": {"N": "0"}}
            with self._table.calling("PutItem") as dynamodb:
                try:
                    dynamodb.put_item(TableName=self._table.name, Item=row, ConditionExpression=_IS_NEW)
                except dynamodb.exceptions.ConditionalCheckFailedException:
                    continue  # another one has begun it, or this write was repeated

    def read(self, key: str, after: int, most: int) -> list[LogEntry]:
        """See ``EventLog.read``: one read, more where the entries have more than 16 MB."""
        numbers = {_entry_key(key, number): number for number in range(after + 1, after + most + 1)}
        if not numbers:
            return []
        keys = [{"pk": {"S": one}} for one in numbers]
        entries = []
        while keys:
            request = {self._table.name: {"Keys": keys, "ConsistentRead": True}}
            with self._table.calling("BatchGetItem") as dynamodb:
                answer = dynamodb.batch_get_item(RequestItems=request)
            items = answer["Responses"].get(self._table.name, [])
            entries += [LogEntry(numbers[item["pk"]["S"]], unpack(item["body"]["B"])) for item in items]
            keys = answer.get("UnprocessedKeys", {}).get(self._table.name, {}).get("Keys", [])
            if keys and not items:
                time.sleep(_PAUSE_SECONDS)
        return sorted(entries, key=lambda entry: entry.number)

    def _put(self, entry: dict[str, Any], number: int) -> int:
        """Write an entry; its number, or ``_TAKEN``."""
        with self._table.calling("PutItem") as dynamodb:
            try:
                dynamodb.put_item(
                    TableName=self._table.name,
                    Item=entry,
                    ConditionExpression=_IS_NEW,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except dynamodb.exceptions.ConditionalCheckFailedException as error:
                # When a response is lost, boto3 repeats the write, which finds the item of the first attempt.
                is_own = error.response.get("Item", {}).get("by") == entry["by"]
                return number if is_own else _TAKEN
        return number

    def _put_once(self, key: str, entry: dict[str, Any], number: int, once: str) -> int:
        """The same, unless there is an entry of the name, whose number this gives then; or ``_UNDECIDED``."""
        name = f"{key}#ID#{once}"
        mark = {"pk": {"S": name}, "moment": {"N": str(number)}, "purge_at": entry["purge_at"]}
        puts = [
            {"Put": {"TableName": self._table.name, "Item": item, "ConditionExpression": _IS_NEW}}
            for item in (mark, entry)
        ]
        with self._table.calling("PutItem") as dynamodb:
            try:
                # boto3 gives it a token, so that an attempt of its own that was repeated counts as one.
                dynamodb.transact_write_items(TransactItems=puts)
            except dynamodb.exceptions.TransactionCanceledException as error:
                reasons = [reason.get("Code") for reason in error.response["CancellationReasons"]]
                if not _PASSING & set(reasons):
                    raise
                if reasons[0] != _FAILED:
                    return _TAKEN if reasons[1] == _FAILED else _UNDECIDED
            else:
                return number
        with self._table.calling("GetItem") as dynamodb:
            found = dynamodb.get_item(**self._row(name), ConsistentRead=True).get("Item")
        return _UNDECIDED if found is None else int(found["moment"]["N"])

    def _move(self, key: str, number: int) -> None:
        """Move the end of a log to an entry, unless it is behind it already."""
        with self._table.calling("UpdateItem") as dynamodb:
            try:
                dynamodb.update_item(
                    **self._row(key),
                    UpdateExpression="SET moment = :moment",
                    ConditionExpression=_IS_BEFORE,
                    ExpressionAttributeValues={":moment": {"N": str(number)}},
                )
            except dynamodb.exceptions.ConditionalCheckFailedException:
                return
        self._known[key] = max(number, self._known.get(key, 0))

    def _row(self, key: str) -> dict[str, Any]:
        return {"TableName": self._table.name, "Key": {"pk": {"S": key}}}


def _entry_key(key: str, number: int) -> str:
    return f"{key}#{number:020}"


def _new_epoch() -> str:
    return os.urandom(9).hex()
