"""The store, what finds items by their topic, and blobs in Redis or Valkey.

=============================  ==========  =====================================================
key                            type        holds
=============================  ==========  =====================================================
``lambent:item:<key>``         hash        ``version``, ``body``, ``purge_at``, ``topic``, and ``by``: random
                                           bytes of the write
``lambent:time:<key>``         string      the time under a key, in microseconds
``lambent:topic:<topic>``      sorted set  the keys of items with a topic, all with score 0
``lambent:blob:<name>``        string      a blob
=============================  ==========  =====================================================

All but the third expire.
"""

from __future__ import annotations

import math
import os
import time
from typing import Any

from lambent.execution.ports import Item
from lambent.stores.dynamodb import pack, unpack
from lambent.stores.memory import check_size
from lambent.stores.redis import EXPIRE, KEPT_SECONDS, RedisServer

_ITEM, _TIME, _TOPIC, _BLOB = (f"lambent:{kind}:" for kind in ("item", "time", "topic", "blob"))

# When a response is lost, redis-py repeats the write, which then finds the item of the first attempt.
_PUT = (
    EXPIRE
    + """
local before, version, body, purge_at, by, topic, topics, member = unpack(ARGV)
local found = redis.call('HMGET', KEYS[1], 'version', 'by', 'topic')
if found[2] == by then return 1 end
if found[1] ~= (before ~= '' and before) then return 0 end
redis.call('HSET', KEYS[1],
  'version', version, 'body', body, 'purge_at', purge_at, 'by', by, 'topic', topic)
expire(KEYS[1], purge_at)
if found[3] and found[3] ~= '' and found[3] ~= topic then redis.call('ZREM', topics .. found[3], member) end
if topic ~= '' then redis.call('ZADD', topics .. topic, 0, member) end
return 1
"""
)

_REMOVE = """
local found = redis.call('HMGET', KEYS[1], 'version', 'topic')
if found[1] ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if found[2] and found[2] ~= '' then redis.call('ZREM', ARGV[2] .. found[2], ARGV[3]) end
return 1
"""

_ADVANCE = (
    EXPIRE
    + """
local now, step, most, purge_at = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local moment = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
if moment > most then return moment - most end
redis.call('SET', KEYS[1], string.format('%.0f', moment + step))
expire(KEYS[1], purge_at)
return 0
"""
)

# Items expire by themselves; their names in the set go when somebody looks at them.
_MEMBERS = """
local items, after, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found, low = {}, after == '' and '-' or '(' .. after
while #found < most do
  local page = redis.call('ZRANGEBYLEX', KEYS[1], low, '+', 'LIMIT', 0, most)
  for _, member in ipairs(page) do
    if #found == most then break end
    if redis.call('EXISTS', items .. member) == 1 then
      found[#found + 1] = member
    else
      redis.call('ZREM', KEYS[1], member)
    end
  end
  if #page < most then break end
  low = '(' .. page[#page]
end
return found
"""


class RedisStore:
    """Keeps items at a server with a URL; see ``redis.RedisServer``."""

    def __init__(self, url: str, redis: Any = None) -> None:
        self._server = RedisServer(url, redis)

    def insert(self, item: Item) -> bool:
        """See ``Store.insert``."""
        return self._put("insert", item, "")

    def read(self, key: str) -> Item | None:
        """See ``Store.read``."""
        with self._server.calling("read") as redis:
            found = redis.hmget(_ITEM + key, "version", "body", "purge_at", "topic")
        version, body, purge_at, topic = found
        if version is None:
            return None
        return Item(key, int(version), unpack(body), int(purge_at), topic=topic.decode())

    def replace(self, item: Item) -> bool:
        """See ``Store.replace``."""
        return self._put("replace", item, str(item.version - 1))

    def remove(self, key: str, version: int) -> bool:
        """See ``Store.remove``."""
        return bool(self._server.run("remove", _REMOVE, [_ITEM + key], [version, _TOPIC, key]))

    def advance(self, key: str, now: int, step: int, most: int, purge_at: int) -> int:
        """See ``Store.advance``: when a response is lost, the time moves twice, which is on the safe side."""
        return int(self._server.run("advance", _ADVANCE, [_TIME + key], [now, step, most, purge_at]))

    def members(self, topic: str, after: str, most: int) -> list[str]:
        """See ``Topics.members``."""
        found = self._server.run("members", _MEMBERS, [_TOPIC + topic], [_ITEM, after, most])
        return [member.decode() for member in found]

    def _put(self, action: str, item: Item, before: str) -> bool:
        body = pack(item.body)
        check_size(Item(item.key, item.version, body, item.purge_at, item.reserve))
        values = [before, item.version, body, item.purge_at, os.urandom(12), item.topic, _TOPIC, item.key]
        return bool(self._server.run(action, _PUT, [_ITEM + item.key], values))


class RedisBlobs:
    """Keeps blobs at a server with a URL; see ``redis.RedisServer``."""

    def __init__(self, url: str, redis: Any = None) -> None:
        self._server = RedisServer(url, redis)

    def put(self, name: str, data: bytes, purge_at: float = math.inf) -> None:
        """See ``Blobs.put``."""
        expires = {}
        if purge_at < math.inf:
            expires["exat"] = math.ceil(max(purge_at, time.time() + KEPT_SECONDS))
        with self._server.calling("put") as redis:
            redis.set(_BLOB + name, data, **expires)

    def get(self, name: str) -> bytes | None:
        """See ``Blobs.get``."""
        with self._server.calling("get") as redis:
            data: bytes | None = redis.get(_BLOB + name)
        return data
