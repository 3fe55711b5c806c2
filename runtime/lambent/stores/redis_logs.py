"""Logs of occurrences in Redis or Valkey.

===========================  ======  ==================================================
key                          type    holds
===========================  ======  ==================================================
``lambent:log:<key>``        hash    ``epoch`` and ``number`` of the last entry: see ``LogHead``
``lambent:entry:<key>#<n>``  string  the body of an entry, compressed if that makes it smaller
``lambent:once:<key>#<id>``  string  the number of the entry with a name
``lambent:write:<by>``       string  the number that a write has got, for a minute
===========================  ======  ==================================================

All but the first expire. One script appends, so numbers have no holes.
"""

from __future__ import annotations

import os
from typing import Any

from lambent.execution.events.ports import LogEntry, LogHead
from lambent.execution.ports import Item
from lambent.stores.dynamodb import pack, unpack
from lambent.stores.memory import check_size
from lambent.stores.redis import EXPIRE, RedisServer

# When a response is lost, redis-py repeats the write, which then finds the mark of the first attempt.
_APPEND = (
    EXPIRE
    + """
local mark, entries, body, purge_at, mark_until, epoch = unpack(ARGV)
local known = redis.call('GET', mark)
if known then return tonumber(known) end
redis.call('HSETNX', KEYS[1], 'epoch', epoch)
local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
local entry = entries .. string.format('%.0f', number)
redis.call('SET', entry, body)
expire(entry, purge_at)
redis.call('SET', mark, number)
expire(mark, mark_until)
return number
"""
)

_HEAD = """
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
return redis.call('HMGET', KEYS[1], 'epoch', 'number')
"""


class RedisLog:
    """Keeps logs at a server with a URL; see ``redis.RedisServer``."""

    def __init__(self, url: str, redis: Any = None) -> None:
        self._server = RedisServer(url, redis)

    def append(self, key: str, body: bytes, purge_at: int, once: str | None = None) -> int:
        """See ``EventLog.append``."""
        packed = pack(body)
        check_size(Item(_entries(key) + "0" * 20, 1, packed, purge_at))
        if once is None:
            mark, until = f"lambent:write:{os.urandom(12).hex()}", 0
        else:
            mark, until = f"lambent:once:{key}#{once}", purge_at
        values = [mark, _entries(key), packed, purge_at, until, _new_epoch()]
        return int(self._server.run("append", _APPEND, [_head(key)], values))

    def head(self, key: str) -> LogHead:
        """See ``EventLog.head``."""
        with self._server.calling("head") as redis:
            epoch, number = redis.hmget(_head(key), "epoch", "number")
        if epoch is None:
            epoch, number = self._server.run("head", _HEAD, [_head(key)], [_new_epoch()])
        return LogHead(epoch.decode(), int(number or 0))

    def read(self, key: str, after: int, most: int) -> list[LogEntry]:
        """See ``EventLog.read``."""
        numbers = range(after + 1, after + most + 1)
        if not numbers:
            return []
        with self._server.calling("read") as redis:
            found = redis.mget([f"{_entries(key)}{number}" for number in numbers])
        kept = zip(numbers, found, strict=True)
        return [LogEntry(number, unpack(body)) for number, body in kept if body is not None]


def _head(key: str) -> str:
    return f"lambent:log:{key}"


def _entries(key: str) -> str:
    return f"lambent:entry:{key}#"


def _new_epoch() -> str:
    return os.urandom(9).hex()
