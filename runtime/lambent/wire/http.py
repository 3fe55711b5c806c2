"""HTTP as the MCP endpoint sees it: one request, one response, and the rules before any JSON is read.

Streamable HTTP, "Security & Endpoint" and "Sending Messages".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from lambent.errors import HttpRefusal

JSON_TYPE = "application/json"
SSE_TYPE = "text/event-stream"

DEFAULT_BODY_LIMIT = 6 * 1024 * 1024
"""Bytes: what Lambda accepts as the payload of a synchronous invocation."""

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
"""This machine itself."""

_ALLOWED_HEADERS = frozenset(
    {
        "accept",
        "authorization",
        "content-type",
        "last-event-id",
        "mcp-method",
        "mcp-name",
        "mcp-protocol-version",
        "mcp-session-id",
    }
)
_PARAM_HEADER = re.compile(r"mcp-param-[!#$%&'*+\-.^_`|~0-9a-z]+")
_ZERO = re.compile(r"q=0(\.0{0,3})?")
_PREFLIGHT_SECONDS = "7200"


class HttpRequest(msgspec.Struct, frozen=True):
    """One HTTP request, whichever host brought it.

    Attributes:
        method: in upper case.
        path: as routed, still percent-encoded.
        headers: names in lower case; values of repeated headers joined with ``", "``.
        body: bytes, or text where the host already has it as text.
        query: the raw query string, without ``?``.
        domain: the host name under which the platform routed the request, where it vouches for one.
            Never the client's own ``Host`` header: DNS rebinding would choose that.
        root: what public paths have in front of ``path``, such as the name of a stage.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | str = b""
    query: str = ""
    domain: str | None = None
    root: str = ""


class HttpResponse(msgspec.Struct):
    """One HTTP response.

    Attributes:
        status: HTTP status code.
        headers: names in lower case.
        body: the whole body, or what is left of it where earlier parts were streamed.
    """

    status: int
    headers: dict[str, str]
    body: bytes = b""


class HttpPolicy(msgspec.Struct, frozen=True):
    """What the deployment allows.

    Attributes:
        body_limit: bytes of a request body.
        allowed_origins: origins such as ``https://app.example.com``, besides the server's own host and
            localhost; ``"*"`` allows every origin.
    """

    body_limit: int = DEFAULT_BODY_LIMIT
    allowed_origins: frozenset[str] = frozenset()


class Accepts(msgspec.Struct, frozen=True):
    """Which kinds of response the client can read."""

    json: bool
    sse: bool


_BOTH = Accepts(json=True, sse=True)


def check_post(request: HttpRequest, policy: HttpPolicy) -> Accepts:
    """Apply the HTTP rules to a POST.

    Raises:
        HttpRefusal: 403 origin, 405 method, 406 accept, 413 size, 415 content type.
    """
    headers = request.headers
    origin = headers.get("origin")
    if origin is not None:
        check_origin(origin, request.domain, policy)
    if request.method != "POST":
        raise HttpRefusal(405, f"Method {request.method} is not allowed; use POST", {"allow": "POST"})
    content_type = headers.get("content-type", "")
    if content_type != JSON_TYPE and content_type.partition(";")[0].strip().lower() != JSON_TYPE:
        raise HttpRefusal(415, f"Content-Type must be {JSON_TYPE}")
    body = request.body
    if len(body) > policy.body_limit or (
        isinstance(body, str) and not body.isascii() and _utf8_length(body) > policy.body_limit
    ):
        raise HttpRefusal(413, f"The request body is larger than {policy.body_limit} bytes")
    accept = headers.get("accept")
    return _BOTH if accept is None else _accepts(accept)


def _utf8_length(text: str) -> int:
    return len(text.encode(errors="replace"))


def _accepts(accept: str) -> Accepts:
    accept = accept.lower()
    if JSON_TYPE in accept and SSE_TYPE in accept and "q=" not in accept:
        return _BOTH
    qualities: dict[str, bool] = {}
    for part in accept.split(","):
        media, *params = (piece.strip() for piece in part.split(";"))
        qualities[media] = not any(_ZERO.fullmatch(param.replace(" ", "")) for param in params)
    json, sse = _wanted(qualities, JSON_TYPE), _wanted(qualities, SSE_TYPE)
    if not (json or sse):
        raise HttpRefusal(406, f"Accept must allow {JSON_TYPE} and {SSE_TYPE}")
    return Accepts(json, sse)


def _wanted(qualities: dict[str, bool], media: str) -> bool:
    """What the most specific range that covers a media type says of it (RFC 9110, section 12.5.1)."""
    kind = media.partition("/")[0]
    return next((qualities[name] for name in (media, f"{kind}/*", "*/*") if name in qualities), False)


def check_origin(origin: str, domain: str | None, policy: HttpPolicy) -> None:
    """Refuse browser requests from pages that have no business here (DNS rebinding).

    Args:
        origin: the ``Origin`` header.
        domain: the host name that the platform vouches for.
        policy: the allow-list.

    Raises:
        HttpRefusal: 403.
    """
    # Beyond printable ASCII it is no origin that a browser sends, and it would be reflected into a header.
    if not (origin.isascii() and origin.isprintable()):
        raise HttpRefusal(403, "Origin is not allowed")
    if "*" in policy.allowed_origins or origin in policy.allowed_origins:
        return
    from urllib.parse import urlsplit  # 3 ms, and only browsers send an origin

    try:
        parts = urlsplit(origin)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise HttpRefusal(403, "Origin is not allowed")
    own = domain.partition(":")[0].lower() if domain and not domain.startswith("[") else None
    if host not in LOCAL_HOSTS and host != own:
        raise HttpRefusal(403, "Origin is not allowed")


def preflight(request: HttpRequest, policy: HttpPolicy) -> HttpResponse:
    """Answer ``OPTIONS``: a CORS preflight where it has an origin (Fetch standard, "CORS protocol").

    Raises:
        HttpRefusal: 403, the origin is not allowed.
    """
    origin = request.headers.get("origin")
    headers = {"allow": "POST, OPTIONS"}
    if origin is not None:
        check_origin(origin, request.domain, policy)
        asked = request.headers.get("access-control-request-headers", "").lower().split(",")
        names = sorted(
            {name for name in map(str.strip, asked) if _PARAM_HEADER.fullmatch(name)} | _ALLOWED_HEADERS
        )
        headers |= {
            "access-control-allow-methods": "POST, OPTIONS",
            "access-control-allow-headers": ", ".join(names),
            "access-control-max-age": _PREFLIGHT_SECONDS,
        }
    return HttpResponse(204, headers)


def cors_headers(request_headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that let a page of an allowed origin read the response; none without an origin."""
    origin = request_headers.get("origin")
    if origin is None:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "WWW-Authenticate, MCP-Protocol-Version, Retry-After",
        "vary": "Origin",
    }
