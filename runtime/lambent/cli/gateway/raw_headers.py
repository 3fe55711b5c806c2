"""uvicorn's HTTP/1.1 protocol, which also keeps header names in the case of the client.

REST APIs keep the case of header names, and ASGI has them in lower case only.
"""

from __future__ import annotations

from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from lambent.cli.gateway.asgi import RAW_HEADERS, AsgiMessage, Receive, Send


class _Connection(h11.Connection):
    """Keeps the header lines of the request that is being read."""

    raw_headers: list[tuple[bytes, bytes]] | None = None

    def next_event(self) -> Any:
        """The next part of the request; see h11."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.raw_headers = event.headers.raw_items()
        return event


class RawHeadersProtocol(H11Protocol):
    """Puts the header lines into the scope of each request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connection = _Connection(h11.SERVER, self.config.h11_max_incomplete_event_size or 64 * 1024)
        application: Any = self.app

        async def with_raw_headers(scope: AsgiMessage, receive: Receive, send: Send) -> None:
            # The next request of the connection is not read before this one is answered.
            scope[RAW_HEADERS] = connection.raw_headers
            await application(scope, receive, send)

        self.conn = connection
        self.app = with_raw_headers
