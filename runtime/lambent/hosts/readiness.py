"""Whether a live host wants requests: asked by load balancers, and no longer true when its process is to end.

::

    SIGTERM  ──► not ready ── serves on for ``shutdown_delay`` seconds ──► the server's own end
                    └─ the load balancer notices, and sends requests elsewhere

As the API server of Kubernetes does it (``--shutdown-delay-duration``). A server such as uvicorn takes no
connections from SIGTERM on, while load balancers still send some.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from lambent.hosts.process_end import DelayedEnd
from lambent.wire.http import JSON_TYPE, HttpResponse

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Readiness:
    """Answers who asks whether the host is ready, and delays the end of its process.

    Args:
        path: where load balancers ask.
        delay: seconds for which it serves on after SIGTERM; 0: it is not delayed.
    """

    def __init__(self, path: str | None, delay: float) -> None:
        self._path = path
        self._end = DelayedEnd(delay) if delay > 0 else None

    def begin(self) -> None:
        """Take note of SIGTERM from now on; on the event loop of the process."""
        if self._end is not None:
            self._end.begin()

    def forget(self) -> None:
        """Take no more note of it."""
        if self._end is not None:
            self._end.forget()

    def answer(self, method: str, path: str) -> HttpResponse | None:
        """Say whether the host is ready; None if this is not what the request is for.

        A mounted application learns by such a request that it serves.
        """
        if self._path is None or method not in ("GET", "HEAD") or (path.rstrip("/") or "/") != self._path:
            return None
        self.begin()
        is_ready = self._end is None or not self._end.is_told
        headers = {"content-type": JSON_TYPE, "cache-control": "no-store"}
        body = b'{"status":"ready"}' if is_ready else b'{"status":"ending"}'
        return HttpResponse(200 if is_ready else 503, headers, body if method == "GET" else b"")

    def closing(self, scope: MutableMapping[str, Any], send: Send) -> Send:
        """Close connections behind their responses once the process is to end.

        Else a client could send a request on one while the server closes it, and not know what became of it.
        """
        end = self._end
        if end is None or scope.get("http_version", "1.1") not in ("1.0", "1.1"):
            return send

        async def closing(message: MutableMapping[str, Any]) -> None:
            if end.is_told and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        return closing
