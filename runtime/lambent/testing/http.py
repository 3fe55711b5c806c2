"""HTTP as the clients of tests send and read it."""

from __future__ import annotations

import asyncio
import base64
import threading
import weakref
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from lambent.testing.errors import CallError
from lambent.wire.http import JSON_TYPE, SSE_TYPE

OnMessage = Callable[[dict[str, Any]], None]
"""Takes a JSON-RPC message."""

ACCEPT = {"content-type": JSON_TYPE, "accept": f"{JSON_TYPE}, {SSE_TYPE}"}


class HttpReply(msgspec.Struct, frozen=True):
    """An HTTP response.

    Attributes:
        headers: names in lower case.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The JSON-RPC messages of the body, in their order."""
        if not self.body:
            return []
        if self.headers.get("content-type") != SSE_TYPE:
            try:
                return [msgspec.json.decode(self.body, type=dict[str, Any])]
            except msgspec.DecodeError:  # such as what a front end says
                return []
        data = (value for name, value in self._fields if name == "data" and value)
        return [msgspec.json.decode(value, type=dict[str, Any]) for value in data]

    @property
    def event_id(self) -> str:
        """The id of the last event of a stream; empty where there is none."""
        return next((value for name, value in reversed(self._fields) if name == "id"), "")

    @property
    def _fields(self) -> list[tuple[str, str]]:
        lines = self.body.decode().split("\n")
        return [(name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in lines)]

    def response(self, request_id: int) -> dict[str, Any] | None:
        """The result of the response to a request; None where it is not there yet.

        Raises:
            CallError: it is an error, or the request was refused.
        """
        for message in self.messages:
            if "method" not in message and message.get("id") in (request_id, None):
                error = message.get("error")
                if error is None:
                    return dict(message["result"])
                raise self._failure(error["code"], error["message"], error.get("data"))
        if self.status >= 300:
            raise self._failure(0, self.body.decode(errors="replace") or "Refused without a message")
        return None

    def _failure(self, code: int, message: str, data: Any = None) -> CallError:
        return CallError(code, message, data, status=self.status, headers=self.headers)


def asked_in(part: bytes) -> list[dict[str, Any]]:
    """The questions that a part of a stream asks while it is open, not those with which it ends."""
    lines = part.split(b"\n")
    if any(line.startswith(b"id:") for line in lines):
        return []
    data = [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
    messages = [msgspec.json.decode(one, type=dict[str, Any]) for one in data]
    return [message for message in messages if "id" in message and "method" in message]


class Transport(Protocol):
    """How requests reach a server.

    Attributes:
        last: the last response; None before there was one.
    """

    last: HttpReply | None

    def send(
        self, method: str, headers: dict[str, str], body: bytes = b"", on_message: OnMessage | None = None
    ) -> HttpReply:
        """Send an HTTP request.

        Args:
            method: of HTTP.
            headers: names in lower case.
            body: JSON, or nothing.
            on_message: takes requests of the server, where they come before the response is complete.
        """

    def run_next_task(self) -> bool:
        """See ``McpClient.run_next_task``."""


def close_with(owner: object, close: Callable[[], object]) -> Callable[[], object]:
    """Have something closed as soon as its owner is gone, or when what is returned is called."""

    def close_outside_of_loops() -> None:
        if asyncio._get_running_loop() is None:
            close()
            return
        thread = threading.Thread(target=close)  # an event loop cannot be closed within another one
        thread.start()
        thread.join()

    return weakref.finalize(owner, close_outside_of_loops)


def header_value(value: Any) -> str:
    """A value as a client writes it into a header: as it is, or in the Base64 sentinel form."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    is_plain = text.isascii() and text.isprintable() and text == text.strip()
    if is_plain and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="
