"""The events of Lambda, read and written, and compared with what Mangum makes of them."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from mangum import Mangum
from tests.hosts.aws_lambda.events import (
    KINDS,
    Sent,
    alb,
    alb_multi_value,
    function_url,
    http_api,
    http_api_v1,
    rest_api,
)

from lambent.errors import HttpRefusal
from lambent.hosts.aws_lambda.events import UnknownEventError, format_of
from lambent.wire.http import HttpResponse, Request

Kind = Callable[[Sent], dict[str, Any]]
EVENTS = Path(__file__).parents[3] / "events"

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def read(event: Any) -> Request:
    return format_of(event)[0](event)


def written(event: Any, response: HttpResponse) -> dict[str, Any]:
    return format_of(event)[1](event, response)


# Reading


@each_kind
def test_a_plain_request(kind: Kind) -> None:
    sent = Sent(
        path="/prod/mcp",
        query=(("a", "1"), ("b", "x y&z=é")),
        headers=(("Content-Type", "application/json"), ("X-Trace", "t")),
        body='{"a":"é"}',
    )
    request = read(kind(sent))
    assert request.method == "POST"
    assert request.path == "/prod/mcp"
    assert parse_qsl(request.query) == [("a", "1"), ("b", "x y&z=é")]
    assert request.headers == {"content-type": "application/json", "x-trace": "t"}
    assert request.body == '{"a":"é"}'


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("HTTP API", "abc.execute-api.eu-west-1.amazonaws.com"),
        ("Function URL", "abc.lambda-url.eu-west-1.on.aws"),
        ("REST API", "abc.execute-api.eu-west-1.amazonaws.com"),
        ("HTTP API 1.0", "abc.execute-api.eu-west-1.amazonaws.com"),
        ("ALB", None),
        ("ALB, multi-value", None),
    ],
)
def test_the_domain_comes_from_the_platform_only(name: str, domain: str | None) -> None:
    assert read(KINDS[name](Sent(headers=(("Host", "evil.example"),)))).domain == domain


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("HTTP API", "203.0.113.7"),
        ("Function URL", "203.0.113.7"),
        ("REST API", "203.0.113.7"),
        ("HTTP API 1.0", "203.0.113.7"),
        ("ALB", "198.51.100.9"),
        ("ALB, multi-value", "198.51.100.9"),
    ],
)
def test_the_client_address_is_what_the_platform_says(name: str, address: str) -> None:
    """A load balancer appends it to what the client has sent; API Gateway does not need the header."""
    sent = Sent(headers=(("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2, 198.51.100.9")))
    assert read(KINDS[name](sent)).client_address == address


@pytest.mark.parametrize("kind", [alb, alb_multi_value])
@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1,203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, ", None),
        ("", None),
        (None, None),
    ],
)
def test_the_client_address_of_a_load_balancer(kind: Kind, header: str | None, address: str | None) -> None:
    sent = Sent(headers=() if header is None else (("X-Forwarded-For", header),))
    assert read(kind(sent)).client_address == address


@pytest.mark.parametrize("name", ["HTTP API", "Function URL", "REST API", "HTTP API 1.0"])
def test_without_a_source_address_there_is_none(name: str) -> None:
    event = KINDS[name](Sent(headers=(("X-Forwarded-For", "192.0.2.1"),)))
    event["requestContext"].get("http", {}).pop("sourceIp", None)
    event["requestContext"].pop("identity", None)
    assert read(event).client_address is None


AUTHORIZERS = {
    "HTTP API, JWT": (http_api, {"jwt": {"claims": {"sub": "a"}, "scopes": ["orders"]}}),
    "HTTP API, Lambda": (http_api, {"lambda": {"user": "a"}}),
    "Function URL, IAM": (function_url, {"iam": {"userArn": "arn:aws:iam::123456789012:user/a"}}),
    "REST API, Cognito": (rest_api, {"claims": {"sub": "a"}}),
    "REST API, Lambda": (rest_api, {"principalId": "a", "integrationLatency": 12}),
    "HTTP API 1.0, JWT": (http_api_v1, {"claims": {"sub": "a"}, "scopes": None}),
}


@pytest.mark.parametrize(("kind", "authorizer"), AUTHORIZERS.values(), ids=AUTHORIZERS.keys())
def test_what_an_authorizer_says_is_handed_on(kind: Kind, authorizer: dict[str, Any]) -> None:
    event = kind(Sent())
    event["requestContext"]["authorizer"] = authorizer
    assert read(event).authorizer == authorizer


@each_kind
def test_without_an_authorizer_there_is_none(kind: Kind) -> None:
    event = kind(Sent(headers=(("authorizer", "x"), ("Authorization", "Bearer x"))))
    assert read(event).authorizer is None
    event["requestContext"]["authorizer"] = None
    assert read(event).authorizer is None


OVER_HTTP = [one for one in sorted(EVENTS.glob("*-tools-call.json")) if not one.stem.startswith("direct-")]


@pytest.mark.parametrize("file", OVER_HTTP, ids=lambda file: file.stem)
def test_the_events_of_the_repository_name_their_client(file: Path) -> None:
    request = read(json.loads(file.read_text()))
    assert (request.client_address, request.authorizer) == ("203.0.113.7", None)


@each_kind
@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"{}", "é\U0001f600".encode()])
def test_base64_bodies_are_bytes(kind: Kind, body: bytes) -> None:
    assert read(kind(Sent(body=body))).body in (body, body.decode("latin-1") or "")
    assert bytes(read(kind(Sent(body=body))).body or b"") == body  # type: ignore[arg-type]


@each_kind
@pytest.mark.parametrize("body", ["", "{}", "é\U0001f600", "\ud800"])
def test_text_bodies_stay_text(kind: Kind, body: str) -> None:
    assert read(kind(Sent(body=body))).body == body


@each_kind
def test_no_body_is_empty(kind: Kind) -> None:
    event = kind(Sent())
    assert not read(event).body
    assert not read({**event, "body": None, "isBase64Encoded": True}).body
    assert not read({**event, "body": None, "isBase64Encoded": None}).body


@each_kind
@pytest.mark.parametrize("body", ["%%%", "YQ", "YQ=", "Y Q==", "é", "=", "YQ==YQ=="])
def test_broken_base64_is_refused(kind: Kind, body: str) -> None:
    with pytest.raises(HttpRefusal, match=r"^The body is not valid Base64$") as caught:
        read({**kind(Sent()), "body": body, "isBase64Encoded": True})
    assert caught.value.status == 400


@pytest.mark.parametrize("name", KINDS)
def test_repeated_headers_are_joined(name: str) -> None:
    headers = (("Mcp-Name", "a"), ("X-Other", "o"), ("Mcp-Name", "b"))
    expected = {"HTTP API": "a,b", "Function URL": "a,b", "ALB": "b"}.get(name, "a, b")
    assert read(KINDS[name](Sent(headers=headers))).headers == {"mcp-name": expected, "x-other": "o"}


@pytest.mark.parametrize("name", KINDS)
def test_cookies_are_joined_as_cookies_are(name: str) -> None:
    expected = "b=2" if name == "ALB" else "a=1; b=2"
    assert read(KINDS[name](Sent(cookies=("a=1", "b=2")))).headers == {"cookie": expected}


@pytest.mark.parametrize("name", ["REST API", "HTTP API 1.0", "ALB, multi-value"])
def test_headers_of_other_spellings_are_joined_too(name: str) -> None:
    """REST APIs keep the case of names, and HTTP/1.1 clients may mix it."""
    event = {
        **KINDS[name](Sent()),
        "multiValueHeaders": {"Cookie": ["a=1"], "cookie": ["b=2"], "X-A": "1", "x-a": ["2"]},
    }
    assert read(event).headers == {"cookie": "a=1; b=2", "x-a": "1, 2"}


@each_kind
def test_names_of_headers_are_lower_cased(kind: Kind) -> None:
    assert read(kind(Sent(headers=(("MCP-Protocol-Version", "V"),)))).headers == {"mcp-protocol-version": "V"}


@each_kind
@pytest.mark.parametrize("member", ["headers", "multiValueHeaders"])
def test_null_headers_are_none(kind: Kind, member: str) -> None:
    event = {**kind(Sent()), "headers": {}, member: None}
    assert read(event).headers == {}


@each_kind
@pytest.mark.parametrize("member", ["headers", "multiValueHeaders"])
def test_null_values_of_headers_are_none(kind: Kind, member: str) -> None:
    """Test consoles and hand-made events have them."""
    event = {**kind(Sent()), "headers": {}, member: {"X-Null": None}}
    assert read(event).headers in ({}, {"x-null": ""})


@each_kind
def test_a_bare_event_is_the_root(kind: Kind) -> None:
    event = kind(Sent())
    kept = {"requestContext": event["requestContext"]}
    if "httpMethod" in event:
        kept["httpMethod"] = event["httpMethod"]
    request = read(kept)
    assert (request.method, request.path, request.query, request.headers) == ("POST", "/", "", {})
    assert not request.body


@each_kind
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "DELETE"])
def test_methods(kind: Kind, method: str) -> None:
    assert read(kind(Sent(method=method))).method == method


@each_kind
def test_repeated_query_parameters(kind: Kind) -> None:
    sent = Sent(query=(("a", "1"), ("a", "2"), ("b", "3")))
    expected = "a=2&b=3" if kind is alb else "a=1&a=2&b=3"
    assert read(kind(sent)).query == expected


@each_kind
@pytest.mark.parametrize("value", ["x y", "a+b", "100%", "é", "a&b=c", "%41", ""])
def test_query_parameters_are_encoded_once(kind: Kind, value: str) -> None:
    """A load balancer leaves them encoded, a REST API decodes them."""
    request = read(kind(Sent(query=(("q", value),))))
    assert parse_qsl(request.query, keep_blank_values=True) == [("q", value)]


def test_an_event_of_the_first_format_needs_no_context() -> None:
    """As hand-made ones, and those of the API Gateway console."""
    event = {"httpMethod": "POST", "path": "/mcp", "headers": {"A": "b"}, "body": "{}"}
    assert read(event) == Request("POST", "/mcp", {"a": "b"}, "{}", event=event)
    assert written(event, RESPONSE)["headers"] == RESPONSE.headers


UNKNOWN: list[Any] = [
    {},
    {"requestContext": {"http": None}},
    {"requestContext": {"http": {}}},
    {"requestContext": {}},
    {"requestContext": [], "rawPath": "/mcp"},
    {"httpMethod": "GET", "requestContext": "x"},
    {"Records": None},
    {"Records": [None]},
    {"Records": [{"eventSource": "aws:s3", "s3": {}}]},
    {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    {"requestContext": {"connectionId": "x", "routeKey": "$connect", "eventType": "CONNECT"}},
    {"requestContext": None},
    {"requestContext": "x"},
    {"http": {"method": "POST"}},
    {"key1": "value1", "key2": "value2"},
]


@pytest.mark.parametrize("event", UNKNOWN)
def test_other_events_are_unknown(event: Any) -> None:
    with pytest.raises(UnknownEventError) as caught:
        format_of(event)
    assert str(caught.value).endswith(f"the event has the keys: {', '.join(sorted(event)) or 'none'}")


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"Records": [{"eventSource": "aws:s3"}]}, "has records of aws:s3"),
        ({"Records": [{"EventSource": "aws:sns"}]}, "has records of aws:sns"),
        ({"Records": [{}]}, "has records of an unknown source"),
        (
            {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
            "is an event of EventBridge: aws.events, Scheduled Event",
        ),
        ({"requestContext": {"connectionId": "x", "eventType": "MESSAGE"}}, "is an event of a WebSocket API"),
        (
            {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            "is a JSON-RPC message, which belongs into the body of an HTTP event",
        ),
    ],
)
def test_the_error_says_what_came(event: Any, kind: str) -> None:
    with pytest.raises(UnknownEventError) as caught:
        format_of(event)
    assert f" but this one {kind}; the event has the keys: " in str(caught.value)


def test_the_error_is_short_however_large_the_event() -> None:
    for event in ({"x" * 100_000: 1}, {str(n): 1 for n in range(100_000)}, {"detail-type": "x" * 100_000}):
        with pytest.raises(UnknownEventError) as caught:
            format_of(event)
        assert len(str(caught.value)) < 1_500


@pytest.mark.parametrize("event", [None, [], "x", 1, True, [{}]])
def test_events_that_are_no_objects_are_unknown_too(event: Any) -> None:
    with pytest.raises(UnknownEventError, match=f"it is of the type {type(event).__name__}$"):
        format_of(event)


# Writing


RESPONSE = HttpResponse(200, {"content-type": "application/json", "x-a": "b"}, b'{"a":"\xc3\xa9"}')


@pytest.mark.parametrize("name", ["HTTP API", "Function URL"])
def test_responses_of_payload_format_2(name: str) -> None:
    assert written(KINDS[name](Sent()), RESPONSE) == {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "x-a": "b"},
        "body": '{"a":"é"}',
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize("name", ["REST API", "HTTP API 1.0"])
def test_responses_of_rest_apis(name: str) -> None:
    event = KINDS[name](Sent(headers=(("A", "b"),)))
    assert written(event, RESPONSE) == {
        "statusCode": 200,
        "multiValueHeaders": {"content-type": ["application/json"], "x-a": ["b"]},
        "body": '{"a":"é"}',
        "isBase64Encoded": False,
    }
    del event["multiValueHeaders"]
    assert written(event, RESPONSE) == {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "x-a": "b"},
        "body": '{"a":"é"}',
        "isBase64Encoded": False,
    }


def test_responses_of_load_balancers_have_the_headers_that_the_target_group_wants() -> None:
    common = {
        "statusCode": 200,
        "statusDescription": "200 OK",
        "body": '{"a":"é"}',
        "isBase64Encoded": False,
    }
    assert written(alb(Sent()), RESPONSE) == {
        **common,
        "headers": {"content-type": "application/json", "x-a": "b"},
    }
    assert written(alb_multi_value(Sent()), RESPONSE) == {
        **common,
        "multiValueHeaders": {"content-type": ["application/json"], "x-a": ["b"]},
    }


@pytest.mark.parametrize(
    ("status", "description"),
    [
        (202, "202 Accepted"),
        (204, "204 No Content"),
        (400, "400 Bad Request"),
        (403, "403 Forbidden"),
        (404, "404 Not Found"),
        (405, "405 Method Not Allowed"),
        (406, "406 Not Acceptable"),
        (415, "415 Unsupported Media Type"),
        (500, "500 Internal Server Error"),
    ],
)
def test_load_balancers_get_a_description_of_every_status(status: int, description: str) -> None:
    assert written(alb(Sent()), HttpResponse(status, {}))["statusDescription"] == description


def test_load_balancers_get_a_description_of_413_too() -> None:
    """Python has renamed its phrase."""
    assert written(alb(Sent()), HttpResponse(413, {}))["statusDescription"].startswith("413 ")


@each_kind
def test_an_empty_body_is_written(kind: Kind) -> None:
    response = written(kind(Sent()), HttpResponse(202, {}))
    assert (response["statusCode"], response["body"], response["isBase64Encoded"]) == (202, "", False)


@each_kind
def test_what_is_written_is_json(kind: Kind) -> None:
    assert json.loads(json.dumps(written(kind(Sent()), RESPONSE)))["statusCode"] == 200


# Compared with Mangum


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Say what the application was told."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    told = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": base64.b64encode(body).decode(),
    }
    await send(
        {
            "type": "http.response.start",
            "status": 201,
            "headers": [(b"content-type", b"application/json"), (b"x-a", b"b")],
        }
    )
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


def through_mangum(event: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # where Mangum looks for one
    try:
        response = Mangum(echo, lifespan="off")(event, None)  # type: ignore[arg-type]
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    told = json.loads(response["body"])
    told["headers"] = {name: value for name, value in told["headers"]}  # noqa: C416 - the last one wins
    return told, response


def ours(event: dict[str, Any]) -> dict[str, Any]:
    request = read(event)
    body = request.body if isinstance(request.body, bytes) else request.body.encode()
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "body": base64.b64encode(body).decode(),
    }


SAME = {
    "plain": Sent(body="{}", headers=(("Content-Type", "application/json"), ("Accept", "*/*"))),
    "no body": Sent(method="GET", headers=(("accept", "text/event-stream"),)),
    "binary": Sent(body=b"\x00\xff\xfe", headers=(("x-a", "b"),)),
    "unicode": Sent(body="é\U0001f600", headers=(("x-a", "b"),)),
    "query": Sent(query=(("a", "1"), ("b", "x y&z"), ("c", "é")), headers=(("x-a", "b"),)),
    "stage": Sent(path="/prod/mcp", headers=(("x-a", "b"),)),
    "one cookie": Sent(cookies=("a=1",), headers=(("x-a", "b"),)),
}


@each_kind
@pytest.mark.parametrize("sent", SAME.values(), ids=SAME.keys())
def test_we_read_what_mangum_reads(kind: Kind, sent: Sent) -> None:
    event = kind(sent)
    own, theirs = ours(event), through_mangum(event)[0]
    assert parse_qsl(own.pop("query")) == parse_qsl(theirs.pop("query"))
    assert own == theirs


@each_kind
def test_we_write_what_mangum_writes(kind: Kind) -> None:
    event = kind(Sent(headers=(("x-a", "b"),)))
    _, theirs = through_mangum(event)
    own = written(
        event,
        HttpResponse(201, {"content-type": "application/json", "x-a": "b"}, theirs["body"].encode()),
    )
    assert own["statusCode"] == theirs["statusCode"]
    assert own["body"] == theirs["body"]
    assert own["isBase64Encoded"] == theirs["isBase64Encoded"]
    assert flat(own) == flat(theirs)


def flat(response: dict[str, Any]) -> dict[str, str]:
    many = response.get("multiValueHeaders") or {}
    return {**response.get("headers", {}), **{name: values[0] for name, values in many.items()}}


@pytest.mark.parametrize("name", ["REST API", "HTTP API 1.0"])
def test_unlike_mangum_we_join_cookies_of_rest_apis_as_cookies_are(name: str) -> None:
    event = KINDS[name](Sent(cookies=("a=1", "b=2")))
    assert through_mangum(event)[0]["headers"]["cookie"] == "a=1, b=2"
    assert ours(event)["headers"]["cookie"] == "a=1; b=2"


def test_unlike_mangum_we_join_repeated_headers_of_load_balancers() -> None:
    event = alb_multi_value(Sent(headers=(("x-a", "1"), ("x-a", "2"))))
    assert through_mangum(event)[0]["headers"]["x-a"] == "2"  # the last of two entries
    assert ours(event)["headers"]["x-a"] == "1, 2"


def test_unlike_mangum_we_leave_paths_of_load_balancers_encoded() -> None:
    event = alb(Sent(path="/a%20b"))
    assert through_mangum(event)[0]["path"] == "/a b"
    assert ours(event)["path"] == "/a%20b"


def test_unlike_mangum_we_leave_queries_of_load_balancers_as_they_came() -> None:
    event = alb(Sent(query=(("q", "x y"),)))
    assert through_mangum(event)[0]["query"] == "q=x+y"
    assert ours(event)["query"] == "q=x%20y"


def test_unlike_mangum_we_take_events_without_headers() -> None:
    event = {**http_api(Sent()), "headers": None}
    with pytest.raises(AttributeError):
        through_mangum(event)
    assert ours(event)["headers"] == {}


def test_unlike_mangum_we_take_null_values_of_headers() -> None:
    event = {**rest_api(Sent()), "headers": {"X-Null": None, "X-A": "b"}, "multiValueHeaders": None}
    with pytest.raises(AttributeError):
        through_mangum(event)
    assert ours(event)["headers"] == {"x-a": "b"}


@pytest.mark.parametrize(
    ("stage", "raw_path", "path", "root"),
    [
        ("$default", "/mcp", "/mcp", ""),
        ("prod", "/prod/mcp", "/mcp", "/prod"),
        ("prod", "/prod/prod/mcp", "/prod/mcp", "/prod"),
        ("prod", "/production/mcp", "/production/mcp", "/prod"),
        ("prod", "/mcp", "/mcp", "/prod"),
        (None, "/mcp", "/mcp", ""),
    ],
)
def test_the_stage_of_an_http_api_is_no_part_of_a_route(
    stage: str | None, raw_path: str, path: str, root: str
) -> None:
    context = {"http": {"method": "GET"}, **({"stage": stage} if stage else {})}
    request = read({"version": "2.0", "rawPath": raw_path, "requestContext": context})
    assert (request.path, request.root) == (path, root)


@pytest.mark.parametrize(
    ("public", "root"), [("/prod/mcp", "/prod"), ("/mcp", ""), ("/other", ""), (None, "")]
)
def test_the_stage_of_a_rest_api_is_part_of_the_public_path(public: str | None, root: str) -> None:
    context = {"stage": "prod", **({"path": public} if public else {})}
    request = read({"httpMethod": "GET", "path": "/mcp", "requestContext": context})
    assert (request.path, request.root) == ("/mcp", root)


def test_the_keys_of_an_unknown_event_are_one_line() -> None:
    with pytest.raises(UnknownEventError, match=r"the keys: a, x\\n\[ERROR\]$"):
        format_of({"x\n[ERROR]": 1, "a": 2})
