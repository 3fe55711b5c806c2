"""Arguments that make validation expensive, and arguments of any shape."""

import json
from typing import Any

import pytest
from fuzz import corpus
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.client import CheckedClient, hostile, text_of
from tests.hostile.strategies import JSON, TEXT

TOOLS = [
    "echo",
    "add",
    "narrate",
    "refuse",
    "ready",
    "typed",
    "tree",
    "price",
    "route",
    "anything",
    "order",
    "visit",
]
PARAMETERS = [
    "value",
    "a",
    "b",
    "steps",
    "node",
    "item",
    "factor",
    "lines",
    "color",
    "day",
    "took",
    "key",
    "where",
]


@hostile
@given(st.sampled_from(TOOLS), JSON)
def test_any_json_as_arguments(client: CheckedClient, tool: str, arguments: Any) -> None:
    answer = client.call(tool, arguments)
    assert answer.outcome in ("complete", "isError", "input_required", "-32602", "-32700", "-32020")


@hostile
@given(st.sampled_from(TOOLS), st.dictionaries(st.sampled_from(PARAMETERS), JSON, max_size=4))
def test_any_json_as_an_argument(client: CheckedClient, tool: str, arguments: Any) -> None:
    client.call(tool, arguments)


GOOD_TYPED: dict[str, Any] = next(
    params["arguments"] for _, params in corpus.seeds() if params.get("name") == "typed"
)
HOSTILE_VALUES: dict[str, str] = {
    "day": '"0000-00-00" "9999-99-99" "2026-02-30" "10000-01-01" "-2026-01-01" 0 "2026-01-01T"',
    "at": '"9999-12-31T23:59:60Z" "2026-01-01T00:00:00+99:99" 1e308 -1e308 1e18 "0001-01-01T00:00:00+23:59"',
    "took": '1e308 -1e308 9e99 "P999999999999D" "P-1D" "PT1e9S" "P" "P1Y" 86399999999999999',
    "amount": '"NaN" "Infinity" "-sNaN" "1e999999999" "1E-999999999" 1e308 "1_0" ' + f'"{"9" * 5000}"',
    "key": '"x" "00000000000000000000000000000000" "{b1946ac9-2492-4a34-8d54-0123456789ab}" 0',
    "data": '"=" "AAE" "A\\u0000" "\\u00e9" ' + f'"{"A" * 100_001}"',
    "pair": '[] [1] [1,"x",2] [1e400,"x"] ["1","x"] {}',
    "names": '[[]] [1] ["a","a"] {} "a"',
    "either": '1e400 [[]] {} true 1.5 ["x"] "\\ud800"',
    "count": '1e999 "nan" "inf" "-Infinity" NaN "0x10" "1_0" true ' + f'"{"9" * 4400}"',
    "color": '"green" null ["red"] ""',
    "lines": 'null {} [null] [{"sku":"a","count":0}] [{"sku":"a","count":1e3}] [{"sku":"a","tags":"t"}]',
}
"""JSON for each parameter of the tool that has one of every type."""

OUT_OF_RANGE = [
    "1e400",
    "-1e400",
    "9" * 4301,
    "-" + "9" * 4301,
    "1" + "0" * 400 + ".0",
    "1e99999999999999999999",
]


@pytest.mark.parametrize(
    ("name", "raw"), [(name, raw) for name, values in HOSTILE_VALUES.items() for raw in values.split()]
)
def test_values_that_types_choke_on(client: CheckedClient, name: str, raw: str) -> None:
    arguments = json.dumps({**GOOD_TYPED, name: "@"}).replace('"@"', raw)
    message = corpus.message("tools/call", {"name": "typed", "arguments": "@"})
    answer = client.body(json.dumps(message).replace('"@"', arguments), corpus.headers_of(message))
    assert answer.outcome in ("complete", "isError", "-32700")


@pytest.mark.parametrize("raw", OUT_OF_RANGE, ids=lambda raw: raw[:9])
@pytest.mark.parametrize("place", ["arguments", "_meta", "params", "deep", "inputResponses"])
@pytest.mark.parametrize("tool", ["echo", "narrate", "order", "visit", "travel", "anything", "tree", "price"])
def test_numbers_out_of_all_range(client: CheckedClient, tool: str, place: str, raw: str) -> None:
    arguments: dict[str, Any] = {"item": "x"} if tool == "order" else {}
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    meta = {}
    if place == "arguments":
        arguments["note"] = "@"
    elif place == "deep":
        arguments["where"] = {"unknown": {"deep": ["@"]}}
    elif place == "_meta":
        meta["com.example/x"] = "@"
    elif place == "params":
        params["unknown"] = "@"
    else:
        params["inputResponses"] = {"size": {"action": "accept", "content": {"size": "M", "unknown": "@"}}}
    message = corpus.message("tools/call", params, 1, **meta)
    client.body(json.dumps(message).replace('"@"', raw), corpus.headers_of(message))


@pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\udc00\\ud800", "\\ud83d", "x\\ud800y"])
@pytest.mark.parametrize("place", ["value", "name", "key", "_meta", "id", "method", "uri", "deep key"])
def test_lone_surrogates(client: CheckedClient, place: str, escape: str) -> None:
    message = corpus.message("tools/call", {"name": "echo", "arguments": {"value": {"deep": ["x"]}}})
    body = json.dumps(message)
    changed = {
        "value": body.replace('["x"]', f'["{escape}"]'),
        "name": body.replace('"echo"', f'"{escape}"'),
        "key": body.replace('"value"', f'"{escape}"'),
        "_meta": body.replace('"_meta": {', f'"_meta": {{"{escape}": 1, '),
        "id": body.replace('"id": 1', f'"id": "{escape}"'),
        "method": body.replace('"tools/call"', f'"{escape}"'),
        "uri": body.replace('"arguments"', f'"uri": "{escape}", "arguments"'),
        "deep key": body.replace('"deep"', f'"{escape}"'),
    }[place]
    answer = client.body(changed, corpus.headers_of(message))
    assert (answer.status, answer.outcome) == (400, "-32700")


@pytest.mark.parametrize("depth", [1, 50, 200, 400])
def test_types_that_refer_to_themselves(client: CheckedClient, depth: int) -> None:
    node: dict[str, Any] = {"value": 1}
    item: dict[str, Any] = {"name": "x"}
    for _ in range(depth):
        node, item = {"children": [node]}, {"name": "x", "parts": [item]}
    for tool, arguments in (("tree", {"node": node}), ("price", {"item": item})):
        answer = client.call(tool, arguments)
        assert answer.outcome in ("complete", "isError", "-32700")
        assert depth > 50 or answer.outcome == "complete"


@pytest.mark.parametrize("tool", ["echo", "add", "typed", "tree", "price", "anything", "order"])
@pytest.mark.parametrize("count", [1000, 30_000])
def test_wide_objects(client: CheckedClient, tool: str, count: int) -> None:
    """Where every member is invalid, the error has a bounded length."""
    answer = client.call(tool, {f"k{number}": number for number in range(count)})
    assert answer.outcome in ("complete", "isError")


@pytest.mark.parametrize("tool", ["typed", "price", "tree"])
def test_long_lists_of_mistakes(client: CheckedClient, tool: str) -> None:
    wrong: list[Any] = [1] * 30_000
    arguments = {
        "typed": {"lines": wrong},
        "price": {"item": {"name": "x", "parts": wrong}},
        "tree": {"node": {"children": wrong}},
    }[tool]
    assert client.call(tool, arguments).outcome == "isError"


@pytest.mark.parametrize(
    "character", ["x", '"', "\\", "\x00", "\u2028", "\x7f", "\u00e9", "\U0001f600", "</p>"]
)
def test_long_strings_in_every_message(client: CheckedClient, character: str) -> None:
    long = character * 30_000
    for tool, arguments in (
        ("echo", {"value": long}),
        ("echo", {long: 1}),
        ("refuse", {"reason": long}),
        (long, {}),
    ):
        client.call(tool, arguments)
    client.call("price", {"item": {"name": long}})
    client.request(long, {})
    client.request("tools/list", {"cursor": long})
    prompt, template = {"type": "ref/prompt", "name": "greet"}, {"type": "ref/resource", "uri": long}
    for ref in (prompt, template, {"type": long}):
        client.request("completion/complete", {"ref": ref, "argument": {"name": long, "value": long}})
    for arguments in ({"name": long, "style": long}, {long: long}):
        client.request("prompts/get", {"name": "greet", "arguments": arguments})
    client.request("server/discover", {}, request_id=long)
    client.request("initialize", {"protocolVersion": long})
    for key in (f"{corpus.PREFIX}protocolVersion", f"{corpus.PREFIX}logLevel", "progressToken"):
        client.request("tools/call", {"name": "narrate", "arguments": {}}, **{key: long})


PROMPT_ARGUMENTS = st.dictionaries(
    TEXT | st.sampled_from(["name", "style", "number", "day", "topic"]), JSON | TEXT, max_size=3
)
META = [
    "progressToken",
    "traceparent",
    "baggage",
    *(
        f"{corpus.PREFIX}{name}"
        for name in ("logLevel", "clientInfo", "clientCapabilities", "protocolVersion")
    ),
]


@hostile
@given(st.sampled_from(["greet", "count", "interview", "broken", "nobody"]), JSON | PROMPT_ARGUMENTS)
def test_prompt_arguments(client: CheckedClient, name: str, arguments: Any) -> None:
    client.request("prompts/get", {"name": name, "arguments": arguments})


@hostile
@given(JSON, JSON)
def test_meta(client: CheckedClient, value: Any, other: Any) -> None:
    for name in META:
        client.request("tools/call", {"name": "narrate", "arguments": {}}, **{name: value, "other": other})
    client.message({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": value}})


CAPABILITIES = st.dictionaries(
    st.sampled_from(["elicitation", "sampling", "roots", "extensions", "experimental", "x"]),
    JSON | st.just({}),
    max_size=4,
)


@hostile
@given(CAPABILITIES)
def test_capabilities(client: CheckedClient, capabilities: Any) -> None:
    """A client is asked only for what it declared, whatever the form of the declaration."""
    declared = {f"{corpus.PREFIX}clientCapabilities": capabilities}
    for tool, arguments in (
        ("order", {"item": "x"}),
        ("travel", {}),
        ("visit", {}),
        ("approve", {"amount": 20}),
    ):
        client.request("tools/call", {"name": tool, "arguments": arguments}, **declared)


def test_what_a_schema_refers_to_is_never_fetched(
    client: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Basic, "$ref Resolution": the input schema of ``anything`` names a page."""

    def refuse(*_: object) -> None:
        raise AssertionError("somebody connects")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert client.call("anything", {"any": {"$ref": "http://127.0.0.1:1/"}}).outcome == "complete"
    cursor: dict[str, Any] = {}
    while cursor is not None:
        answer = client.request("tools/list", cursor)
        assert answer.result is not None
        following = answer.result.get("nextCursor")
        cursor = {"cursor": following} if following else None  # type: ignore[assignment]


@hostile
@given(JSON)
def test_what_goes_in_comes_out(client: CheckedClient, value: Any) -> None:
    """The value is unchanged, or the request is refused."""
    answer = client.call("echo", {"value": value})
    if answer.outcome == "complete" and answer.result is not None:
        assert answer.result["structuredContent"] == value
        assert (text_of(answer) if isinstance(value, str) else json.loads(text_of(answer))) == value
