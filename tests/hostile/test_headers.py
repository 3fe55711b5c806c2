"""Any headers, and headers that differ from the body."""

import base64
import json
from typing import Any

import pytest
from fuzz import corpus
from fuzz.events import KINDS, Http
from fuzz.request_model import VERSION, header_value
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.client import GOOD, GOOD_BODY, GOOD_HEADERS, CheckedClient, hostile, text_of
from tests.hostile.strategies import HEADER_VALUES, HEADERS, KIND, TEXT

NAMED: list[tuple[str, dict[str, Any]]] = [
    ("tools/call", {"name": "echo", "arguments": {}}),
    ("resources/read", {"uri": "static://readme"}),
    ("prompts/get", {"name": "greet", "arguments": {"name": "x"}}),
]
REQUIRED = ["content-type", "mcp-protocol-version", "mcp-method", "mcp-name"]


def replaced(headers: list[tuple[str, str]], name: str, *values: str) -> list[tuple[str, str]]:
    """The headers with other values of one of them, or without it."""
    kept = [(known, value) for known, value in headers if known.lower() != name]
    return [*kept, *((name, value) for value in values)]


def sentinel(text: str) -> str:
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


@hostile
@given(HEADERS, KIND, st.booleans())
def test_any_headers(client: CheckedClient, headers: list[tuple[str, str]], kind: str, besides: bool) -> None:
    client.http(Http(headers=[*GOOD_HEADERS, *headers] if besides else headers, body=GOOD_BODY), kind)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("name", REQUIRED)
def test_without_a_header(client: CheckedClient, name: str, kind: str) -> None:
    answer = client.http(Http(headers=replaced(GOOD_HEADERS, name), body=GOOD_BODY), kind)
    assert answer.outcome == ("-32600" if name == "content-type" else "-32020")
    assert answer.status == (415 if name == "content-type" else 400)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("other", ["", "echo", "x", "tools/call"])
def test_with_a_header_twice(client: CheckedClient, name: str, kind: str, other: str) -> None:
    good = {known.lower(): value for known, value in GOOD_HEADERS}[name]
    for values in ((good, other), (other, good), (good, good)):
        answer = client.http(Http(headers=replaced(GOOD_HEADERS, name, *values), body=GOOD_BODY), kind)
        # A load balancer passes on the last one only; everywhere else both are there to be seen.
        last = kind == "alb" and values[-1] == good
        assert (answer.outcome == "complete") == last


@hostile
@given(st.sampled_from(NAMED), st.sampled_from(REQUIRED[1:]), HEADER_VALUES)
def test_headers_that_are_not_the_body(
    client: CheckedClient, request_: tuple[str, dict[str, Any]], name: str, value: str
) -> None:
    message = corpus.message(*request_)
    answer = client.message(message, replaced(corpus.headers_of(message), name, value))
    sent = header_value(value) if name == "mcp-name" else value.strip(" \t")
    body = {
        "mcp-protocol-version": VERSION,
        "mcp-method": request_[0],
        "mcp-name": request_[1].get("name", request_[1].get("uri")),
    }[name]
    if sent == body:
        assert answer.outcome == "complete"
    else:
        assert (answer.status, answer.outcome) == (400, "-32020")


@hostile
@given(TEXT, st.sampled_from(NAMED), st.sampled_from(["{}", " {}", "{}\t", "\t{} "]))
def test_every_name_can_be_sent(
    client: CheckedClient, name: str, request_: tuple[str, dict[str, Any]], padding: str
) -> None:
    method, params = request_
    message = corpus.message(method, {**params, "uri" if "uri" in params else "name": name})
    headers = replaced(corpus.headers_of(message), "mcp-name", padding.format(sentinel(name)))
    assert client.message(message, headers).outcome == "-32602"  # matched, and then not found


@pytest.mark.parametrize(
    "value",
    [
        "=?base64?ZWNobw?=",
        "=?base64?ZWNobw=?=",
        "=?base64?ZWNobw===?=",
        "=?base64?ZWNo bw==?=",
        "=?base64?ZWNob2==?=x",
        "=?BASE64?ZWNobw==?=",
        "=?base64?ZWNobw==",
        "ZWNobw==?=",
        "=?base64??=",
        "=?base64?=",
        "=?base64?" + base64.b64encode(b"echo\xff").decode() + "?=",
        sentinel(sentinel("echo")),
        "echo\x00",
        "\x0becho",
        "\xa0echo",
        "ech\xf6",
        "ECHO",
        "echo,echo",
        "'echo'",
        "%65cho",
    ],
)
def test_names_that_are_nearly_right(client: CheckedClient, value: str) -> None:
    answer = client.message(GOOD, replaced(GOOD_HEADERS, "mcp-name", value))
    assert (answer.status, answer.outcome) == (400, "-32020")


def test_the_sentinel_is_for_names_only(client: CheckedClient) -> None:
    for name, value in (("mcp-method", "tools/call"), ("mcp-protocol-version", VERSION)):
        answer = client.message(GOOD, replaced(GOOD_HEADERS, name, sentinel(value)))
        assert (answer.status, answer.outcome) == (400, "-32020")


@hostile
@given(
    st.sampled_from(["region", "zone", "dry", "site"]),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT, st.just([1]), st.just({})
    ),
    st.none() | HEADER_VALUES | st.integers().map(str) | TEXT.map(sentinel),
)
def test_parameters_and_their_headers(
    client: CheckedClient, header: str, value: Any, sent: str | None
) -> None:
    if header == "site":
        message = corpus.message("tools/call", {"name": "anything", "arguments": {"where": {"site": value}}})
    else:
        arguments = {"region": "r", header: value}
        message = corpus.message("tools/call", {"name": "route", "arguments": arguments})
    headers = replaced(corpus.headers_of(message), f"mcp-param-{header}", *([] if sent is None else [sent]))
    client.message(message, headers)  # the client knows what must not get a result


@pytest.mark.parametrize(
    ("value", "sent", "fits"),
    [
        (7, "7", True),
        (7, "7.0", True),
        (7, "7e0", True),
        (7, "0x7", False),
        (7, "7_0", False),
        (70, "7_0", False),
        (7, "\u0667", False),
        (7, sentinel("\u0667"), False),
        (7, sentinel("7"), True),
        (7, " 7 ", True),
        (7, "+7", False),
        (7, "7f", False),
        (7, "1e999", False),
        (7, "nan", False),
        (7, "9" * 5000, False),
        (2**53 - 1, str(2**53 - 1), True),
        (2**53 + 1, str(2**53), False),
        (2**53 + 1, str(2**53 + 1), False),
        (10**400, str(10**400), False),
    ],
)
def test_numbers_in_headers(client: CheckedClient, value: int, sent: str, fits: bool) -> None:
    message = corpus.message("tools/call", {"name": "route", "arguments": {"region": "r", "zone": value}})
    answer = client.message(message, replaced(corpus.headers_of(message), "mcp-param-zone", sent))
    assert answer.outcome == ("complete" if fits else "-32020")
    assert not fits or text_of(answer) == "r"


@hostile
@given(HEADER_VALUES | TEXT)
def test_any_accept(client: CheckedClient, accept: str) -> None:
    message = corpus.message("tools/call", {"name": "narrate", "arguments": {}}, 1, progressToken="t")
    answer = client.message(message, replaced(corpus.headers_of(message), "accept", accept))
    assert answer.status in (200, 406)
    assert answer.notifications == () or "event-stream" in accept or "*" in accept


@hostile
@given(
    HEADER_VALUES | TEXT | st.from_regex(r"https?://[\w.:\[\]@-]{0,20}", fullmatch=True),
    st.sampled_from(["POST", "OPTIONS"]),
)
def test_any_origin(client: CheckedClient, origin: str, method: str) -> None:
    http = Http(method, headers=[*GOOD_HEADERS, ("Origin", origin)], body=GOOD_BODY)
    answer = client.http(http)
    headers = client.target.send(KINDS["http api"](http)).response["headers"]
    if answer.status == 403:
        assert "access-control-allow-origin" not in headers
    else:
        assert headers["access-control-allow-origin"] == origin
        assert origin == "https://app.example.com" or origin.partition("://")[2].lower().startswith(
            ("localhost", "127.0.0.1", "[::1]", "abc123.execute-api")
        )


@hostile
@given(st.lists(HEADER_VALUES, max_size=4))
def test_any_preflight(client: CheckedClient, asked: list[str]) -> None:
    headers = [("Origin", "https://app.example.com")]
    headers += [("Access-Control-Request-Headers", value) for value in asked]
    answer = client.http(Http("OPTIONS", headers=headers))
    assert answer.status == 204


@pytest.mark.parametrize("name", ["x-junk", "accept", "mcp-name", "mcp-param-region", "origin", "cookie"])
@pytest.mark.parametrize(
    "value", ["x" * 100_000, "," * 100_000, "q=0;" * 25_000, "=?base64?" + "A" * 100_000 + "?="]
)
def test_huge_headers(client: CheckedClient, name: str, value: str) -> None:
    client.http(Http(headers=replaced(GOOD_HEADERS, name, value), body=GOOD_BODY))


@pytest.mark.parametrize(
    "method", ["GET", "DELETE", "PUT", "HEAD", "PATCH", "TRACE", "", "post", "POST ", "P\u00d6ST"]
)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_other_http_methods(client: CheckedClient, method: str, kind: str) -> None:
    answer = client.http(Http(method, headers=GOOD_HEADERS, body=GOOD_BODY), kind)
    assert answer.status == (200 if method == "post" else 405)


@hostile
@given(
    st.lists(st.sampled_from(range(len(GOOD_HEADERS))), unique=True),
    st.sampled_from([str.upper, str.lower, str.swapcase]),
)
def test_case_and_order_of_names_do_not_matter(client: CheckedClient, order: list[int], case: Any) -> None:
    picked = [*order, *(at for at in range(len(GOOD_HEADERS)) if at not in order)]
    headers = [(case(GOOD_HEADERS[at][0]), GOOD_HEADERS[at][1]) for at in picked]
    for kind in KINDS:
        assert client.http(Http(headers=headers, body=GOOD_BODY), kind).outcome == "complete"


def test_what_belongs_to_earlier_eras_is_ignored(client: CheckedClient) -> None:
    headers = [*GOOD_HEADERS, ("Mcp-Session-Id", "\x00" * 50), ("Last-Event-ID", "x" * 9000)]
    assert client.http(Http(headers=headers, body=json.dumps(GOOD))).outcome == "complete"
