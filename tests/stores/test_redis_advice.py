"""What is said about errors of a Redis: what to do, behind what has happened."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.redis_server import RedisProcess, client_of, free_port, shared_redis
from tests.stores.receivers import make_certificate

from lambent.errors import StoreError
from lambent.stores import redis_advice
from lambent.stores.redis import RedisServer
from lambent.stores.redis_advice import advice_of

redis = pytest.fixture(shared_redis)


def said(url: str) -> str:
    """What a server that cannot be used is said to be."""
    client = client_of(url)
    try:
        with pytest.raises(StoreError) as caught:
            RedisServer(url, client).check()
    finally:
        client.close()
    return str(caught.value)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[str]:
    """Host and port of a server that wants TLS there."""
    port, file = free_port(), str(tmp_path / "server.pem")
    make_certificate(Path(file), "localhost")
    server = RedisProcess(
        *("--tls-port", str(port), "--tls-cert-file", file, "--tls-key-file", file),
        *("--tls-auth-clients", "no"),
    )
    yield f"localhost:{port}"
    server.close()


def test_nobody_listens() -> None:
    port = free_port()
    assert said(f"redis://127.0.0.1:{port}/3") == (
        f"redis: connect at '127.0.0.1:{port}/3' failed: Error 111 connecting to 127.0.0.1:{port}. "
        "Connection refused. Correct host and port, or start the server: nobody listens there."
    )


def test_a_wrong_password(redis: RedisProcess) -> None:
    assert "Correct user and password in the URL" in said(f"redis://ada:s3cret@127.0.0.1:{redis.port}/0")


def test_tls_is_wanted(secured: str) -> None:
    assert "write rediss:// in place of redis://" in said(f"redis://{secured}/0")


def test_a_certificate_of_nobody_knows_whom(secured: str) -> None:
    assert "?ssl_ca_certs=" in said(f"rediss://{secured}/0")


class ReadOnlyError(Exception):
    """Named as redis-py names it."""


class TimeoutError(Exception):  # noqa: A001 - as above
    """Named as redis-py names it."""


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ReadOnlyError("You can't write against a read only replica."), redis_advice.PRIMARY),
        (Exception("MISCONF Redis is configured to save RDB snapshots"), redis_advice.DISK),
        (ConnectionResetError("Connection reset by peer"), "Where the server wants TLS"),
        (Exception("[SSL: WRONG_VERSION_NUMBER] wrong version number"), "Where the server has no TLS"),
        (Exception("NOREPLICAS Not enough good replicas to write."), "Bring its replicas back"),
        (Exception("DB index is out of range"), "Use a database that the server has"),
        (Exception("Error -2 connecting to a:6379. Name or service not known."), "Correct the name of the"),
        (TimeoutError("Timeout connecting to server"), "Look whether firewalls"),
        (KeyError("a"), ""),
    ],
)
def test_other_errors(error: Exception, advice: str) -> None:
    assert advice_of(error).startswith(advice)
    assert bool(advice_of(error)) == bool(advice)


def test_an_error_without_advice_is_as_it_was(redis: RedisProcess) -> None:
    url = redis.url()
    client = client_of(url)
    with pytest.raises(StoreError) as caught, RedisServer(url, client).calling("read") as found:
        found.execute_command("NOSUCH")
    client.close()
    assert str(caught.value).startswith(f"redis: read at '{url[8:]}' failed: unknown command 'NOSUCH'")
