"""Headers that repeat values of the body."""

import base64
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import Client, dumps, encode_value, failure, make_server, message, sentinel, success

from lambent import McpHeader
from lambent.errors import HeaderMismatchError
from lambent.wire.headers import HeaderParam, check_params, decode_value, require_match

EXAMPLES = {
    "us-west1": "us-west1",
    "Hello, 世界": "=?base64?SGVsbG8sIOS4lueVjA==?=",
    " padded ": "=?base64?IHBhZGRlZCA=?=",
    "line1\nline2": "=?base64?bGluZTEKbGluZTI=?=",
    "=?base64?literal?=": "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
}
"""The table of "Value Encoding"."""


@pytest.mark.parametrize(("value", "encoded"), EXAMPLES.items())
def test_the_examples_of_the_specification(value: str, encoded: str) -> None:
    assert encode_value(value) == encoded
    assert decode_value("X", encoded) == value


@pytest.mark.parametrize(
    ("value", "encoded"),
    [("", ""), ("\t", "=?base64?CQ==?="), ("\x7f", "=?base64?fw==?="), ("a\0b", "=?base64?YQBi?=")],
)
def test_more_values(value: str, encoded: str) -> None:
    assert encode_value(value) == encoded
    assert decode_value("X", encoded) == value


@given(
    st.text("ab=?64 \t\n\0\x7fé\U0001f600", max_size=12) | st.sampled_from(["=?base64?", "?=", "=?base64?="])
)
def test_every_value_survives_the_header(value: str) -> None:
    encoded = encode_value(value)
    assert encoded.isascii()
    assert encoded.isprintable()
    assert decode_value("X", encoded) == value


@pytest.mark.parametrize(
    "value", ["=?BASE64?YWJj?=", "=?base64?YWJj", "base64?YWJj?=", "=?base64?=", "=?utf-8?b?YWJj?="]
)
def test_the_markers_must_be_exact(value: str) -> None:
    assert decode_value("X", value) == value


@pytest.mark.parametrize("value", [" abc", "abc\t", " \t abc \t "])
def test_surrounding_white_space_is_not_part_of_a_value(value: str) -> None:
    assert decode_value("X", value) == "abc"


def test_a_tab_within_a_value_is_allowed() -> None:
    assert decode_value("X", "a\tb") == "a\tb"


@pytest.mark.parametrize(
    "value", ["ä", "a\nb", "a\rb", "a\0b", "\x7f", "\x1b[0m", "世界", "a\u2028b", "\x80"]
)
def test_invalid_characters(value: str) -> None:
    with pytest.raises(HeaderMismatchError, match=r"^Header mismatch: X contains invalid characters$"):
        decode_value("X", value)


BROKEN_BASE64 = [
    "=?base64?%%%?=",
    "=?base64?YWJ?=",
    "=?base64?YW Jj?=",
    "=?base64?YWJj=?=",
    "=?base64?-_-_?=",
    "=?base64?/w==?=",
    "=?base64?7aCA?=",
]


@pytest.mark.parametrize("value", BROKEN_BASE64)
def test_broken_base64(value: str) -> None:
    with pytest.raises(HeaderMismatchError, match=r"^Header mismatch: X is not valid Base64 of UTF-8$"):
        decode_value("X", value)


@pytest.mark.parametrize(
    ("headers", "expected", "reason"),
    [
        ({}, "abc", "X-Y header is missing"),
        ({"x-y": ""}, "abc", "X-Y header does not match the body"),
        ({"x-y": "abd"}, "abc", "X-Y header does not match the body"),
        ({"x-y": "ABC"}, "abc", "X-Y header does not match the body"),
        ({"x-y": "abc,abc"}, "abc", "X-Y header does not match the body"),
        ({"x-y": "abc, abc"}, "abc", "X-Y header does not match the body"),
        ({"x-y": sentinel("abd")}, "abc", "X-Y header does not match the body"),
        ({"x-y": "=?base64?YWJj?= "}, "=?base64?YWJj?=", "X-Y header does not match the body"),
        ({"x-y": "=?base64?YWJj?="}, "=?base64?YWJj?=", "X-Y header does not match the body"),
        ({"x-y": " abc"}, "abc ", "X-Y header does not match the body"),
        ({"x-y": "é"}, "é", "X-Y contains invalid characters"),
    ],
)
def test_mismatches(headers: dict[str, str], expected: str, reason: str) -> None:
    with pytest.raises(HeaderMismatchError, match=f"^Header mismatch: {reason}$"):
        require_match(headers, "X-Y", expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("abc", "abc"),
        (" abc\t", "abc"),
        (sentinel("abc"), "abc"),
        (sentinel("é"), "é"),
        (sentinel("=?base64?YWJj?="), "=?base64?YWJj?="),
        ("", ""),
    ],
)
def test_matches(value: str, expected: str) -> None:
    require_match({"x-y": value}, "X-Y", expected)


# Parameters of tools


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    mcp = make_server(compact_results=True)

    @mcp.tool(structured_output=True)
    def locate(
        region: Annotated[str | None, McpHeader("Region")] = None,
        size: Annotated[int | None, McpHeader("Size")] = None,
        dry: Annotated[bool | None, McpHeader("Dry-Run")] = None,
        note: str = "",
    ) -> list[Any]:
        return [region, size, dry]

    return serve(mcp)


OK: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {}),
    ({"note": "x"}, {}),
    ({"region": "us-west1"}, {"region": "us-west1"}),
    ({"region": "us-west1"}, {"region": " us-west1 "}),
    ({"region": "us-west1"}, {"region": sentinel("us-west1")}),
    ({"region": ""}, {"region": ""}),
    ({"region": " padded "}, {"region": sentinel(" padded ")}),
    ({"region": "Hello, 世界"}, {"region": sentinel("Hello, 世界")}),
    ({"region": "=?base64?literal?="}, {"region": sentinel("=?base64?literal?=")}),
    ({"region": "true"}, {"region": "true"}),
    ({"region": None}, {}),
    ({"region": None, "size": None, "dry": None}, {}),
    ({"size": 42}, {"size": "42"}),
    ({"size": 42}, {"size": "42.0"}),
    ({"size": 42}, {"size": " 42 "}),
    ({"size": 42}, {"size": sentinel("42")}),
    ({"size": -7}, {"size": "-7"}),
    ({"size": 0}, {"size": "0"}),
    ({"size": 2**53 - 1}, {"size": "9007199254740991"}),
    ({"size": -(2**53) + 1}, {"size": "-9007199254740991"}),
    ({"dry": True}, {"dry-run": "true"}),
    ({"dry": False}, {"dry-run": "false"}),
    ({"region": "a", "size": 1, "dry": True}, {"region": "a", "size": "1", "dry-run": "true"}),
]


@pytest.mark.parametrize(("arguments", "headers"), OK)
def test_parameters_that_their_headers_repeat(
    client: Client, arguments: dict[str, Any], headers: dict[str, str]
) -> None:
    reply = client.call(
        "locate", arguments, headers={f"mcp-param-{name}": value for name, value in headers.items()}
    )
    expected = dumps([arguments.get("region"), arguments.get("size"), arguments.get("dry")])
    assert reply.status == 200
    assert reply.body == success(
        f'"content":[{{"type":"text","text":{dumps(expected)}}}],"structuredContent":{expected}'
    )


MISMATCHES: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"region": "a"}, {}, "Mcp-Param-Region header is missing"),
    ({"region": "a"}, {"region": "b"}, "Mcp-Param-Region header does not match the body"),
    ({"region": "a"}, {"region": "A"}, "Mcp-Param-Region header does not match the body"),
    ({"region": "a"}, {"region": "a,a"}, "Mcp-Param-Region header does not match the body"),
    ({"region": "a"}, {"region": "a, b"}, "Mcp-Param-Region header does not match the body"),
    ({"region": " a"}, {"region": "a"}, "Mcp-Param-Region header does not match the body"),
    ({"region": "é"}, {"region": "é"}, "Mcp-Param-Region contains invalid characters"),
    ({"region": "a"}, {"region": "=?base64?%?="}, "Mcp-Param-Region is not valid Base64 of UTF-8"),
    (
        {"region": "=?base64?YQ==?="},
        {"region": "=?base64?YQ==?="},
        "Mcp-Param-Region header does not match the body",
    ),
    ({}, {"region": "a"}, "Mcp-Param-Region has no value in the body"),
    ({}, {"region": ""}, "Mcp-Param-Region has no value in the body"),
    ({"region": None}, {"region": "null"}, "Mcp-Param-Region has no value in the body"),
    ({"size": 42}, {}, "Mcp-Param-Size header is missing"),
    ({"size": 42}, {"size": "43"}, "Mcp-Param-Size header does not match the body"),
    ({"size": 42}, {"size": "42.5"}, "Mcp-Param-Size header does not match the body"),
    ({"size": 42}, {"size": "forty-two"}, "Mcp-Param-Size header does not match the body"),
    ({"size": 42}, {"size": ""}, "Mcp-Param-Size header does not match the body"),
    ({"size": 42}, {"size": "0x2a"}, "Mcp-Param-Size header does not match the body"),
    ({"size": 42}, {"size": "4_2"}, "Mcp-Param-Size header does not match the body"),
    ({"size": 42}, {"size": sentinel("\uff14\uff12")}, "Mcp-Param-Size header does not match the body"),
    ({"size": 42}, {"size": "42,42"}, "Mcp-Param-Size header does not match the body"),
    ({"size": 42}, {"size": "nan"}, "Mcp-Param-Size header does not match the body"),
    ({"size": 1}, {"size": "true"}, "Mcp-Param-Size header does not match the body"),
    ({"size": 2**53}, {"size": str(2**53)}, "Mcp-Param-Size header does not match the body"),
    ({"size": 2**53}, {"size": str(2**53 + 1)}, "Mcp-Param-Size header does not match the body"),
    ({"size": -(2**53)}, {"size": str(-(2**53))}, "Mcp-Param-Size header does not match the body"),
    ({"size": 10**400}, {"size": "1" + "0" * 400}, "Mcp-Param-Size header does not match the body"),
    ({"size": 42.5}, {"size": "42"}, "Mcp-Param-Size header does not match the body"),
    ({"size": "42"}, {"size": "42.0"}, "Mcp-Param-Size header does not match the body"),
    ({"size": [42]}, {"size": "42"}, "Mcp-Param-Size mirrors a value that is not primitive"),
    ({"size": {"a": 42}}, {}, "Mcp-Param-Size mirrors a value that is not primitive"),
    ({"dry": True}, {}, "Mcp-Param-Dry-Run header is missing"),
    ({"dry": True}, {"dry-run": "false"}, "Mcp-Param-Dry-Run header does not match the body"),
    ({"dry": True}, {"dry-run": "True"}, "Mcp-Param-Dry-Run header does not match the body"),
    ({"dry": True}, {"dry-run": "1"}, "Mcp-Param-Dry-Run header does not match the body"),
    ({"dry": False}, {"dry-run": "0"}, "Mcp-Param-Dry-Run header does not match the body"),
]


@pytest.mark.parametrize(("arguments", "headers", "reason"), MISMATCHES)
def test_parameters_that_their_headers_do_not_repeat(
    client: Client, arguments: dict[str, Any], headers: dict[str, str], reason: str
) -> None:
    reply = client.call(
        "locate", arguments, headers={f"mcp-param-{name}": value for name, value in headers.items()}
    )
    assert reply.status == 400
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == failure(-32020, f"Header mismatch: {reason}")


def test_of_duplicate_arguments_header_and_tool_see_the_same(client: Client) -> None:
    sent = dumps(message("tools/call", {"name": "locate", "arguments": {"region": "a"}}))
    sent = sent.replace('"region":"a"', '"region":"a","region":"b"')
    headers = {"mcp-method": "tools/call", "mcp-name": "locate"}
    assert client.post(sent, {**headers, "mcp-param-region": "b"}).value == ["b", None, None]
    assert client.post(sent, {**headers, "mcp-param-region": "a"}).error["code"] == -32020


def test_headers_that_no_parameter_asks_for_are_ignored(client: Client) -> None:
    reply = client.call("locate", {"note": "x"}, headers={"mcp-param-note": "y", "mcp-param-other": "\x80"})
    assert reply.value == [None, None, None]


def test_parameters_deep_in_an_explicit_schema(serve: Callable[..., Client]) -> None:
    mcp = make_server()
    region = {"type": "string", "x-mcp-header": "Region"}
    place = {"type": "object", "properties": {"region": region}}
    schema = {"type": "object", "properties": {"place": place}}

    @mcp.tool(input_schema=schema)
    def locate(place: Any = None) -> str:
        return "found"

    client = serve(mcp)
    header = {"mcp-param-region": "eu"}
    assert client.call("locate", {"place": {"region": "eu"}}, headers=header).text == "found"
    assert client.call("locate", {"place": {"region": "us"}}, headers=header).error["code"] == -32020
    assert client.call("locate", {"place": {"region": "us"}}).error["code"] == -32020
    for without in ({}, {"place": None}, {"place": {}}, {"place": []}, {"place": {"region": None}}):
        assert client.call("locate", without).text == "found"
        assert client.call("locate", without, headers=header).error["code"] == -32020


def test_values_without_headers_on_stdio_are_not_checked_here() -> None:
    check_params({}, {"other": 1}, (HeaderParam(("region",), "Mcp-Param-Region", "string"),))
    with pytest.raises(HeaderMismatchError):
        check_params({}, {"region": "a"}, (HeaderParam(("region",), "Mcp-Param-Region", "string"),))


def test_the_encoding_is_that_of_the_standard_library() -> None:
    assert sentinel("é") == f"=?base64?{base64.b64encode('é'.encode()).decode()}?="
