"""Redis or Valkey through redis-py, whose errors are mapped here only: connections made on first use.

One server, or a primary with replicas behind one address. Writes that depend on what is there are scripts:
the server runs each as a whole. All keys begin with ``lambent:``.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from lambent.errors import ConfigurationError, LambentError, StoreError
from lambent.execution.log_records import logger

_HOW = "install the extra lambent[redis]"

_CONNECTIONS = 64
"""Of one process; whoever needs another one waits for it."""

_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
"""A caller is waiting; what waits on purpose, such as for messages, waits for less."""

_RETRIES = 3
_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5

KEPT_SECONDS = 60
"""What expires is kept for so long from its last write on, whatever the clocks of writer and server say."""

EXPIRE = f"""
local function expire(key, purge_at)
  local least = redis.call('TIME')[1] + {KEPT_SECONDS}
  redis.call('EXPIREAT', key, string.format('%.0f', math.max(tonumber(purge_at), least)))
end
"""
"""The function of scripts that has a key expire."""

_log = logger("lambent.stores")

_making = threading.Lock()
_clients: dict[str, Any] = {}


class RedisServer:
    """A server, as the adapters of the ports use it.

    Args:
        url: ``redis://`` or ``rediss://``, with user, password and database where there are any.
        given: a client of redis-py; default: one for all threads of the process, made at first use.

    Raises:
        ConfigurationError: redis-py is not installed.
    """

    def __init__(self, url: str, given: Any = None) -> None:
        if given is None:
            require_redis("A store in Redis")
        self.name = address(url)
        self._url = url
        self._given = given

    @contextlib.contextmanager
    def calling(self, action: str) -> Iterator[Any]:
        """Map what redis-py raises inside the ``with`` block, which gets the client.

        The action is the operation as the adapter names it, such as ``insert``.

        Raises:
            StoreError: from what redis-py raised; it names action and server, and what to do, and nothing of
                the password.
        """
        try:
            yield _client(self._url, self.name) if self._given is None else self._given
        except LambentError:
            raise
        except Exception as error:
            from redis.exceptions import RedisError  # loaded already: there is a client

            if not isinstance(error, RedisError | OSError):
                raise
            from lambent.stores.redis_advice import advice_of  # loaded where something is wrong

            advice = advice_of(error)
            said = f"{str(error).rstrip('.')}. {advice}" if advice else str(error)
            raise StoreError(f"redis: {action} at {self.name!r} failed: {said}") from error

    def check(self) -> None:
        """Make sure that the server can be used.

        Raises:
            StoreError: see ``calling``.
        """
        with self.calling("connect") as redis:
            redis.ping()

    def run(self, action: str, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run a script, by its digest where the server knows it.

        Raises:
            StoreError: see ``calling``.
        """
        with self.calling(action) as redis:
            return redis.register_script(script)(keys=keys, args=arguments)


def require_redis(what: str) -> None:
    """Check that redis-py can be imported, without importing it, so that a host tells it when it is made.

    Raises:
        ConfigurationError: it is not installed; the message says what needs it.
    """
    from importlib.util import find_spec  # loaded where Redis is used

    if find_spec("redis") is None:
        raise ConfigurationError(f"{what} needs redis-py: {_HOW}")


def address(url: str) -> str:
    """Host, port and database of a URL, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}{parts.path.rstrip('/')}"


def make_client(url: str) -> Any:
    """A client of redis-py that connects at first use.

    Every operation may be repeated: what it has done is recognized, or does no harm. After ``READONLY`` the
    connection is made anew, as the address may be that of another server now.
    """
    from redis import BlockingConnectionPool, Redis
    from redis.backoff import ExponentialBackoff
    from redis.exceptions import ConnectionError, ReadOnlyError, TimeoutError  # noqa: A004 - its own ones
    from redis.retry import Retry

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        socket_keepalive=True,
        retry=Retry(ExponentialBackoff(cap=_LONGEST_PAUSE_SECONDS, base=_PAUSE_SECONDS), _RETRIES),
        retry_on_error=[ConnectionError, TimeoutError, ReadOnlyError],
    )
    return Redis.from_pool(pool)


def close_clients() -> None:
    """Close all connections of the process; clients are made anew where there is need."""
    with _making:
        for made in _clients.values():
            made.close()
        _clients.clear()


def _client(url: str, name: str) -> Any:
    """The client of a server, for all threads; the import of redis-py waits until a call needs it."""
    with _making:
        made = _clients.get(url)
        if made is not None:
            return made
        made = _clients[url] = make_client(url)
    _check_policy(made, name)
    return made


def _check_policy(client: Any, name: str) -> None:
    """Tell in the log of a server that would forget records when its memory is full."""
    from redis.exceptions import RedisError

    try:
        memory = client.info("memory")
    except RedisError:  # it may not be asked, or cannot be reached: the call itself says so
        return
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory") and policy != "noeviction":
        _log.warning(
            "Redis at %r has the maxmemory-policy %s, so it forgets tasks and sessions when its memory is "
            "full: set noeviction",
            name,
            policy,
        )
