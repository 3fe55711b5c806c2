"""Any bytes, any text, any JSON as a body."""

import json
from typing import Any

import pytest
from fuzz.events import Http
from hypothesis import example, given
from hypothesis import strategies as st
from tests.hostile.client import GOOD, GOOD_BODY, GOOD_HEADERS, CheckedClient, hostile
from tests.hostile.strategies import JSON, KIND, NUMBERS, TEXT, mutated


@hostile
@given(st.binary(max_size=300), KIND)
def test_bytes(client: CheckedClient, body: bytes, kind: str) -> None:
    answer = client.http(Http(headers=GOOD_HEADERS, body=body), kind)
    assert answer.status == (415 if body.startswith((b"\x1f\x8b", b"\x1f\xef\xbf\xbd")) else 400)


@hostile
@given(st.text(max_size=300), KIND)
@example("\ufeff" + GOOD_BODY[1:], "rest")
def test_text(client: CheckedClient, body: str, kind: str) -> None:
    answer = client.http(Http(headers=GOOD_HEADERS, body=body), kind)
    assert answer.status == 400
    assert answer.error["code"] in (-32700, -32600)


@hostile
@given(st.text(max_size=40), st.booleans())
def test_text_that_says_it_is_base64(client: CheckedClient, body: str, padded: bool) -> None:
    event = {
        "httpMethod": "POST",
        "headers": dict(GOOD_HEADERS),
        "body": body + "=" * (-len(body) % 4 if padded else 0),
        "isBase64Encoded": True,
    }
    assert client.event(event).status == 400


@hostile
@given(JSON)
def test_json(client: CheckedClient, value: Any) -> None:
    answer = client.body(json.dumps(value))
    assert answer.status == 400
    assert answer.error["code"] in (-32700, -32600)


@hostile
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["jsonrpc", "id", "method", "params", "result", "x"], JSON)
    )
)
def test_envelopes(client: CheckedClient, message: dict[str, Any]) -> None:
    answer = client.message({**message, "jsonrpc": message.get("jsonrpc", "2.0")})
    assert answer.status in (400, 202)


@hostile
@given(mutated(), st.booleans())
def test_requests_with_one_thing_wrong(client: CheckedClient, message: Any, matching_headers: bool) -> None:
    client.message(message, None if matching_headers else GOOD_HEADERS)


def test_a_body_cut_anywhere_is_no_json(client: CheckedClient) -> None:
    for length in range(len(GOOD_BODY)):
        answer = client.body(GOOD_BODY[:length])
        assert (answer.status, answer.error["code"]) == (400, -32700)


@pytest.mark.parametrize("junk", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x00"])
def test_bytes_that_are_no_utf8_are_refused_wherever_they_are(client: CheckedClient, junk: bytes) -> None:
    body = json.dumps({**GOOD, "unknown": {"member": "value"}}).encode()
    for at in range(len(body) + 1):
        answer = client.body(body[:at] + junk + body[at:])
        assert (answer.status, answer.error["code"]) == (400, -32700)


@hostile
@given(st.binary(min_size=1, max_size=3), st.integers(0, len(GOOD_BODY)), st.integers(0, 3))
def test_bytes_put_or_changed_anywhere(client: CheckedClient, junk: bytes, at: int, cut: int) -> None:
    raw = GOOD_BODY.encode()
    client.body(raw[:at] + junk + raw[at + cut :])


@hostile
@given(JSON)
def test_ids_come_back_exactly_or_are_refused(client: CheckedClient, value: Any) -> None:
    answer = client.message({**GOOD, "id": value})
    is_id = isinstance(value, str | int) and not isinstance(value, bool)
    assert (answer.status == 200) <= is_id  # that it comes back unchanged, the client has checked


@hostile
@given(st.one_of(st.integers(-(2**63), 2**64), TEXT))
def test_every_good_id_comes_back(client: CheckedClient, value: int | str) -> None:
    answer = client.message({**GOOD, "id": value})
    assert answer.status == 200
    assert answer.response is not None
    assert answer.response["id"] == value


@pytest.mark.parametrize(
    "raw", ["1.0", "1e0", "-0", "0001", "1" * 4301, "1e999", "NaN", '"\\ud800"', "null", "[1]"]
)
def test_odd_ids(client: CheckedClient, raw: str) -> None:
    client.body(GOOD_BODY.replace('"id": 1', f'"id": {raw}'))


@pytest.mark.parametrize(
    "member", ["jsonrpc", "id", "method", "params", "_meta", "name", "arguments", "value"]
)
@pytest.mark.parametrize("raw", ["null", "1", '"x"', "{}", "[]", '"2.0"', '"tools/list"'])
@pytest.mark.parametrize("first", [True, False])
def test_members_that_are_there_twice(client: CheckedClient, member: str, raw: str, first: bool) -> None:
    """The last one counts in all of the library, or there is an error."""
    at = GOOD_BODY.index(f'"{member}"')
    if first:
        body = f'{GOOD_BODY[:at]}"{member}": {raw}, {GOOD_BODY[at:]}'
        client.body(body)
        return
    message = json.loads(GOOD_BODY)
    for holder in (message, message["params"], message["params"]["_meta"], message["params"]["arguments"]):
        if member in holder:
            holder["\x00"] = f"@{member}@"
    body = json.dumps(message).replace(f'"\\u0000": "@{member}@"', f'"{member}": {raw}')
    client.body(body)


@hostile
@given(NUMBERS)
def test_numbers_survive(client: CheckedClient, number: float) -> None:
    answer = client.call("echo", {"value": number})
    assert answer.result is not None
    assert answer.result["structuredContent"] == number


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":', '{"a":['])
@pytest.mark.parametrize(
    "place", ['"x"', '{"a": [1, "x"]}', '"arguments": {', '"_meta": {', '"params": {', '{"jsonrpc"']
)
def test_no_depth_is_too_deep(client: CheckedClient, opening: str, place: str) -> None:
    closing = "".join("]" if bracket == "[" else "}" for bracket in reversed(opening) if bracket in "[{")
    for depth in (*range(0, 400, 80), *range(400, 1100, 7), 3000, 100_000):
        deep = opening * depth + "0" + closing * depth
        if place.endswith("{"):
            body = GOOD_BODY.replace(place, f'{place}"deep": {deep}, ', 1)
        elif place == '{"jsonrpc"':
            body = GOOD_BODY.replace(place, f'{{"deep": {deep}, "jsonrpc"', 1)
        else:
            body = GOOD_BODY.replace(place, deep, 1)
        client.body(body)
