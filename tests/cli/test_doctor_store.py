"""`lambent doctor --store`, against servers that have what it looks for."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.redis_server import RedisProcess, client_of, free_port, shared_redis

from lambent.cli import main
from lambent.cli.client.store_checks import check_facts

redis = pytest.fixture(shared_redis)

Start = Callable[..., RedisProcess]
Found = dict[str, tuple[str, str, str]]

GOOD: dict[str, Any] = {
    "redis_version": "7.0.0",
    "role": "master",
    "connected_slaves": 1,
    "maxmemory": 1000,
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "cluster_enabled": 0,
}


@pytest.fixture
def started() -> Iterator[Start]:
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(contextlib.closing(RedisProcess(*options)))


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Found]:
    """The exit status, and the findings by subject, as level, text and advice."""
    status = main(["doctor", *arguments, "--json"])
    findings = json.loads(capsys.readouterr().out)
    return status, {one["subject"]: (one["level"], one["text"], one["advice"]) for one in findings}


def levels(found: Found) -> dict[str, str]:
    return {subject: level for subject, (level, _, _) in found.items()}


def test_a_server_that_is_as_it_should_be(capsys: pytest.CaptureFixture[str], started: Start) -> None:
    server = started("--appendonly", "yes", "--requirepass", "s3cret")
    status, found = doctor(capsys, "--store", f"redis://:s3cret@127.0.0.1:{server.port}/0")
    assert status == 0
    assert levels(found) == {
        "store": "ok",
        "version": "ok",
        "role": "note",
        "memory": "ok",
        "persistence": "ok",
        "writes": "ok",
    }
    assert found["store"][1] == f"127.0.0.1:{server.port}/0 answers"
    assert found["role"][1] == "the server has no replica"
    assert "s3cret" not in repr(found)


def test_findings_are_lines_with_advice(
    capsys: pytest.CaptureFixture[str], started: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = started("--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru")
    monkeypatch.setenv("LAMBENT_STORE", server.url())
    assert main(["doctor", "--store"]) == 1
    shown = capsys.readouterr().out
    assert "wrong  memory: maxmemory-policy is allkeys-lru\n       Set maxmemory-policy noeviction: " in shown
    assert (
        "wrong  persistence: there is none: a restart forgets everything\n       Set appendonly yes" in shown
    )


def test_what_it_writes_expires(capsys: pytest.CaptureFixture[str], redis: RedisProcess) -> None:
    url = redis.url()
    doctor(capsys, "--store", url)
    client = client_of(url)
    assert client.pttl("lambent:doctor") <= 1000
    client.delete("lambent:doctor")
    assert client.keys("*") == []
    client.close()


def test_a_replica(capsys: pytest.CaptureFixture[str], started: Start, redis: RedisProcess) -> None:
    replica = started("--replicaof", "127.0.0.1", str(redis.port))
    status, found = doctor(capsys, "--store", replica.url())
    assert status == 1
    assert found["role"][:2] == ("wrong", "the server is a replica")
    assert found["writes"][0] == "wrong"
    assert found["role"][2] == found["writes"][2]
    assert "Name the primary" in found["role"][2]


def test_a_cluster(capsys: pytest.CaptureFixture[str], started: Start) -> None:
    server = started("--databases", "1", "--cluster-enabled", "yes")
    status, found = doctor(capsys, "--store", f"redis://127.0.0.1:{server.port}/0")
    assert (status, found["cluster"][0]) == (1, "wrong")


def test_nobody_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    status, found = doctor(capsys, "--store", f"redis://:s3cret@127.0.0.1:{port}/0")
    assert (status, levels(found)) == (1, {"store": "wrong"})
    assert "refused" in found["store"][1]
    assert found["store"][2] == "Correct host and port, or start the server: nobody listens there."


def test_who_may_not_come_in(capsys: pytest.CaptureFixture[str], redis: RedisProcess) -> None:
    status, found = doctor(capsys, "--store", f"redis://nobody:s3cret@127.0.0.1:{redis.port}/0")
    assert (status, levels(found)) == (1, {"store": "wrong"})
    assert "Correct user and password" in found["store"][2]
    assert "s3cret" not in repr(found)


def test_a_user_who_may_not_see_settings_or_write(capsys: pytest.CaptureFixture[str], started: Start) -> None:
    server = started()
    server.ask(b"ACL SETUSER reader on >p ~* +ping +hello +select +client\r\n")
    status, found = doctor(capsys, "--store", f"redis://reader:p@127.0.0.1:{server.port}/0")
    assert status == 1
    assert found["settings"][0] == "note"
    assert "ACL SETUSER" in found["writes"][2]


def test_what_was_given_is_no_redis(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAMBENT_STORE", raising=False)
    for arguments, said in (
        ([], "name a SERVER, or a Redis with --store"),
        (["--store"], "--store: give a URL, or set LAMBENT_STORE"),
        (
            ["--store", "dynamodb://a"],
            "--store looks at a Redis or Valkey: redis://<host> or rediss://<host>",
        ),
        (["--store", "http://a"], "--store: LAMBENT_STORE must be redis://<host>, "),
    ):
        assert main(["doctor", *arguments]) == 2
        assert f"lambent doctor: {said}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("facts", "snapshots", "subject", "level", "text"),
    [
        ({}, None, "version", "ok", "Redis 7.0.0"),
        ({"redis_version": "6.2.14"}, None, "version", "wrong", "Redis 6.2.14 is too old"),
        ({"redis_version": "10.1.0"}, None, "version", "ok", "Redis 10.1.0"),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.1"}, None, "version", "ok", "Valkey 8.1.1"),
        (
            {"redis_version": "7.2.4", "valkey_version": "7.1.0"},
            None,
            "version",
            "wrong",
            "Valkey 7.1.0 is too old",
        ),
        ({}, None, "role", "ok", "the server is a primary with 1 replica"),
        ({"connected_slaves": 2}, None, "role", "ok", "the server is a primary with 2 replicas"),
        (
            {"maxmemory": 0, "maxmemory_policy": "volatile-lru"},
            None,
            "memory",
            "note",
            "maxmemory-policy is volatile-lru, and maxmemory is not set",
        ),
        (
            {"aof_last_write_status": "err"},
            None,
            "persistence",
            "wrong",
            "the last append-only file could not be written",
        ),
        (
            {"rdb_last_bgsave_status": "err", "aof_enabled": 0},
            True,
            "persistence",
            "wrong",
            "the last snapshot could not be written",
        ),
        (
            {"aof_enabled": 0},
            None,
            "persistence",
            "note",
            "there is no append-only file; snapshots are not known",
        ),
        (
            {"aof_enabled": 0},
            True,
            "persistence",
            "note",
            "there are snapshots alone: a restart loses what was written since the last one",
        ),
    ],
)
def test_what_a_server_says_of_itself(
    facts: dict[str, Any], snapshots: bool | None, subject: str, level: str, text: str
) -> None:
    findings = {one.subject: one for one in check_facts({**GOOD, **facts}, snapshots)}
    assert (findings[subject].level, findings[subject].text) == (level, text)
    assert bool(findings[subject].advice) == (level != "ok")
