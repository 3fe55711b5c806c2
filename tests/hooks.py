"""An endpoint on this machine to which events are delivered, for tests of real requests."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

SECONDS = 20.0
"""How long a test may hang before it fails."""


class HookRequest(msgspec.Struct):
    """A request that has come; names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Hook:
    """An HTTP server that answers challenges, and keeps the deliveries that it gets.

    Attributes:
        statuses: of the answers to the next deliveries; 204 when there are none left.
        challenges: the requests that ask whether deliveries are wanted.
        deliveries: the others.
        hold: while it is not set, deliveries are not answered.
    """

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.challenges: list[HookRequest] = []
        self.deliveries: list[HookRequest] = []
        self.hold = threading.Event()
        self.hold.set()
        self._changed = threading.Condition()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                hook._answer(self, HookRequest(self.path, headers, body))

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def wait(self, count: int) -> list[HookRequest]:
        """The deliveries, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.deliveries) >= count, SECONDS), self.deliveries
            return list(self.deliveries)

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler, request: HookRequest) -> None:
        if request.json.get("type") == "verification":
            self.challenges.append(request)
            status, body = 200, json.dumps({"challenge": request.json["challenge"]}).encode()
        else:
            with self._changed:
                self.deliveries.append(request)
                self._changed.notify_all()
            self.hold.wait(SECONDS)
            status, body = self.statuses.pop(0) if self.statuses else 204, b""
        try:
            handler.send_response(status)
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:  # nobody waits for it any more
            pass


def hooks() -> Iterator[Hook]:
    """A fixture: an endpoint."""
    made = Hook()
    yield made
    made.close()
