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

from collections.abc import Callable, Mapping
from typing import Any

from lambent.errors import HttpRefusal, LambentError
from lambent.execution.log_records import one_line
from lambent.wire.http import HttpResponse, Request

Event = Mapping[str, Any]


class UnknownEventError(LambentError):
    """An event that is not an HTTP request in one of these formats; the message says what it is."""


_STR = frozenset({str})
_COOKIE = "set-cookie"
_KEYS_SHOWN = 30
_CHARACTERS_SHOWN = 500

Reader = Callable[[Event, Any], Request]
Writer = Callable[[Event, HttpResponse], dict[str, Any]]


def format_of(event: Event) -> tuple[Reader, Writer]:
    """The functions that read an event of this format, with Lambda's context, and write its response.

    The first one raises ``HttpRefusal``, 400, where the body is not the Base64 that the event says it is;
    and ``AttributeError``, ``TypeError`` or ``ValueError`` where a member has a value that no platform sends.

    Raises:
        UnknownEventError: it is not an HTTP event.
    """
    try:
        context = event.get("requestContext") or {}
        if context.get("http"):
            return _read_v2, write_v2
        if "httpMethod" in event or "elb" in context:
            return _read_v1, _write_v1
    except (AttributeError, TypeError):
        pass  # one of the two is no object
    raise _unknown(event)


def unreadable(event: Event, error: Exception) -> UnknownEventError:
    """The error for an HTTP event whose reading has failed with another error."""
    return _unknown(event, f"this one cannot be read: {error}; ")


def of_gateway(event: Event) -> UnknownEventError:
    """The error for a call of an AgentCore gateway, where the function is not set up for them."""
    return _unknown(event, "this one is a call of an AgentCore gateway: set LAMBENT_AGENTCORE=true; ")


def _unknown(event: Any, problem: str = "") -> UnknownEventError:
    takes = (
        "This handler takes HTTP events of API Gateway (HTTP API 2.0, REST 1.0), function URLs and load "
        "balancers, but "
    )
    if not isinstance(event, Mapping):
        return UnknownEventError(f"{takes}the event is no object, it is of the type {type(event).__name__}")
    keys = ", ".join(sorted(map(str, event))[:_KEYS_SHOWN])[:_CHARACTERS_SHOWN] or "none"
    return UnknownEventError(one_line(f"{takes}{problem or _described(event)}the event has the keys: {keys}"))


def _described(event: Event) -> str:
    """Names the kind of an event, where it is a known one."""
    records, context = event.get("Records"), event.get("requestContext")
    if isinstance(records, list) and records and isinstance(records[0], Mapping):
        source = records[0].get("eventSource") or records[0].get("EventSource") or "an unknown source"
        kind = f"has records of {source}"
    elif "detail-type" in event:
        kind = f"is an event of EventBridge: {event.get('source')}, {event['detail-type']}"
    elif isinstance(context, Mapping) and "connectionId" in context:
        kind = "is an event of a WebSocket API"
    elif "jsonrpc" in event:
        kind = "is a JSON-RPC message, which belongs into the body of an HTTP event"
    else:
        return ""
    return f"this one {kind[:_CHARACTERS_SHOWN]}; "


def is_message(event: Any) -> bool:
    """Whether an event is a JSON-RPC message, or a batch of them."""
    if isinstance(event, Mapping):
        return "jsonrpc" in event
    return isinstance(event, list) and any(isinstance(one, Mapping) and "jsonrpc" in one for one in event)


def is_warm_up(event: Event) -> bool:
    """Whether an event only keeps the function warm: those of serverless-plugin-warmup and lambda-warmer."""
    return event.get("source") == "serverless-plugin-warmup" or bool(event.get("warmer"))


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
        method=(http.get("method") or "").upper(),
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


def write_v2(event: Event, response: HttpResponse) -> dict[str, Any]:
    """Write the response to an HTTP API 2.0 or Function URL event."""
    body = response.body.decode()  # all bodies that Lambent writes are UTF-8 text, so none needs Base64
    return {
        "statusCode": response.status,
        "headers": response.headers,
        "body": body,
        "isBase64Encoded": False,
    }


def _read_v1(event: Event, lambda_context: Any = None) -> Request:
    """Read a REST 1.0 or load balancer event."""
    context = event.get("requestContext") or {}
    headers = _headers(event)
    path = event.get("path") or "/"
    public = context.get("path") or path  # with the name of the stage
    many: dict[str, list[str]] = {}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        many.setdefault(name.lower(), []).extend([values] if isinstance(values, str) else values or ())
    for name, values in many.items():
        headers[name] = ("; " if name == "cookie" else ", ").join(values)
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
    return for_platform(event, write_v2(event, response))


def for_platform(event: Event, written: Mapping[str, Any]) -> dict[str, Any]:
    """A response as HTTP APIs 2.0 have it, as the platform that sent an event wants it.

    Args:
        event: in one of these formats.
        written: ``statusCode``, ``headers`` with one value for each name, ``body``, ``isBase64Encoded``, and
            ``cookies`` where some are set.
    """
    result = dict(written)
    if (event.get("requestContext") or {}).get("http"):
        return result
    headers, cookies = result.pop("headers", {}), result.pop("cookies", ())
    if _is_balanced(event):
        result["statusDescription"] = _described_status(int(result["statusCode"]))
    if "multiValueHeaders" in event:
        many = {name: [value] for name, value in headers.items()}
        result["multiValueHeaders"] = many | ({_COOKIE: list(cookies)} if cookies else {})
        return result
    # A platform with one value for each header takes names in another case for others.
    letters = [at for at, letter in enumerate(_COOKIE) if letter.isalpha()]
    named = {
        f"{_COOKIE[:at]}{_COOKIE[at].upper()}{_COOKIE[at + 1 :]}": cookie
        for at, cookie in zip(letters, cookies, strict=False)
    }
    result["headers"] = {**headers, **named}
    return result


def _described_status(status: int) -> str:
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # an application may send one that no standard has
        return f"{status} Unknown"


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
    names = "".join(given)
    if names.lower() == names and _STR.issuperset(map(type, given.values())):
        return dict(given)  # as HTTP APIs and Function URLs send them
    return {name.lower(): value for name, value in given.items() if type(value) is str}


def _body(event: Event) -> bytes | str:
    body: str = event.get("body") or ""
    if not isinstance(body, str):
        raise TypeError("its body is no text")
    is_encoded = event.get("isBase64Encoded")
    if not is_encoded or str(is_encoded).lower() == "false":
        return body
    import binascii  # loaded where a platform encodes bodies

    try:
        return binascii.a2b_base64(body, strict_mode=True)
    except ValueError:
        raise HttpRefusal(400, "The body is not valid Base64") from None


def _query(event: Event) -> str:
    many = event.get("multiValueQueryStringParameters") or {}
    pairs = [(name, value) for name, values in many.items() for value in values or ()]
    pairs = pairs or list((event.get("queryStringParameters") or {}).items())
    if _is_balanced(event):
        return "&".join(f"{name}={value}" for name, value in pairs)  # a load balancer does not decode them
    from urllib.parse import urlencode

    return urlencode(pairs)
