"""Redis when it restarts, fails over, is full, or loses what it answers; and what its errors say."""

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.redis_server import SECONDS, Proxy, RedisProcess, client_of, free_port, shared_redis
from tests.stores.receivers import make_certificate

from lambent.errors import ConfigurationError, StoreError
from lambent.execution.ports import Item
from lambent.stores import redis as redis_module
from lambent.stores.redis import RedisServer, address, close_clients, require_redis
from lambent.stores.redis_logs import RedisLog
from lambent.stores.redis_queue import RedisQueue
from lambent.stores.redis_store import RedisBlobs, RedisStore

redis = pytest.fixture(shared_redis)

FAR = 2_000_000_000


def item(key: str, version: int = 1, topic: str = "", purge_at: int = FAR) -> Item:
    return Item(key, version, b"{}", purge_at, topic=topic)


@pytest.fixture
def started() -> Iterator[Callable[..., RedisProcess]]:
    """Starts servers that only this test uses."""
    made: list[RedisProcess] = []

    def start(*options: str) -> RedisProcess:
        made.append(RedisProcess(*options))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def client(redis: RedisProcess) -> Iterator[Any]:
    made = client_of(redis.url())
    yield made
    made.close()


@pytest.fixture
def proxy(redis: RedisProcess) -> Iterator[Proxy]:
    made = Proxy(redis.port)
    yield made
    made.close()


@pytest.fixture
def far(proxy: Proxy, redis: RedisProcess) -> Iterator[Any]:
    """A client behind the proxy, which is connected already and knows the scripts."""
    made = client_of(f"redis://127.0.0.1:{proxy.port}/{redis.url().rpartition('/')[2]}")
    for script in ("insert", "advance"):
        store = RedisStore("redis://far", made)
        store.insert(item(script))
    store.remove("insert", 1)
    store.advance("a", 1, 1, 1, FAR)
    RedisLog("redis://far", made).append("warm", b"", FAR)
    RedisQueue("redis://far", "warm", made).send("warm")
    yield made
    made.close()


# What expires.


def test_items_expire_when_they_may_and_not_within_a_minute(client: Any) -> None:
    store, now = RedisStore("redis://a", client), time.time()
    store.insert(item("past", purge_at=1))
    store.insert(item("later", purge_at=FAR))
    store.advance("time", 1, 1, 1, FAR)
    RedisBlobs("redis://a", client).put("blob", b"", 1.0)
    RedisBlobs("redis://a", client).put("ever", b"")
    assert now + 59 <= client.expiretime("lambent:item:past") <= time.time() + 61
    assert now + 59 <= client.expiretime("lambent:blob:blob") <= time.time() + 61
    assert client.expiretime("lambent:item:later") == FAR
    assert client.expiretime("lambent:time:time") == FAR
    assert client.ttl("lambent:blob:ever") == -1


def test_an_item_that_has_expired_is_gone_from_its_topic(client: Any) -> None:
    store = RedisStore("redis://a", client)
    for key in ("a", "b", "c"):
        store.insert(item(key, topic="t"))
    client.delete("lambent:item:a", "lambent:item:b")  # as if their time had come
    assert store.members("t", "", 1) == ["c"]
    assert client.zrange("lambent:topic:t", 0, -1) == [b"c"]


def test_everything_of_a_log_but_its_end_expires(client: Any) -> None:
    log = RedisLog("redis://a", client)
    log.append("l", b"x", FAR, once="id")
    log.append("l", b"x", FAR)
    expires = {key.decode(): client.expiretime(key) for key in client.keys("*")}
    assert expires.pop("lambent:log:l") == -1
    assert [expires.pop(key) for key in ("lambent:entry:l#1", "lambent:entry:l#2", "lambent:once:l#id")] == [
        FAR
    ] * 3
    (left,) = expires
    assert left.startswith("lambent:write:")


# Answers that are lost.


def test_a_write_whose_answer_is_lost_counts_once(proxy: Proxy, far: Any) -> None:
    store = RedisStore("redis://far", far)
    proxy.lost = 1
    assert store.insert(item("a"))
    proxy.lost = 1
    assert store.replace(item("a", 2))
    assert store.read("a") == item("a", 2)
    assert not store.insert(item("a"))
    assert proxy.lost == 0


def test_an_entry_whose_answer_is_lost_is_appended_once(proxy: Proxy, far: Any) -> None:
    log = RedisLog("redis://far", far)
    proxy.lost = 1
    assert log.append("l", b"a", FAR) == 1
    proxy.lost = 1
    assert log.append("l", b"b", FAR, once="x") == 2
    assert log.head("l").number == 2
    assert proxy.lost == 0


def test_a_message_whose_answer_is_lost_is_sent_once(proxy: Proxy, far: Any) -> None:
    queue = RedisQueue("redis://far", "tasks", far)
    proxy.lost = 1
    queue.send("a")
    assert [one.body for one in queue.receive(10, 60.0, 0.0)[0]] == ["a"]


def test_connections_that_were_cut_are_made_anew(proxy: Proxy, far: Any) -> None:
    store = RedisStore("redis://far", far)
    store.insert(item("a"))
    proxy.cut()
    assert store.read("a") == item("a")


def test_a_server_that_stays_away_is_an_error_that_names_it(proxy: Proxy, far: Any) -> None:
    store = RedisStore(f"redis://me:secret@127.0.0.1:{proxy.port}/3", far)
    proxy.target = 1
    proxy.cut()
    for use, action in (
        (lambda: store.read("a"), "read"),
        (lambda: store.insert(item("a")), "insert"),
        (lambda: store.advance("a", 1, 1, 1, FAR), "advance"),
    ):
        with pytest.raises(StoreError) as caught:
            use()
        assert str(caught.value).startswith(f"redis: {action} at '127.0.0.1:{proxy.port}/3' failed: ")
        assert "secret" not in str(caught.value)


# Who may connect.


def test_a_password_is_needed_and_not_shown(started: Callable[..., RedisProcess]) -> None:
    plain = started("--requirepass", "s3cret/#")
    port = plain.port
    client = client_of(f"redis://:s3cret%2F%23@127.0.0.1:{port}/0")
    assert RedisStore("redis://a", client).insert(item("a"))
    client.close()
    for url in (f"redis://127.0.0.1:{port}/0", f"redis://:s3crets@127.0.0.1:{port}/0"):
        client = client_of(url)
        with pytest.raises(StoreError) as caught:
            RedisStore(url, client).read("a")
        assert "s3cret" not in str(caught.value)
        client.close()


def test_tls_is_checked(started: Callable[..., RedisProcess], tmp_path: Path) -> None:
    port, file = free_port(), str(tmp_path / "server.pem")
    make_certificate(Path(file), "localhost")
    options = ["--tls-port", str(port), "--tls-cert-file", file, "--tls-key-file", file]
    started(*options, "--tls-auth-clients", "no")
    url = f"rediss://localhost:{port}/0"
    client = client_of(f"{url}?ssl_ca_certs={file}")
    assert RedisStore(url, client).insert(item("a"))
    client.close()
    client = client_of(url)
    with pytest.raises(StoreError, match="CERTIFICATE_VERIFY_FAILED"):
        RedisStore(url, client).read("a")
    client.close()


# Restarts.


def fill(client: Any) -> None:
    assert RedisStore("redis://a", client).insert(item("TASK#a", topic="t"))
    assert RedisLog("redis://a", client).append("l", b"x", FAR) == 1
    RedisQueue("redis://a", "tasks", client).send("a")


def test_what_was_written_is_there_after_a_crash_with_persistence(
    started: Callable[..., RedisProcess],
) -> None:
    server = started("--appendonly", "yes", "--appendfsync", "always")
    client = client_of(server.url())
    fill(client)
    store, log = RedisStore("redis://a", client), RedisLog("redis://a", client)
    epoch = log.head("l").epoch
    server.kill()
    server.start()
    assert store.read("TASK#a") == item("TASK#a", topic="t")
    assert store.members("t", "", 9) == ["TASK#a"]
    assert store.replace(item("TASK#a", 2))
    assert log.append("l", b"y", FAR) == 2
    assert log.head("l").epoch == epoch
    assert [one.body for one in RedisQueue("redis://a", "tasks", client).receive(9, 60.0, 0.0)[0]] == ["a"]
    client.close()


def test_nothing_is_there_after_a_crash_without(started: Callable[..., RedisProcess]) -> None:
    server = started()
    client = client_of(server.url())
    fill(client)
    store, log = RedisStore("redis://a", client), RedisLog("redis://a", client)
    epoch = log.head("l").epoch
    server.kill()
    with pytest.raises(StoreError, match="redis: read at"):
        store.read("TASK#a")
    server.start()
    assert store.read("TASK#a") is None
    assert not store.replace(item("TASK#a", 2))
    assert store.members("t", "", 9) == []
    head = log.head("l")
    assert head.number == 0
    assert head.epoch != epoch  # cursors of before are told from those of now
    assert RedisQueue("redis://a", "tasks", client).receive(9, 60.0, 0.0)[0] == []
    fill(client)
    client.close()


@pytest.mark.parametrize("is_dead", [True, False], ids=["dead", "demoted"])
def test_a_promoted_replica_takes_over(started: Callable[..., RedisProcess], is_dead: bool) -> None:
    first, second = started(), started()
    second.ask(f"REPLICAOF 127.0.0.1 {first.port}\r\n".encode())
    proxy = Proxy(first.port)
    client = client_of(f"redis://127.0.0.1:{proxy.port}/0")
    fill(client)
    assert client.wait(1, int(SECONDS * 1000)) == 1  # the replica has it
    second.ask(b"REPLICAOF NO ONE\r\n")
    if is_dead:
        first.kill()
    else:
        first.ask(f"REPLICAOF 127.0.0.1 {second.port}\r\n".encode())
    proxy.target = second.port
    store = RedisStore("redis://a", client)
    assert store.replace(item("TASK#a", 2))
    assert store.read("TASK#a") == item("TASK#a", 2)
    assert RedisLog("redis://a", client).append("l", b"y", FAR) == 2
    client.close()
    proxy.close()


def test_a_full_server_refuses_writes_and_keeps_what_it_has(started: Callable[..., RedisProcess]) -> None:
    server = started("--maxmemory-policy", "noeviction")
    client = client_of(server.url())
    fill(client)
    store, log = RedisStore("redis://a", client), RedisLog("redis://a", client)
    queue, blobs = RedisQueue("redis://a", "tasks", client), RedisBlobs("redis://a", client)
    client.config_set("maxmemory", 1)
    for write in (
        lambda: store.insert(item("TASK#b", topic="t")),
        lambda: store.replace(item("TASK#a", 2, topic="u")),
        lambda: store.advance("time", 1, 1, 1, FAR),
        lambda: log.append("l", b"y", FAR, once="x"),
        lambda: queue.send("b"),
        lambda: blobs.put("a", b"x", FAR),
    ):
        with pytest.raises(StoreError, match="used memory > 'maxmemory'"):
            write()
    assert store.read("TASK#a") == item("TASK#a", topic="t")
    assert store.members("t", "", 9) == ["TASK#a"]
    assert store.members("u", "", 9) == []
    assert log.head("l").number == 1
    assert store.remove("TASK#a", 1)
    client.config_set("maxmemory", 0)
    assert log.append("l", b"y", FAR, once="x") == 2
    assert [one.body for one in queue.receive(9, 60.0, 0.0)[0]] == ["a"]
    client.close()


# The client of the process.


@pytest.fixture
def shared_clients() -> Iterator[None]:
    yield
    close_clients()


@pytest.mark.usefixtures("shared_clients")
def test_all_adapters_of_a_process_share_a_client(redis: RedisProcess, client: Any) -> None:
    url = redis.url()
    RedisStore(url).insert(item("a"))
    RedisLog(url).append("l", b"", FAR)
    assert list(redis_module._clients) == [url]
    assert RedisStore(url).read("a") == item("a")


@pytest.mark.usefixtures("shared_clients")
@pytest.mark.parametrize(
    ("limit", "policy", "warned"),
    [("0", "volatile-lru", False), ("1gb", "noeviction", False), ("1gb", "volatile-lru", True)],
)
def test_a_server_that_would_forget_records_is_told_of(
    started: Callable[..., RedisProcess],
    caplog: pytest.LogCaptureFixture,
    limit: str,
    policy: str,
    warned: bool,
) -> None:
    url = started("--maxmemory", limit, "--maxmemory-policy", policy).url()
    with caplog.at_level(logging.WARNING):
        RedisStore(url).read("a")
        RedisStore(url).read("a")
    said = (
        f"Redis at '{address(url)}' has the maxmemory-policy volatile-lru, so it forgets tasks and sessions "
        "when its memory is full: set noeviction"
    )
    assert caplog.messages == ([said] if warned else [])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost", "localhost:6379"),
        ("rediss://user:secret@cache.example.com:6380/2", "cache.example.com:6380/2"),
        ("redis://:secret@[::1]/", "::1:6379"),
    ],
)
def test_addresses_are_shown_without_passwords(url: str, shown: str) -> None:
    assert address(url) == shown


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"^x needs redis-py: install the extra lambent\[redis\]$"):
        require_redis("x")


def test_everything_else_passes_unchanged(redis: RedisProcess, client: Any) -> None:
    with pytest.raises(KeyError), RedisServer(redis.url(), client).calling("read"):
        raise KeyError


def test_adapters_do_not_import_the_library() -> None:
    code = (
        "import sys; from lambent.stores.redis_store import RedisStore; "
        "RedisStore('redis://localhost', object()); assert 'redis' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
