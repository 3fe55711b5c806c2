"""One HTTP request as each of the events that Lambda knows."""

import base64
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode


class Sent(NamedTuple):
    """What a client sends.

    ``query`` is decoded; bytes make an event with a Base64 body.
    """

    method: str = "POST"
    path: str = "/mcp"
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[str, ...] = ()
    body: str | bytes | None = None


def _last(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(pairs)


def _all(pairs: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _body(sent: Sent) -> dict[str, Any]:
    if isinstance(sent.body, bytes):
        return {"body": base64.b64encode(sent.body).decode(), "isBase64Encoded": True}
    return {"body": sent.body, "isBase64Encoded": False}


def http_api(sent: Sent) -> dict[str, Any]:
    """HTTP API, payload format 2.0: lower-cased headers joined by commas, cookies apart."""
    headers: dict[str, str] = {}
    for name, value in sent.headers:
        headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": sent.path,
        "rawQueryString": urlencode(sent.query),
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "domainName": "abc.execute-api.eu-west-1.amazonaws.com",
            "http": {
                "method": sent.method,
                "path": sent.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "tests",
            },
            "stage": "$default",
        },
        **_body(sent),
    }
    if sent.cookies:
        event["cookies"] = list(sent.cookies)
    if sent.body is None:
        del event["body"]
    return event


def function_url(sent: Sent) -> dict[str, Any]:
    """A Function URL: as an HTTP API, under another domain."""
    event = http_api(sent)
    event["requestContext"]["domainName"] = "abc.lambda-url.eu-west-1.on.aws"
    event["requestContext"]["authentication"] = None
    return event


def rest_api(sent: Sent) -> dict[str, Any]:
    """A REST API: both kinds of headers and of query parameters, side by side."""
    headers = sent.headers + tuple(("Cookie", cookie) for cookie in sent.cookies)
    return {
        "resource": "/{proxy+}",
        "path": sent.path,
        "httpMethod": sent.method,
        "headers": _last(headers) or None,
        "multiValueHeaders": _all(headers) or None,
        "queryStringParameters": _last(sent.query) or None,
        "multiValueQueryStringParameters": _all(sent.query) or None,
        "pathParameters": {"proxy": sent.path.strip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "domainName": "abc.execute-api.eu-west-1.amazonaws.com",
            "httpMethod": sent.method,
            "identity": {"sourceIp": "203.0.113.7"},
            "path": f"/prod{sent.path}",
            "stage": "prod",
        },
        **_body(sent),
    }


def http_api_v1(sent: Sent) -> dict[str, Any]:
    """HTTP API, payload format 1.0: as a REST API, and it says so."""
    return {"version": "1.0", **rest_api(sent)}


def alb(sent: Sent) -> dict[str, Any]:
    """A load balancer: the last value of each header, query parameters still encoded, no domain."""
    headers = sent.headers + tuple(("cookie", cookie) for cookie in sent.cookies)
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:x"}},
        "httpMethod": sent.method,
        "path": sent.path,
        "queryStringParameters": {quote(name): quote(value) for name, value in sent.query},
        "headers": {name.lower(): value for name, value in headers},
        **_body(sent),
        "body": _body(sent)["body"] or "",
    }


def alb_multi_value(sent: Sent) -> dict[str, Any]:
    """A load balancer whose target group has multi-value headers switched on."""
    event = alb(sent)
    headers = sent.headers + tuple(("cookie", cookie) for cookie in sent.cookies)
    del event["headers"], event["queryStringParameters"]
    event["multiValueHeaders"] = _all(tuple((name.lower(), value) for name, value in headers))
    event["multiValueQueryStringParameters"] = _all(
        tuple((quote(name), quote(value)) for name, value in sent.query)
    )
    return event


KINDS: dict[str, Callable[[Sent], dict[str, Any]]] = {
    "HTTP API": http_api,
    "Function URL": function_url,
    "REST API": rest_api,
    "HTTP API 1.0": http_api_v1,
    "ALB": alb,
    "ALB, multi-value": alb_multi_value,
}
