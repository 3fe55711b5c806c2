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
from lambent.stores.public_addresses import is_loopback, is_public

_MOST_HEADER_BYTES = 32 * 1024
_MOST_ADDRESSES = 3
"""Addresses of a name that are tried."""

_PIECE_BYTES = 16 * 1024
"""Of a request, which are sent at a time: TLS bounds the time of each piece, and not that of all together."""

_KEPT_HEADERS = ("age", "cache-control", "retry-after")
"""Of responses: what says how long something holds."""

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
        local: addresses of this machine may be connected to as well, and these over plain HTTP too: for
            development.
    """

    def __init__(
        self,
        permits: Callable[[str], bool] = is_public,
        context: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_host,
        connect: Connect = _connect,
        *,
        local: bool = False,
    ) -> None:
        self._permits = permits
        self._local = local
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
            is_plain = self._local and target.scheme == "http"
            host, port = (target.hostname or "").rstrip("."), target.port or (80 if is_plain else 443)
            if not (is_plain or target.scheme == "https") or not host:
                raise CallbackFailed("connection_refused")
            request = _head(method, target, headers, body) + body
            with self._open(host, port, deadline, is_plain=is_plain) as connection:
                is_sent = _is_sent(connection, deadline, request)
                response = _read(connection, deadline, method, most)
                # Who has not read all of a request may refuse it, but cannot have accepted it.
                if not is_sent and response.status < 300:
                    raise CallbackFailed("connection_refused")
                return response
        except TimeoutError:
            raise CallbackFailed("timeout") from None
        except ssl.SSLError:
            raise CallbackFailed("tls_error") from None
        except (OSError, ValueError, http.client.HTTPException):
            raise CallbackFailed("connection_refused") from None

    def _open(self, host: str, port: int, deadline: _Deadline, *, is_plain: bool) -> socket.socket:
        """A connection to an address of the host that has been checked, with the host's own certificate."""
        addresses = self._addresses(host, port, deadline)
        is_here = self._local and bool(addresses) and all(map(is_loopback, addresses))
        if not addresses or not (is_here or (not is_plain and all(map(self._permits, addresses)))):
            raise CallbackFailed("connection_refused")
        left = min(len(addresses), _MOST_ADDRESSES)
        for address in addresses[:left]:
            try:
                raw = self._connect(address, port, deadline.remaining() / left)
                break
            except OSError:
                left -= 1
                if not left:
                    raise
        with contextlib.ExitStack() as undo:
            undo.callback(raw.close)
            deadline.limit(raw)
            connection = raw if is_plain else self._context.wrap_socket(raw, server_hostname=host)
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


def _is_sent(connection: socket.socket, deadline: _Deadline, request: bytes) -> bool:
    """Send a request; False where the endpoint has closed the connection before it had read everything.

    Raises:
        TimeoutError: it reads too slowly.
    """
    try:
        for start in range(0, len(request), _PIECE_BYTES):
            deadline.limit(connection)
            connection.sendall(request[start : start + _PIECE_BYTES])
    except TimeoutError:
        raise
    except OSError:
        return False
    return True


def _read(connection: socket.socket, deadline: _Deadline, method: str, most: int) -> CallbackResponse:
    reader: Any = _BoundedReader(connection, deadline, _MOST_HEADER_BYTES + most)
    response = _FinalResponse(reader, method=method)
    with contextlib.closing(response):
        response.begin()
        kept = {name: value for name in _KEPT_HEADERS if (value := response.getheader(name))}
        return CallbackResponse(response.status, response.read(most) if most else b"", kept)


class _FinalResponse(http.client.HTTPResponse):
    """The response behind those that are only informational, of which ``http.client`` knows 100 alone."""

    fp: io.BufferedReader

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200 or status == http.client.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
