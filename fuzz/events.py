"""Lambda events of every kind, made of one HTTP request (the AWS developer guides, "payload format")."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

DOMAIN = "abc123.execute-api.eu-west-1.amazonaws.com"


@dataclass(slots=True)
class Http:
    """An HTTP request before a platform makes an event of it.

    Attributes:
        method: the HTTP method.
        headers: names and values in order; names may repeat.
        body: text, or bytes, which go into the event as Base64.
        path: the path.
        query: the raw query string.
        stage: the stage of the API.
    """

    method: str = "POST"
    headers: Sequence[tuple[str, str]] = ()
    body: str | bytes | None = None
    path: str = "/mcp"
    query: str = ""
    stage: str = "$default"
    cookies: list[str] = field(default_factory=list)


def http_api(http: Http) -> dict[str, Any]:
    """An HTTP API with payload format 2.0; what is empty is left out."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "ANY /mcp",
        "rawPath": http.path if http.stage == "$default" else f"/{http.stage}{http.path}",
        "rawQueryString": http.query,
        "headers": _joined(http.headers, ","),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": DOMAIN,
            "domainPrefix": "abc123",
            "http": {
                "method": http.method,
                "path": http.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "fuzz",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "ANY /mcp",
            "stage": http.stage,
            "time": "20/Nov/2026:15:02:00 +0000",
            "timeEpoch": 1795186920000,
        },
        "isBase64Encoded": isinstance(http.body, bytes),
    }
    if http.cookies:
        event["cookies"] = http.cookies
    if http.query:
        event["queryStringParameters"] = {"q": http.query}
    if http.body is not None:
        event["body"] = _text(http.body)
    return event


def function_url(http: Http) -> dict[str, Any]:
    """A function URL: format 2.0 with members that say null."""
    event = http_api(http)
    event["routeKey"] = "$default"
    event["pathParameters"] = event["stageVariables"] = None
    context = event["requestContext"]
    context.update(domainName="abc.lambda-url.eu-west-1.on.aws", stage="$default", authentication=None)
    context["authorizer"] = {"iam": {"accessKey": "AKIA", "cognitoIdentity": None, "principalOrgId": None}}
    event.setdefault("body", None)
    return event


def rest(http: Http) -> dict[str, Any]:
    """A REST API with its proxy integration, payload format 1.0: nulls for what is empty."""
    return {
        "resource": "/{proxy+}",
        "path": http.path,
        "httpMethod": http.method,
        "headers": dict(http.headers) or None,
        "multiValueHeaders": _lists(http.headers) or None,
        "queryStringParameters": {"q": http.query} if http.query else None,
        "multiValueQueryStringParameters": {"q": [http.query]} if http.query else None,
        "pathParameters": {"proxy": http.path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": http.method,
            "path": f"/{http.stage}{http.path}",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": http.stage,
            "domainName": DOMAIN,
            "identity": {"sourceIp": "203.0.113.7", "userAgent": None, "user": None},
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "apiId": "abc123",
        },
        "body": _text(http.body) if http.body else None,
        "isBase64Encoded": isinstance(http.body, bytes),
    }


def alb(http: Http) -> dict[str, Any]:
    """An Application Load Balancer: the last value of a repeated header wins."""
    arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/mcp/0123456789abcdef"
    return {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": http.method,
        "path": http.path,
        "queryStringParameters": {"q": http.query} if http.query else {},
        "headers": {name.lower(): value for name, value in http.headers},
        "body": _text(http.body or ""),
        "isBase64Encoded": isinstance(http.body, bytes),
    }


def alb_multi(http: Http) -> dict[str, Any]:
    """An Application Load Balancer with multi-value headers switched on."""
    event = alb(http)
    del event["headers"], event["queryStringParameters"]
    event["multiValueHeaders"] = _lists([(name.lower(), value) for name, value in http.headers])
    event["multiValueQueryStringParameters"] = {"q": [http.query]} if http.query else {}
    return event


KINDS: dict[str, Callable[[Http], dict[str, Any]]] = {
    "http api": http_api,
    "function url": function_url,
    "rest": rest,
    "alb": alb,
    "alb multi": alb_multi,
}
"""What makes events, by kind."""


def _joined(headers: Sequence[tuple[str, str]], separator: str) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}{separator}{value}" if key in joined else value
    return joined


def _lists(headers: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in headers:
        lists.setdefault(name, []).append(value)
    return lists


def _text(body: str | bytes) -> str:
    return base64.b64encode(body).decode() if isinstance(body, bytes) else body
