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
from lambent.execution.log_records import one_line
from lambent.wire.http import HttpResponse, Request

Event = Mapping[str, Any]


class UnknownEventError(LambentError):
    """An event that is not an HTTP request in one of these formats."""


Reader = Callable[[Event, Any], Request]
Writer = Callable[[Event, HttpResponse], dict[str, Any]]


def format_of(event: Event) -> tuple[Reader, Writer]:
    """The functions that read an event of this format, with Lambda's context, and write its response.

    The first one raises ``HttpRefusal``, 400, where the body is not the Base64 that the event says it is.

    Raises:
        UnknownEventError: it is not an HTTP event.
    """
    if not isinstance(event, Mapping):
        raise UnknownEventError(
            f"This handler takes HTTP events, which are objects, not {type(event).__name__}"
        )
    context = event.get("requestContext")
    if isinstance(context, Mapping) and "http" in context:
        return _read_v2, _write_v2
    if "httpMethod" in event or (isinstance(context, Mapping) and "elb" in context):
        return _read_v1, _write_v1
    keys = ", ".join(sorted(one_line(str(key)) for key in event))
    raise UnknownEventError(
        "This handler takes HTTP events of API Gateway (HTTP API 2.0, REST 1.0), function URLs and load "
        f"balancers, but the event has the keys: {keys or 'none'}"
    )


def write(event: Event, response: HttpResponse) -> dict[str, Any]:
    """What a response to an event is returned as."""
    return format_of(event)[1](event, response)


def _read_v2(event: Event, lambda_context: Any = None) -> Request:
    """Read an HTTP API 2.0 or Function URL event."""
    context = event["requestContext"]
    http = context["http"]
    headers = _headers(event)
    # The name of a stage is the first part of the path, but not part of the route.
    stage = context.get("stage")
    root = f"/{stage}" if stage and stage != "$default" else ""
    path = event.get("rawPath") or "/"
    if cookies := event.get("cookies"):
        headers["cookie"] = "; ".join(cookies)
    return Request(
        method=http.get("method", "").upper(),
        path=path.removeprefix(root) if path.startswith(f"{root}/") else path,
        headers=headers,
        body=_body(event),
        query=event.get("rawQueryString") or "",
        domain=context.get("domainName"),
        root=root,
        client_address=http.get("sourceIp"),
        authorizer=context.get("authorizer"),
        event=event,
        context=lambda_context,
    )


def _write_v2(event: Event, response: HttpResponse) -> dict[str, Any]:
    return {**_written(response), "headers": response.headers}


def _read_v1(event: Event, lambda_context: Any = None) -> Request:
    """Read a REST 1.0 or load balancer event."""
    context = event.get("requestContext") or {}
    headers = _headers(event)
    path = event.get("path") or "/"
    public = context.get("path") or path  # with the name of the stage
    for name, values in (event.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ("; " if name.lower() == "cookie" else ", ").join(values or ())
    return Request(
        method=str(event.get("httpMethod") or "").upper(),
        path=path,
        headers=headers,
        body=_body(event),
        query=_query(event),
        domain=context.get("domainName"),
        root=public.removesuffix(path) if public.endswith(path) else "",
        client_address=_client_address(context, headers),
        authorizer=context.get("authorizer"),
        event=event,
        context=lambda_context,
    )


def _write_v1(event: Event, response: HttpResponse) -> dict[str, Any]:
    written = _written(response)
    if _is_balanced(event):
        from http import HTTPStatus

        written["statusDescription"] = f"{response.status} {HTTPStatus(response.status).phrase}"
    if "multiValueHeaders" in event:
        written["multiValueHeaders"] = {name: [value] for name, value in response.headers.items()}
    else:
        written["headers"] = response.headers
    return written


def _is_balanced(event: Event) -> bool:
    return "elb" in (event.get("requestContext") or {})


def _client_address(context: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    if "elb" not in context:
        identity: Mapping[str, Any] = context.get("identity") or {}
        return identity.get("sourceIp")
    # A load balancer appends the client's address to what the client has sent, unless it is set to preserve
    # the header (``routing.http.xff_header_processing.mode``).
    return headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or None


def _headers(event: Event) -> dict[str, str]:
    given = event.get("headers") or {}
    return {name.lower(): value for name, value in given.items() if value is not None}


def _written(response: HttpResponse) -> dict[str, Any]:
    # All bodies that Lambent writes are UTF-8 text, so none needs Base64.
    return {"statusCode": response.status, "body": response.body.decode(), "isBase64Encoded": False}


def _body(event: Event) -> bytes | str:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body if isinstance(body, str) else b""
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise HttpRefusal(400, "The body is not valid Base64") from None


def _query(event: Event) -> str:
    many = event.get("multiValueQueryStringParameters") or {}
    pairs = [(name, value) for name, values in many.items() for value in values or ()]
    pairs = pairs or list((event.get("queryStringParameters") or {}).items())
    if _is_balanced(event):
        return "&".join(f"{name}={value}" for name, value in pairs)  # a load balancer does not decode them
    from urllib.parse import urlencode

    return urlencode(pairs)
