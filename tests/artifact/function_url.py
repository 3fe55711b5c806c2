"""A Function URL on a loopback port, in front of functions that run under a client of the Runtime API.

With ``InvokeMode: RESPONSE_STREAM`` the parts of a response go on as they come. A client that hangs up does
not stop a function. https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
"""

import base64
import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.artifact.runtime_api import ExecutionEnvironment, Said

_DOMAIN = "abc.lambda-url.eu-west-1.on.aws"
_END_OF_HEAD = bytes(8)


EventOf = Callable[[str, str, Sequence[tuple[str, str]], bytes], Any]
"""Makes an event of a request: of its method, target, headers and body."""


class FunctionUrl:
    """Hands each request to the environment that has been idle for the longest time.

    Args:
        environments: of the function.
        make_event: what of; a front end of another kind has other events.

    Attributes:
        address: the URL, without a path.
    """

    def __init__(
        self, environments: Sequence[ExecutionEnvironment], make_event: EventOf | None = None
    ) -> None:
        self._make_event = make_event or event_of
        self._idle: queue.Queue[ExecutionEnvironment] = queue.Queue()
        for environment in environments:
            environment.wait_ready()
            self._idle.put(environment)
        url = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Parts are small: none waits until the one before it is acknowledged.
            disable_nagle_algorithm = True

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def do_POST(self) -> None:
                url._serve(self)

            do_GET = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = do_POST  # noqa: N815 - names of the library

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _serve(self, client: BaseHTTPRequestHandler) -> None:
        body = client.rfile.read(int(client.headers.get("content-length") or 0))
        event = self._make_event(client.command, client.path, client.headers.items(), body)
        environment = self._idle.get()
        try:
            _Answer(client).take(invoke(environment, event))
        finally:
            self._idle.put(environment)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def invoke(environment: ExecutionEnvironment, event: Any) -> Iterator[bytes | Said]:
    """The parts of the response to an event, and in the end the whole of it, or an error."""
    told: queue.Queue[bytes | Said] = queue.Queue()
    environment.api.listener = told.put
    request_id = environment.begin(event)
    while True:
        one = told.get(timeout=60)
        if isinstance(one, bytes):
            yield one
        elif request_id in one.path:
            environment.api.listener = lambda _: None
            yield one
            return


def event_of(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """A request as a Function URL tells it."""
    path, _, query = target.partition("?")
    named: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        named[key] = f"{named[key]},{value}" if key in named else value
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {**named, "host": _DOMAIN},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc",
            "domainName": _DOMAIN,
            "domainPrefix": "abc",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": named.get("user-agent", ""),
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
        },
    }
    try:
        return {**event, "body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {**event, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


class _Answer:
    """Writes what a function answers to a client of HTTP."""

    def __init__(self, client: BaseHTTPRequestHandler) -> None:
        self._client = client
        self._head: bytes | None = b""
        self._write: Callable[[bytes], object] = client.wfile.write

    def take(self, parts: Iterator[bytes | Said]) -> None:
        """Write all parts; of a client that has gone, the rest is read and dropped."""
        for part in parts:
            if isinstance(part, bytes):
                self._take_part(part)
            elif part.chunks:
                self._send(b"0\r\n\r\n")
            else:
                self._take_whole(part)

    def _take_part(self, part: bytes) -> None:
        if self._head is not None:
            self._head += part
            text, end, rest = self._head.partition(_END_OF_HEAD)
            if not end:
                return
            self._head, part = None, rest
            head = json.loads(text)
            self._begin(head["statusCode"], {**head["headers"], "Transfer-Encoding": "chunked"})
        if part:
            self._send(b"%x\r\n%b\r\n" % (len(part), part))

    def _take_whole(self, said: Said) -> None:
        """What a function returns that does not stream, or its failure."""
        if not said.path.endswith("/response"):
            self._begin(502, {"Content-Length": "21"})
            self._send(b"Internal Server Error")
            return
        written = json.loads(said.body)
        body = written["body"].encode()
        self._begin(written["statusCode"], {**written["headers"], "Content-Length": str(len(body))})
        self._send(body)

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        try:
            self._client.send_response(status)
            for name, value in headers.items():
                self._client.send_header(name, value)
            self._client.end_headers()
        except ConnectionError:
            self._write = lambda _: None

    def _send(self, data: bytes) -> None:
        try:
            self._write(data)
        except ConnectionError:
            self._client.close_connection = True
            self._write = lambda _: None
