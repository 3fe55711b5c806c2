"""Events and responses, as far as a router reads them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from lambent.hosts.aws_lambda.events import UnknownEventError, format_of
from lambent.wire.headers import decode_value
from lambent.wire.http import JSON_TYPE

_NAMES = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_OF_NO_CALLER = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "cache-control", "connection", "content-length"),
        *(
            "content-type",
            "host",
            "mcp-method",
            "mcp-protocol-version",
            "pragma",
            "traceparent",
            "tracestate",
        ),
        *("user-agent", "via", "x-amz-cf-id", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port"),
        "x-forwarded-proto",
    }
)
"""Headers that identify nobody. All others may: keys of an API can be in any."""


class _RoutedMessage(Struct):
    jsonrpc: str = "2.0"
    id: Raw = Raw(b"null")
    method: str = ""
    params: dict[str, Raw] = {}
    result: Raw = Raw()
    error: Raw = Raw()


class Incoming:
    """A request of a client.

    Attributes:
        event: as it came.
        method: of JSON-RPC; empty where there is none, as in a GET or a response.
    """

    def __init__(self, event: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.event = event
        self._headers = headers
        self._decoded: _RoutedMessage | None = None
        self.method = ""
        if event["requestContext"]["http"]["method"] == "POST":
            self.method = headers.get("mcp-method") or self._message.method

    @property
    def _message(self) -> _RoutedMessage:
        if self._decoded is None:
            try:
                self._decoded = msgspec.json.decode(_text(self.event), type=_RoutedMessage)
            except (msgspec.DecodeError, ValueError):
                self._decoded = _RoutedMessage()  # the function says what is wrong with it
        return self._decoded

    def name(self) -> str:
        """Of what is called, got or read.

        Raises:
            HeaderMismatchError: the header is none that a client may send.
        """
        given = self._headers.get("mcp-name")
        return self._text(_NAMES[self.method]) if given is None else decode_value("Mcp-Name", given)

    def task_id(self) -> str:
        """The id of the task that the request is about."""
        return self._text("taskId")

    def _text(self, member: str) -> str:
        try:
            return msgspec.json.decode(self._message.params.get(member, b'""'), type=str)
        except msgspec.DecodeError:
            return ""

    def abilities(self) -> str:
        """What lists may depend on besides the caller: the protocol and what the client can do."""
        meta = msgspec.json.decode(self._message.params.get("_meta", b"{}"))
        if not isinstance(meta, dict):
            meta = {}
        told = {name: value for name, value in meta.items() if name.endswith(("apabilities", "ersion"))}
        return msgspec.json.encode(
            [self._headers.get("mcp-protocol-version"), self._headers.get("mcp-session-id"), told],
            order="sorted",
        ).decode()

    def asking(self, method: str, cursor: str | None = None) -> dict[str, Any]:
        """The event of the same caller that asks for a list, from the beginning or behind a cursor."""
        own = self._message
        params = {name: value for name, value in own.params.items() if name != "cursor"}
        if method != own.method:
            params = {"_meta": own.params["_meta"]} if "_meta" in own.params else {}
        if cursor is not None:
            params["cursor"] = Raw(msgspec.json.encode(cursor))
        body = {"jsonrpc": "2.0", "id": own.id, "method": method, "params": params}
        return self._event(body, {"mcp-method": method, "mcp-name": None})

    def with_task(self, task_id: str) -> dict[str, Any]:
        """The event with another id of the task."""
        own = self._message
        params = {**own.params, "taskId": Raw(msgspec.json.encode(task_id))}
        body = {"jsonrpc": own.jsonrpc, "id": own.id, "method": own.method, "params": params}
        return self._event(body, {"mcp-name": task_id if "mcp-name" in self._headers else None})

    def _event(self, body: Any, changed: Mapping[str, str | None]) -> dict[str, Any]:
        headers = {**self._headers, **changed, "content-length": None}
        if "mcp-method" not in self._headers:
            headers["mcp-method"] = None  # a client of the legacy era
        return {
            **self.event,
            "headers": {name: value for name, value in headers.items() if value is not None},
            "body": msgspec.json.encode(body).decode(),
            "isBase64Encoded": False,
        }

    def answer(self, result: Raw, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A response with a result."""
        return self._written(200, {"result": result}, headers)

    def error(
        self, status: int, code: int, text: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """A response with an error."""
        return self._written(status, {"error": {"code": code, "message": text}}, headers)

    def _written(
        self, status: int, members: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": self._message.id, **members}).decode()
        return {
            "statusCode": status,
            "headers": {**(headers or {}), "content-type": JSON_TYPE},
            "body": body,
            "isBase64Encoded": False,
        }


def read_incoming(event: Mapping[str, Any]) -> Incoming:
    """Read an event of an HTTP API (payload 2.0), of a function URL or of a load balancer.

    Functions get that of a load balancer as an HTTP API would send it, so that there is one kind to read.

    Raises:
        UnknownEventError: it is none.
    """
    try:
        if "elb" in event["requestContext"]:
            event = _as_http_api(event)
        event["requestContext"]["http"]["method"]
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    except (AttributeError, KeyError, TypeError):
        raise UnknownEventError(
            "A router takes events of HTTP APIs (payload 2.0), function URLs and load balancers"
        ) from None
    return Incoming(event, headers)


def _as_http_api(event: Mapping[str, Any]) -> dict[str, Any]:
    body = event.get("body") or ""
    # The body is passed on as it came: a function says what is wrong with it.
    request = format_of(event)[0]({**event, "body": ""}, None)
    http = {"method": request.method, "path": request.path, "sourceIp": request.client_address}
    # Its limit of a response counts for the function too.
    context = {"http": http, "stage": "$default", "elb": event["requestContext"]["elb"]}
    return {
        "version": "2.0",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": request.headers,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": bool(body) and bool(event.get("isBase64Encoded")),
    }


SESSION_HEADER = "mcp-session-id"
_SESSION_MARK = "~"
"""Between the tokens of functions, which have none."""


def joined_sessions(answers: Sequence[Answer]) -> str:
    """One session of the legacy era for those that functions have begun, each with a token of its own."""
    tokens = [answer.written.get("headers", {}).get(SESSION_HEADER, "") for answer in answers]
    return _SESSION_MARK.join(tokens) if any(tokens) else ""


def with_own_session(event: Mapping[str, Any], position: int) -> Mapping[str, Any]:
    """The event with a function's own token of a session; what has no session stays as it is."""
    headers = event.get("headers") or {}
    found = [name for name in headers if name.lower() == SESSION_HEADER]
    if not found:
        return event
    tokens = headers[found[0]].split(_SESSION_MARK)
    others = {name: value for name, value in headers.items() if name not in found}
    own = {SESSION_HEADER: tokens[position]} if position < len(tokens) and tokens[position] else {}
    return {**event, "headers": {**others, **own}}


def caller_of(event: Mapping[str, Any]) -> str:
    """A digest of everything in an event that may say who calls."""
    headers = {
        name.lower(): value
        for name, value in (event.get("headers") or {}).items()
        if name.lower() not in _OF_NO_CALLER
    }
    context = event["requestContext"]
    told = [headers, event.get("cookies"), context.get("authorizer"), context.get("authentication")]
    return hashlib.sha256(msgspec.json.encode([*told, event.get("rawPath")], order="sorted")).hexdigest()


class Answer(Struct, frozen=True):
    """What a function returned.

    Attributes:
        written: the response as it is.
        id: of the request, as JSON.
        result: None where it has none.
        code: of its error; 0 where it has none.
    """

    written: Any
    id: Raw = Raw(b"null")
    result: dict[str, Any] | None = None
    code: int = 0

    def replaced(self, result: Mapping[str, Any]) -> str:
        """The body, with another result."""
        return msgspec.json.encode({"jsonrpc": "2.0", "id": self.id, "result": result}).decode()


_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, msgspec.DecodeError)


def read_answer(written: Any) -> Answer:
    """Read a response; what is no JSON-RPC has no result and no error."""
    try:
        message = msgspec.json.decode(_text(written), type=_RoutedMessage)
        result = msgspec.json.decode(message.result) if message.result else None
        return Answer(
            written, message.id.copy(), result if isinstance(result, dict) else None, _code_of(message)
        )
    except _UNREADABLE:
        return Answer(written)


def read_code(written: Any) -> int:
    """The code of the error in a response; 0 where it has none. A result stays unread: it may be large."""
    try:
        return _code_of(msgspec.json.decode(_text(written), type=_RoutedMessage))
    except _UNREADABLE:
        return 0


def _code_of(message: _RoutedMessage) -> int:
    return int(msgspec.json.decode(message.error).get("code", 0)) if message.error else 0


def with_body(written: Mapping[str, Any], body: str) -> dict[str, Any]:
    """A response with another body."""
    return {**written, "body": body, "isBase64Encoded": False}


def _text(carrier: Mapping[str, Any]) -> str | bytes:
    body = carrier.get("body") or ""
    return base64.b64decode(body, validate=True) if carrier.get("isBase64Encoded") else body
