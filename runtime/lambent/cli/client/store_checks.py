"""The checks of `lambent doctor --store`: whether a Redis or Valkey is one that a server can use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lambent.cli.client.findings import Finding
from lambent.cli.errors import UsageError
from lambent.errors import ConfigurationError
from lambent.stores import redis_advice as advice

_OLDEST: Final = {"Redis": (7, 0), "Valkey": (7, 2)}
_WRITE: Final = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)"
_KEY: Final = "lambent:doctor"


def check_store(url: str) -> Iterator[Finding]:
    """Look at a server, and write a key that expires within a second.

    Args:
        url: As `LAMBENT_STORE` has it; the password is shown nowhere.

    Raises:
        UsageError: It is not the URL of a Redis, or redis-py is not installed.
    """
    # Loaded where a Redis is looked at.
    from lambent.hosts.store_settings import read_store
    from lambent.stores.redis import address, make_client

    try:
        place = read_store(url, None)
    except ConfigurationError as error:
        raise UsageError(f"--store: {error}") from error
    if place.redis is None:
        raise UsageError("--store looks at a Redis or Valkey: redis://<host> or rediss://<host>")
    from redis.exceptions import NoPermissionError, RedisError

    client, subject = make_client(place.redis), "store"
    try:
        client.ping()
        yield Finding("ok", "store", f"{address(url)} answers")
        try:
            facts = client.info()
        except NoPermissionError:
            yield Finding(
                "note",
                "settings",
                "not looked at: this user may not run INFO",
                "Look with another user, or at the settings yourself: see docs/redis.md.",
            )
        else:
            yield from check_facts(facts, _snapshots(client))
        subject = "writes"
        client.eval(_WRITE, 1, _KEY)
        yield Finding("ok", "writes", "a script may write")
    except (RedisError, OSError) as error:
        yield Finding("wrong", subject, f"{address(url)}: {error}", advice.advice_of(error))
    finally:
        client.close()


def check_facts(facts: Mapping[str, Any], snapshots: bool | None) -> Iterator[Finding]:
    """Look at what a server says of itself.

    Args:
        facts: What INFO returns.
        snapshots: Whether it writes snapshots; None where that is not known.
    """
    kind = "Valkey" if "valkey_version" in facts else "Redis"
    version = str(facts.get(f"{kind.lower()}_version", ""))
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if numbers < _OLDEST[kind]:
        yield Finding("wrong", "version", f"{kind} {version} is too old", advice.NEWER)
    else:
        yield Finding("ok", "version", f"{kind} {version}")
    if facts.get("cluster_enabled"):
        yield Finding("wrong", "cluster", "the server is in cluster mode", advice.NO_CLUSTER)
    yield _check_role(facts)
    yield _check_memory(facts)
    yield _check_persistence(facts, snapshots)


def _check_role(facts: Mapping[str, Any]) -> Finding:
    if facts.get("role") == "slave":
        return Finding("wrong", "role", "the server is a replica", advice.PRIMARY)
    replicas = int(facts.get("connected_slaves", 0))
    if not replicas:
        return Finding("note", "role", "the server has no replica", advice.REPLICA)
    return Finding("ok", "role", f"the server is a primary with {replicas} replica{'s' * (replicas > 1)}")


def _check_memory(facts: Mapping[str, Any]) -> Finding:
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return Finding("ok", "memory", "nothing is forgotten when it is full")
    if not facts.get("maxmemory"):
        return Finding(
            "note", "memory", f"maxmemory-policy is {policy}, and maxmemory is not set", advice.NO_EVICTION
        )
    return Finding("wrong", "memory", f"maxmemory-policy is {policy}", advice.NO_EVICTION)


def _check_persistence(facts: Mapping[str, Any], snapshots: bool | None) -> Finding:
    failed = [
        what
        for what, name in (
            ("append-only file", "aof_last_write_status"),
            ("snapshot", "rdb_last_bgsave_status"),
        )
        if facts.get(name, "ok") != "ok"
    ]
    if failed:
        return Finding("wrong", "persistence", f"the last {failed[0]} could not be written", advice.DISK)
    if facts.get("aof_enabled"):
        return Finding("ok", "persistence", "there is an append-only file")
    if snapshots is None:
        return Finding(
            "note", "persistence", "there is no append-only file; snapshots are not known", advice.PERSISTENCE
        )
    if snapshots:
        return Finding(
            "note",
            "persistence",
            "there are snapshots alone: a restart loses what was written since the last one",
            advice.PERSISTENCE,
        )
    return Finding("wrong", "persistence", "there is none: a restart forgets everything", advice.PERSISTENCE)


def _snapshots(client: Any) -> bool | None:
    from redis.exceptions import ResponseError  # loaded already

    try:
        return bool(client.config_get("save").get("save"))
    except ResponseError:  # managed services do not let anybody see settings
        return None
