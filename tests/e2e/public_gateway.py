"""A deployed API at the root of a host of its own, over TLS, with challenges renamed as API Gateway does it.

MiniStack has APIs below a path: clients that look for documents at the root of the host find nothing there.
It hands on ``WWW-Authenticate`` as it is.
"""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.e2e.cloud import Reply

CHALLENGE = "x-amzn-remapped-www-authenticate"
"""What ``WWW-Authenticate`` is called behind API Gateway."""

_PER_CONNECTION = frozenset(
    {"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding"}
)
_SECONDS = 10

Send = Callable[[str, bytes | None, dict[str, str], str], Reply]


class PublicGateway:
    """The address of an API, known before the API is there: it can be the ``PublicUrl`` of the stack.

    Attributes:
        url: its origin.
        target: the URL of the API, no slash at its end: ``stack.local(stack.outputs["ApiUrl"])``. While it is
            empty, requests are answered with 503.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.target = ""


@contextmanager
def public_gateway(
    send: Send, certificate: Path, key: Path, challenge: str = CHALLENGE
) -> Iterator[PublicGateway]:
    """Serve on a free loopback port until the context ends.

    Args:
        send: sends a request to the API; any status is an answer.
        certificate: of 127.0.0.1, as a file.
        key: of the certificate, as a file.
        challenge: what ``WWW-Authenticate`` is called.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _SECONDS

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0"))) or None
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in _PER_CONNECTION
            }
            if gateway.target:
                reply = send(f"{gateway.target}{self.path}", body, headers, self.command)
            else:
                reply = Reply(503, {}, b"")
            with suppress(OSError):  # the client has left
                self.answer(reply)

        def answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                if name not in _PER_CONNECTION:
                    self.send_header(challenge if name == "www-authenticate" else name, value)
            self.send_header("content-length", str(len(reply.body)))
            # No thread is left that waits for a further request.
            self.send_header("connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = forward  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        gateway = PublicGateway(f"https://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield gateway
        finally:
            server.shutdown()
            thread.join()
