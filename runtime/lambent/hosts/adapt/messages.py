"""JSON-RPC messages in what an application answers: a body of JSON, or events of a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.hosts.adapt.running_app import Exchange
from lambent.wire.http import SSE_TYPE
from lambent.wire.jsonrpc import RequestId


class AppError(msgspec.Struct):
    """Why there is no result."""

    code: int


class _Members(msgspec.Struct):
    id: RequestId | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Raw = Raw(b"{}")
    result: Raw | UnsetType = UNSET
    error: AppError | UnsetType = UNSET


class AppMessage(_Members):
    """A message of an application, so far as it has to be understood here.

    Attributes:
        id: of a request or a response.
        method: of a request or a notification.
        params: of the same, as JSON.
        result: of a response, as JSON.
        error: of a response that says why there is no result.
        raw: the message as JSON in one line.
    """

    raw: bytes = b""

    @property
    def is_request(self) -> bool:
        """The application asks the client something."""
        return not isinstance(self.method, UnsetType) and isinstance(self.id, str | int)

    @property
    def is_response(self) -> bool:
        """It ends a request."""
        return isinstance(self.method, UnsetType)


_decoder = msgspec.json.Decoder(_Members)


def read_message(text: bytes) -> AppMessage | None:
    """Read a message; None where the text is none."""
    try:
        found = _decoder.decode(text)
        line = text if b"\n" not in text else msgspec.json.encode(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return AppMessage(**msgspec.structs.asdict(found), raw=line)


def is_stream(exchange: Exchange) -> bool:
    """Whether the response is a stream of events."""
    return exchange.header("content-type").lower().startswith(SSE_TYPE)


class EventStream:
    """The messages of a stream of events (HTML standard), as they come.

    Attributes:
        last_id: of the last event that has one; the stream is resumed from there.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.last_id = ""
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[AppMessage]:
        rest = b""
        async for chunk in self._exchange.chunks():
            *events, rest = _lines_of(rest + chunk).split(b"\n\n")
            for event in events:
                if (found := self._read(event)) is not None:
                    yield found
        if (found := self._read(rest)) is not None:
            yield found

    def _read(self, event: bytes) -> AppMessage | None:
        lines = event.split(b"\n")
        for line in lines:
            if line.startswith(b"id:"):
                self.last_id = line[3:].strip().decode("utf-8", "replace")
        data = b"\n".join(
            [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        ).strip()
        return read_message(data) if data else None


def _lines_of(text: bytes) -> bytes:
    """The text with one kind of line ends; a lone carriage return at its end may be half of one."""
    if b"\r" not in text:
        return text
    held = b"\r" if text.endswith(b"\r") else b""
    return text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
