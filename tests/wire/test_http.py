"""HTTP rules before any JSON is read: methods, origins, media types, sizes, CORS."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import (
    EXPOSED,
    PREFIX,
    REQUESTS,
    SECRET,
    SSE_HEADERS,
    Client,
    dumps,
    failure,
    frames,
    full_server,
    headers_of,
    http_api,
    make_server,
    message,
    success,
    text_result,
)

from lambent import Context, Settings
from lambent.errors import HttpRefusal
from lambent.wire.http import (
    Accepts,
    HttpPolicy,
    Request,
    check_origin,
    check_post,
    cors_headers,
    not_found,
    preflight,
)

HOST = "abc123.execute-api.eu-west-1.amazonaws.com"
CALL = message("tools/call", REQUESTS["tools/call"])
HEADERS = headers_of(CALL)
THREE = success('"content":[{"type":"text","text":"3"}],"structuredContent":{"result":3}')


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    return serve(full_server())


def settings(**options: Any) -> Settings:
    return Settings(state_keys=(SECRET,), **options)


@pytest.mark.parametrize(
    "value", [Request("POST", "/", {}), HttpPolicy(), Accepts(json=True, sse=True)], ids=str
)
def test_values_are_frozen(value: Any) -> None:
    with pytest.raises(AttributeError):
        value.method = value.body_limit = value.json = None


# Methods


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "TRACE", "put", "FOO"])
@pytest.mark.parametrize("headers", [{}, {"accept": "text/event-stream", "mcp-session-id": "s"}])
def test_only_post_is_allowed(client: Client, method: str, headers: dict[str, str]) -> None:
    reply = client.event(http_api(None, headers, method=method))
    assert reply.status == 405
    assert reply.headers == {"content-type": "application/json", "allow": "POST"}
    if method == "HEAD":
        assert reply.body == b""
    else:
        text = f"Method {method.upper()} is not allowed; use POST"
        assert reply.body == failure(-32600, text, request_id=...)


def test_a_method_in_lower_case_is_a_method(client: Client) -> None:
    assert client.post(CALL, method="post").body == THREE


@pytest.mark.parametrize("path", ["/", "/mcp", "/prod/mcp", "/shop/mcp/", "/a%2Fb", ""])
@pytest.mark.parametrize("domain", [HOST, "mcp.example.com", ""])
def test_stages_base_paths_and_custom_domains_make_no_difference(
    client: Client, path: str, domain: str
) -> None:
    assert client.post(CALL, path=path, domain=domain, query="x=1").body == THREE


def test_a_plain_call_byte_for_byte(client: Client) -> None:
    reply = client.post(CALL)
    assert reply.written == {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":'
        f'{{"{PREFIX}serverInfo":{{"name":"shop","version":"1.2.3"}}}},'
        '"content":[{"type":"text","text":"3"}],"structuredContent":{"result":3}}}',
        "isBase64Encoded": False,
    }


# Content types


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        " application/json ",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8;x=y",
        "application/json ;",
    ],
)
def test_json_by_any_spelling(client: Client, content_type: str) -> None:
    assert client.post(CALL, {"content-type": content_type}).body == THREE


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonx",
        "application/json-rpc",
        "application/json,application/json",
        "application/json, text/plain",
        "text/plain; application/json",
        "*/*",
    ],
)
def test_other_content_types_are_refused(client: Client, content_type: str | None) -> None:
    reply = client.post(CALL, {"content-type": content_type})
    assert reply.status == 415
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == failure(-32600, "Content-Type must be application/json", request_id=...)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', " utf-8 ", "utf8"])
@pytest.mark.parametrize("spelling", ["application/json;charset={}", "Application/Json ; x=y; Charset = {};"])
def test_utf_8_by_any_spelling(client: Client, spelling: str, charset: str) -> None:
    assert client.post(CALL, {"content-type": spelling.format(charset)}).body == THREE


@pytest.mark.parametrize(
    "charset", ["iso-8859-1", '"UTF-16"', "us-ascii", "utf-8x", "", "utf-8;charset=latin1"]
)
def test_other_charsets_are_refused(client: Client, charset: str) -> None:
    reply = client.post("no JSON", {"content-type": f"application/json; charset={charset}"})
    assert (reply.status, reply.headers) == (415, {"content-type": "application/json"})
    reason = "The charset must be utf-8: JSON is sent in UTF-8 only (RFC 8259)"
    assert reply.body == failure(-32600, reason, request_id=...)


@pytest.mark.parametrize("encoding", ["identity", "Identity ", "", "identity, identity"])
def test_a_body_that_is_not_compressed_is_read(client: Client, encoding: str) -> None:
    assert client.post(CALL, {"content-encoding": encoding}).body == THREE


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", "x"])
@pytest.mark.parametrize("body", [gzip.compress(dumps(CALL).encode()), dumps(CALL), ""])
def test_other_encodings_are_refused_before_the_body_is_read(
    client: Client, encoding: str, body: str | bytes
) -> None:
    reply = client.post(body, {**HEADERS, "content-encoding": encoding})
    assert reply.status == 415
    assert reply.headers == {"content-type": "application/json", "accept-encoding": "identity"}
    reason = "Content-Encoding is not supported: send the body uncompressed"
    assert reply.body == failure(-32600, reason, request_id=...)


# Accept


ACCEPTS: list[tuple[str | None, bool, bool]] = [
    (None, True, True),
    ("application/json, text/event-stream", True, True),
    ("text/event-stream,application/json", True, True),
    ("APPLICATION/JSON, Text/Event-Stream", True, True),
    ("application/json;q=0.9, text/event-stream;q=0.1", True, True),
    ("application/json; charset=utf-8, text/event-stream", True, True),
    ("*/*", True, True),
    ("*/*;q=0.001", True, True),
    ("application/*, text/*", True, True),
    ("application/json", True, False),
    ("application/*", True, False),
    ("application/json, text/html", True, False),
    ("text/event-stream", False, True),
    ("text/*", False, True),
    ("text/event-stream;q=0, application/json", True, False),
    ("text/event-stream; q=0 , application/json", True, False),
    ("text/event-stream;Q=0.0, application/json", True, False),
    ("text/event-stream;q=0.000, application/json", True, False),
    ("application/json;q=0, text/event-stream", False, True),
    ("application/json;q=0.000,text/event-stream", False, True),
    ("*/*, text/event-stream;q=0", True, False),
    ("application/json;q=0, */*", False, True),
    ("application/*;q=0, */*", False, True),
    ("*/*;q=0, application/json", True, False),
    ("text/html, application/json;q=0.00, text/event-stream", False, True),
]


@pytest.mark.parametrize(("accept", "json", "sse"), ACCEPTS)
def test_what_the_client_can_read(accept: str | None, json: bool, sse: bool) -> None:
    headers = {"content-type": "application/json"}
    if accept is not None:
        headers["accept"] = accept
    assert check_post(Request("POST", "/", headers), HttpPolicy()) == Accepts(json=json, sse=sse)


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "image/*",
        "application/xml",
        "application/json;q=0",
        "application/json;q=0, text/event-stream;q=0.0",
        "*/*;q=0",
        "application/jsonx",
        "json",
    ],
)
def test_clients_that_can_read_no_response_are_refused(client: Client, accept: str) -> None:
    reply = client.post(CALL, {"accept": accept})
    assert reply.status == 406
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == failure(
        -32600, "Accept must allow application/json and text/event-stream", request_id=...
    )


@pytest.mark.parametrize(("accept", "json", "sse"), ACCEPTS)
def test_the_response_is_of_a_kind_that_the_client_reads(
    serve: Callable[..., Client], accept: str | None, json: bool, sse: bool
) -> None:
    mcp = make_server()

    @mcp.tool()
    def quiet() -> str:
        return "done"

    @mcp.tool()
    def loud(ctx: Context) -> str:
        ctx.info("working")
        return "done"

    client = serve(mcp)
    done = success(text_result("done"))
    note = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"working"}}'
    quiet_reply = client.call("quiet", headers={"accept": accept})
    loud_reply = client.call("loud", headers={"accept": accept}, logLevel="debug")
    if json:
        assert quiet_reply.headers == {"content-type": "application/json"}
        assert quiet_reply.body == done
    else:
        assert quiet_reply.headers == SSE_HEADERS
        assert quiet_reply.body == frames(done)
    if sse:
        assert loud_reply.headers == SSE_HEADERS
        assert loud_reply.body == frames(note, done)
    else:
        assert loud_reply.headers == {"content-type": "application/json"}
        assert loud_reply.body == done


def test_errors_are_json_even_where_streams_are_welcome(client: Client) -> None:
    reply = client.call("nothing")
    assert (reply.status, reply.headers) == (400, {"content-type": "application/json"})


# Size


def of_size(size: int, filler: str) -> str:
    """A call whose body has so many bytes."""
    empty = dumps(message("tools/call", {"name": "count", "arguments": {"text": ""}}))
    room = size - len(empty.encode())
    characters, rest = divmod(room, len(filler.encode()))
    return empty.replace('"text":""', f'"text":"{filler * characters}{"x" * rest}"')


@pytest.fixture
def counting(serve: Callable[..., Client]) -> Client:
    mcp = make_server()

    @mcp.tool()
    def count(text: str) -> int:
        return len(text.encode())

    return serve(mcp, settings(body_limit=2_000))


@pytest.mark.parametrize("filler", ["x", "é", "世", "\U0001f600"])
@pytest.mark.parametrize("encode", [str, str.encode], ids=["text", "base64"])
def test_the_size_limit_counts_bytes(counting: Client, filler: str, encode: Callable[[str], Any]) -> None:
    headers = {"mcp-method": "tools/call", "mcp-name": "count"}
    fits, too_long = of_size(2_000, filler), of_size(2_001, filler)
    assert (len(fits.encode()), len(too_long.encode())) == (2_000, 2_001)
    assert counting.post(encode(fits), headers).status == 200
    reply = counting.post(encode(too_long), headers)
    assert reply.status == 413
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == failure(-32600, "The request body is larger than 2000 bytes", request_id=...)


def test_a_lone_surrogate_does_not_upset_the_measuring(counting: Client) -> None:
    assert counting.post("\ud800" * 10, HEADERS).status == 400
    assert counting.post("\ud800" * 1_000, HEADERS).status in (400, 413)


def test_the_limit_is_what_lambda_takes() -> None:
    assert HttpPolicy().body_limit == Settings().body_limit == 6 * 1024 * 1024


# Origins


ALLOWED = [
    "http://localhost",
    "http://localhost:3000",
    "https://localhost:8443",
    "http://127.0.0.1:6274",
    "http://[::1]:8080",
    f"https://{HOST}",
    f"https://{HOST}:443",
    f"https://{HOST.upper()}",
    "https://app.example.com",
]
REFUSED = [
    "null",
    "",
    "*",
    "https://evil.example",
    "https://example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil.example/https://app.example.com",
    "http://localhost.evil.example",
    "http://127.0.0.1.nip.io",
    "http://localhost@evil.example",
    "http://evil.example#localhost",
    f"https://evil.{HOST}",
    f"https://{HOST}.evil.example",
    "file://",
    "file://localhost",
    "chrome-extension://localhost",
    "localhost",
    "//localhost",
    "http://[::1",
    "http://",
    "https://evil.example, http://localhost",
    "http://localhost,https://evil.example",
    "http://0.0.0.0:3000",
]


@pytest.mark.parametrize("origin", ALLOWED)
def test_pages_of_allowed_origins_are_served_and_may_read(serve: Callable[..., Client], origin: str) -> None:
    client = serve(full_server(), settings(allowed_origins=frozenset({"https://app.example.com"})))
    reply = client.post(CALL, {"origin": origin})
    assert reply.status == 200
    assert reply.body == THREE
    assert reply.headers == {
        "content-type": "application/json",
        "access-control-allow-origin": origin,
        "access-control-expose-headers": EXPOSED,
        "vary": "Origin",
    }


@pytest.mark.parametrize(
    ("origin", "method"),
    [(origin, "POST") for origin in REFUSED]
    + [("https://evil.example", method) for method in ("GET", "DELETE", "PUT", "OPTIONS")],
)
def test_pages_of_other_origins_are_refused_and_may_not_read(
    serve: Callable[..., Client], origin: str, method: str
) -> None:
    """All incoming connections ("Security & Endpoint")."""
    client = serve(full_server(), settings(allowed_origins=frozenset({"https://app.example.com"})))
    reply = client.post(CALL, {"origin": origin}, method=method)
    assert reply.status == 403
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == failure(-32600, "Origin is not allowed", request_id=...)


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "file://", "app://x"])
def test_a_star_allows_every_origin(serve: Callable[..., Client], origin: str) -> None:
    client = serve(full_server(), settings(allowed_origins=frozenset({"*"})))
    reply = client.post(CALL, {"origin": origin})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, origin)


def test_an_origin_is_checked_before_the_body_is_read(client: Client) -> None:
    assert client.post("nonsense", {"origin": "https://evil.example"}).status == 403


def test_the_hosts_own_name_comes_from_the_platform_not_from_the_client(client: Client) -> None:
    rebound = {"origin": "https://evil.example", "host": "evil.example", "x-forwarded-host": "evil.example"}
    assert client.post(CALL, rebound).status == 403
    assert client.post(CALL, {"origin": "https://mcp.example.com"}, domain="mcp.example.com").status == 200
    assert client.post(CALL, {"origin": "https://mcp.example.com"}).status == 403


@pytest.mark.parametrize("domain", [None, "", ":", "[", "[::1]"])
def test_strange_domains_vouch_for_nothing(domain: str | None) -> None:
    for origin in ("https://evil.example", "https://", "https://:443"):
        with pytest.raises(HttpRefusal) as caught:
            check_origin(origin, domain, HttpPolicy())
        assert caught.value.status == 403


def test_a_domain_with_a_port_is_the_same_host() -> None:
    check_origin("http://mcp.example.com:8080", "mcp.example.com:8080", HttpPolicy())


@pytest.mark.parametrize(
    ("sent", "headers", "status"),
    [
        ("nonsense", {}, 400),
        (CALL, {"content-type": "text/plain"}, 415),
        (CALL, {"accept": "text/html"}, 406),
        (message("no/such"), {}, 404),
        ({"jsonrpc": "2.0", "method": "notifications/x"}, {}, 202),
    ],
)
def test_pages_may_read_errors_too(
    client: Client, sent: Any, headers: dict[str, str | None], status: int
) -> None:
    reply = client.post(sent, {**headers, "origin": "http://localhost:3000"})
    assert reply.status == status
    assert reply.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert reply.headers["vary"] == "Origin"


def test_pages_may_read_a_refused_method_and_a_body_that_is_too_long(counting: Client) -> None:
    origin = "http://localhost:3000"
    for reply in (
        counting.post("x" * 2_001, {"origin": origin}),
        counting.post(CALL, {"origin": origin}, method="GET"),
    ):
        assert reply.status in (413, 405)
        assert reply.headers["access-control-allow-origin"] == origin


def test_streams_carry_the_same_permission(serve: Callable[..., Client]) -> None:
    mcp = make_server()

    @mcp.tool()
    def loud(ctx: Context) -> None:
        ctx.info("x")

    reply = serve(mcp).call("loud", headers={"origin": "http://localhost"}, logLevel="debug")
    assert reply.headers == {
        **SSE_HEADERS,
        "access-control-allow-origin": "http://localhost",
        "access-control-expose-headers": EXPOSED,
        "vary": "Origin",
    }


def test_without_an_origin_there_is_no_permission(client: Client) -> None:
    assert client.post(CALL).headers == {"content-type": "application/json"}
    assert cors_headers({}) == {}


# Preflight


ALLOW_HEADERS = (
    "accept, authorization, content-type, dpop, last-event-id, mcp-method, mcp-name, mcp-protocol-version, "
    "mcp-session-id"
)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (None, ALLOW_HEADERS),
        ("", ALLOW_HEADERS),
        ("content-type,mcp-method", ALLOW_HEADERS),
        (
            "Mcp-Param-Region, X-Other, mcp-param-a",
            ALLOW_HEADERS.replace("mcp-protocol", "mcp-param-a, mcp-param-region, mcp-protocol"),
        ),
    ],
)
def test_a_preflight_is_answered(client: Client, asked: str | None, allowed: str) -> None:
    headers = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
    if asked is not None:
        headers["access-control-request-headers"] = asked
    reply = client.event(http_api(None, headers, method="OPTIONS"))
    assert reply.written == {
        "statusCode": 204,
        "headers": {
            "allow": "GET, POST, DELETE, OPTIONS",
            "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
            "access-control-allow-headers": allowed,
            "access-control-max-age": "7200",
            "access-control-allow-origin": "http://localhost:3000",
            "access-control-expose-headers": EXPOSED,
            "vary": "Origin",
        },
        "body": "",
        "isBase64Encoded": False,
    }


def test_options_without_an_origin_only_says_what_is_allowed(client: Client) -> None:
    reply = client.event(http_api(None, {}, method="OPTIONS"))
    assert reply.written == {
        "statusCode": 204,
        "headers": {"allow": "GET, POST, DELETE, OPTIONS"},
        "body": "",
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\t", "\0"])
def test_what_is_reflected_cannot_smuggle_headers_in(break_: str) -> None:
    """Hosts should not let such values in; nothing is lost by not letting them out either."""
    asked = {"access-control-request-headers": f"mcp-param-a{break_}set-cookie: x"}
    response = preflight(Request("OPTIONS", "/", {"origin": "http://localhost", **asked}), HttpPolicy())
    assert response.headers["access-control-allow-headers"] == ALLOW_HEADERS
    with pytest.raises(HttpRefusal):
        check_origin(f"http://localhost{break_}", None, HttpPolicy())


# Paths with nothing behind them

NOTHING = b'{"error":"not_found","error_description":"There is nothing at this path."}'


@pytest.mark.parametrize(("method", "body"), [("GET", NOTHING), ("POST", NOTHING), ("HEAD", b"")])
def test_pages_of_every_origin_may_read_that_nothing_is_there(method: str, body: bytes) -> None:
    response = not_found(Request(method, "/x", {"origin": "https://anywhere.example"}))
    assert (response.status, response.body) == (404, body)
    assert response.headers == {"access-control-allow-origin": "*", "content-type": "application/json"}


def test_a_preflight_of_nothing_lets_the_page_ask() -> None:
    asked = {"access-control-request-headers": "mcp-protocol-version,mcp-param-a,x-other"}
    response = not_found(Request("OPTIONS", "/x", {"origin": "https://anywhere.example", **asked}))
    assert (response.status, response.body) == (204, b"")
    assert response.headers == {
        "allow": "GET, HEAD, POST, OPTIONS",
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, HEAD, POST, OPTIONS",
        "access-control-allow-headers": ALLOW_HEADERS.replace("mcp-protocol", "mcp-param-a, mcp-protocol"),
        "access-control-max-age": "7200",
    }
