"""Request states that were changed, or sent with another request."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fuzz import corpus
from fuzz.target import Target
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.client import FLOWS, CheckedClient, hostile, open_flow, refuse, token_of
from tests.hostile.strategies import JSON, TEXT

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[CheckedClient]:
    """A server of another name that has the same keys."""
    with Target("elsewhere") as target:
        yield CheckedClient(target)


def test_a_bit_flipped_anywhere(client: CheckedClient) -> None:
    """Every bit of every character, whether it stays in the alphabet or not."""
    token = open_flow(client)
    for at, character in enumerate(token):
        for bit in range(7):
            refuse(client, token[:at] + chr(ord(character) ^ 1 << bit) + token[at + 1 :])


def test_a_character_changed_anywhere(client: CheckedClient) -> None:
    token = open_flow(client)
    for at, character in enumerate(token):
        for other in {ALPHABET[at % 64], ALPHABET[(ALPHABET.index(character) + 32) % 64]} - {character}:
            refuse(client, token[:at] + other + token[at + 1 :])


def test_truncated_anywhere(client: CheckedClient) -> None:
    token = open_flow(client)
    for length in range(len(token)):
        refuse(client, token[:length])
        refuse(client, token[len(token) - length :])
        refuse(client, token + token[:length] if length else "")


def test_two_states_spliced_anywhere(client: CheckedClient) -> None:
    one = open_flow(client)
    other = open_flow(client, ("tools/call", {"name": "order", "arguments": {"item": "pen"}}))
    later = token_of(client.retry(one))
    for second in (other, later):
        for at in range(1, min(len(one), len(second))):
            for spliced in (one[:at] + second[at:], second[:at] + one[at:]):
                if spliced not in (one, second):
                    refuse(client, spliced)


@pytest.mark.parametrize(
    "spelling", ["{}=", "{}==", "{} ", " {}", "{}\n", "{}\x00", "\ufeff{}", "{}A", "={}", "{}{}"]
)
def test_spelt_otherwise(client: CheckedClient, spelling: str) -> None:
    refuse(client, spelling.format(*[open_flow(client)] * 2))


def test_in_the_other_base64_alphabet(client: CheckedClient) -> None:
    tried = 0
    while tried < 5:
        token = open_flow(client)
        other = token.translate(str.maketrans("-_", "+/"))
        if other != token:
            tried += 1
            refuse(client, other)


def test_with_other_bits_where_base64_leaves_some_over(client: CheckedClient) -> None:
    found = set()
    for length in range(1, 12):
        user = "a" * length
        token = open_flow(client, user=user)
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        for last in ALPHABET:
            twin = token[:-1] + last
            if twin != token and base64.urlsafe_b64decode(twin + "=" * (-len(twin) % 4)) == raw:
                found.add(len(token) % 4)
                refuse(client, twin, user=user)
    assert found == {2, 3}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow[0] + str(flow[1].get("name", "")))
def test_on_another_request(client: CheckedClient, flow: tuple[str, dict[str, Any]]) -> None:
    tokens = {index: open_flow(client, other) for index, other in enumerate(FLOWS) if other is not flow}
    for token in tokens.values():
        refuse(client, token, flow)


@pytest.mark.parametrize(
    "request_",
    [
        ("tools/call", {"name": "echo", "arguments": {}}),
        ("tools/call", {"name": "narrate", "arguments": {}}),
        ("resources/read", {"uri": "static://readme"}),
        ("prompts/get", {"name": "greet", "arguments": {"name": "x"}}),
    ],
)
def test_on_a_request_that_never_asks(client: CheckedClient, request_: tuple[str, dict[str, Any]]) -> None:
    refuse(client, open_flow(client), request_)


@hostile
@given(JSON)
def test_with_other_arguments(client: CheckedClient, note: Any) -> None:
    name, arguments = "order", FLOWS[0][1]["arguments"]
    token = open_flow(client)
    other = {"name": name, "arguments": {**arguments, "note": note}}
    try:
        text = json.dumps(other["arguments"])
    except ValueError:
        return
    if "\\ud" in text or json.dumps(arguments["note"]) == json.dumps(note):
        return
    answer = client.request("tools/call", {**other, "requestState": token})
    assert answer.status == 400
    assert client.effects == []


@pytest.mark.parametrize(
    "note",
    [
        '{"n": [1.0]}',
        '{"n": ["1"]}',
        '{"n": [true]}',
        '{"n": [1], "m": null}',
        '{"n": [1, null]}',
        '{"n": {"0": 1}}',
        '{"N": [1]}',
        '{"n": [1e0]}',
        '{"n": [1.0000000000000001]}',
        '{"n": 1}',
        "[1]",
        "null",
    ],
)
def test_with_nearly_the_same_arguments(client: CheckedClient, note: str) -> None:
    token = open_flow(client)
    arguments = {**FLOWS[0][1]["arguments"], "note": json.loads(note)}
    refuse(client, token, ("tools/call", {"name": "order", "arguments": arguments}))


@pytest.mark.parametrize(
    "pair", [(10**30, 10**30 + 1), (2**53, 2**53 + 1), (0.1, 0.1 + 2**-56), ("\u00e9", "e\u0301")]
)
def test_arguments_that_a_weaker_digest_would_confuse(client: CheckedClient, pair: tuple[Any, Any]) -> None:
    one, other = (
        ("tools/call", {"name": "order", "arguments": {"item": "x", "note": note}}) for note in pair
    )
    refuse(client, open_flow(client, one), other)


def test_the_same_arguments_spelt_otherwise_are_the_same(client: CheckedClient) -> None:
    token = open_flow(client)
    params = {"name": "order", "arguments": dict(reversed(FLOWS[0][1]["arguments"].items()))}
    body = json.dumps(corpus.message("tools/call", {**params, "requestState": token}))
    spelt = body.replace('"item"', '"it\\u0065m"').replace("[1]", "[ 1\n]")
    assert (
        client.body(spelt, corpus.headers_of(corpus.message("tools/call", params))).outcome
        == "input_required"
    )


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow[0] + str(flow[1].get("name", "")))
@pytest.mark.parametrize(
    ("owner", "thief"), [("alice", "bob"), ("alice", None), (None, "bob"), ("alice", "Alice")]
)
def test_by_another_principal(client: CheckedClient, flow: Any, owner: str | None, thief: str | None) -> None:
    refuse(client, open_flow(client, flow, owner), flow, user=thief)


def test_by_another_server(client: CheckedClient, elsewhere: CheckedClient) -> None:
    refuse(elsewhere, open_flow(client))
    refuse(client, open_flow(elsewhere))


@hostile
@given(TEXT | st.binary(max_size=300).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")))
def test_any_text(client: CheckedClient, token: str) -> None:
    refuse(client, token)


@hostile
@given(JSON)
def test_any_json(client: CheckedClient, token: Any) -> None:
    if isinstance(token, str | None):  # null is no state
        return
    answer = client.request(*FLOWS[0][:1], {**FLOWS[0][1], "requestState": token})
    assert answer.status == 400
    assert client.effects == []


def test_no_two_states_are_alike(client: CheckedClient) -> None:
    tokens = [open_flow(client) for _ in range(300)]
    assert len(set(tokens)) == 300
    assert len({token[8:22] for token in tokens}) == 300  # nonces


def test_a_state_is_unreadable_without_its_key(client: CheckedClient) -> None:
    token = open_flow(client, ("tools/call", {"name": "order", "arguments": {"item": "a very private book"}}))
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for word in (b"order", b"reserve", b"size", b"fuzz-target", b"tools"):
        assert word not in raw
