"""An endpoint of a subscriber on this machine, which takes what it is sent as Standard Webhooks have it."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

SECONDS = 30


class Delivery(NamedTuple):
    """A delivery that was signed."""

    headers: dict[str, str]
    body: dict[str, Any]


class Receiver:
    """What came to an endpoint.

    Attributes:
        url: of the endpoint.
        secret: with which deliveries are signed.
        challenges: the handshakes that it has answered.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.secret = f"whsec_{base64.b64encode(hashlib.sha256(url.encode()).digest()).decode()}"
        self.challenges: list[Delivery] = []
        self._deliveries: list[Delivery] = []
        self._changed = threading.Condition()

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """The status and the body with which it answers."""
        if not self._is_signed(headers, body):
            return 401, {}
        delivery = Delivery(headers, json.loads(body))
        with self._changed:
            if delivery.body.get("type") == "verification":
                self.challenges.append(delivery)
                return 200, {"challenge": delivery.body["challenge"]}
            self._deliveries.append(delivery)
            self._changed.notify_all()
            return 204, {}

    def wait_for(self, event_id: str) -> Delivery:
        """The delivery of an occurrence, once it is there."""
        with self._changed:
            assert self._changed.wait_for(lambda: event_id in self.told, SECONDS), self._deliveries
            return next(one for one in self._deliveries if one.body["eventId"] == event_id)

    @property
    def told(self) -> list[str]:
        """The ids of the occurrences that were delivered, as often as they were."""
        return [one.body["eventId"] for one in self._deliveries]

    def _is_signed(self, headers: dict[str, str], body: bytes) -> bool:
        sent_at = headers["webhook-timestamp"]
        signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        wanted = f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
        is_recent = abs(time.time() - int(sent_at)) < 300
        return is_recent and wanted in headers["webhook-signature"].split(" ")


@contextmanager
def receiver() -> Iterator[Receiver]:
    """An endpoint at an address of this machine, over plain HTTP."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = made.take(headers, body)
            content = json.dumps(answer).encode() if status == 200 else b""
            self.send_response(status)
            self.send_header("content-type", "application/json")
            if status != 204:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Receiver(f"http://127.0.0.1:{server.server_port}/hooks/refunds")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
