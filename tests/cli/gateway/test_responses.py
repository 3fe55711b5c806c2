import json

import pytest

from lambent.cli.gateway.messages import Api, FrontEndRequest, FrontEndResponse
from lambent.cli.gateway.responses import (
    MalformedResponseError,
    alb_response,
    function_url_response,
    http_api_response,
    rest_response,
)

REQUEST = FrontEndRequest(
    "POST", "/mcp", "", (("Accept", "application/json, text/event-stream"),), b"", "127.0.0.1", 80
)

EVERY = [http_api_response, function_url_response, rest_response, alb_response]


def translate(function, result, *, request=REQUEST, **api):
    return function(json.dumps(result).encode(), request, Api(**api))


@pytest.mark.parametrize("function", EVERY)
def test_a_plain_response(function):
    response = translate(
        function, {"statusCode": 201, "headers": {"content-type": "text/plain"}, "body": "é"}
    )
    assert response == FrontEndResponse(201, (("content-type", "text/plain"),), "é".encode())


@pytest.mark.parametrize(
    ("function", "content_type"),
    [
        (http_api_response, "text/plain; charset=utf-8"),
        (function_url_response, "application/json"),
        (rest_response, "application/json"),
        (alb_response, "application/octet-stream"),
    ],
)
def test_the_content_type_when_there_is_none(function, content_type):
    assert translate(function, {"statusCode": 202}) == FrontEndResponse(
        202, (("content-type", content_type),), b""
    )


@pytest.mark.parametrize("function", EVERY)
def test_statuses(function):
    assert translate(function, {"statusCode": "404", "body": "x"}).status == 404
    for status in (204, 304):
        assert translate(function, {"statusCode": status, "body": "dropped"}).body == b""
    for status in (None, 0, 99, 100, 600, 200.0, True, "", "OK", "-1", [], {}):
        with pytest.raises(MalformedResponseError, match="statusCode"):
            translate(function, {"statusCode": status})


@pytest.mark.parametrize("function", EVERY)
@pytest.mark.parametrize(
    "rest",
    [
        {"body": {"a": 1}},
        {"body": 7},
        {"headers": []},
        {"headers": {"a": None}},
        {"headers": {"a": ["b"]}},
        {"headers": {"a": "b\r\nc"}},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "\N{SNOWMAN}"}},
    ],
)
def test_what_is_malformed_everywhere(function, rest):
    with pytest.raises(MalformedResponseError):
        translate(function, {"statusCode": 200, **rest})


@pytest.mark.parametrize(
    "values", [[], "a", {"a": "b"}, {"a": None}, {"a": [None]}, {"a": ["b\n"]}, {"": ["c"]}]
)
@pytest.mark.parametrize("function", [rest_response, alb_response])
def test_multi_value_headers_that_are_malformed(function, values):
    with pytest.raises(MalformedResponseError):
        translate(function, {"statusCode": 200, "multiValueHeaders": values}, multi_value_headers=True)


@pytest.mark.parametrize("function", [http_api_response, function_url_response, alb_response])
def test_base64_bodies_are_decoded(function):
    assert (
        translate(function, {"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}).body == b"\x00\xff"
    )
    with pytest.raises(MalformedResponseError, match="not Base64"):
        translate(function, {"statusCode": 200, "body": "no!", "isBase64Encoded": True})


def test_rest_decodes_base64_for_clients_that_accept_a_binary_type():
    result = {"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}
    assert translate(rest_response, result).body == b"AP8="
    assert translate(rest_response, result, binary_media_types=("text/event-stream",)).body == b"AP8="
    assert translate(rest_response, result, binary_media_types=("application/json",)).body == b"\x00\xff"


@pytest.mark.parametrize("function", [http_api_response, function_url_response])
@pytest.mark.parametrize("result", [{"message": "Hello"}, "Hello", [1, 2], None, 3])
def test_without_a_status_code_the_result_is_the_body(function, result):
    response = translate(function, result)
    assert (response.status, response.headers) == (200, (("content-type", "application/json"),))
    assert json.loads(response.body) == result


@pytest.mark.parametrize("function", [rest_response, alb_response])
@pytest.mark.parametrize("result", [{"message": "Hello"}, "Hello", [1, 2], None, {"body": "Hello"}])
def test_without_a_status_code_the_result_is_malformed(function, result):
    with pytest.raises(MalformedResponseError):
        translate(function, result)


@pytest.mark.parametrize("function", [http_api_response, function_url_response])
def test_cookies(function):
    result = {"statusCode": 200, "headers": {"Content-Type": "a/b"}, "cookies": ["a=1; Path=/", "b=2"]}
    assert translate(function, result).headers == (
        ("content-type", "a/b"),
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "b=2"),
    )
    with pytest.raises(MalformedResponseError, match="cookies"):
        translate(function, {"statusCode": 200, "cookies": "a=1"})


def test_payload_2_header_values():
    result = {
        "statusCode": 200,
        "headers": {"Content-Type": "a/b", "X-Int": 7, "X-True": True, "Content-Length": "9"},
    }
    assert translate(http_api_response, result).headers == (
        ("content-type", "a/b"),
        ("x-int", "7"),
        ("x-true", "true"),
    )


def test_payload_2_knows_no_multi_value_headers():
    result = {"statusCode": 200, "multiValueHeaders": {"x-a": ["1"]}, "unknown": 1}
    assert translate(http_api_response, result).headers == (("content-type", "text/plain; charset=utf-8"),)


def test_rest_merges_headers():
    result = {
        "statusCode": 200,
        "headers": {"Content-Type": "a/b", "x-one": "lost", "X-Two": "2"},
        "multiValueHeaders": {"X-One": ["1", "11"], "Set-Cookie": ["a=1", "b=2"]},
    }
    assert translate(rest_response, result).headers == (
        ("Content-Type", "a/b"),
        ("X-Two", "2"),
        ("X-One", "1"),
        ("X-One", "11"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    )


def test_rest_renames_and_drops_headers():
    names = ["WWW-Authenticate", "Date", "Server", "Authorization", "Connection", "Content-MD5", "User-Agent"]
    gone = [
        "Host",
        "Transfer-Encoding",
        "Upgrade",
        "Via",
        "TE",
        "Trailer",
        "Proxy-Authenticate",
        "Content-Length",
    ]
    result = {
        "statusCode": 401,
        "headers": dict.fromkeys([*names, *gone, "Content-Type", "Cache-Control"], "x"),
    }
    response = translate(rest_response, result)
    assert [name for name, _ in response.headers] == [
        *(f"x-amzn-Remapped-{name}" for name in names),
        "Content-Type",
        "Cache-Control",
    ]


@pytest.mark.parametrize("status", [200, 401, 403])
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (http_api_response, "x-amzn-remapped-www-authenticate"),
        (function_url_response, "x-amzn-Remapped-www-authenticate"),
        (rest_response, "x-amzn-Remapped-WWW-Authenticate"),
        (alb_response, "WWW-Authenticate"),
    ],
)
def test_all_but_albs_rename_the_challenge_whatever_the_status(function, name, status):
    result = {
        "statusCode": status,
        "headers": {"Content-Type": "a/b", "WWW-Authenticate": 'Bearer scope="pay"', "Retry-After": "1"},
    }
    names = {header.lower(): header for header, _ in translate(function, result).headers}
    assert list(names) == ["content-type", name.lower(), "retry-after"]
    assert dict(translate(function, result).headers)[name] == 'Bearer scope="pay"'


def test_rest_refuses_keys_that_it_does_not_know():
    with pytest.raises(MalformedResponseError, match="keys foo"):
        translate(rest_response, {"statusCode": 200, "foo": 1})


def test_alb_takes_the_headers_that_its_setting_asks_for():
    result = {
        "statusCode": 200,
        "statusDescription": "200 OK",
        "headers": {"Content-Type": "a/b"},
        "multiValueHeaders": {"Content-Type": ["c/d"], "Set-Cookie": ["a=1", "b=2"]},
    }
    assert translate(alb_response, result).headers == (("Content-Type", "a/b"),)
    assert translate(alb_response, result, multi_value_headers=True).headers == (
        ("Content-Type", "c/d"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    )


@pytest.mark.parametrize("function", EVERY)
def test_what_is_not_json(function):
    with pytest.raises(MalformedResponseError, match="not JSON"):
        function(b"{", REQUEST, Api())
