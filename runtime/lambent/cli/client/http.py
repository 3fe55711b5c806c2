"""Streamable HTTP, as a client of either era (basic/transports/streamable-http)."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from lambent.cli.client.failures import ConnectionFailedError
from lambent.cli.client.transport import Message, Receive, is_response
from lambent.cli.client.web import Web, events

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_SESSION: Final = "mcp-session-id"
_RESUMED: Final = 600
"""How often a stream is resumed."""

_RETRY_MILLISECONDS: Final = 1000
_SHOWN_CHARACTERS: Final = 300


class HttpTransport:
    """A server behind a URL.

    Args:
        url: The URL of the MCP endpoint.
        headers: Further headers of every request.
        timeout: How long to wait for the next bytes of the server, in seconds.

    Raises:
        MissingExtraError: urllib3 is not installed.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float) -> None:
        self.url = url
        self._web = Web(url, timeout)
        self._given = dict(headers)
        self._session: str | None = None

    def exchange(self, message: Message, headers: Mapping[str, str], receive: Receive) -> Message:
        """Send a request; see ``MessageTransport``."""
        with self._web.open("POST", self.url, self._headers(headers), _encode(message)) as response:
            found, event_id, retry = self._read(response, message, receive, headers)
        for _ in range(_RESUMED):
            if found is not None:
                return found
            if not event_id:
                raise ConnectionFailedError(f"{self.url} ends its stream without a response")
            # SEP-1699: the stream has ended on purpose, and goes on with another request.
            time.sleep(retry / 1000)
            resumed = {**self._headers(headers), "last-event-id": event_id, "accept": "text/event-stream"}
            with self._web.open("GET", self.url, resumed) as response:
                found, event_id, retry = self._read(response, message, receive, headers)
        raise ConnectionFailedError(f"{self.url} sends no response, though its stream was resumed")

    def notify(self, message: Message, headers: Mapping[str, str]) -> None:
        """Send a notification, or an answer; see ``MessageTransport``."""
        with self._web.open("POST", self.url, self._headers(headers), _encode(message)) as response:
            response.read()

    def close(self) -> None:
        """End the session, where there is one, and the connection."""
        if self._session is not None:
            with (
                contextlib.suppress(ConnectionFailedError),
                self._web.open("DELETE", self.url, self._headers({})) as response,
            ):
                response.read()
        self._web.close()

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        session = {} if self._session is None else {_SESSION: self._session}
        return {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **self._given,
            **session,
            **headers,
        }

    def _read(
        self, response: BaseHTTPResponse, message: Message, receive: Receive, headers: Mapping[str, str]
    ) -> tuple[Message | None, str, int]:
        """The response to a request; where its stream ends before that, the id to resume it by, and when."""
        if message["method"] == "initialize":  # others give ids too, of sessions that they do not keep
            self._session = response.headers.get(_SESSION)
        if response.headers.get("content-type", "").partition(";")[0].strip() == "text/event-stream":
            event_id, retry = "", _RETRY_MILLISECONDS
            for event in events(response):
                event_id = event.get("id", event_id)
                retry = int(event["retry"]) if event.get("retry", "").isdecimal() else retry
                if not event.get("data") or event.get("event", "message") != "message":
                    continue
                received = _decode(event["data"])
                if is_response(received, message["id"]):
                    return received, event_id, retry
                if (answer := receive(received)) is not None:
                    self.notify(answer, headers)
            return None, event_id, retry
        body = response.read()
        try:
            received = _decode(body)
        except ConnectionFailedError:
            received = {}
        if response.status not in (401, 403) and "error" in received and "method" not in received:
            return received, "", 0
        if response.status >= 300 or not is_response(received, message["id"]):
            raise refused(self.url, response.status, response.headers, body)
        return received, "", 0


def refused(url: str, status: int, headers: Mapping[str, str], body: bytes) -> ConnectionFailedError:
    """What is wrong, from a response that is none of the protocol.

    Args:
        url: The URL.
        status: The HTTP status.
        headers: The headers of the response.
        body: Its body.
    """
    if status in (401, 403):
        challenge = headers.get("www-authenticate") or headers.get("x-amzn-remapped-www-authenticate") or ""
        hint = "give a token with --token" if status == 401 else "the token is not enough"
        return ConnectionFailedError(f"{url} answers {status}: {hint}. {challenge}".rstrip(), status)
    if 300 <= status < 400:
        return ConnectionFailedError(f"{url} answers {status}: use {headers.get('location', '')}", status)
    shown = body[:_SHOWN_CHARACTERS].decode(errors="replace").strip()
    return ConnectionFailedError(f"{url} answers {status}, and not with MCP: {shown or 'no body'}", status)


def _encode(message: Message) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _decode(data: str | bytes) -> Message:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ConnectionFailedError(f"the server sends what is no JSON: {error}") from error
    if not isinstance(message, dict):
        raise ConnectionFailedError("the server sends what is no message")
    return message
