"""Servers and applications behind one interface: a request in, a response out."""

import asyncio
import contextlib
import json
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

SECONDS = 6
_TOO_LONG = f"no response within {SECONDS} seconds"
ADDRESS = "127.0.0.1:8000"


class Reply:
    """An HTTP response, with the JSON-RPC messages of its body."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.text = body.decode(errors="replace")
        self.messages = self._read()

    def _read(self) -> list[dict[str, Any]]:
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            texts = [self.text] if self.text else []
        else:
            lines = self.text.replace("\r\n", "\n").split("\n")
            texts = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
        try:
            found = [json.loads(text) for text in texts if text]
        except ValueError:
            return []
        return [one for one in found if isinstance(one, dict)]


class Asgi:
    """An ASGI application, on an event loop in a thread, within its lifespan."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._done = asyncio.Event()
        self._started = threading.Event()
        self._error: BaseException | None = None
        self._lifespan = asyncio.run_coroutine_threadsafe(self._live(), self._loop)
        self._started.wait(SECONDS)
        if self._error is not None:
            raise self._error

    async def _live(self) -> None:
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "lifespan.startup"}
            await self._done.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                self._error = RuntimeError(message.get("message", "") or "the lifespan failed")
            if message["type"].startswith("lifespan.startup"):
                self._started.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        try:
            await self._app(scope, receive, send)
        except Exception:
            pass  # applications without a lifespan raise
        finally:
            self._started.set()

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The response to a request."""
        future = asyncio.run_coroutine_threadsafe(self._send(method, path, headers, body), self._loop)
        try:
            return future.result(SECONDS)
        except TimeoutError:
            future.cancel()
            raise TimeoutError(_TOO_LONG) from None

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        sent = False
        finished = asyncio.Event()
        status, response, chunks = 0, {}, []

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await finished.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal status, response
            if message["type"] == "http.response.start":
                status = message["status"]
                response = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            elif message["type"] == "http.response.body":
                chunks.append(message.get("body", b""))
                if not message.get("more_body"):
                    finished.set()

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", ADDRESS.encode())]
            + [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("203.0.113.7", 1234),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        await self._app(scope, receive, send)
        return Reply(status, response, b"".join(chunks))

    def close(self) -> None:
        """End the lifespan and the loop."""
        self._loop.call_soon_threadsafe(self._done.set)
        # What the application does at its end is not compared.
        with contextlib.suppress(Exception, asyncio.CancelledError):
            self._lifespan.result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)


class TookTooLongError(BaseException):
    """The alarm of this process went off; no handler takes it for one of its own errors."""


class Lambda:
    """A Lambda handler, called with the events of an HTTP API."""

    def __init__(self, handler: Any) -> None:
        from lambent.testing import events

        self._events = events
        self._handler = handler

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The response to a request."""
        front = self._events.FrontEndServer("http-api", path, None, "203.0.113.7")
        request = self._events.front_end_request(
            body,
            method=method,
            path=path,
            query="",
            headers=headers,
            host=ADDRESS,
            client_address="203.0.113.7",
        )
        left, _ = signal.setitimer(signal.ITIMER_REAL, SECONDS)
        start = time.monotonic()
        try:
            returned = self._handler(front.event(request), self._events.lambda_context(seconds=SECONDS))
        except TookTooLongError:
            raise TimeoutError(_TOO_LONG) from None
        finally:
            took = time.monotonic() - start
            if left:
                signal.setitimer(signal.ITIMER_REAL, max(left - took, 0.1))
        if took >= SECONDS:
            raise TimeoutError(_TOO_LONG)  # a coroutine that is cut off ends with an error of its own
        reply = front.reply(request, returned)
        # As API Gateway has it.
        renamed = {"x-amzn-remapped-www-authenticate": "www-authenticate"}
        response = {renamed.get(name, name): value for name, value in reply.headers.items()}
        return Reply(reply.status, response, reply.body)

    def close(self) -> None:
        """End its event loop."""
        close = getattr(self._handler, "close", None)
        if close:
            close()
