"""One handler for every kind of event, interleaved, many times."""

import json
import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.support import (
    REQUESTS,
    Client,
    dumps,
    failure,
    full_server,
    headers_of,
    http_api,
    make_handler,
    make_server,
    message,
    success,
    text_result,
)

from lambent import Context
from lambent.hosts.aws_lambda.events import UnknownEventError

CALL = message("tools/call", REQUESTS["tools/call"])
THREE = success('"content":[{"type":"text","text":"3"}],"structuredContent":{"result":3}').decode()

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


@pytest.fixture(scope="module")
def any_client() -> Iterator[Client]:
    """One for all examples of a property."""
    handler = make_handler(full_server())
    yield Client(handler)
    handler.close()


def sent(body: Any, method: str = "POST", **headers: str) -> Sent:
    named = {**headers_of(body), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Sent(method=method, headers=tuple(named.items()), body=dumps(body))


def flat(response: dict[str, Any]) -> dict[str, str]:
    many = response.get("multiValueHeaders", {})
    return {**response.get("headers", {}), **{name: value for name, (value,) in many.items()}}


@each_kind
def test_a_tool_call(serve: Callable[..., Client], kind: Any) -> None:
    response = serve(full_server()).handler(kind(sent(CALL)), None)
    assert (response["statusCode"], response["body"]) == (200, THREE)
    assert flat(response) == {"content-type": "application/json"}
    assert response["isBase64Encoded"] is False


@each_kind
def test_a_tool_call_in_base64(serve: Callable[..., Client], kind: Any) -> None:
    event = kind(sent(CALL)._replace(body=dumps(CALL).encode()))
    assert event["isBase64Encoded"] is True
    assert serve(full_server()).handler(event, None)["body"] == THREE


@each_kind
@pytest.mark.parametrize(
    ("request_", "status", "body", "headers"),
    [
        (
            sent(CALL, mcp_method="tools/list"),
            400,
            failure(-32020, "Header mismatch: Mcp-Method header does not match the body"),
            {"content-type": "application/json"},
        ),
        (
            sent(CALL, method="DELETE"),
            405,
            failure(-32600, "Method DELETE is not allowed; use POST", request_id=...),
            {"content-type": "application/json", "allow": "POST"},
        ),
        (
            sent(CALL, origin="https://evil.example"),
            403,
            failure(-32600, "Origin is not allowed", request_id=...),
            {"content-type": "application/json"},
        ),
        (sent({"jsonrpc": "2.0", "method": "notifications/x"}), 202, b"", {}),
        (sent(CALL, method="OPTIONS"), 204, b"", {"allow": "GET, POST, DELETE, OPTIONS"}),
    ],
)
def test_everything_else(
    serve: Callable[..., Client], kind: Any, request_: Sent, status: int, body: bytes, headers: Any
) -> None:
    response = serve(full_server()).handler(kind(request_), None)
    assert response["statusCode"] == status
    assert response["body"].encode() == body
    assert flat(response) == headers


@each_kind
def test_a_body_that_is_not_base64(serve: Callable[..., Client], kind: Any) -> None:
    event = {**kind(sent(CALL)), "body": "%", "isBase64Encoded": True}
    response = serve(full_server()).handler(event, None)
    assert response["statusCode"] == 400
    assert response["body"].encode() == failure(-32600, "The body is not valid Base64", request_id=...)
    assert flat(response) == {"content-type": "application/json"}


@each_kind
def test_pages_of_the_apis_own_domain(serve: Callable[..., Client], kind: Any) -> None:
    event = kind(sent(CALL))
    domain = event["requestContext"].get("domainName", "lb.example")
    headers = {**headers_of(CALL), "origin": f"https://{domain}", "host": domain}
    event = kind(Sent(headers=tuple(headers.items()), body=dumps(CALL)))
    response = serve(full_server()).handler(event, None)
    assert response["statusCode"] == (403 if "elb" in event["requestContext"] else 200)


def test_duplicate_headers_do_not_pass_for_one(serve: Callable[..., Client]) -> None:
    """Each kind of event joins them differently, a load balancer keeps the last."""
    client = serve(full_server())
    for name, kind in KINDS.items():
        twice = sent(CALL)
        twice = twice._replace(headers=(*twice.headers, ("mcp-name", "subtract")))
        response = client.handler(kind(twice), None)
        assert response["statusCode"] == 400, name
        assert json.loads(response["body"])["error"]["code"] == -32020


def test_one_handler_serves_all_kinds_interleaved(serve: Callable[..., Client]) -> None:
    mcp = make_server()

    @mcp.tool()
    def double(n: int, ctx: Context) -> int:
        return n * 2

    @mcp.tool()
    async def triple(n: int) -> int:
        return n * 3

    client = serve(mcp)
    kinds = list(KINDS.values())
    for number in range(600):
        tool, factor = random.choice([("double", 2), ("triple", 3)])
        body = message("tools/call", {"name": tool, "arguments": {"n": number}}, request_id=number)
        response = client.handler(random.choice(kinds)(sent(body)), None)
        assert response["body"].encode() == success(
            f'"content":[{{"type":"text","text":"{number * factor}"}}],'
            f'"structuredContent":{{"result":{number * factor}}}',
            request_id=number,
        )


def test_events_are_left_as_they_are(serve: Callable[..., Client]) -> None:
    client = serve(full_server())
    for kind in KINDS.values():
        event = kind(sent(CALL, origin="http://localhost"))
        before = json.dumps(event)
        client.handler(event, None)
        assert json.dumps(event) == before


def test_unknown_events_are_raised_so_that_lambda_reports_them(serve: Callable[..., Client]) -> None:
    client = serve(full_server())
    with pytest.raises(UnknownEventError):
        client.handler({"source": "aws.events"}, None)
    assert client.call("add", {"a": 1}).value == 1


WARM = {
    "statusCode": 200,
    "headers": {"content-type": "application/json"},
    "body": '{"warm":true}',
    "isBase64Encoded": False,
}


@pytest.mark.parametrize(
    "event",
    [{"warmer": True}, {"warmer": True, "concurrency": 3}, {"source": "serverless-plugin-warmup"}],
)
def test_events_that_keep_the_function_warm_are_answered(
    serve: Callable[..., Client], event: dict[str, Any]
) -> None:
    assert serve(full_server()).handler(event, None) == WARM


ODD: list[Any] = [
    None,
    0,
    1.5,
    "x",
    [],
    [{}],
    {},
    {"warmer": False},
    {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    {"Records": [{"eventSource": "aws:s3", "s3": {}}]},
    {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]},
    {"Records": [None]},
    {"Records": {"eventSource": "aws:sqs"}},
    {"Records": [{"eventSource": "aws:sqs"}]},
    {"ResponseURL": 1, "RequestType": "Create"},
    {"ResponseURL": "https://x.invalid", "ResourceProperties": "x"},
    {"requestContext": {"connectionId": "x", "routeKey": "$connect"}, "headers": {}},
    {"requestContext": None},
    {"requestContext": {"http": None}},
    {"requestContext": {"http": "x"}},
    {"requestContext": {"http": {"method": 1}}},
    {"requestContext": "elb"},
    {"httpMethod": "POST", "requestContext": 1},
]


@pytest.mark.parametrize("event", ODD, ids=str)
def test_other_events_are_refused_by_name(serve: Callable[..., Client], event: Any) -> None:
    with pytest.raises(UnknownEventError):
        serve(full_server()).handler(event, None)


ODD_MEMBERS = [None, 0, 1, True, "", "x", [], ["x"], [1], {}, {"x": 1}, {"x": None}, {"x": ["y"]}]
MEMBERS = [
    *("headers", "multiValueHeaders", "cookies", "body", "isBase64Encoded", "rawPath", "path", "httpMethod"),
    *("rawQueryString", "queryStringParameters", "multiValueQueryStringParameters"),
]
CONTEXT = ["domainName", "stage", "path", "identity", "authorizer", "http"]


def answered(client: Client, event: Any) -> None:
    try:
        response = client.handler(event, None)
    except UnknownEventError:
        return
    assert json.loads(json.dumps(response))["statusCode"] in (200, 202, 204, 400, 404, 405, 415)


@each_kind
@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_http_events_with_odd_members(serve: Callable[..., Client], kind: Any, method: str) -> None:
    client = serve(full_server())
    whole = json.dumps(kind(sent(CALL, method=method, origin="http://localhost")))
    for odd in ODD_MEMBERS:
        for name in MEMBERS:
            answered(client, {**json.loads(whole), name: odd})
        for name in CONTEXT:
            event = json.loads(whole)
            event["requestContext"][name] = odd
            answered(client, event)


@each_kind
def test_http_events_without_optional_members(serve: Callable[..., Client], kind: Any) -> None:
    client = serve(full_server())
    for name in (*MEMBERS, "requestContext"):
        event = kind(sent(CALL))
        event.pop(name, None)
        answered(client, event)


@each_kind
@pytest.mark.parametrize(
    ("flag", "status"), [("true", 200), ("True", 200), (1, 200), ("false", 400), ("", 400)]
)
def test_the_base64_flag_as_text(serve: Callable[..., Client], kind: Any, flag: Any, status: int) -> None:
    event = {**kind(sent(CALL)._replace(body=dumps(CALL).encode())), "isBase64Encoded": flag}
    assert serve(full_server()).handler(event, None)["statusCode"] == status


BARE = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = headers_of(BARE)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
NAMES = [*MEMBERS, *CONTEXT, "requestContext", "Records", "ResponseURL", "source", "warmer", "elb", "method"]
NAMES += ["detail-type", "connectionId", "eventType", "jsonrpc", "ResourceProperties", "x", "content-type"]
EVENTS = st.recursive(
    JSON | st.sampled_from(["POST", "GET", "/mcp/server-card", "/.well-known/x", "/token", "true", "\ud800"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
)


@given(JSON | EVENTS)
@example({"requestContext": {"http": {"method": "GET"}, "domainName": ["x"]}, "rawPath": "/mcp/server-card"})
@example({"requestContext": {"http": {"method": "GET"}, "domainName": "["}, "rawPath": "/mcp/server-card"})
@example(
    {"requestContext": {"http": {"method": "GET"}, "domainName": "\ud800"}, "rawPath": "/mcp/server-card"}
)
@example({"httpMethod": "\ud800"})
@example(
    {"httpMethod": "POST", "headers": {**HEADERS, "mcp-protocol-version": "\ud800"}, "body": dumps(BARE)}
)
@example({"httpMethod": "GET", "queryStringParameters": {"x": "\ud800"}})
@example({"httpMethod": "OPTIONS", "headers": {"origin": "http://x"}, "requestContext": {"domainName": 1}})
def test_any_json_is_answered_or_refused_by_name(any_client: Client, event: Any) -> None:
    try:
        response = any_client.handler(event, None)
    except UnknownEventError:
        return
    assert isinstance(response, dict)


@pytest.mark.parametrize(
    ("context", "remaining"),
    [
        (SimpleNamespace(get_remaining_time_in_millis=lambda: 2_999), 2_999),
        (SimpleNamespace(), None),
        (None, None),
        ({}, None),
    ],
)
def test_the_remaining_time_is_lambdas(
    serve: Callable[..., Client], context: Any, remaining: int | None
) -> None:
    mcp = make_server()

    @mcp.tool()
    def left(ctx: Context) -> int | None:
        return ctx.remaining_ms()

    assert serve(mcp).call("left", context=context).value == remaining


def test_handlers_of_one_server_are_independent(serve: Callable[..., Client]) -> None:
    mcp = full_server()
    first, second = serve(mcp), serve(mcp)
    assert first.call("add", {"a": 1}).body == second.call("add", {"a": 1}).body


def test_the_body_is_text_also_where_it_is_not_ascii(serve: Callable[..., Client]) -> None:
    mcp = make_server()

    @mcp.tool()
    def speak() -> str:
        return "größe \U0001f600 \u2028"

    call = message("tools/call", {"name": "speak"})
    written = serve(mcp).handler(http_api(dumps(call), headers_of(call)), None)
    assert written["body"].encode() == success(text_result("größe \U0001f600 \u2028"))
    assert written["isBase64Encoded"] is False
