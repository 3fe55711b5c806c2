"""Requests to endpoints that clients name, which must not reach anything that only this server can reach.

The address that is checked is the address that is connected to: a name is resolved once, and the connection
is made to what came of it. Otherwise a name could change what it stands for in between ("SSRF prevention").
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from lambent.execution.events.ports import CallbackFailed, CallbackResponse
from lambent.stores.public_addresses import is_public

_MOST_HEADER_BYTES = 32 * 1024
_MOST_ADDRESSES = 3
"""Addresses of a name that are tried."""

Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]


def resolve_host(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _connect(address: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((address, port), seconds)


class HttpsCallbacks:
    """Sends requests over HTTPS to public addresses, never by a proxy; see ``Callbacks``.

    Args:
        permits: whether an address may be connected to; default: public ones.
        context: checks certificates.
        resolve: gives the addresses of a name.
        connect: opens a connection to an address.
    """

    def __init__(
        self,
        permits: Callable[[str], bool] = is_public,
        context: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_host,
        connect: Connect = _connect,
    ) -> None:
        self._permits = permits
        self._given_context = context
        self._resolve = resolve
        self._connect = connect

    def send(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        seconds: float,
        most: int = 0,
    ) -> CallbackResponse:
        """See ``Callbacks.send``."""
        deadline = _Deadline(seconds)
        try:
            target = urlsplit(url)
            host, port = (target.hostname or "").rstrip("."), target.port or 443
            if target.scheme != "https" or not host:
                raise CallbackFailed("connection_refused")
            with self._open(host, port, deadline) as connection:
                deadline.limit(connection)
                connection.sendall(_head(method, target, headers, body) + body)
                return _read(connection, deadline, method, most)
        except TimeoutError:
            raise CallbackFailed("timeout") from None
        except ssl.SSLError:
            raise CallbackFailed("tls_error") from None
        except (OSError, ValueError, http.client.HTTPException):
            raise CallbackFailed("connection_refused") from None

    def _open(self, host: str, port: int, deadline: _Deadline) -> ssl.SSLSocket:
        """A connection to an address of the host that has been checked, with the host's own certificate."""
        addresses = self._addresses(host, port, deadline)
        if not addresses or not all(map(self._permits, addresses)):
            raise CallbackFailed("connection_refused")
        for number, address in enumerate(addresses[:_MOST_ADDRESSES], 1):
            try:
                raw = self._connect(address, port, deadline.remaining())
                break
            except OSError:
                if number == min(len(addresses), _MOST_ADDRESSES):
                    raise
        with contextlib.ExitStack() as undo:
            undo.callback(raw.close)
            deadline.limit(raw)
            connection = self._context.wrap_socket(raw, server_hostname=host)
            undo.pop_all()
        return connection

    def _addresses(self, host: str, port: int, deadline: _Deadline) -> Sequence[str]:
        """Resolve a name, in a thread: nothing else bounds how long that takes."""
        found: list[Sequence[str] | Exception] = []

        def resolve() -> None:
            try:
                found.append(self._resolve(host, port))
            except Exception as error:
                found.append(error)

        thread = threading.Thread(target=resolve, daemon=True)
        thread.start()
        thread.join(deadline.remaining())
        if not found:
            raise TimeoutError
        if isinstance(found[0], Exception):
            raise CallbackFailed("connection_refused") from found[0]
        return found[0]

    @property
    def _context(self) -> ssl.SSLContext:
        if self._given_context is None:
            self._given_context = ssl.create_default_context()
        return self._given_context


class _Deadline:
    """When a request has to be over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds that are left.

        Raises:
            TimeoutError: none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def limit(self, connection: socket.socket) -> None:
        """Have the next operation of a connection end in time."""
        connection.settimeout(self.remaining())


class _BoundedReader(io.RawIOBase):
    """What a connection brings, until the deadline, and no more than so many bytes."""

    def __init__(self, connection: socket.socket, deadline: _Deadline, most: int) -> None:
        self._connection = connection
        self._deadline = deadline
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise http.client.LineTooLong("response")
        self._deadline.limit(self._connection)
        count = self._connection.recv_into(buffer, min(len(buffer), self._left))
        self._left -= count
        return count

    def makefile(self, mode: str) -> io.BufferedReader:
        """What ``HTTPResponse`` asks of a socket."""
        return io.BufferedReader(self, 4096)


def _head(method: str, target: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    """The request line and the headers; values come from this library, but for the URL, which was checked."""
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    sent = {"host": target.netloc, **headers, "accept": "application/json", "connection": "close"}
    if method == "POST":
        sent["content-length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    if any(not line.isprintable() for line in lines):
        raise ValueError("a line break in a header")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _read(connection: socket.socket, deadline: _Deadline, method: str, most: int) -> CallbackResponse:
    reader: Any = _BoundedReader(connection, deadline, _MOST_HEADER_BYTES + most)
    response = http.client.HTTPResponse(reader, method=method)
    with contextlib.closing(response):
        response.begin()
        return CallbackResponse(response.status, response.read(most) if most else b"")
