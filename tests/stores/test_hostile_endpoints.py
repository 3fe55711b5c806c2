"""Endpoints that answer as no server should: requests end in time, in bounds, and with a category alone."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable

import pytest
from tests.stores.receivers import HOST, PUBLIC, Network, Receiver, answering

from lambent.execution.events.ports import CallbackFailed, CallbackResponse

SECONDS = 0.6
LARGE = b"x" * 256 * 1024


def post(network: Network, body: bytes = b"{}", *, seconds: float = 5.0, most: int = 0) -> CallbackResponse:
    return network.callbacks.send("POST", f"https://{HOST}/", {}, body, seconds=seconds, most=most)


def reason(network: Network, body: bytes = b"{}", *, seconds: float = 5.0, most: int = 0) -> str:
    with pytest.raises(CallbackFailed) as caught:
        post(network, body, seconds=seconds, most=most)
    return caught.value.reason


def until_closed(receiver: Receiver, piece: bytes, pause: float = 0.0) -> Callable[[ssl.SSLSocket], None]:
    """Send the same for as long as somebody reads."""

    def answer(connection: ssl.SSLSocket) -> None:
        while not receiver.over.wait(pause):
            connection.sendall(piece)

    return answer


# Informational responses.


def test_informational_responses_are_none(network: Network, receiver: Receiver) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    receiver.answer = answering(hints + b"HTTP/1.1 204 No Content\r\n\r\n")
    assert post(network).status == 204


def test_informational_responses_without_end(network: Network, receiver: Receiver) -> None:
    receiver.answer = until_closed(receiver, b"HTTP/1.1 103 Early Hints\r\n\r\n")
    assert reason(network) == "connection_refused"


def test_another_protocol_is_not_switched_to(network: Network, receiver: Receiver) -> None:
    receiver.answer = answering(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
    )
    assert post(network).status == 101


# Bodies.


def test_a_body_without_end_is_read_as_far_as_it_is_asked_for(network: Network, receiver: Receiver) -> None:
    stream = until_closed(receiver, b"y" * 1000)

    def answer(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        stream(connection)

    receiver.answer = answer
    assert post(network).status == 200
    assert post(network, most=10) == CallbackResponse(200, b"y" * 10)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"transfer-encoding: chunked\r\n\r\nffffffffff\r\n" + b"y" * 100, b"y" * 10),
        (b"transfer-encoding: chunked\r\n\r\n" + b"1\r\ny\r\n" * 1000, b"y" * 10),
        (b"content-length: 99999999999999\r\n\r\n" + b"y" * 100, b"y" * 10),
        (b"content-length: -5\r\n\r\nyyy", b"yyy"),
        (b"content-length: x\r\n\r\nyyy", b"yyy"),
    ],
)
def test_lengths_are_believed_as_far_as_there_is_something(
    network: Network, receiver: Receiver, answer: bytes, body: bytes
) -> None:
    receiver.answer = answering(b"HTTP/1.1 200 OK\r\n" + answer)
    assert post(network, most=10).body == body


@pytest.mark.parametrize(
    "chunks", [b"-5\r\nhello\r\n0\r\n\r\n", b"x\r\n", b"5;" + b"e" * 70_000 + b"\r\nhello", b"5\r\nhe"]
)
def test_chunks_that_are_none(network: Network, receiver: Receiver, chunks: bytes) -> None:
    receiver.answer = answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks)
    assert reason(network, most=100) == "connection_refused"


def test_nothing_is_unpacked(network: Network, receiver: Receiver) -> None:
    packed = gzip.compress(b"y" * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
    receiver.answer = answering(head + packed)
    assert post(network, most=100).body == packed[:100]


def test_a_body_that_comes_slowly(network: Network, receiver: Receiver) -> None:
    drip = until_closed(receiver, b"y", 0.05)

    def answer(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
        drip(connection)

    receiver.answer = answer
    began = time.monotonic()
    assert reason(network, seconds=SECONDS, most=9999) == "timeout"
    assert time.monotonic() - began < 5


# Heads.


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 0 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 -200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"\r\n" * 1000,
        b"\x00" * 100_000,
        b"HTTP/1.1 200 " + b"O" * 100_000,
    ],
)
def test_heads_that_are_none(network: Network, receiver: Receiver, answer: bytes) -> None:
    receiver.answer = answering(answer)
    assert reason(network) == "connection_refused"


def test_what_says_how_long_something_holds_is_kept(network: Network, receiver: Receiver) -> None:
    head = b"retry-after: 7\r\nCache-Control: max-age=60\r\nage: 5\r\nset-cookie: a=b\r\nlocation: /x\r\n\r\n"
    receiver.answer = answering(b"HTTP/1.1 429 Too Many Requests\r\n" + head)
    headers = {"age": "5", "cache-control": "max-age=60", "retry-after": "7"}
    assert post(network) == CallbackResponse(429, b"", headers)


# Endpoints that do not read.


def test_a_request_that_is_refused_before_it_is_read(network: Network, receiver: Receiver) -> None:
    """Such as one that is too large: its status counts, as it is final."""

    def refuse(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        receiver.over.wait(0.2)

    receiver.early = refuse
    for _ in range(5):
        assert post(network, LARGE).status == 413


def test_what_was_not_read_was_not_accepted(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(self: ssl.SSLSocket, data: bytes, flags: int = 0) -> None:
        if len(data) < 1000:
            send(self, data, flags)
            return
        send(self, b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n", flags)
        raise BrokenPipeError

    send = ssl.SSLSocket.sendall
    monkeypatch.setattr(ssl.SSLSocket, "sendall", cut)
    assert reason(network, LARGE) == "connection_refused"


def test_who_reads_slowly_is_waited_for_in_bounds(
    network: Network, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece is taken in time, all of them are not."""
    sizes = []

    def slow(self: ssl.SSLSocket, data: bytes, flags: int = 0) -> None:
        sizes.append(len(data))
        receiver.over.wait(0.1)
        send(self, data, flags)

    send = ssl.SSLSocket.sendall
    monkeypatch.setattr(ssl.SSLSocket, "sendall", slow)
    assert reason(network, LARGE, seconds=SECONDS) == "timeout"
    assert max(sizes) <= 16 * 1024
    assert len(sizes) < 10


def test_who_reads_nothing_is_waited_for_in_bounds(network: Network, receiver: Receiver) -> None:
    receiver.early = lambda connection: receiver.over.wait(20) and None
    began = time.monotonic()
    assert reason(network, LARGE * 8, seconds=SECONDS) == "timeout"
    assert time.monotonic() - began < 5


def test_who_closes_at_once(network: Network, receiver: Receiver) -> None:
    receiver.early = lambda connection: None
    assert reason(network, LARGE) == "connection_refused"


# Connections.


def test_a_handshake_that_never_ends(network: Network) -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        network.callbacks._connect = lambda address, port, seconds: socket.create_connection(
            server.getsockname(), seconds
        )
        assert reason(network, seconds=SECONDS) == "timeout"
    over.set()


def test_what_speaks_no_tls(network: Network) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        network.callbacks._connect = lambda address, port, seconds: socket.create_connection(
            server.getsockname(), seconds
        )
        assert reason(network) == "tls_error"
        thread.join()


def test_an_address_that_does_not_answer_leaves_time_for_another(network: Network) -> None:
    given = []

    def connect(address: str, port: int, seconds: float) -> socket.socket:
        given.append(seconds)
        if address != PUBLIC:
            raise TimeoutError
        return real(address, port, seconds)

    real = network.callbacks._connect
    network.callbacks._connect = connect
    network.answers = [["93.184.215.1", "93.184.215.2", PUBLIC]]
    assert post(network, seconds=9.0).status == 204
    assert given[0] <= 3.0
    assert given[1] <= 4.5


def test_a_name_whose_addresses_do_not_answer(network: Network) -> None:
    def connect(address: str, port: int, seconds: float) -> socket.socket:
        raise TimeoutError

    network.callbacks._connect = connect
    assert reason(network) == "timeout"
