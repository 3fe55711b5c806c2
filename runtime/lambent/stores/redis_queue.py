"""A queue in Redis or Valkey that the processes of a server share: messages under leases, and with delays.

===============================  ==========  =====================================================
key                              type        holds
===============================  ==========  =====================================================
``lambent:queue:<name>``         sorted set  the ids of messages, by when each is due: milliseconds
                                             since the epoch, by the server's clock
``lambent:queue:<name>:bodies``  hash        messages by their ids
``lambent:queue:<name>:counts``  hash        how often each was received
``lambent:queue:<name>:turn:…``  string      whose turn it was, until it is the next one's
``lambent:queue:<name>:bell``    list        wakes a process that waits: one for each element
===============================  ==========  =====================================================

Whoever receives a message moves the time when it is due to the end of its lease, and removes it when it is
done. So a message whose worker is dead is received by another one then. A stream with consumer groups would
do this too, but knows no delays.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from lambent.execution.leased_queue import Message
from lambent.stores.redis import RedisServer

_MAX_DELAY_SECONDS = 900.0

_LONGEST_WAIT_SECONDS = 3.0
"""Shorter than the client waits for an answer."""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due, bodies, counts, bell = unpack(KEYS)
local function ring()
  redis.call('LPUSH', bell, '1')
  redis.call('LTRIM', bell, 0, 31)
end
"""

# The ids are the sender's: a send that is repeated, because its response was lost, sends nothing more.
_SEND = (
    _NOW
    + """
for at = 2, #ARGV, 2 do
  redis.call('HSET', bodies, ARGV[at], ARGV[at + 1])
  redis.call('ZADD', due, 'NX', now + ARGV[1], ARGV[at])
end
ring()
"""
)

_RECEIVE = (
    _NOW
    + """
local received = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', due, 'XX', now + ARGV[2], id)
  local count = redis.call('HINCRBY', counts, id, 1)
  received[#received + 1] = { id, redis.call('HGET', bodies, id) or '', count }
end
local wait = tonumber(ARGV[3])
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
if first[2] then
  local left = math.max(0, first[2] - now)
  if left == 0 and #received > 0 then ring() end
  wait = math.min(wait, left)
end
return { wait, received }
"""
)
"""Messages, and the milliseconds until somebody should look again; others are woken if there are more."""

_IS_OURS = """
local function is_ours(id, count) return redis.call('HGET', counts, id) == count end
"""

_EXTEND = (
    _NOW
    + _IS_OURS
    + """
for at = 2, #ARGV, 2 do
  if is_ours(ARGV[at], ARGV[at + 1]) then redis.call('ZADD', due, 'XX', now + ARGV[1], ARGV[at]) end
end
"""
)

_GIVE_BACK = (
    _NOW
    + _IS_OURS
    + """
if is_ours(ARGV[2], ARGV[3]) then
  redis.call('ZADD', due, 'XX', now + ARGV[1], ARGV[2])
  ring()
end
"""
)

_DONE = (
    _NOW
    + _IS_OURS
    + """
if not is_ours(ARGV[1], ARGV[2]) then return end
redis.call('ZREM', due, ARGV[1])
redis.call('HDEL', bodies, ARGV[1])
redis.call('HDEL', counts, ARGV[1])
"""
)


class RedisQueue:
    """The queue with a name at a server with a URL; see ``redis.RedisServer``."""

    def __init__(self, url: str, name: str, redis: Any = None) -> None:
        self._server = RedisServer(url, redis)
        key = f"lambent:queue:{name}"
        self._bell = f"{key}:bell"
        self._keys = [key, f"{key}:bodies", f"{key}:counts", self._bell]

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``."""
        self._send([task_id], delay)

    def send_all(self, messages: Sequence[str]) -> None:
        """See ``MessageQueue.send_all``: all of them at once."""
        if messages:
            self._send(messages, 0.0)

    def receive(self, most: int, lease: float, wait: float) -> tuple[list[Message], float]:
        """See ``LeasedQueue.receive``."""
        left, found = self._run("receive", _RECEIVE, most, _milliseconds(lease), _milliseconds(wait))
        messages = [Message(one[0].decode(), one[1].decode(), one[2]) for one in found]
        return messages, left / 1000

    def wait(self, seconds: float) -> None:
        """See ``LeasedQueue.wait``."""
        with self._server.calling("wait") as redis:
            redis.blpop([self._bell], timeout=min(max(0.01, seconds), _LONGEST_WAIT_SECONDS))

    def extend(self, messages: Sequence[Message], lease: float) -> None:
        """See ``LeasedQueue.extend``."""
        named = [value for message in messages for value in (message.id, message.count)]
        if named:
            self._run("extend", _EXTEND, _milliseconds(lease), *named)

    def give_back(self, message: Message, delay: float = 0.0) -> None:
        """See ``LeasedQueue.give_back``."""
        self._run("give_back", _GIVE_BACK, _milliseconds(delay), message.id, message.count)

    def done(self, message: Message) -> None:
        """See ``LeasedQueue.done``."""
        self._run("done", _DONE, message.id, message.count)

    def turn(self, name: str, seconds: float) -> bool:
        """See ``LeasedQueue.turn``."""
        with self._server.calling("turn") as redis:
            return bool(redis.set(f"{self._keys[0]}:turn:{name}", "1", nx=True, px=_milliseconds(seconds)))

    def _send(self, messages: Sequence[str], delay: float) -> None:
        named = [value for message in messages for value in (os.urandom(12).hex(), message)]
        self._run("send", _SEND, _milliseconds(min(max(0.0, delay), _MAX_DELAY_SECONDS)), *named)

    def _run(self, action: str, script: str, *arguments: Any) -> Any:
        return self._server.run(action, script, self._keys, arguments)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
