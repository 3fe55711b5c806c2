"""Time and memory grow at most in proportion to the size of the request, whatever its shape."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from fuzz import corpus
from fuzz.events import Http, http_api
from tests.hostile.client import GOOD_BODY, GOOD_HEADERS, CheckedClient
from tests.hostile.measurement import cpu_seconds, peak_memory

SMALL, LARGE = 20_000, 160_000
"""Characters: eight times as many may take eight times as long and some more; quadratic is 64."""

FACTOR = 24
FLOOR = 0.000_5
"""Seconds below which a measurement is too inexact."""

MEMORY = 64
"""Bytes of memory for a byte sent: an empty list takes 56 bytes and has two characters, and exists twice."""


def _call(arguments: Any, tool: str = "echo") -> dict[str, Any]:
    return corpus.message("tools/call", {"name": tool, "arguments": arguments})


def _body(text: str) -> dict[str, Any]:
    return http_api(Http(headers=GOOD_HEADERS, body=text))


def _message(message: dict[str, Any]) -> dict[str, Any]:
    return http_api(Http(headers=corpus.headers_of(message), body=json.dumps(message)))


def _header(name: str, value: str) -> dict[str, Any]:
    return http_api(Http(headers=[*GOOD_HEADERS, (name, value)], body=GOOD_BODY))


def _read(uri: str) -> dict[str, Any]:
    return _message(corpus.message("resources/read", {"uri": uri}))


def _order(**params: Any) -> dict[str, Any]:
    return _message(corpus.message("tools/call", {"name": "order", "arguments": {"item": "x"}, **params}))


def _keys(size: int) -> dict[str, Any]:
    return {f"k{number:06}": 0 for number in range(size // 14)}


SHAPES: dict[str, Callable[[int], dict[str, Any]]] = {
    "string": lambda size: _message(_call({"value": "x" * size})),
    "escapes": lambda size: _message(_call({"value": "\x00" * (size // 6)})),
    "empty lists": lambda size: _message(_call({"value": [[] for _ in range(size // 4)]})),
    "empty objects": lambda size: _message(_call({"value": [{} for _ in range(size // 4)]})),
    "numbers": lambda size: _message(_call({"value": list(range(size // 7))})),
    "digits": lambda size: _message(_call({"value": [10**4299] * (size // 4301)})),
    "keys": lambda size: _message(_call({"value": _keys(size)})),
    "arguments": lambda size: _message(_call(_keys(size))),
    "caught arguments": lambda size: _message(_call(_keys(size), "anything")),
    "unknown members": lambda size: _message({**_call({}), **_keys(size)}),
    "mistakes": lambda size: _message(_call({"item": {"name": "x", "parts": [0] * (size // 3)}}, "price")),
    "digest": lambda size: _message(_call({"item": "x", "note": _keys(size)}, "order")),
    "answers": lambda size: _order(inputResponses=_keys(size)),
    "state": lambda size: _order(requestState="A" * size),
    "meta": lambda size: _message(corpus.message("tools/list", {}, 1, **_keys(size))),
    "cursor": lambda size: _message(corpus.message("tools/list", {"cursor": "A" * size})),
    "no json": lambda size: _body("[" * size),
    "half json": lambda size: _body(GOOD_BODY[:-1] + "," + '"x":1,' * (size // 6)),
    "batch": lambda size: _body("[" + ",".join([GOOD_BODY] * (size // len(GOOD_BODY))) + "]"),
    "white space": lambda size: _body(" " * size + GOOD_BODY),
    "base64": lambda size: {**_body(base64.b64encode(b"x" * size).decode()), "isBase64Encoded": True},
    "uri": lambda size: _read("wide://" + "-" * size),
    "short uri": lambda size: _read("wide://" + "-" * (size // 20)),
    "path": lambda size: _read("files://host/" + "a/" * (size // 40)),
    "query": lambda size: _read("orders://1/lines?" + "tag=x&" * (size // 120)),
    "header": lambda size: _header("x-junk", "x" * size),
    "accept": lambda size: _header("accept", "a/b;q=0," * (size // 8)),
    "content type": lambda size: _header("content-type", ";" * size),
    "origin": lambda size: _header("origin", "http://" + "a." * (size // 2)),
    "sentinel": lambda size: _header("mcp-name", "=?base64?" + "A" * size + "?="),
    "headers": lambda size: http_api(
        Http(headers=[*GOOD_HEADERS, *((f"x-{number}", "v") for number in range(size // 8))], body=GOOD_BODY)
    ),
    "preflight": lambda size: http_api(
        Http(
            "OPTIONS",
            [
                ("origin", "http://localhost"),
                ("access-control-request-headers", "mcp-param-a," * (size // 12)),
            ],
        )
    ),
    "query string": lambda size: {**_body(GOOD_BODY), "rawQueryString": "a=%41&" * (size // 6)},
    "cookies": lambda size: {**_body(GOOD_BODY), "cookies": ["a=b"] * (size // 6)},
}
SHAPE = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


@SHAPE
def test_time_grows_as_the_input_does(client: CheckedClient, shape: Callable[[int], dict[str, Any]]) -> None:
    small, large = shape(SMALL), shape(LARGE)
    client.event(small)
    client.event(large)
    handler = client.target.handler
    ratio = 0.0
    for _ in range(3):  # a single measurement is inexact; quadratic growth shows every time
        ratio = cpu_seconds(lambda: handler(large, None)) / max(
            FLOOR, cpu_seconds(lambda: handler(small, None))
        )
        if ratio <= FACTOR:
            return
    raise AssertionError(f"8 times the input takes {ratio:.0f} times as long")


@SHAPE
def test_memory_grows_as_the_input_does(
    client: CheckedClient, shape: Callable[[int], dict[str, Any]]
) -> None:
    event = shape(LARGE)
    client.event(event)
    size = len(json.dumps(event))
    peak = peak_memory(lambda: client.target.handler(event, None))
    assert peak <= MEMORY * size, f"{peak / size:.0f} bytes for a byte"


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(client: CheckedClient) -> None:
    for body in (
        "[" * (6 * 1024 * 1024 + 1),
        "\u00e9" * (3 * 1024 * 1024 + 1),
        b"\xff" * (6 * 1024 * 1024 + 1),
    ):
        answer = client.http(Http(headers=GOOD_HEADERS, body=body))
        assert (answer.status, answer.outcome) == (413, "-32600")


def test_the_largest_body_is_answered(client: CheckedClient) -> None:
    message = _call({"value": ""})
    room = 6 * 1024 * 1024 - len(json.dumps(message))
    answer = client.message(_call({"value": "x" * room}))
    # The tool returns what it is given, and Lambda carries no more out than in.
    assert answer.outcome == "isError"
    assert "the limit is 6291556" in answer.result["content"][0]["text"]
