"""HTTP requests, by urllib3: it is there with boto3, and loads in a third of the time that httpx takes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from lambent.cli.client.failures import ConnectionFailedError
from lambent.cli.errors import MissingExtraError
from lambent.wire.http import LOCAL_HOSTS

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

Problem = Literal["tls", "timeout", "unreachable"]

_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")
_TEXTS: Final = {
    "tls": "{url} has no TLS that can be trusted: {error}",
    "timeout": "{url} does not answer in time: see --timeout",
    "unreachable": "{url} cannot be reached: {error}",
}


class NoResponseError(ConnectionFailedError):
    """There is no HTTP response, or it ends early.

    Attributes:
        problem: What kept it away.
    """

    def __init__(self, text: str, problem: Problem) -> None:
        super().__init__(text)
        self.problem = problem


class Web:
    """Sends requests. Redirects are not followed: one could lead with a token to somebody else.

    Args:
        url: Where most of them go; the environment may name a proxy for it.
        timeout: How long to wait for the next bytes, in seconds.

    Raises:
        MissingExtraError: urllib3 is not installed.
    """

    def __init__(self, url: str, timeout: float) -> None:
        try:
            import urllib3
        except ModuleNotFoundError as error:
            raise MissingExtraError("urllib3", "calling a URL") from error

        self._errors = urllib3.exceptions
        self._timeout = timeout
        proxy = _proxy(url)
        self._pool: PoolManager = urllib3.PoolManager() if proxy is None else urllib3.ProxyManager(proxy)

    @contextlib.contextmanager
    def open(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Iterator[BaseHTTPResponse]:
        """Send a request.

        Args:
            method: The HTTP method.
            url: Where to.
            headers: Its headers.
            body: Its body.

        Returns:
            The response, whose body is still to be read.

        Raises:
            NoResponseError: There is none, or it ends early.
        """
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=dict(headers),
                timeout=self._timeout,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            yield response
            # A stream may go on behind the response; a body that has been read has given its connection back.
            response.close()
        except (self._errors.HTTPError, OSError, UnicodeError) as error:
            problem = self._problem(error)
            raise NoResponseError(_TEXTS[problem].format(url=url, error=error), problem) from error

    def close(self) -> None:
        """End the connections."""
        self._pool.clear()

    def _problem(self, error: Exception) -> Problem:
        if isinstance(error, self._errors.SSLError):
            return "tls"
        # A refused connection is a TimeoutError to urllib3.
        is_refused = isinstance(error, self._errors.NewConnectionError)
        if not is_refused and isinstance(error, self._errors.TimeoutError | TimeoutError):
            return "timeout"
        return "unreachable"


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine, whatever the proxy of the environment.

    Args:
        url: The URL.
    """
    return (urlsplit(url).hostname or "") in LOCAL_HOSTS


def events(response: Any) -> Iterator[Mapping[str, str]]:
    """The events of a stream, each by its fields (HTML, section 9.2.6, "Interpreting an event stream").

    Args:
        response: The response, whose body is still to be read.
    """
    pending, event = b"", dict[str, str]()
    while chunk := response.read1(65536):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.decode(errors="replace").rstrip("\r").partition(":")
            value = value.removeprefix(" ")
            if name == "data" and "data" in event:
                event["data"] += "\n" + value
            elif name:
                event[name] = value
            elif value == "" and event and not line.startswith(b":"):
                yield event
                event = {}


def _proxy(url: str) -> str | None:
    if is_local(url) or not any(os.environ.get(one) or os.environ.get(one.upper()) for one in _PROXIES):
        return None
    from urllib.request import getproxies, proxy_bypass  # loaded where there is a proxy

    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
