"""The functions that read bytes and text first, each by itself: one kind of exception for any input."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.client import GOOD_BODY, hostile
from tests.hostile.strategies import HEADER_VALUES, JSON, mutated
from tests.support import encode_value

from lambent.errors import HeaderMismatchError, HttpRefusal, ProtocolError
from lambent.execution.rounds.digests import digest
from lambent.hosts.aws_lambda.events import format_of
from lambent.wire import jsonrpc
from lambent.wire.eras.modern import ModernEra
from lambent.wire.headers import decode_value
from lambent.wire.http import HttpPolicy, Request, check_origin, check_post, preflight


@hostile
@given(st.binary(max_size=200) | st.text(max_size=200) | JSON.map(json.dumps))
def test_bodies(body: bytes | str) -> None:
    with suppress(jsonrpc.MalformedMessage):
        jsonrpc.decode(body)
        return
    with pytest.raises(jsonrpc.MalformedMessage) as caught:
        jsonrpc.decode(body)
    malformed = caught.value
    assert malformed.error.status == 400
    jsonrpc.failure(malformed.request_id, malformed.error.code, malformed.error.message)


@hostile
@given(
    mutated(),
    st.none()
    | st.dictionaries(st.sampled_from(["mcp-method", "mcp-name", "mcp-protocol-version"]), HEADER_VALUES),
)
def test_requests(message: Any, headers: dict[str, str] | None) -> None:
    """On stdio there are no headers, and so no check before that of the message."""
    try:
        ModernEra().decode(jsonrpc.decode(json.dumps(message)), headers)
    except jsonrpc.MalformedMessage:
        return
    except ProtocolError as error:
        jsonrpc.failure(1, error.code, error.message, error.data)
    except AssertionError:
        assert "id" not in message  # a notification, which is never decoded


@hostile
@given(st.text())
def test_header_values_survive(value: str) -> None:
    written = encode_value(value)
    assert written.isascii()
    assert written.isprintable()
    assert decode_value("x", written) == value
    assert decode_value("x", f" {written}\t") == value


@hostile
@given(st.text() | st.text().map("=?base64?{}?=".format))
def test_header_values(value: str) -> None:
    try:
        decode_value("x", value)
    except HeaderMismatchError:
        return


def refusal_of(rule: Callable[[], object]) -> int | None:
    """The status with which a rule refuses a request, if it does."""
    try:
        rule()
    except HttpRefusal as refusal:
        return refusal.status
    return None


RULED = st.sampled_from(["origin", "accept", "content-type", "access-control-request-headers"])


@hostile
@given(st.sampled_from(["POST", "GET", "OPTIONS", ""]), st.dictionaries(RULED, st.text() | HEADER_VALUES))
def test_http(method: str, headers: dict[str, str]) -> None:
    request = Request(method, "/", headers, b"", "", "api.example.com")
    policy = HttpPolicy(allowed_origins=frozenset({"https://app.example.com"}))
    for rule in (check_post, preflight):
        assert refusal_of(lambda rule=rule: rule(request, policy)) in (None, 403, 405, 406, 415)


@hostile
@given(st.text(), st.none() | st.text())
def test_origins(origin: str, domain: str | None) -> None:
    assert refusal_of(lambda: check_origin(origin, domain, HttpPolicy())) in (None, 403)


@hostile
@given(JSON)
def test_digests(value: Any) -> None:
    """Of the same value, whatever the order of its keys, they are the same; of another one, another."""
    try:
        read = msgspec.json.decode(json.dumps(value))
    except msgspec.DecodeError:
        return

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(item) for key, item in reversed(value.items())}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert digest(turned(read)) == digest(read)
    assert digest([read]) != digest(read)


@pytest.mark.parametrize("context", [{"http": {"method": "POST"}}, {"elb": {}}, {}])
@pytest.mark.parametrize("headers", [None, {}, {"A": "b"}])
def test_the_smallest_events(context: dict[str, Any], headers: dict[str, str] | None) -> None:
    event: dict[str, Any] = {"requestContext": context, "headers": headers, "body": GOOD_BODY}
    if "http" not in context:
        event["httpMethod"] = "POST"
    read, _ = format_of(event)
    request = read(event)
    assert request.method == "POST"
    assert request.body == GOOD_BODY
