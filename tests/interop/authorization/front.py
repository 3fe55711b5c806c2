"""What stands between clients and a host: it keeps what was asked and answered, and decides about challenges.

Its address is known before the host runs, so that it can be the public URL of the host.
"""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REMAPPED = "x-amzn-remapped-www-authenticate"
"""What API Gateway makes of ``WWW-Authenticate``."""

_SECONDS = 20
_OWN = frozenset({"connection", "date", "keep-alive", "server", "transfer-encoding"})


@dataclass(frozen=True)
class Exchanged:
    """A request and how it was answered.

    Attributes:
        scheme: of the credentials; empty where there were none.
        challenge: ``WWW-Authenticate``, as the client has got it; empty where there was none.
    """

    method: str
    path: str
    status: int
    scheme: str
    challenge: str

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


class Front:
    """A front end.

    Args:
        port: where it is.
        stage: a first part of the path, such as ``/prod``; for other paths there is nothing.
        restores: challenges come back under their own name where the host has renamed them.

    Attributes:
        target: host and port of what is behind it; while it is empty, requests are answered with 503.
        exchanged: since it was cleared, in the order of the answers.
    """

    def __init__(self, port: int, stage: str, *, restores: bool) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.base = self.origin + stage
        self.url = f"{self.base}/mcp"
        self.stage = stage
        self.restores = restores
        self.target = ""
        self.exchanged: list[Exchanged] = []

    @property
    def log(self) -> list[str]:
        """What was asked and answered, one line each."""
        return [str(one) for one in self.exchanged]


class _Handler(BaseHTTPRequestHandler):
    timeout = _SECONDS
    front: Front

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))) or None
        path = self.path.partition("?")[0]
        if not self.front.target:
            self._answer(503)
            return
        if not path.startswith(f"{self.front.stage}/"):
            self._answer(403)
            return
        connection = http.client.HTTPConnection(self.front.target, timeout=_SECONDS)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            found = [(self._name(name), value) for name, value in response.getheaders()]
            self._answer(response.status, [pair for pair in found if pair[0].lower() not in _OWN])
            while part := response.read1(65536):
                self.wfile.write(part)
                self.wfile.flush()
        except ConnectionError:
            pass  # the client has left
        finally:
            connection.close()

    do_GET = do_HEAD = do_POST = do_DELETE = do_OPTIONS = forward  # noqa: N815

    def _name(self, name: str) -> str:
        return "www-authenticate" if self.front.restores and name.lower() == REMAPPED else name

    def _answer(self, status: int, headers: list[tuple[str, str]] | None = None) -> None:
        shown = {name.lower(): value for name, value in headers or ()}
        self.front.exchanged.append(
            Exchanged(
                self.command,
                self.path,
                status,
                self.headers.get("authorization", "").partition(" ")[0],
                shown.get("www-authenticate", ""),
            )
        )
        self.send_response_only(status)
        for name, value in headers or [("content-length", "0")]:
            self.send_header(name, value)
        self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def front_end(stage: str = "", *, restores: bool = False) -> Iterator[Front]:
    """Serve on a free loopback port until the context ends; see ``Front``."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.front = Front(server.server_port, stage, restores=restores)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Handler.front
        finally:
            server.shutdown()
            thread.join()
