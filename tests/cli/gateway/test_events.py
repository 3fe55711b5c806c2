import dataclasses

import pytest

from lambent.cli.gateway.events import alb_event, extended_id, function_url_event, http_api_event, rest_event
from lambent.cli.gateway.messages import Api, Arrival, FrontEndRequest
from lambent.hosts.aws_lambda.events import format_of

ARRIVAL = Arrival(
    request_id="77375676-abcd-4b79-853a-f982474efe18",
    epoch_ms=1583798639428,
    trace_id="Root=1-5e66d96f-7491f09a12b379d18acf3d05",
)

GET = FrontEndRequest(
    method="GET",
    path="/my/path",
    query="parameter1=value1&parameter1=value2&parameter2=value",
    headers=(
        ("Host", "id.execute-api.us-east-1.amazonaws.com"),
        ("User-Agent", "agent"),
        ("Header1", "value1"),
        ("Header2", "value1"),
        ("header2", "value2"),
        ("Cookie", "cookie1; cookie2"),
        ("Connection", "keep-alive"),
    ),
    body=b"",
    source_ip="52.255.255.12",
    port=443,
    scheme="https",
)

POST = FrontEndRequest(
    method="POST",
    path="/mcp",
    query="",
    headers=(
        ("Host", "127.0.0.1:8080"),
        ("Content-Type", "application/json"),
        ("Mcp-Method", "tools/list"),
        ("Transfer-Encoding", "chunked"),
    ),
    body='{"a":"é"}'.encode(),
    source_ip="127.0.0.1",
    port=8080,
)


def with_body(request, content_type, body, *headers):
    lines = tuple(line for line in request.headers if line[0] != "Content-Type")
    kind = (("Content-Type", content_type),) if content_type is not None else ()
    return dataclasses.replace(request, headers=(*lines, *kind, *headers), body=body)


def test_http_api_get():
    assert http_api_event(GET, Api(api_id="id"), ARRIVAL) == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my/path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1", "cookie2"],
        "headers": {
            "content-length": "0",
            "header1": "value1",
            "header2": "value1,value2",
            "host": "id.execute-api.us-east-1.amazonaws.com",
            "user-agent": "agent",
            "x-amzn-trace-id": "Root=1-5e66d96f-7491f09a12b379d18acf3d05",
            "x-forwarded-for": "52.255.255.12",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": "GET",
                "path": "/my/path",
                "protocol": "HTTP/1.1",
                "sourceIp": "52.255.255.12",
                "userAgent": "agent",
            },
            "requestId": extended_id(ARRIVAL),
            "routeKey": "$default",
            "stage": "$default",
            "time": "10/Mar/2020:00:03:59 +0000",
            "timeEpoch": 1583798639428,
        },
        "isBase64Encoded": False,
    }


def test_http_api_post():
    event = http_api_event(POST, Api(), ARRIVAL)
    assert event["body"] == '{"a":"é"}'
    assert event["isBase64Encoded"] is False
    assert event["rawQueryString"] == ""
    assert {"cookies", "queryStringParameters", "pathParameters", "stageVariables"}.isdisjoint(event)
    assert event["headers"] == {
        "host": "127.0.0.1:8080",
        "content-type": "application/json",
        "content-length": "10",
        "mcp-method": "tools/list",
        "x-amzn-trace-id": ARRIVAL.trace_id,
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-port": "8080",
        "x-forwarded-proto": "http",
    }


def test_http_api_names_a_stage_in_the_path():
    event = http_api_event(POST, Api(stage="dev"), ARRIVAL)
    assert event["rawPath"] == "/dev/mcp"
    assert event["requestContext"]["http"]["path"] == "/dev/mcp"
    assert event["requestContext"]["stage"] == "dev"


@pytest.mark.parametrize(
    "content_type", ["application/octet-stream", "application/x-www-form-urlencoded", None]
)
def test_http_api_encodes_bodies_that_are_not_text(content_type):
    event = http_api_event(with_body(POST, content_type, b"\x00\xff"), Api(), ARRIVAL)
    assert (event["body"], event["isBase64Encoded"]) == ("AP8=", True)


def test_http_api_decodes_the_path_and_the_query_parameters():
    request = dataclasses.replace(GET, path="/caf%C3%A9/a%2Fb", query="q=a%20b&tag=C%23&tag=+&empty=")
    event = http_api_event(request, Api(), ARRIVAL)
    assert event["rawPath"] == "/café/a/b"
    assert event["rawQueryString"] == "q=a%20b&tag=C%23&tag=+&empty="
    assert event["queryStringParameters"] == {"q": "a b", "tag": "C#, ", "empty": ""}


def test_what_the_client_forwards_stays_in_front():
    headers = (*POST.headers, ("X-Forwarded-For", "203.0.113.7"), ("X-Amzn-Trace-Id", "Root=mine"))
    request = dataclasses.replace(POST, headers=(*headers, ("X-Forwarded-Proto", "gopher")))
    for event in (http_api_event(request, Api(), ARRIVAL), alb_event(request, Api(), ARRIVAL)):
        assert event["headers"]["x-forwarded-for"] == "203.0.113.7, 127.0.0.1"
        assert event["headers"]["x-forwarded-proto"] == "http"
        assert event["headers"]["x-amzn-trace-id"] == "Root=mine"


def test_function_url():
    request = dataclasses.replace(GET, path="/a%20b")
    event = function_url_event(request, Api(api_id="urlid", stage="ignored"), ARRIVAL)
    assert event["version"] == "2.0"
    assert event["rawPath"] == "/a%20b"
    assert event["requestContext"]["http"]["path"] == "/a%20b"
    assert event["requestContext"]["apiId"] == "urlid"
    assert event["requestContext"]["accountId"] == "anonymous"
    assert event["requestContext"]["stage"] == "$default"
    assert event["requestContext"]["requestId"] == ARRIVAL.request_id
    # Unlike HTTP APIs, function URLs leave the cookies among the headers too.
    assert event["cookies"] == ["cookie1", "cookie2"]
    assert event["headers"]["cookie"] == "cookie1; cookie2"


@pytest.mark.parametrize("make", [http_api_event, function_url_event, rest_event, alb_event])
@pytest.mark.parametrize("multi", [False, True])
def test_cookies_that_come_apart_are_joined_as_cookies_are(make, multi):
    apart = dataclasses.replace(POST, headers=(*POST.headers, ("cookie", "a=1"), ("Cookie", "b=2; c=3")))
    whole = dataclasses.replace(POST, headers=(*POST.headers, ("Cookie", "a=1; b=2; c=3")))
    api = Api(multi_value_headers=multi)
    assert make(apart, api, ARRIVAL) == make(whole, api, ARRIVAL)
    read, _ = format_of(make(apart, api, ARRIVAL))
    assert read(make(apart, api, ARRIVAL), None).headers["cookie"] == "a=1; b=2; c=3"


def test_rest_get():
    assert rest_event(GET, Api(stage="Prod", path="/my/path", api_id="id"), ARRIVAL) == {
        "resource": "/my/path",
        "path": "/my/path",
        "httpMethod": "GET",
        "headers": {
            "Host": "id.execute-api.us-east-1.amazonaws.com",
            "User-Agent": "agent",
            "Header1": "value1",
            "Header2": "value1",
            "header2": "value2",
            "Cookie": "cookie1; cookie2",
            "X-Amzn-Trace-Id": "Root=1-5e66d96f-7491f09a12b379d18acf3d05",
            "X-Forwarded-For": "52.255.255.12",
            "X-Forwarded-Port": "443",
            "X-Forwarded-Proto": "https",
        },
        "multiValueHeaders": {
            "Host": ["id.execute-api.us-east-1.amazonaws.com"],
            "User-Agent": ["agent"],
            "Header1": ["value1"],
            "Header2": ["value1"],
            "header2": ["value2"],
            "Cookie": ["cookie1; cookie2"],
            "X-Amzn-Trace-Id": ["Root=1-5e66d96f-7491f09a12b379d18acf3d05"],
            "X-Forwarded-For": ["52.255.255.12"],
            "X-Forwarded-Port": ["443"],
            "X-Forwarded-Proto": ["https"],
        },
        "queryStringParameters": {"parameter1": "value2", "parameter2": "value"},
        "multiValueQueryStringParameters": {"parameter1": ["value1", "value2"], "parameter2": ["value"]},
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "extendedRequestId": extended_id(ARRIVAL),
            "httpMethod": "GET",
            "identity": {
                "accessKey": None,
                "accountId": None,
                "caller": None,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": "52.255.255.12",
                "user": None,
                "userAgent": "agent",
                "userArn": None,
            },
            "path": "/Prod/my/path",
            "protocol": "HTTP/1.1",
            "requestId": ARRIVAL.request_id,
            "requestTime": "10/Mar/2020:00:03:59 +0000",
            "requestTimeEpoch": 1583798639428,
            "resourceId": "l4mb3n",
            "resourcePath": "/my/path",
            "stage": "Prod",
        },
        "body": None,
        "isBase64Encoded": False,
    }


def test_rest_repeated_headers():
    request = dataclasses.replace(GET, headers=(*GET.headers, ("Header1", "value3")))
    event = rest_event(request, Api(), ARRIVAL)
    assert event["headers"]["Header1"] == "value3"
    assert event["multiValueHeaders"]["Header1"] == ["value1", "value3"]


def test_rest_drops_headers():
    dropped = [
        "WWW-Authenticate",
        "Server",
        "Content-MD5",
        "Max-Forwards",
        "Expect",
        "TE",
        "Upgrade",
        "Connection",
    ]
    request = dataclasses.replace(POST, headers=(*POST.headers, *((name, "x") for name in dropped)))
    assert set(rest_event(request, Api(), ARRIVAL)["headers"]) == {
        "Host", "Content-Type", "Mcp-Method", "Content-Length",
        "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto",
    }  # fmt: skip


def test_rest_has_nulls_for_what_is_not_there():
    event = rest_event(POST, Api(), ARRIVAL)
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None
    assert event["requestContext"]["identity"]["userAgent"] is None


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/mcp", "/mcp", None),
        ("/", "/", None),
        ("/.well-known/oauth%20x", "/{proxy+}", {"proxy": ".well-known/oauth%20x"}),
    ],
)
def test_rest_resources(path, resource, parameters):
    event = rest_event(dataclasses.replace(POST, path=path), Api(stage="Prod"), ARRIVAL)
    assert event["path"] == path
    assert event["resource"] == event["requestContext"]["resourcePath"] == resource
    assert event["pathParameters"] == parameters


def test_rest_bodies_are_text_unless_their_type_is_binary():
    request = with_body(POST, "image/png", b"a\xff")
    event = rest_event(request, Api(), ARRIVAL)
    assert (event["body"], event["isBase64Encoded"]) == ("a\N{REPLACEMENT CHARACTER}", False)
    event = rest_event(request, Api(binary_media_types=("image/*",)), ARRIVAL)
    assert (event["body"], event["isBase64Encoded"]) == ("Yf8=", True)


def test_alb():
    request = with_body(POST, "application/json", b"{}", ("X-Multi", "1"), ("X-Multi", "2"))
    request = dataclasses.replace(request, query="&myKey=val1&myKey=a%20b")
    assert alb_event(request, Api(api_id="my-target-group"), ARRIVAL) == {
        "requestContext": {
            "elb": {
                "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012"
                ":targetgroup/my-target-group/6d0ecf831eec9f09"
            }
        },
        "httpMethod": "POST",
        "path": "/mcp",
        "queryStringParameters": {"myKey": "a%20b"},
        "headers": {
            "content-length": "2",
            "content-type": "application/json",
            "host": "127.0.0.1:8080",
            "mcp-method": "tools/list",
            "x-amzn-trace-id": ARRIVAL.trace_id,
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
            "x-multi": "2",
        },
        "body": "{}",
        "isBase64Encoded": False,
    }


def test_alb_with_multi_value_headers():
    event = alb_event(GET, Api(multi_value_headers=True), ARRIVAL)
    assert {"headers", "queryStringParameters"}.isdisjoint(event)
    assert event["multiValueQueryStringParameters"] == {
        "parameter1": ["value1", "value2"],
        "parameter2": ["value"],
    }
    assert event["multiValueHeaders"]["header2"] == ["value1", "value2"]
    assert event["multiValueHeaders"]["host"] == ["id.execute-api.us-east-1.amazonaws.com"]
    assert event["multiValueHeaders"]["connection"] == ["keep-alive"]
    assert (event["body"], event["isBase64Encoded"]) == ("", False)


@pytest.mark.parametrize(
    ("content_type", "headers", "expected"),
    [
        ("text/plain", (), ("a", False)),
        ("image/png", (), ("YQ==", True)),
        ("text/plain", (("Content-Encoding", "gzip"),), ("YQ==", True)),
    ],
)
def test_alb_bodies(content_type, headers, expected):
    event = alb_event(with_body(POST, content_type, b"a", *headers), Api(), ARRIVAL)
    assert (event["body"], event["isBase64Encoded"]) == expected


def test_the_short_id_looks_like_api_gateways():
    assert len(extended_id(ARRIVAL)) == 16
    assert extended_id(ARRIVAL).endswith("=")
