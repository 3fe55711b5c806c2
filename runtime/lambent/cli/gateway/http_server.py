"""The HTTP server of a gateway: uvicorn on a socket that is opened before it starts."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lambent.cli.errors import CommandError, MissingExtraError
from lambent.cli.gateway.asgi import GatewayApp

if TYPE_CHECKING:
    from uvicorn import Server

# Longer than clients keep idle connections: the client closes them.
_KEEP_ALIVE_SECONDS: Final = 75
_MAX_HEADER_BYTES: Final = 64 * 1024


def listen(host: str, port: int) -> socket.socket:
    """Open the gateway's port; connections wait there until it serves.

    Args:
        host: The name or address to listen on.
        port: The port, 0 for a free one.

    Returns:
        The listening socket.

    Raises:
        CommandError: The port is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: answers would wait 40 ms for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(2048)
    except (OSError, OverflowError) as error:
        sock.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"cannot listen on {host}:{port}: {reason}") from error
    return sock


def require_uvicorn() -> None:
    """Check that the HTTP server is there.

    Raises:
        MissingExtraError: It is not installed.
    """
    if importlib.util.find_spec("uvicorn") is None:
        raise MissingExtraError("uvicorn", "the gateway")


def make_server(app: GatewayApp, serving: asyncio.Event) -> Server:
    """Make the HTTP server.

    Args:
        app: The application.
        serving: Set once connections are served.

    Returns:
        The server. It ends when its attribute `should_exit` is set, and handles no signals.
    """
    import uvicorn

    from lambent.cli.gateway.raw_headers import RawHeadersProtocol

    class GatewayServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            serving.set()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # The command handles signals: uvicorn would raise them again before the environments are closed.
            yield

    return GatewayServer(
        uvicorn.Config(
            app,
            http=RawHeadersProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        )
    )
