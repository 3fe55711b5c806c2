"""An HTTP request as the Lambda event that each AWS front end makes of it.

Pure functions; the AWS pages that show the events:

* HTTP API, payload format 2.0:
  https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
* REST API: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
* function URL: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
* ALB: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from lambent.cli.gateway.media import as_text_or_base64, is_text, matches
from lambent.cli.gateway.messages import DEFAULT_STAGE, Api, Arrival, FrontEndRequest, Headers

Event = dict[str, Any]

# Headers of one connection: the front end removes them.
_HOP_BY_HOP: Final = {
    "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
# A REST API drops these too: "Amazon API Gateway important notes for REST APIs".
_REST_DROPPED: Final = _HOP_BY_HOP | {"content-md5", "max-forwards", "server", "www-authenticate"}
# A load balancer passes `Connection` on.
_ALB_DROPPED: Final = {"expect", "transfer-encoding"}

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_api_event(request: FrontEndRequest, api: Api, arrival: Arrival) -> Event:
    """The event of an HTTP API with payload format 2.0, its `$default` route.

    Args:
        request: The request.
        api: The API; the name of its stage leads the path unless it is `$default`.
        arrival: When it came, and its ids.

    Returns:
        The event. Fields that AWS leaves out when they are empty are left out.
    """
    # HTTP APIs decode the path, `rawPath` included; function URLs do not.
    path = unquote(request.path)
    if api.stage != DEFAULT_STAGE:
        path = f"/{api.stage}{path}"
    return _payload_2(request, api, arrival, path, extended_id(arrival), cookie_header=False)


def function_url_event(request: FrontEndRequest, api: Api, arrival: Arrival) -> Event:
    """The event of a function URL that wants no signatures: payload format 2.0 without stages.

    Args:
        request: The request.
        api: The function URL.
        arrival: When it came, and its ids.

    Returns:
        The event.
    """
    stageless = Api(region=api.region, account_id="anonymous", api_id=api.api_id)
    return _payload_2(request, stageless, arrival, request.path, arrival.request_id, cookie_header=True)


def rest_event(request: FrontEndRequest, api: Api, arrival: Arrival) -> Event:
    """The event of a REST API's Lambda proxy integration (payload format 1.0).

    The endpoint's own path is a resource of its own, every other path belongs to `/{proxy+}`.

    Args:
        request: The request.
        api: The API.
        arrival: When it came, and its ids.

    Returns:
        The event.
    """
    headers = _with_forwarded(request, arrival, _REST_DROPPED)
    query = parse_qsl(request.query, keep_blank_values=True)
    resource, path_parameters = _rest_resource(request.path, api.path)
    binary = matches(request.value("content-type"), api.binary_media_types)
    body, is_base64 = as_text_or_base64(request.body, text=not binary)
    if is_base64 and not binary:
        body, is_base64 = request.body.decode(errors="replace"), False
    host = request.value("host")
    return {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(headers),
        "multiValueHeaders": _lists(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _lists(query) or None,
        "pathParameters": path_parameters,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "l4mb3n",
            "resourcePath": resource,
            "httpMethod": request.method,
            "extendedRequestId": extended_id(arrival),
            "requestTime": _clf_time(arrival.epoch_ms),
            "path": f"/{api.stage}{request.path}",
            "accountId": api.account_id,
            "protocol": f"HTTP/{request.http_version}",
            "stage": api.stage,
            "domainPrefix": host.partition(".")[0],
            "requestTimeEpoch": arrival.epoch_ms,
            "requestId": arrival.request_id,
            "identity": {
                "cognitoIdentityPoolId": None,
                "accountId": None,
                "cognitoIdentityId": None,
                "caller": None,
                "sourceIp": request.source_ip,
                "principalOrgId": None,
                "accessKey": None,
                "cognitoAuthenticationType": None,
                "cognitoAuthenticationProvider": None,
                "userArn": None,
                "userAgent": request.value("user-agent") or None,
                "user": None,
            },
            "domainName": host,
            "apiId": api.api_id,
        },
        "body": body if request.body else None,
        "isBase64Encoded": is_base64,
    }


def alb_event(request: FrontEndRequest, api: Api, arrival: Arrival) -> Event:
    """The event of an Application Load Balancer with a Lambda target.

    Query parameters stay percent-encoded. Without multi-value headers the last value of a name wins.

    Args:
        request: The request.
        api: The target group.
        arrival: When it came, and its ids.

    Returns:
        The event.
    """
    pairs = _with_forwarded(request, arrival, _ALB_DROPPED)
    headers = tuple((name.lower(), value) for name, value in pairs)
    query = [
        (name, value) for name, _, value in (part.partition("=") for part in request.query.split("&")) if name
    ]
    text = not request.value("content-encoding") and is_text(request.value("content-type"))
    body, is_base64 = as_text_or_base64(request.body, text=text or not request.body)
    event: Event = {
        "requestContext": {
            "elb": {
                "targetGroupArn": f"arn:aws:elasticloadbalancing:{api.region}:{api.account_id}"
                f":targetgroup/{api.api_id}/6d0ecf831eec9f09"
            }
        },
        "httpMethod": request.method,
        "path": request.path,
    }
    if api.multi_value_headers:
        event |= {"multiValueQueryStringParameters": _lists(query), "multiValueHeaders": _lists(headers)}
    else:
        event |= {"queryStringParameters": dict(query), "headers": dict(headers)}
    return event | {"body": body, "isBase64Encoded": is_base64}


def extended_id(arrival: Arrival) -> str:
    """The id that API Gateway gives a request in its own short form, such as `JKJaXmPLvHcESHA=`.

    Args:
        arrival: The request's UUID is what the id is made of.

    Returns:
        16 characters.
    """
    return base64.b64encode(uuid.UUID(arrival.request_id).bytes[:11]).decode("ascii")


def _payload_2(
    request: FrontEndRequest, api: Api, arrival: Arrival, path: str, request_id: str, *, cookie_header: bool
) -> Event:
    merged: dict[str, str] = {}
    for name, value in _with_forwarded(request, arrival, _HOP_BY_HOP):
        key = name.lower()
        merged[key] = f"{merged[key]},{value}" if key in merged else value
    merged.setdefault("content-length", "0")
    cookies = [part.strip() for line in request.values("cookie") for part in line.split(";") if part.strip()]
    if cookies and not cookie_header:
        del merged["cookie"]
    query: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    body, is_base64 = as_text_or_base64(request.body, text=is_text(request.value("content-type")))
    host = request.value("host")
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": merged,
        "requestContext": {
            "accountId": api.account_id,
            "apiId": api.api_id,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": f"HTTP/{request.http_version}",
                "sourceIp": request.source_ip,
                "userAgent": request.value("user-agent"),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": api.stage,
            "time": _clf_time(arrival.epoch_ms),
            "timeEpoch": arrival.epoch_ms,
        },
        "isBase64Encoded": is_base64 and bool(request.body),
    }
    optional = {"cookies": cookies, "queryStringParameters": query, "body": body if request.body else None}
    return event | {name: value for name, value in optional.items() if value}


def _with_forwarded(request: FrontEndRequest, arrival: Arrival, dropped: Iterable[str]) -> Headers:
    """The client's headers without `dropped`, and those that every AWS front end adds."""
    written = {"content-length", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
    kept = [(name, value) for name, value in request.headers if name.lower() not in {*dropped, *written}]
    if len(cookies := list(request.values("cookie"))) > 1:  # RFC 9113, section 8.2.3
        kept = [(name, value) for name, value in kept if name.lower() != "cookie"]
        kept.append(("Cookie", "; ".join(cookies)))
    if request.body or request.value("content-length"):
        kept.append(("Content-Length", str(len(request.body))))
    if not request.value("x-amzn-trace-id"):
        kept.append(("X-Amzn-Trace-Id", arrival.trace_id))
    # The client's own list stays in front: every hop appends the address that it saw.
    kept += [
        ("X-Forwarded-For", ", ".join([*request.values("x-forwarded-for"), request.source_ip])),
        ("X-Forwarded-Port", str(request.port)),
        ("X-Forwarded-Proto", request.scheme),
    ]
    return tuple(kept)


def _rest_resource(path: str, endpoint: str) -> tuple[str, dict[str, str] | None]:
    if path in {endpoint, "/"}:
        return path, None
    return "/{proxy+}", {"proxy": path.removeprefix("/")}


def _lists(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for name, value in pairs:
        result.setdefault(name, []).append(value)
    return result


def _clf_time(epoch_ms: int) -> str:
    # Not strftime: the month is English whatever the locale.
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return f"{moment.day:02}/{_MONTHS[moment.month - 1]}/{moment.year}:{moment:%H:%M:%S} +0000"
