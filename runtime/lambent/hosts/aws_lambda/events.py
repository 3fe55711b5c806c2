"""HTTP in Lambda's event formats: events are read into requests, responses are written back.

=============  ==========================================  ========================================
event format   recognised by                               what is particular
=============  ==========================================  ========================================
HTTP API 2.0,  ``requestContext.http``                     lower-case headers, joined by commas;
Function URL                                               cookies in a list of their own
ALB            ``requestContext.elb``                      single-value or multi-value headers
REST 1.0       ``httpMethod``                              single-value and multi-value headers
=============  ==========================================  ========================================
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from lambent.errors import HttpRefusal, LambentError
from lambent.wire.http import HttpRequest, HttpResponse

Event = Mapping[str, Any]


class UnknownEventError(LambentError):
    """An event that is not an HTTP request in one of these formats."""


_DEFAULT_STAGE = "$default"

Reader = Callable[[Event], HttpRequest]


def format_of(event: Event) -> tuple[Reader, Callable[[Event, HttpResponse], dict[str, Any]]]:
    """How to read an event, and how to write its response.

    Raises:
        UnknownEventError: it is not an HTTP event.
    """
    if not isinstance(event, Mapping):
        raise UnknownEventError(
            f"This handler takes HTTP events, which are objects, not {type(event).__name__}"
        )
    context = event.get("requestContext")
    if isinstance(context, Mapping):
        if "http" in context:
            return read_v2, write_v2
        if "elb" in context or "httpMethod" in event:
            return read_v1, write_v1
    if "httpMethod" in event:
        return read_v1, write_v1
    raise UnknownEventError(
        "This handler takes HTTP events of API Gateway (HTTP API 2.0, REST 1.0), function URLs and load "
        f"balancers, but the event has the keys: {', '.join(sorted(map(str, event))) or 'none'}"
    )


def read_v2(event: Event) -> HttpRequest:
    """Read an HTTP API 2.0 or Function URL event.

    Raises:
        HttpRefusal: 400, the body is not the Base64 that the event says it is.
    """
    context = event["requestContext"]
    http = context["http"]
    headers = _headers(event)
    # A stage with a name is the first part of the path, and no part of any route.
    root = "" if (stage := context.get("stage") or _DEFAULT_STAGE) == _DEFAULT_STAGE else f"/{stage}"
    path = event.get("rawPath") or "/"
    if cookies := event.get("cookies"):
        headers["cookie"] = "; ".join(cookies)
    return HttpRequest(
        method=http.get("method", "").upper(),
        path=path.removeprefix(root) if path.startswith(f"{root}/") else path,
        headers=headers,
        body=_body(event),
        query=event.get("rawQueryString") or "",
        domain=context.get("domainName"),
        root=root,
    )


def write_v2(event: Event, response: HttpResponse) -> dict[str, Any]:
    """Write a response for HTTP API 2.0 or a Function URL."""
    return {"statusCode": response.status, "headers": response.headers, **_encode(response.body)}


def read_v1(event: Event) -> HttpRequest:
    """Read a REST 1.0 or load balancer event.

    Raises:
        HttpRefusal: 400, the body is not the Base64 that the event says it is.
    """
    context = event.get("requestContext") or {}
    headers = _headers(event)
    path = event.get("path") or "/"
    public = context.get("path") or path  # with the name of the stage
    for name, values in (event.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ("; " if name.lower() == "cookie" else ", ").join(values or ())
    return HttpRequest(
        method=str(event.get("httpMethod") or "").upper(),
        path=path,
        headers=headers,
        body=_body(event),
        query=_query(event),
        domain=context.get("domainName"),
        root=public.removesuffix(path) if public.endswith(path) else "",
    )


def write_v1(event: Event, response: HttpResponse) -> dict[str, Any]:
    """Write a response for REST 1.0 or a load balancer, in the kind of headers that the event came with."""
    written: dict[str, Any] = {"statusCode": response.status, **_encode(response.body)}
    if "elb" in (event.get("requestContext") or {}):
        from http import HTTPStatus

        written["statusDescription"] = f"{response.status} {HTTPStatus(response.status).phrase}"
    if "multiValueHeaders" in event:
        written["multiValueHeaders"] = {name: [value] for name, value in response.headers.items()}
    else:
        written["headers"] = response.headers
    return written


def _headers(event: Event) -> dict[str, str]:
    given = event.get("headers") or {}
    return {name.lower(): value for name, value in given.items() if value is not None}


def _encode(body: bytes) -> dict[str, Any]:
    # JSON and SSE frames are UTF-8 text: nothing that Lambent writes needs Base64.
    return {"body": body.decode(), "isBase64Encoded": False}


def _body(event: Event) -> bytes | str:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body if isinstance(body, str) else b""
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise HttpRefusal(400, "The body is not valid Base64") from None


def _query(event: Event) -> str:
    many = event.get("multiValueQueryStringParameters")
    if many:
        pairs = [(name, value) for name, values in many.items() for value in values or ()]
    else:
        pairs = list((event.get("queryStringParameters") or {}).items())
    if "elb" in (event.get("requestContext") or {}):
        return "&".join(f"{name}={value}" for name, value in pairs)  # load balancers leave them encoded
    from urllib.parse import urlencode

    return urlencode(pairs)
