"""HTTP requests to issuers of tokens: the ``Fetch`` port on the standard library.

An issuer is asked a few times in the life of a process. ``http.client`` is there in every artifact, does not
follow redirects, and is loaded in less time than any library that could be packaged.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from lambent.auth.fetching import Fetched, FetchError

MAX_BYTES = 512 * 1024
"""Bytes of a response: those of large issuers have a few thousand."""

SECONDS = 3.0
"""Time for a request as a whole: what an invocation can wait for, and try again."""


def fetch(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
) -> Fetched:
    """See ``Fetch``."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    end = time.monotonic() + SECONDS
    try:
        connection = make(parts.hostname or "", parts.port, timeout=SECONDS)
        try:
            target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            connection.request(method, target, body, {"accept": "application/json", **headers})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Fetched(response.status, _read(response, end), found)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(f"{parts.hostname} does not answer: {error or type(error).__name__}") from error


def _read(response: object, end: float) -> bytes:
    data = bytearray()
    while part := response.read1(65536):  # type: ignore[attr-defined]
        data += part
        if len(data) > MAX_BYTES:
            raise ValueError(f"the response has more than {MAX_BYTES} bytes")
        if time.monotonic() > end:
            raise TimeoutError(f"the response took more than {SECONDS} seconds")
    return bytes(data)
