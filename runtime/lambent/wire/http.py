"""HTTP of the MCP endpoint (streamable HTTP, "Security & Endpoint" and "Sending Messages")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from lambent.errors import HttpRefusal, ProtocolError
from lambent.wire import jsonrpc
from lambent.wire.jsonrpc import RequestId

JSON_TYPE = "application/json"
SSE_TYPE = "text/event-stream"
SSE_HEADERS = {"content-type": SSE_TYPE, "cache-control": "no-cache", "x-accel-buffering": "no"}
SSE_KEEP_ALIVE = b":\n\n"
"""A comment that keeps an idle stream open; clients ignore it."""

DEFAULT_BODY_LIMIT = 6 * 1024 * 1024
"""Bytes: what Lambda takes as the payload of a synchronous invocation."""

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

_ALLOWED_HEADERS = frozenset(
    {
        *("accept", "authorization", "content-type", "dpop", "last-event-id"),
        *("mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"),
    }
)
# The last one is what API Gateway and function URLs make of the first one.
_EXPOSED_HEADERS = (
    "WWW-Authenticate, MCP-Protocol-Version, Mcp-Session-Id, Retry-After, X-Amzn-Remapped-WWW-Authenticate"
)
# Compiled at first use: patterns of what few requests contain would slow down every cold start.
_PARAM_HEADER = r"mcp-param-[!#$%&'*+\-.^_`|~0-9a-z]+"
_ZERO = r"q=0(\.0{0,3})?"


class Request(msgspec.Struct, frozen=True):
    """What the platform says of one request, the same for every host.

    Attributes:
        method: the HTTP method in upper case; empty on stdio, and when a worker runs a task.
        path: as routed, still percent-encoded.
        headers: names in lower case; values of repeated headers joined with ``", "``.
        body: bytes, or text where the host already has it as text.
        query: the raw query string, without ``?``.
        domain: the host name by which the platform routed the request, where it says so; never the ``Host``
            header, which an attacker chooses in DNS rebinding.
        root: what public paths have in front of ``path``, such as the name of a stage.
        mount: the beginning of ``path`` below which another application has this server; else empty.
        client_address: the IP address that the platform received the request from, such as a proxy's; never
            a header that the client alone has written. None where the platform does not say.
        authorizer: what the platform's authorizer found out about the caller, in the platform's own form.
        event: the Lambda event; None elsewhere.
        context: Lambda's context object; None elsewhere.
    """

    method: str = ""
    path: str = ""
    headers: dict[str, str] = {}
    body: bytes | str = b""
    query: str = ""
    domain: str | None = None
    root: str = ""
    mount: str = ""
    client_address: str | None = None
    authorizer: Mapping[str, Any] | None = None
    event: Mapping[str, Any] | None = None
    context: Any = None


class HttpResponse(msgspec.Struct):
    """One HTTP response, header names in lower case; the body is what has not been streamed yet."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


def error_response(error: ProtocolError, request_id: RequestId | UnsetType = UNSET) -> HttpResponse:
    """The response to a request that ends with an error; an unset id is left out."""
    body = jsonrpc.failure(request_id, error.code, error.message, error.data)
    return HttpResponse(error.status, {"content-type": JSON_TYPE, **error.headers}, body)


def sse_frame(message: bytes) -> bytes:
    """Wrap one encoded JSON-RPC message, which has no line breaks, as a server-sent event (HTML standard)."""
    return b"event: message\ndata: " + message + b"\n\n"


def sse_priming(event_id: str, retry_ms: int) -> bytes:
    """An event without a message, from which a client resumes the stream after so many milliseconds.

    Its empty data is needed: clients take no notice of an event without data (SEP-1699).
    """
    return f"id: {event_id}\nretry: {retry_ms}\ndata:\n\n".encode()


class HttpPolicy(msgspec.Struct, frozen=True):
    """What the deployment allows.

    Attributes:
        body_limit: bytes of a request body.
        allowed_origins: such as ``https://app.example.com``, besides the own host and localhost; or ``*``.
        allowed_headers: what pages may send besides what the protocol needs, in lower case: headers with
            credentials.
    """

    body_limit: int = DEFAULT_BODY_LIMIT
    allowed_origins: frozenset[str] = frozenset()
    allowed_headers: frozenset[str] = frozenset()


class Accepts(msgspec.Struct, frozen=True):
    """The media types that the client accepts."""

    json: bool
    sse: bool


_BOTH = Accepts(json=True, sse=True)
STREAM = Accepts(json=False, sse=True)
"""What a client takes that has been sent a part of a stream."""

_USUAL_ACCEPT = f"{JSON_TYPE}, {SSE_TYPE}"


def check_post(request: Request, policy: HttpPolicy) -> Accepts:
    """Apply the HTTP rules to a POST.

    Raises:
        HttpRefusal: 403 origin, 406 accept, 413 size, 415 content type or encoding.
    """
    headers = request.headers
    origin = headers.get("origin")
    if origin is not None:
        check_origin(origin, request.domain, policy)
    content_type = headers.get("content-type", "")
    if content_type != JSON_TYPE:
        _check_type(content_type.lower())
    encoding = headers.get("content-encoding")
    if encoding is not None and not {"identity", ""}.issuperset(map(str.strip, encoding.lower().split(","))):
        text = "Content-Encoding is not supported: send the body uncompressed"
        raise HttpRefusal(415, text, {"accept-encoding": "identity"})  # RFC 9110, section 12.5.3
    body = request.body
    size = len(body) if isinstance(body, bytes) or body.isascii() else len(body.encode(errors="replace"))
    if size > policy.body_limit:
        raise HttpRefusal(413, f"The request body is larger than {policy.body_limit} bytes")
    return _accepts(headers.get("accept", "*/*"))


def check_other(request: Request, policy: HttpPolicy) -> None:
    """Apply the HTTP rules to a request that is no POST.

    Raises:
        HttpRefusal: 403 origin, 405 method.
    """
    origin = request.headers.get("origin")
    if origin is not None:
        check_origin(origin, request.domain, policy)
    if request.method not in ("GET", "DELETE"):
        raise not_allowed(f"Method {request.method} is not allowed; use POST")


def not_allowed(message: str) -> HttpRefusal:
    """The refusal of a method: 405."""
    return HttpRefusal(405, message, {"allow": "POST"})


def _check_type(content_type: str) -> None:
    media, *parameters = content_type.split(";")
    if media.strip() != JSON_TYPE:
        raise HttpRefusal(415, f"Content-Type must be {JSON_TYPE}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            raise HttpRefusal(415, "The charset must be utf-8: JSON is sent in UTF-8 only (RFC 8259)")


def _accepts(accept: str) -> Accepts:
    if accept == _USUAL_ACCEPT:
        return _BOTH
    accept = accept.lower()
    if JSON_TYPE in accept and SSE_TYPE in accept and "q=" not in accept:
        return _BOTH
    qualities: dict[str, bool] = {}
    for part in accept.split(","):
        media, *params = (piece.strip() for piece in part.split(";"))
        qualities[media] = not any(re.fullmatch(_ZERO, param.replace(" ", "")) for param in params)
    json, sse = _wanted(qualities, JSON_TYPE), _wanted(qualities, SSE_TYPE)
    if not (json or sse):
        raise HttpRefusal(406, f"Accept must allow {JSON_TYPE} and {SSE_TYPE}")
    return Accepts(json, sse)


def _wanted(qualities: dict[str, bool], media: str) -> bool:
    """Whether a media type is accepted: the most specific range decides (RFC 9110, section 12.5.1)."""
    kind = media.partition("/")[0]
    return next((qualities[name] for name in (media, f"{kind}/*", "*/*") if name in qualities), False)


class OriginRefusedError(HttpRefusal):
    """A page of this origin may not call the server: nor may it read the refusal."""

    def __init__(self) -> None:
        super().__init__(403, "Origin is not allowed")


def check_origin(origin: str, domain: str | None, policy: HttpPolicy) -> None:
    """Refuse requests of browsers from origins that are not allowed (protection against DNS rebinding).

    ``domain`` is that of the ``Request``.

    Raises:
        HttpRefusal: 403.
    """
    # Browsers send printable ASCII only; anything else must not be copied into a response header.
    if not (origin.isascii() and origin.isprintable()):
        raise OriginRefusedError
    if "*" in policy.allowed_origins or origin in policy.allowed_origins:
        return
    from urllib.parse import urlsplit  # takes 3 ms to import, and only browsers send an origin

    try:
        parts = urlsplit(origin)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise OriginRefusedError
    own = domain.partition(":")[0].lower() if isinstance(domain, str) and domain[:1] != "[" else None
    if host not in LOCAL_HOSTS and host != own:
        raise OriginRefusedError


def preflight(request: Request, policy: HttpPolicy) -> HttpResponse:
    """Answer ``OPTIONS``: a CORS preflight where it has an origin (Fetch standard, "CORS protocol").

    Raises:
        HttpRefusal: 403, the origin is not allowed.
    """
    origin = request.headers.get("origin")
    headers = {"allow": "GET, POST, DELETE, OPTIONS"}
    if origin is not None:
        check_origin(origin, request.domain, policy)
        headers |= _allowed(request, "GET, POST, DELETE, OPTIONS", policy.allowed_headers)
    return HttpResponse(204, headers)


def open_preflight(request: Request, methods: str) -> HttpResponse:
    """Answer ``OPTIONS`` where pages of every origin may send requests with these methods."""
    headers = {"allow": methods, "access-control-allow-origin": "*"}
    return HttpResponse(204, {**headers, **_allowed(request, methods)})


def _allowed(request: Request, methods: str, more: frozenset[str] = frozenset()) -> dict[str, str]:
    """The headers of a preflight's response that say what a page may send."""
    asked = request.headers.get("access-control-request-headers", "").lower().split(",")
    mirrored = (name for name in map(str.strip, asked) if re.fullmatch(_PARAM_HEADER, name))
    names = sorted(_ALLOWED_HEADERS.union(more, mirrored))
    return {
        "access-control-allow-methods": methods,
        "access-control-allow-headers": ", ".join(names),
        "access-control-max-age": "7200",
    }


def not_found(request: Request) -> HttpResponse:
    """Answer a request for a path with nothing behind it: 404, and pages of every origin may read that."""
    if request.method == "OPTIONS":
        return open_preflight(request, "GET, HEAD, POST, OPTIONS")
    body = b'{"error":"not_found","error_description":"There is nothing at this path."}'
    headers = {"access-control-allow-origin": "*", "content-type": JSON_TYPE}
    return HttpResponse(404, headers, b"" if request.method == "HEAD" else body)


def cors_headers(request_headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that let a page of an allowed origin read the response; none without an origin."""
    origin = request_headers.get("origin")
    if origin is None:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": _EXPOSED_HEADERS,
        "vary": "Origin",
    }
