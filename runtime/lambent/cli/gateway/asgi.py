"""The gateway as an ASGI application: HTTP to event, event to an environment, its result to HTTP."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from lambent.cli.gateway.environment import Failed, Outcome
from lambent.cli.gateway.kinds import EVENT_LIMIT, Kind
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.messages import (
    DEFAULT_STAGE,
    Api,
    Arrival,
    FrontEndRequest,
    FrontEndResponse,
    Headers,
)
from lambent.cli.gateway.pool import Pool, PoolClosedError
from lambent.cli.gateway.responses import BODILESS, MalformedResponseError
from lambent.cli.gateway.streaming import ResponseParts
from lambent.execution.log_records import one_line

AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]

# The header lines with the case of the client, which ASGI itself does not keep.
RAW_HEADERS: Final = "lambent.raw_headers"

# Of a body that is too large so much more is read: a client that is still sending does not read the answer.
_DRAIN_LIMIT: Final = 64 * 1024 * 1024


# AWS routes by host name, so a function gets only requests with its own. Here a page could send requests that
# rebinds its DNS name to the loopback address; addresses and localhost cannot be rebound.
_FORBIDDEN: Final = FrontEndResponse(403, (("content-type", "application/json"),), b'{"message":"Forbidden"}')


class ClientGoneError(Exception):
    """The client disconnected before its request was complete."""


class BodyTooLargeError(Exception):
    """The request's body is larger than the front end takes."""


class GatewayApp:
    """Serves every path with the same function, as the `$default` route of an HTTP API does.

    Args:
        pool: The environments.
        kind: The front end.
        api: Its configuration.
        log: Where each request is noted.
    """

    def __init__(self, pool: Pool, kind: Kind, api: Api, log: Log) -> None:
        self._pool = pool
        self._kind = kind
        self._api = api
        self._log = log

    async def __call__(self, scope: AsgiMessage, receive: Receive, send: Send) -> None:
        """Answer one request; see the ASGI specification.

        Args:
            scope: The connection.
            receive: Gives the parts of the request.
            send: Takes the parts of the response.
        """
        if scope["type"] != "http":
            return
        start = time.perf_counter()
        arrival = Arrival.now()
        note = ""
        calls: tuple[str, ...] = ()
        sender = _Sender(send, self._kind.ids(arrival))
        try:
            body = await _read_body(receive, self._kind.body_limit)
        except ClientGoneError:
            return
        except BodyTooLargeError:
            response, note = self._kind.too_large, "(body too large)"
        else:
            request = _request(scope, body, self._api)
            if _is_foreign(request.value("host")):
                response, note = _FORBIDDEN, "(foreign host)"
            else:
                response, note, calls = await self._answer(request, arrival, sender)
        if not sender.has_begun:
            await sender.send(response)
        elapsed = (time.perf_counter() - start) * 1000
        # Still percent-encoded: no control character of a path reaches the terminal.
        path = scope["raw_path"].decode("latin-1")
        line = f"{scope['method']} {path} {response.status} {elapsed:.1f} ms {note}".rstrip()
        self._log.calls(line, calls)

    async def _answer(
        self, request: FrontEndRequest, arrival: Arrival, sender: _Sender
    ) -> tuple[FrontEndResponse, str, tuple[str, ...]]:
        event = json.dumps(self._kind.event(request, self._api, arrival), ensure_ascii=False).encode()
        if len(event) > EVENT_LIMIT:
            return self._kind.too_large, "(event too large)", ()
        try:
            environment = await self._pool.acquire()
        except PoolClosedError:
            return self._kind.failed, "(gateway stopped)", ()
        parts = ResponseParts()
        invocation = self._pool.invoke(environment, event, arrival, parts.take)
        invocation.add_done_callback(lambda _: parts.end())
        # The invocation continues after the front end's timeout, until its own.
        either: set[asyncio.Future[Any]] = {invocation, parts.head}
        await asyncio.wait(either, timeout=self._kind.timeout, return_when=asyncio.FIRST_COMPLETED)
        calls: tuple[str, ...] = ()
        if parts.head.done():
            response, note, calls = await self._stream(parts, request, invocation, sender)
        elif invocation.done():
            outcome = invocation.result()
            response, note = self._translate(outcome, request)
            calls = outcome.calls
            if not (calls or note) and response.status in (401, 503):
                note = _reason(response.body)
        else:
            response, note = self._kind.timed_out, f"(front end timed out after {self._kind.timeout:g} s)"
        return response, f"environment {environment.number} {note}", calls

    async def _stream(
        self,
        parts: ResponseParts,
        request: FrontEndRequest,
        invocation: asyncio.Task[Outcome],
        sender: _Sender,
    ) -> tuple[FrontEndResponse, str, tuple[str, ...]]:
        """Send a response in parts; where it fails in the middle, it ends there, as in Lambda."""
        try:
            response = self._kind.response(parts.head.result(), request, self._api)
        except MalformedResponseError as error:
            return self._kind.failed, f"(malformed result: {error})", ()
        await sender.begin(response)
        async for part in parts.body():
            await sender.write(part)
        await sender.end()
        outcome = await invocation
        note = f"({outcome.reason.value})" if isinstance(outcome, Failed) else ""
        return response, note, outcome.calls

    def _translate(self, outcome: Outcome, request: FrontEndRequest) -> tuple[FrontEndResponse, str]:
        if isinstance(outcome, Failed):
            detail = f": {outcome.detail}" if outcome.detail else ""
            return self._kind.failed, f"({outcome.reason.value}{detail})"
        if len(outcome.payload) > self._kind.payload_limit:
            return self._kind.failed, f"(result too large: {len(outcome.payload)} bytes)"
        try:
            return self._kind.response(outcome.payload, request, self._api), ""
        except MalformedResponseError as error:
            return self._kind.failed, f"(malformed result: {error})"


def _reason(body: bytes) -> str:
    """Why a request was refused before it was a call, such as for its token: the message of its error."""
    try:
        text = json.loads(body)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return ""
    return one_line(str(text))[:200]


def _is_foreign(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name != "localhost" and not name.endswith(".localhost") and name != ""
    return False


def _request(scope: AsgiMessage, body: bytes, api: Api) -> FrontEndRequest:
    path = scope["raw_path"].decode("latin-1") or "/"
    # A client may use the URL that the function sees, which names the stage.
    if api.stage != DEFAULT_STAGE and path.startswith(f"/{api.stage}/"):
        path = path.removeprefix(f"/{api.stage}")
    client, server = scope.get("client"), scope.get("server")
    return FrontEndRequest(
        method=scope["method"],
        path=path,
        query=scope["query_string"].decode("latin-1"),
        headers=_headers(scope),
        body=body,
        source_ip=client[0] if client else "127.0.0.1",
        port=(server[1] if server else None) or 80,
        scheme=scope["scheme"],
        http_version=scope["http_version"],
    )


def _headers(scope: AsgiMessage) -> Headers:
    raw: list[tuple[bytes, bytes]] | None = scope.get(RAW_HEADERS)
    if raw is None:
        raw = [(name.title(), value) for name, value in scope["headers"]]
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)


async def _read_body(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    more = True
    while more and size <= limit + _DRAIN_LIMIT:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        more = message.get("more_body", False)
    if size > limit:
        raise BodyTooLargeError
    return b"".join(parts)


class _Sender:
    """Sends one response; ``ids`` are the headers with the ids of the request."""

    def __init__(self, send: Send, ids: Headers) -> None:
        self._send = send
        self._ids = ids
        self.has_begun = False

    async def send(self, response: FrontEndResponse) -> None:
        """Send a response as a whole."""
        length = (("content-length", str(len(response.body))),)
        await self.begin(response, () if response.status in BODILESS else length)
        await self._send({"type": "http.response.body", "body": response.body})

    async def begin(self, response: FrontEndResponse, more: Headers = ()) -> None:
        """Send the status and headers."""
        self.has_begun = True
        lines = (*response.headers, *self._ids, *more)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines]
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})

    async def write(self, part: bytes) -> None:
        """Send a part of the body."""
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def end(self) -> None:
        """End the body."""
        await self._send({"type": "http.response.body", "body": b""})
