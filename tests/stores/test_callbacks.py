"""Requests to endpoints that clients name: what is reached, and what is not, whatever a name stands for."""

import socket
import ssl
import threading
import time
from typing import Any

import pytest
from tests.hooks import Hook
from tests.stores.receivers import HOST, PUBLIC, Network, Receiver, answering

from lambent.execution.events.ports import CallbackFailed, CallbackResponse
from lambent.stores.callbacks import HttpsCallbacks, resolve_host
from lambent.stores.public_addresses import is_public


def reason(network: Network, url: str = f"https://{HOST}/", **options: Any) -> str:
    with pytest.raises(CallbackFailed) as caught:
        network.post(url, **options)
    return caught.value.reason


# What is sent.


def test_a_request(network: Network, receiver: Receiver) -> None:
    assert network.post() == CallbackResponse(204)
    assert receiver.requests == [
        b"\r\n".join(
            [
                b"POST /hooks?a=1 HTTP/1.1",
                b"host: hook.example",
                b"x-a: 1",
                b"accept: application/json",
                b"connection: close",
                b"content-length: 2",
                b"",
                b"{}",
            ]
        )
    ]
    assert network.connected == [(PUBLIC, 443)]
    assert receiver.names == [HOST]


def test_get_and_a_port(network: Network, receiver: Receiver) -> None:
    receiver.answer = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}more")
    found = network.callbacks.send("GET", f"https://{HOST}:8443", {}, b"", seconds=5, most=100)
    assert found == CallbackResponse(200, b"{}")
    assert network.connected == [(PUBLIC, 8443)]
    assert receiver.requests[0].startswith(b"GET / HTTP/1.1\r\nhost: hook.example:8443\r\n")


@pytest.mark.parametrize(
    ("answer", "most", "found"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 0, b""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 3, b"hel"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 9, b"hello"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", 9, b"hello"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello", 9, b"hello"),
    ],
)
def test_as_much_of_the_body_is_read_as_is_asked_for(
    network: Network, receiver: Receiver, answer: bytes, most: int, found: bytes
) -> None:
    receiver.answer = answering(answer)
    assert network.post(most=most) == CallbackResponse(200, found)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(network: Network, receiver: Receiver, status: int) -> None:
    location = "http://169.254.169.254/latest/meta-data"
    receiver.answer = answering(f"HTTP/1.1 {status} Moved\r\nlocation: {location}\r\n\r\n".encode())
    assert network.post().status == status
    assert len(network.connected) == 1


def test_proxies_of_the_environment_are_not_used(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert network.post().status == 204


# Bounds.


def test_who_does_not_answer_is_waited_for_in_bounds(network: Network, receiver: Receiver) -> None:
    receiver.answer = lambda connection: receiver.over.wait(20) and None
    began = time.monotonic()
    assert reason(network, seconds=0.3) == "timeout"
    assert time.monotonic() - began < 5


def test_who_answers_slowly_is_waited_for_in_bounds(network: Network, receiver: Receiver) -> None:
    """Each byte comes in time, the response does not."""

    def drip(connection: ssl.SSLSocket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"x-a: 1\r\n" * 200:
            if receiver.over.wait(0.05):
                return
            connection.sendall(bytes([byte]))

    receiver.answer = drip
    began = time.monotonic()
    assert reason(network, seconds=0.5) == "timeout"
    assert time.monotonic() - began < 5


def test_a_name_that_is_resolved_slowly_is_waited_for_in_bounds(network: Network) -> None:
    over = threading.Event()
    network.callbacks._resolve = lambda host, port: (over.wait(20) and []) or []
    assert reason(network, seconds=0.2) == "timeout"
    over.set()


def test_responses_have_a_bound(network: Network, receiver: Receiver) -> None:
    receiver.answer = answering(b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"y" * 60_000 + b"\r\n\r\n")
    assert reason(network) == "connection_refused"


@pytest.mark.parametrize(
    "answer", [b"", b"hello", b"HTTP/1.1 ", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc OK\r\n\r\n"]
)
def test_what_is_no_http_is_a_failure(network: Network, receiver: Receiver, answer: bytes) -> None:
    receiver.answer = answering(answer)
    assert reason(network) == "connection_refused"


def test_certificates_are_those_of_the_name(network: Network) -> None:
    assert reason(network, "https://other.example/") == "tls_error"
    assert (
        HttpsCallbacks(resolve=network.resolve, connect=network.connect)._context.verify_mode
        == ssl.CERT_REQUIRED
    )
    network.callbacks = HttpsCallbacks(resolve=network.resolve, connect=network.connect)
    assert reason(network) == "tls_error"  # nobody has said that it can be trusted


def test_another_address_is_tried_where_one_does_not_answer(network: Network) -> None:
    network.answers, network.broken = [["93.184.215.1", PUBLIC]], {"93.184.215.1"}
    assert network.post().status == 204
    network.answers, network.broken = (
        [[f"93.184.215.{n}" for n in range(9)]],
        {f"93.184.215.{n}" for n in range(9)},
    )
    network.connected.clear()
    assert reason(network) == "connection_refused"
    assert len(network.connected) == 3


def test_a_name_without_addresses(network: Network) -> None:
    network.answers = [[]]
    assert reason(network) == "connection_refused"
    with pytest.raises(CallbackFailed, match="connection_refused"):
        HttpsCallbacks().send("POST", "https://nothing.invalid/", {}, b"", seconds=10)


# What may not be reached.


@pytest.mark.parametrize(
    "answers",
    [
        [["10.0.0.1"]],
        [[PUBLIC, "10.0.0.1"]],  # one of several is enough
        [["10.0.0.1", PUBLIC]],
        [["::ffff:10.0.0.1"]],
        [["fe80::1%eth0"]],
        [["nonsense"]],
    ],
)
def test_a_name_that_stands_for_what_may_not_be_reached(network: Network, answers: list[list[str]]) -> None:
    network.answers = answers
    assert reason(network) == "connection_refused"
    assert network.connected == []


def test_a_name_that_changes_after_the_check(network: Network) -> None:
    """It is asked for once: the connection is made to what was checked."""
    network.answers = [[PUBLIC], ["127.0.0.1"], ["169.254.169.254"]]
    assert network.post().status == 204
    assert network.asked == [(HOST, 443)]
    assert network.connected == [(PUBLIC, 443)]


def test_a_name_that_has_changed_since_the_last_request(network: Network) -> None:
    network.answers = [[PUBLIC], ["127.0.0.1"]]
    assert network.post().status == 204
    assert reason(network) == "connection_refused"
    assert network.connected == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/",
        f"HTTP://{HOST}/",
        f"ftp://{HOST}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "https:///path",
        "https://",
        f"//{HOST}/",
        HOST,
        "",
        f"https://{HOST}:0x50/",
        f"https://{HOST}:99999/",
        "https://[::1/",
    ],
)
def test_urls_that_are_none(network: Network, url: str) -> None:
    assert reason(network, url) == "connection_refused"
    assert network.connected == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "localhost",
        "localhost.",
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::1]",
        "[100::1]",
        "[2001::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]",
        "[3fff::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[5f00::1]",
    ],
)
def test_hosts_that_are_refused(host: str) -> None:
    """As the system resolves them, which knows other ways to write an address."""

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        raise AssertionError(address)

    callbacks = HttpsCallbacks(connect=connect)
    with pytest.raises(CallbackFailed, match="connection_refused"):
        callbacks.send("POST", f"https://{host}/", {}, b"{}", seconds=10)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("9.255.255.255", True),
        ("11.0.0.0", True),
        ("172.15.255.255", True),
        ("172.32.0.0", True),
        ("100.63.255.255", True),
        ("100.128.0.0", True),
        ("223.255.255.255", True),
        ("192.168.255.255", False),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("2001:200::1", True),
        ("2001:1ff:ffff::", False),
        ("2003::1", True),
        ("3ffe::1", True),
        ("4000::1", False),
        ("1fff::1", False),
        ("", False),
        ("2606:2800::1%1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_header_values_have_no_line_breaks(network: Network) -> None:
    with pytest.raises(CallbackFailed):
        network.callbacks.send("POST", f"https://{HOST}/", {"x-a": "1\r\nx-b: 2"}, b"", seconds=5)


def test_addresses_of_this_machine() -> None:
    assert resolve_host("127.0.0.1", 443) == ["127.0.0.1"]


# For development: endpoints of this machine.


def local_reason(url: str, answers: list[str] | None = None) -> str:
    connected: list[str] = []

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    options: dict[str, Any] = {} if answers is None else {"resolve": lambda host, port: answers}
    with pytest.raises(CallbackFailed) as caught:
        HttpsCallbacks(local=True, connect=connect, **options).send("POST", url, {}, b"", seconds=5)
    return f"{caught.value.reason}: {connected}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_asked_over_plain_http_where_it_may_be(host: str) -> None:
    hook = Hook()
    try:
        url = hook.url.replace("127.0.0.1", host)
        found = HttpsCallbacks(local=True).send("POST", url, {"x-a": "1"}, b"{}", seconds=5)
        assert found == CallbackResponse(204)
        (got,) = hook.deliveries
        assert (got.headers["x-a"], got.body) == ("1", b"{}")
        with pytest.raises(CallbackFailed, match="connection_refused"):
            HttpsCallbacks().send("POST", url, {}, b"{}", seconds=5)
    finally:
        hook.close()


@pytest.mark.parametrize(
    ("url", "answers"),
    [
        ("http://10.0.0.1/", None),
        ("http://169.254.169.254/", None),
        ("http://192.168.0.1/", None),
        ("http://[fd00::1]/", None),
        ("http://[::ffff:10.0.0.1]/", None),
        ("http://hook.example/", [PUBLIC]),  # plain HTTP stays on this machine
        ("http://hook.example/", ["127.0.0.1", PUBLIC]),
        ("http://hook.example/", ["127.0.0.1", "10.0.0.1"]),
        ("https://10.0.0.1/", None),
        ("https://hook.example/", ["127.0.0.1", "10.0.0.1"]),
        ("ftp://127.0.0.1/", None),
    ],
)
def test_other_private_addresses_stay_out_of_reach(url: str, answers: list[str] | None) -> None:
    assert local_reason(url, answers) == "connection_refused: []"


@pytest.mark.parametrize(
    ("url", "answers", "address"),
    [
        ("http://127.0.0.1/", None, "127.0.0.1"),
        ("http://127.9.9.9:1234/", None, "127.9.9.9"),
        ("http://[::1]:1234/", None, "::1"),
        ("https://127.0.0.1/", None, "127.0.0.1"),
        ("https://hook.example/", [PUBLIC], PUBLIC),
    ],
)
def test_what_is_reached_where_it_may_be(url: str, answers: list[str] | None, address: str) -> None:
    assert local_reason(url, answers) == f"connection_refused: ['{address}']"
