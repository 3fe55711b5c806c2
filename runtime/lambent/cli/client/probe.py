"""Single HTTP requests, and what they tell of a server's authorization."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from lambent.cli.client.web import Web
from lambent.wire.discovery_paths import METADATA_PATH

CHALLENGE: Final = "www-authenticate"
RENAMED_CHALLENGE: Final = "x-amzn-remapped-www-authenticate"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response.

    Attributes:
        status: Its status.
        headers: Names in lower case.
        body: Its body.
        seconds: How long it took.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> dict[str, Any] | None:
        """The object in the body; None where there is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def challenge(self) -> str:
        """How callers are to identify themselves, by either name of the header; else empty."""
        return self.headers.get(CHALLENGE) or self.headers.get(RENAMED_CHALLENGE) or ""


class Probe:
    """Sends requests to a server, each for itself.

    Args:
        url: The URL of the endpoint.
        timeout: How long to wait, in seconds.

    Raises:
        MissingExtraError: urllib3 is not installed.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._web = Web(url, timeout)

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Reply:
        """Send a request.

        Args:
            method: The HTTP method.
            url: Where to.
            headers: Its headers.
            body: A message, sent as JSON; None for none.

        Raises:
            NoResponseError: There is no response.
        """
        content = None if body is None else json.dumps(body).encode()
        started = time.perf_counter()
        with self._web.open(method, url, headers or {}, content) as response:
            read = response.read()
        return Reply(response.status, response.headers, read, time.perf_counter() - started)

    def close(self) -> None:
        """End the connection."""
        self._web.close()


def metadata_location(url: str) -> str:
    """Where RFC 9728, section 3.1, has the metadata of an endpoint.

    Args:
        url: The URL of the endpoint.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{METADATA_PATH}{parts.path.rstrip('/')}"


def metadata_of_challenge(challenge: str) -> str | None:
    """Where a challenge says that the metadata is; None where it does not say it.

    Args:
        challenge: The value of ``WWW-Authenticate``.
    """
    found = re.search(r'resource_metadata="([^"]*)"', challenge)
    return found[1] if found is not None and found[1].startswith(("http://", "https://")) else None
