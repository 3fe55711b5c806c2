"""The HTTP side of the test issuer, on loopback, one thread a request."""

import http.server
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.issuer.refusals import OAuthRefusedError

IDLE_SECONDS = 10
LARGEST_BODY = 1 << 20


@dataclass(frozen=True)
class Received:
    """A request that came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, list[str]]:
        """The parameters of the body."""
        return parse_qs(self.body.decode("utf-8", "replace"))


class IssuerRequest(http.server.BaseHTTPRequestHandler):
    """Reads a request and writes the response to it."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: "IssuerServer"

    def do_GET(self) -> None:
        """Any GET."""
        self.close_connection = True  # also where no response says so
        url = urlsplit(self.path)
        length = min(int(self.headers.get("content-length", 0)), LARGEST_BODY)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        self.server.handle(self, Received(self.command, url.path, parse_qs(url.query), headers, body))

    def do_POST(self) -> None:
        """Any POST."""
        self.do_GET()

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Write a whole response."""
        headers = {"Content-Type": "application/json", **(headers or {})}
        self.begin(status, {**headers, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def answer_json(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Write a whole response with a value as JSON."""
        self.answer(status, json.dumps(body).encode(), headers)

    def refuse(self, refusal: OAuthRefusedError) -> None:
        """Write the response of a refusal."""
        self.answer_json(refusal.body, refusal.status, refusal.headers)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Write the head of a response; the connection ends with it."""
        self.send_response_only(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class IssuerServer(http.server.ThreadingHTTPServer):
    """Listens on loopback.

    Args:
        handle: What answers a request.
        port: 0 for any that is free.
    """

    daemon_threads = False  # so that closing waits for requests that are under way

    def __init__(self, handle: Callable[[IssuerRequest, Received], None], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), IssuerRequest)
        self.handle = handle
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what some tests are about."""

    def server_bind(self) -> None:
        """Bind without the look-up of the host's name that the standard library does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self.shutdown()
        self._thread.join()
        self.server_close()
