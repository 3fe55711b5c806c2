"""Calls of the Runtime API whose connection ends, or that it refuses."""

import contextlib
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

import pytest

from lambent.hosts.aws_lambda.runtime_client.client import NextInvocation, RuntimeApiClient, RuntimeApiError
from lambent.hosts.aws_lambda.runtime_client.http1 import SilentConnectionError

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
NEXT = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nContent-Length: 2\r\n\r\n{}"
CALL = NextInvocation({"lambda-runtime-aws-request-id": "1"}, b"{}")


class ScriptedApi:
    """A server that answers each connection by the next script: a response for each request, then the end."""

    def __init__(self, *scripts: list[bytes]) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.requests: queue.Queue[bytes] = queue.Queue()
        self.reads_bodies = True
        self.on_head: Callable[[], None] = lambda: None
        self.go_on = threading.Event()
        self.go_on.set()
        self._thread = threading.Thread(target=self._serve, args=(scripts,), daemon=True)
        self._thread.start()

    def _serve(self, scripts: tuple[list[bytes], ...]) -> None:
        for script in scripts:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return  # it was closed
            with connection, connection.makefile("rb") as incoming:
                for response in script:
                    if not (lines := _head(incoming)):
                        break
                    self.on_head()
                    lengths = [line for line in lines if line.startswith(b"Content-Length:")]
                    if self.reads_bodies:
                        incoming.read(int(lengths[0].split()[1]) if lengths else 0)
                    self.go_on.wait(30)
                    self.requests.put(lines[0])
                    connection.sendall(response)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # closing alone would not wake who accepts
        self._server.close()
        self._thread.join(30)


def _head(incoming: BinaryIO) -> list[bytes]:
    """The lines of a request; none where the client has gone."""
    lines: list[bytes] = []
    while (line := incoming.readline()) != b"\r\n":
        if not line:
            return []
        lines.append(line)
    return lines


ClientOf = Callable[..., tuple[ScriptedApi, RuntimeApiClient]]


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    made: list[tuple[ScriptedApi, RuntimeApiClient]] = []

    def make(*scripts: list[bytes]) -> tuple[ScriptedApi, RuntimeApiClient]:
        api = ScriptedApi(*scripts)
        made.append((api, RuntimeApiClient(api.address, "tests")))
        return made[-1]

    yield make
    for api, client in made:
        client.close()
        api.close()


def test_one_connection_for_several_calls(client_of: ClientOf) -> None:
    api, client = client_of([NEXT, ACCEPTED, NEXT])
    assert client.next_invocation().request_id == "1"
    client.respond(CALL, b"{}", "application/json")
    client.next_invocation()
    assert [api.requests.get_nowait() for _ in range(3)] == [
        b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n",
        b"POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\n",
        b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n",
    ]


def test_a_connection_that_has_ended_in_between_is_replaced(client_of: ClientOf) -> None:
    _, client = client_of([NEXT], [ACCEPTED, NEXT])
    client.next_invocation()
    client.respond(CALL, b"{}", "application/json")
    assert client.next_invocation().body == b"{}"


def test_a_connection_that_the_api_ends_by_its_header(client_of: ClientOf) -> None:
    _, client = client_of([NEXT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")], [NEXT])
    client.next_invocation()
    assert client.next_invocation().body == b"{}"


def test_a_fresh_connection_that_ends_is_an_error(client_of: ClientOf) -> None:
    _, client = client_of([b""])
    with pytest.raises(SilentConnectionError):
        client.next_invocation()


@pytest.mark.parametrize(("status", "is_fatal"), [(400, False), (403, False), (413, False), (500, True)])
def test_a_response_that_is_refused(client_of: ClientOf, status: int, is_fatal: bool) -> None:
    refusal = b"HTTP/1.1 %d Refused\r\nContent-Length: 7\r\n\r\nbecause" % status
    _, client = client_of([refusal, NEXT])
    with pytest.raises(RuntimeApiError, match=f"{status}: because") as caught:
        client.respond(CALL, b"{}", "application/json")
    assert (caught.value.status, caught.value.is_fatal) == (status, is_fatal)
    client.next_invocation()


@pytest.mark.parametrize("calls_before", [0, 1])
def test_a_response_that_is_refused_before_it_is_whole(client_of: ClientOf, calls_before: int) -> None:
    """As Lambda refuses what is too large: it reads no more, answers, and closes the connection."""
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 7\r\n\r\nbecause"
    api, client = client_of([NEXT] * calls_before + [refusal], [NEXT])
    api.reads_bodies = False
    for _ in range(calls_before):
        client.next_invocation()
    with pytest.raises(RuntimeApiError, match="413: because"):
        client.respond(CALL, bytes(64 * 1024 * 1024), "application/json")
    client.next_invocation()


def test_a_cause_for_x_ray_that_is_too_long_is_left_out(client_of: ClientOf) -> None:
    _, client = client_of([ACCEPTED])
    client.fail(CALL, "ValueError", b"{}", "x" * 1024 * 1024)
    client.close()


@pytest.mark.parametrize("status", [413, 500])
def test_a_stream_that_is_refused_says_why(client_of: ClientOf, status: int) -> None:
    refusal = b"HTTP/1.1 %d Refused\r\nContent-Length: 7\r\n\r\nbecause" % status
    api, client = client_of([refusal])
    api.reads_bodies = False
    stream = client.open_stream(CALL, "text/plain")
    while stream.write(bytes(1024 * 1024)):
        pass
    with pytest.raises(RuntimeApiError, match=f"1/response with {status}: because"):
        stream.end()
    assert stream.is_broken
    stream.end()  # it was told once


def test_a_stream_whose_end_is_refused(client_of: ClientOf) -> None:
    refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    _, client = client_of([refusal])
    stream = client.open_stream(CALL, "text/plain")
    with pytest.raises(RuntimeApiError, match="400"):
        stream.fail("Function.ValueError", b"{}")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGALRM")
def test_a_part_that_a_signal_interrupts_ends_the_stream(client_of: ClientOf) -> None:
    """How much of it was sent is not known, so what came behind it could not be told from it."""
    go_on, writer = threading.Event(), threading.get_ident()
    api, client = client_of([b""])
    api.reads_bodies, api.go_on = False, go_on
    api.on_head = lambda: signal.pthread_kill(writer, signal.SIGALRM)
    stream = client.open_stream(CALL, "text/plain")

    def on_alarm(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, on_alarm)
    try:
        with pytest.raises(KeyboardInterrupt):
            stream.write(bytes(64 * 1024 * 1024))  # more than sockets keep
    finally:
        signal.signal(signal.SIGALRM, before)
    assert stream.is_broken
    assert not stream.write(b"more")
    stream.end()  # it waits for no response
    go_on.set()


def test_a_stream_without_an_api(client_of: ClientOf) -> None:
    api, client = client_of()
    api.close()
    stream = client.open_stream(CALL, "text/plain")
    assert (stream.is_broken, stream.is_begun) == (False, False)
    assert not stream.write(b"part")
    assert (stream.is_broken, stream.is_begun) == (True, True)
    stream.end()
    assert not stream.write(b"part")
