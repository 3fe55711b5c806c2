"""Request states that are not what they were, or not where they belong."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from fuzz import corpus
from fuzz.states import REFUSAL
from fuzz.target import FOREVER, NAME, SECRETS, Target
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.arena import FLOWS, Arena, hostile, token_of
from tests.hostile.strategies import JSON, TEXT

from lambent.execution.rounds.sealing import Sealer, State
from lambent.stores.keys import StaticKeys

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
OTHER_SECRET = "another secret, which this server has never seen"
NOW = 1_795_186_920


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Arena]:
    """A server of another name that has the same keys."""
    with Target("elsewhere") as target:
        yield Arena(target)


def open_flow(arena: Arena, flow: tuple[str, dict[str, Any]] = FLOWS[0], user: str | None = None) -> str:
    return token_of(arena.request(*flow, user=user))


def refuse(arena: Arena, token: Any, flow: tuple[str, dict[str, Any]] = FLOWS[0], **more: Any) -> None:
    """Send something as a state: the answer is the same for everything that is wrong."""
    method, params = flow
    answers = {"size": {"action": "accept", "content": {"size": "M"}}}
    answer = arena.request(method, {**params, "requestState": token, "inputResponses": answers}, **more)
    assert answer.response == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32602, "message": REFUSAL},
    }
    assert answer.status == 400
    assert arena.effects == []


def sealer(secret: str = SECRETS[0], *, clock: float = NOW, ttl: int = FOREVER) -> Sealer:
    return Sealer(StaticKeys([secret]), lambda: clock, ttl, NAME)


def resealed(arena: Arena, token: str, by: Sealer, **binding: str) -> str:
    """The same state, sealed by somebody else or for something else."""
    envelope = sealer()._decrypt(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    state = msgspec.json.decode(envelope.state, type=State)
    return by.seal(msgspec.structs.replace(envelope.binding, **binding), state)


def test_the_helper_reseals_what_is_accepted(arena: Arena) -> None:
    """Else the tests below would prove nothing."""
    token = open_flow(arena)
    again = resealed(arena, token, sealer())
    assert again != token
    arena.states.add(again, arena.states[token])
    assert arena.retry(again).outcome == "input_required"


def test_a_bit_flipped_anywhere(arena: Arena) -> None:
    """Every bit of every character, whether it stays in the alphabet or not."""
    token = open_flow(arena)
    for at, character in enumerate(token):
        for bit in range(7):
            refuse(arena, token[:at] + chr(ord(character) ^ 1 << bit) + token[at + 1 :])


def test_a_character_changed_anywhere(arena: Arena) -> None:
    token = open_flow(arena)
    for at, character in enumerate(token):
        for other in {ALPHABET[at % 64], ALPHABET[(ALPHABET.index(character) + 32) % 64]} - {character}:
            refuse(arena, token[:at] + other + token[at + 1 :])


def test_truncated_anywhere(arena: Arena) -> None:
    token = open_flow(arena)
    for length in range(len(token)):
        refuse(arena, token[:length])
        refuse(arena, token[len(token) - length :])
        refuse(arena, token + token[:length] if length else "")


def test_two_states_spliced_anywhere(arena: Arena) -> None:
    one = open_flow(arena)
    other = open_flow(arena, ("tools/call", {"name": "order", "arguments": {"item": "pen"}}))
    later = token_of(arena.retry(one))
    for second in (other, later):
        for at in range(1, min(len(one), len(second))):
            for spliced in (one[:at] + second[at:], second[:at] + one[at:]):
                if spliced not in (one, second):
                    refuse(arena, spliced)


@pytest.mark.parametrize(
    "spelling", ["{}=", "{}==", "{} ", " {}", "{}\n", "{}\x00", "\ufeff{}", "{}A", "={}", "{}{}"]
)
def test_spelt_otherwise(arena: Arena, spelling: str) -> None:
    refuse(arena, spelling.format(*[open_flow(arena)] * 2))


def test_in_the_other_base64_alphabet(arena: Arena) -> None:
    tried = 0
    while tried < 5:
        token = open_flow(arena)
        other = token.translate(str.maketrans("-_", "+/"))
        if other != token:
            tried += 1
            refuse(arena, other)


def test_with_other_bits_where_base64_leaves_some_over(arena: Arena) -> None:
    found = set()
    for length in range(1, 12):
        user = "a" * length
        token = open_flow(arena, user=user)
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        for last in ALPHABET:
            twin = token[:-1] + last
            if twin != token and base64.urlsafe_b64decode(twin + "=" * (-len(twin) % 4)) == raw:
                found.add(len(token) % 4)
                refuse(arena, twin, user=user)
    assert found == {2, 3}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow[0] + str(flow[1].get("name", "")))
def test_on_another_request(arena: Arena, flow: tuple[str, dict[str, Any]]) -> None:
    tokens = {index: open_flow(arena, other) for index, other in enumerate(FLOWS) if other is not flow}
    for token in tokens.values():
        refuse(arena, token, flow)


@pytest.mark.parametrize(
    "request_",
    [
        ("tools/call", {"name": "echo", "arguments": {}}),
        ("tools/call", {"name": "narrate", "arguments": {}}),
        ("resources/read", {"uri": "static://readme"}),
        ("prompts/get", {"name": "greet", "arguments": {"name": "x"}}),
    ],
)
def test_on_a_request_that_never_asks(arena: Arena, request_: tuple[str, dict[str, Any]]) -> None:
    refuse(arena, open_flow(arena), request_)


@hostile
@given(JSON)
def test_with_other_arguments(arena: Arena, note: Any) -> None:
    name, arguments = "order", FLOWS[0][1]["arguments"]
    token = open_flow(arena)
    other = {"name": name, "arguments": {**arguments, "note": note}}
    try:
        text = json.dumps(other["arguments"])
    except ValueError:
        return
    if "\\ud" in text or json.dumps(arguments["note"]) == json.dumps(note):
        return
    answer = arena.request("tools/call", {**other, "requestState": token})
    assert answer.status == 400
    assert arena.effects == []


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
def test_with_nearly_the_same_arguments(arena: Arena, note: str) -> None:
    token = open_flow(arena)
    arguments = {**FLOWS[0][1]["arguments"], "note": json.loads(note)}
    refuse(arena, token, ("tools/call", {"name": "order", "arguments": arguments}))


@pytest.mark.parametrize(
    "pair", [(10**30, 10**30 + 1), (2**53, 2**53 + 1), (0.1, 0.1 + 2**-56), ("\u00e9", "e\u0301")]
)
def test_arguments_that_lesser_digests_would_confuse(arena: Arena, pair: tuple[Any, Any]) -> None:
    one, other = (
        ("tools/call", {"name": "order", "arguments": {"item": "x", "note": note}}) for note in pair
    )
    refuse(arena, open_flow(arena, one), other)


def test_the_same_arguments_spelt_otherwise_are_the_same(arena: Arena) -> None:
    token = open_flow(arena)
    params = {"name": "order", "arguments": dict(reversed(FLOWS[0][1]["arguments"].items()))}
    body = json.dumps(corpus.message("tools/call", {**params, "requestState": token}))
    spelt = body.replace('"item"', '"it\\u0065m"').replace("[1]", "[ 1\n]")
    assert (
        arena.body(spelt, corpus.headers_of(corpus.message("tools/call", params))).outcome == "input_required"
    )


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow[0] + str(flow[1].get("name", "")))
@pytest.mark.parametrize(
    ("owner", "thief"), [("alice", "bob"), ("alice", None), (None, "bob"), ("alice", "Alice")]
)
def test_by_another_principal(arena: Arena, flow: Any, owner: str | None, thief: str | None) -> None:
    refuse(arena, open_flow(arena, flow, owner), flow, user=thief)


def test_by_another_server(arena: Arena, elsewhere: Arena) -> None:
    refuse(elsewhere, open_flow(arena))
    refuse(arena, open_flow(elsewhere))


@pytest.mark.parametrize(
    "by",
    [
        sealer(OTHER_SECRET),
        sealer(clock=NOW - 2 * FOREVER),
        sealer(ttl=0),
        sealer(ttl=-1),
        sealer(clock=NOW - 1000, ttl=999),
        sealer(clock=NOW + 10**8),
        sealer(clock=NOW + 10**12),
    ],
    ids=["key", "ancient", "at once", "before", "expired", "future", "far future"],
)
def test_sealed_by_another(arena: Arena, by: Sealer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW + 1.0)
    refuse(arena, resealed(arena, open_flow(arena), by))


@pytest.mark.parametrize("name", ["method", "target", "arguments", "principal", "audience"])
@pytest.mark.parametrize("value", ["x", "tools/call\x00", "order\x00x", "\u00e9", " "])
def test_bound_to_something_else(arena: Arena, name: str, value: str) -> None:
    refuse(arena, resealed(arena, open_flow(arena), sealer(), **{name: value}))


@pytest.mark.parametrize("secret", SECRETS)
def test_every_key_of_the_ring_opens(arena: Arena, secret: str) -> None:
    token = open_flow(arena)
    again = resealed(arena, token, sealer(secret))
    arena.states.add(again, arena.states[token])
    assert arena.retry(again).outcome == "input_required"


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "A",
        "AA",
        "AQ",
        "AQAA",
        base64.urlsafe_b64encode(b"\x01" + bytes(16)).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\x01" + bytes(17)).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\x01" + bytes(200)).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\x02" + bytes(200)).decode().rstrip("="),
        "A" * 32_768,
        "A" * 32_769,
        "A" * 5_000_000,
        "=" * 1000,
        "null",
        "{}",
        "\x00",
        "\u00e9" * 40,
        "../../../etc/passwd",
    ],
)
def test_forged(arena: Arena, forged: str) -> None:
    refuse(arena, forged)


def test_forged_with_the_head_of_a_good_one(arena: Arena) -> None:
    token = open_flow(arena)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for size in (0, 1, 15, 16, 17, 300):
        refuse(arena, base64.urlsafe_b64encode(raw[:17] + bytes(size)).decode().rstrip("="))


@hostile
@given(TEXT | st.binary(max_size=300).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")))
def test_any_text(arena: Arena, token: str) -> None:
    refuse(arena, token)


@hostile
@given(JSON)
def test_any_json(arena: Arena, token: Any) -> None:
    if isinstance(token, str):
        return
    answer = arena.request(*FLOWS[0][:1], {**FLOWS[0][1], "requestState": token})
    assert answer.status == 400
    assert arena.effects == []


def test_no_two_states_are_alike(arena: Arena) -> None:
    tokens = [open_flow(arena) for _ in range(300)]
    assert len(set(tokens)) == 300
    assert len({token[8:22] for token in tokens}) == 300  # nonces


def test_a_state_says_nothing_to_whoever_reads_it(arena: Arena) -> None:
    token = open_flow(arena, ("tools/call", {"name": "order", "arguments": {"item": "a very private book"}}))
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for word in (b"order", b"reserve", b"size", b"under-fire", b"tools"):
        assert word not in raw
