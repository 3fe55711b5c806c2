"""What a host delivers behind a handler that has ended: no thread waits for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec

from lambent.wire.http import SSE_TYPE, HttpResponse


class OpenStream(Protocol):
    """The notifications of a stream that a call has opened; the result of that call comes behind them."""

    def deliver(self) -> AsyncGenerator[bytes, None]:
        """Encoded notifications, oldest first, until the stream ends.

        The next one is made when its host asks for it, so nothing piles up for a client that reads slowly.
        Runs once; whoever is done with it closes it.
        """

    def end(self) -> None:
        """End soon, on any thread: the host is about to end."""


class _Reply(msgspec.Struct):
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def is_failure(response: HttpResponse) -> bool:
    """Whether a call that has opened a stream has failed behind its handler, as in middleware."""
    body = response.body
    if response.headers.get("content-type") == SSE_TYPE:
        body = body.removesuffix(b"\n\n").rpartition(b"\ndata: ")[2]
    return msgspec.json.decode(body, type=_Reply).error is not msgspec.UNSET
