"""HTTP requests to issuers of tokens: the ``Fetch`` port on the standard library.

An issuer is asked a few times in the life of a process. ``http.client`` is there in every artifact, does not
follow redirects, and is loaded in less time than any library that could be packaged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lambent.auth.fetching import Fetched, FetchError

if TYPE_CHECKING:
    import socket
    import threading

MAX_BYTES = 512 * 1024
"""Bytes of a response: those of large issuers have a few thousand."""

SECONDS = 3.0
"""For the connection, and for all that follows: what an invocation can wait for, and try again."""


def fetch(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
) -> Fetched:
    """See ``Fetch``."""
    import http.client
    import threading
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = make(parts.hostname or "", parts.port, timeout=SECONDS)
        connection.connect()
        # The timeout of a socket begins again with every byte, so the time as a whole is limited beside it.
        is_cut = threading.Event()
        end = threading.Timer(SECONDS, _cut, [connection.sock, is_cut])
        end.daemon = True
        end.start()
        try:
            target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            connection.request(method, target, body, {"accept": "application/json", **headers})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            data = response.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise ValueError(f"the response has more than {MAX_BYTES} bytes")
            if is_cut.is_set():  # what is read of a connection that was cut looks complete
                raise TimeoutError(f"the response took more than {SECONDS} seconds")
            return Fetched(response.status, data, found)
        finally:
            end.cancel()
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(f"{parts.hostname} does not answer: {error or type(error).__name__}") from error


def _cut(connection: socket.socket, is_cut: threading.Event) -> None:
    """End a connection, so that a thread that reads from it goes on."""
    import socket

    is_cut.set()
    with contextlib.suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
