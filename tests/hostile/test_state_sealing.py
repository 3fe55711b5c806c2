"""Request states that another sealer made, or that are forged."""

import base64

import msgspec
import pytest
from fuzz.target import FOREVER, NAME, SECRETS
from tests.hostile.client import CheckedClient, open_flow, refuse

from lambent.execution.rounds.sealing import Sealer, State, _Envelope
from lambent.stores.keys import StaticKeys

OTHER_SECRET = "another secret, which this server has never seen"
NOW = 1_795_186_920


def sealer(secret: str = SECRETS[0], *, clock: float = NOW, ttl: int = FOREVER) -> Sealer:
    return Sealer(StaticKeys([secret]), lambda: clock, ttl, NAME)


def resealed(client: CheckedClient, token: str, by: Sealer, **binding: str) -> str:
    """The same state, sealed by another sealer or with another binding."""
    opened = sealer().open_bytes(token, b"\x01")
    assert opened is not None
    envelope = msgspec.json.decode(opened, type=_Envelope)
    state = msgspec.json.decode(envelope.state, type=State)
    return by.seal(msgspec.structs.replace(envelope.binding, **binding), state)


def test_the_helper_reseals_what_is_accepted(client: CheckedClient) -> None:
    """Otherwise the tests below would prove nothing."""
    token = open_flow(client)
    again = resealed(client, token, sealer())
    assert again != token
    client.states.add(again, client.states[token])
    assert client.retry(again).outcome == "input_required"


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
def test_sealed_by_another(client: CheckedClient, by: Sealer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW + 1.0)
    refuse(client, resealed(client, open_flow(client), by))


@pytest.mark.parametrize("name", ["method", "target", "arguments", "principal", "audience"])
@pytest.mark.parametrize("value", ["x", "tools/call\x00", "order\x00x", "\u00e9", " "])
def test_bound_to_something_else(client: CheckedClient, name: str, value: str) -> None:
    refuse(client, resealed(client, open_flow(client), sealer(), **{name: value}))


@pytest.mark.parametrize("secret", SECRETS)
def test_every_key_of_the_ring_opens(client: CheckedClient, secret: str) -> None:
    token = open_flow(client)
    again = resealed(client, token, sealer(secret))
    client.states.add(again, client.states[token])
    assert client.retry(again).outcome == "input_required"


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
def test_forged(client: CheckedClient, forged: str) -> None:
    refuse(client, forged)


def test_forged_with_the_head_of_a_good_one(client: CheckedClient) -> None:
    token = open_flow(client)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for size in (0, 1, 15, 16, 17, 300):
        refuse(client, base64.urlsafe_b64encode(raw[:17] + bytes(size)).decode().rstrip("="))
