"""Requests to issuers: what is sent, and which responses are none that can be used."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.issuer.issuer import Issuer
from tests.issuer.outages import Outage

from lambent.auth.fetching import FetchError
from lambent.stores import web
from lambent.stores.web import MAX_BYTES, fetch


@contextmanager
def server(*parts: bytes, pause: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """A server that sends these bytes, whatever it is asked; and what it is asked."""
    asked: list[bytes] = []
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                asked.append(_request(connection))
                try:
                    for part in parts:
                        connection.sendall(part)
                        if over.wait(pause):
                            break
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        finally:
            over.set()
            thread.join(10)


def _request(connection: socket.socket) -> bytes:
    read = b""
    while part := connection.recv(65536):
        read += part
        head, _, body = read.partition(b"\r\n\r\n")
        if b"\r\n\r\n" in read and (b"Content-Length: 3" not in head or len(body) == 3):
            break
    return read


def response(body: bytes, head: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def test_a_get() -> None:
    with server(response(b"{}", "Cache-Control: max-age=5\r\n")) as (url, asked):
        found = fetch(f"{url}/a/b?c=d&e#f")
    assert (found.status, found.body, found.headers["cache-control"]) == (200, b"{}", "max-age=5")
    host = url.removeprefix("http://")
    assert asked == [
        f"GET /a/b?c=d&e HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\n"
        "accept: application/json\r\n\r\n".encode()
    ]


def test_a_post() -> None:
    with server(response(b"", status="201 Created")) as (url, asked):
        assert fetch(url, method="POST", body=b"a=b", headers={"authorization": "Basic x"}).status == 201
    (sent,) = asked
    assert sent.startswith(b"POST / HTTP/1.1\r\n")
    assert b"authorization: Basic x\r\n" in sent
    assert sent.endswith(b"\r\n\r\na=b")


def test_redirects_are_not_followed() -> None:
    with Issuer() as issuer, issuer.outage(Outage.REDIRECT):
        found = fetch(f"{issuer.url}/jwks")
        assert (found.status, found.headers["location"]) == (302, f"{issuer.url}/moved/jwks")
        assert issuer.requests == {"/jwks": 1}


@pytest.mark.parametrize(("size", "is_read"), [(MAX_BYTES, True), (MAX_BYTES + 1, False)])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_size(size: int, *, is_read: bool, is_chunked: bool) -> None:
    body = b"a" * size
    whole = response(body)
    if is_chunked:
        chunk = f"{size:x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
    with server(whole) as (url, _):
        if is_read:
            assert fetch(url).body == body
            return
        with pytest.raises(FetchError, match=r"127\.0\.0\.1 does not answer: .* more than 524288 bytes"):
            fetch(url)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=lambda answer: repr(answer[:40]),
)
def test_what_is_no_response(answer: bytes) -> None:
    with server(answer) as (url, _), pytest.raises(FetchError, match=r"^127\.0\.0\.1 does not answer: "):
        fetch(url)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "http://127.0.0.1:99999/", "http://a.invalid/"],
)
def test_where_nobody_is(url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url)


def test_certificates_are_verified() -> None:
    """A server that speaks no TLS is no issuer, whatever it says."""
    with server(response(b"{}")) as (url, _), pytest.raises(FetchError):
        fetch(url.replace("http", "https"))


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * 90],
        [b"HTTP/1.1 200 OK\r\na: ", *[b"b"] * 10_000],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", *[b"{"] * 10_000],
        [b"HTTP/1.1 200 OK\r\n\r\n{}", *[b" "] * 10_000],
        [b"", *[b""] * 10_000],
    ],
    ids=["headers", "one header", "body", "body without a length", "nothing"],
)
def test_time_as_a_whole(parts: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, each of which comes in time."""
    monkeypatch.setattr(web, "SECONDS", 0.3)
    before = threading.active_count()
    with server(*parts, pause=0.05) as (url, _), pytest.raises(FetchError):
        fetch(url)
    assert threading.active_count() <= before + 1  # its timer may be ending


def test_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    with server(response(b"{}")) as (url, _):
        fetch(url)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
