"""Responses that a function sends in parts: status and headers as JSON, eight zero bytes, and the body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

_END_OF_HEAD: Final = bytes(8)

# Takes a part of a response.
OnPart = Callable[[bytes], None]


def split_head(data: bytes) -> tuple[bytes, bytes] | None:
    """Divide what has come of a response.

    Args:
        data: Its first parts.

    Returns:
        The status and headers, as JSON, and what has come of the body; None while they are not complete.
    """
    head, end, rest = data.partition(_END_OF_HEAD)
    return (head, rest) if end else None


class ResponseParts:
    """The parts of one response, as a function sends them; made on a running event loop.

    Attributes:
        head: Done when the status and headers have come, as the JSON that a result has otherwise.
    """

    def __init__(self) -> None:
        self.head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._first = b""
        self._body: asyncio.Queue[bytes | None] = asyncio.Queue()

    def take(self, part: bytes) -> None:
        """Take the next part.

        Args:
            part: Its bytes.
        """
        if not self.head.done():
            self._first += part
            found = split_head(self._first)
            if found is None:
                return
            head, part = found
            self.head.set_result(head)
        if part:
            self._body.put_nowait(part)

    def end(self) -> None:
        """Take note that there are no more parts."""
        self._body.put_nowait(None)

    async def body(self) -> AsyncIterator[bytes]:
        """The parts of the body.

        Yields:
            Each one when it has come.
        """
        while (part := await self._body.get()) is not None:
            yield part


class SentParts:
    """What a handler writes its response to, in its process; see ``PartsOfResponse``.

    Args:
        send: Takes a part.

    Attributes:
        sent: Bytes that were written.
    """

    def __init__(self, send: OnPart) -> None:
        self._send = send
        self.sent = 0

    def write(self, data: bytes) -> bool:
        """Send a part.

        Args:
            data: Its bytes.

        Returns:
            That somebody takes it: Lambda does not tell of clients that have gone either.
        """
        self.sent += len(data)
        self._send(data)
        return True
