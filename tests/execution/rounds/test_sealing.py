"""Request state: whatever is wrong with a token, the client reads the same, and the log says what it was."""

import base64
import json
import logging
import random
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from tests.support import (
    EVERYTHING,
    SECRET,
    Client,
    accept,
    dumps,
    failure,
    headers_of,
    make_handler,
    make_server,
    message,
)

from lambent import ConfigurationError, Context, InvalidParamsError, MCPServer, Settings
from lambent.auth.principal import Principal
from lambent.execution.event_loop import CallerLoop
from lambent.execution.invocation import Invocation
from lambent.execution.rounds import sealing
from lambent.execution.rounds.digests import decode_exactly, digest
from lambent.execution.rounds.sealing import MAX_TOKEN_LENGTH, Binding, Sealer, State
from lambent.stores.keys import StaticKeys
from lambent.wire import jsonrpc
from lambent.wire.http import Request

Serve = Callable[..., Client]
REJECTED = "Invalid or expired requestState: start the request over"
OTHER = SECRET[::-1]
THIRD = "x" * 32

BINDING = Binding("tools/call", "refund", digest({"order": "a"}), "5:issueralice", "shop")
STATE = State({"q": ("mark", Raw(b'{"action":"accept"}'))}, {"s": Raw(b"5")}, {"r": "mark"})


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def sealer(*secrets: str, clock: Clock | None = None, ttl: int = 900) -> Sealer:
    return Sealer(StaticKeys(secrets or (SECRET,)), clock or Clock(), ttl, "shop")


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def raw_of(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def rejection(caplog: pytest.LogCaptureFixture, token: str, by: Sealer | None = None, **other: str) -> str:
    """The reason in the log, once the client has been told what it always is."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, "lambent.state"), pytest.raises(InvalidParamsError) as caught:
        (by or sealer()).open(token, msgspec.structs.replace(BINDING, **other))
    assert (caught.value.message, caught.value.data) == (REJECTED, None)
    (record,) = caplog.records
    assert record.name == "lambent.state"
    text = record.getMessage()
    start = (
        f"Request state for {other.get('method', 'tools/call')} {other.get('target', 'refund')!r} rejected: "
    )
    assert text.startswith(start)
    return text.removeprefix(start)


def test_what_is_sealed_is_opened() -> None:
    opened = sealer().open(sealer().seal(BINDING, STATE), BINDING)
    assert bytes(opened.answers["q"][1]) == b'{"action":"accept"}'
    assert opened.answers["q"][0] == "mark"
    assert bytes(opened.steps["s"]) == b"5"
    assert opened.asked == {"r": "mark"}


def test_tokens_are_opaque_and_never_the_same() -> None:
    tokens = {sealer().seal(BINDING, STATE) for _ in range(20)}
    assert len(tokens) == 20
    for token in tokens:
        assert token.isascii()
        assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        for secret in (b"refund", b"accept", b"alice", b"shop"):
            assert secret not in raw_of(token)


def test_every_flipped_bit_is_found(caplog: pytest.LogCaptureFixture) -> None:
    raw = raw_of(sealer().seal(BINDING, STATE))
    reasons = set()
    for position in range(len(raw)):
        for bit in (1, 128):
            flipped = bytearray(raw)
            flipped[position] ^= bit
            reasons.add(rejection(caplog, unpadded(bytes(flipped))))
    assert reasons == {"not a token of this version", "sealed with an unknown key", "altered"}


def test_every_truncation_is_found(caplog: pytest.LogCaptureFixture) -> None:
    token = sealer().seal(BINDING, STATE)
    for length in range(len(token)):
        assert rejection(caplog, token[:length])


def test_every_other_character_is_found(caplog: pytest.LogCaptureFixture) -> None:
    token = sealer().seal(BINDING, STATE)
    for position in range(len(token)):
        other = "A" if token[position] != "A" else "B"
        assert rejection(caplog, token[:position] + other + token[position + 1 :])


def test_two_tokens_cannot_be_spliced(caplog: pytest.LogCaptureFixture) -> None:
    one, two = (raw_of(sealer().seal(BINDING, STATE)) for _ in range(2))
    assert len(one) == len(two)
    for cut in range(1, len(one)):
        spliced = one[:cut] + two[cut:]
        if spliced not in (one, two):
            assert rejection(caplog, unpadded(spliced)) == "altered"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "not a token of this version"),
        ("A", "not base64url"),
        ("AA", "not a token of this version"),
        ("AQ", "not a token of this version"),
        ("%%%%", "not base64url"),
        ("a b", "not base64url"),
        ("é", "not base64url"),
        ("\ud800", "not base64url"),
        ("\0", "not base64url"),
        ("null", "not a token of this version"),
        ("x" * (MAX_TOKEN_LENGTH + 1), "too long"),
        ("é" * 10_000_000, "too long"),
        (unpadded(b"\x01" + b"\0" * 40), "sealed with an unknown key"),
        (unpadded(b"\x02" + b"\0" * 40), "not a token of this version"),
    ],
)
def test_what_is_no_token_is_rejected(caplog: pytest.LogCaptureFixture, token: str, reason: str) -> None:
    assert rejection(caplog, token) == reason


def test_there_is_one_way_to_write_a_token(caplog: pytest.LogCaptureFixture) -> None:
    """Otherwise what is used once could be used again under another spelling."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = sealer().seal(BINDING, STATE)
    while len(token) % 4 not in (2, 3):
        token = sealer().seal(msgspec.structs.replace(BINDING, target=BINDING.target + "x"), STATE)
        token = sealer().seal(BINDING, State(steps={"s" * (len(token) % 7): Raw(b"1")}))
    spare = {2: 15, 3: 3}[len(token) % 4]
    last = alphabet.index(token[-1])
    others = [alphabet[last & ~spare | low] for low in range(spare + 1) if last & ~spare | low != last]
    assert others
    for other in others:
        assert rejection(caplog, token[:-1] + other) == "not canonical base64url"
    for spelling in (token + "=", token + "==", token + "\n", " " + token, token.replace("-", "+") + "="):
        assert rejection(caplog, spelling)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "prompts/get"),
        ("target", "refund2"),
        ("target", ""),
        ("target", "größe"),
        ("arguments", digest({"order": "b"})),
        ("principal", "5:issuerbob"),
        ("principal", ""),
        ("audience", "other-shop"),
    ],
)
def test_a_token_belongs_to_its_request(caplog: pytest.LogCaptureFixture, name: str, value: str) -> None:
    assert rejection(caplog, sealer().seal(BINDING, STATE), **{name: value}) == f"bound to another {name}"


@pytest.mark.parametrize(
    ("later", "fits"), [(0, True), (899, True), (899.9, True), (900, False), (9_000, False)]
)
def test_a_token_expires(caplog: pytest.LogCaptureFixture, later: float, fits: bool) -> None:
    clock = Clock(1_000.9)
    token = sealer(clock=clock).seal(BINDING, STATE)
    clock.now = 1_000 + later
    if fits:
        assert sealer(clock=clock).open(token, BINDING).asked == {"r": "mark"}
    else:
        assert rejection(caplog, token, sealer(clock=clock)) == "expired"


@pytest.mark.parametrize(("earlier", "fits"), [(59, True), (61, False), (900, False)])
def test_a_token_from_the_future_is_refused(
    caplog: pytest.LogCaptureFixture, earlier: float, fits: bool
) -> None:
    """Clocks of environments differ a little, not a lot."""
    clock = Clock()
    token = sealer(clock=clock).seal(BINDING, STATE)
    clock.now -= earlier
    if fits:
        assert sealer(clock=clock).open(token, BINDING).asked == {"r": "mark"}
    else:
        assert rejection(caplog, token, sealer(clock=clock)) == "from the future"


def test_keys_can_be_rotated(caplog: pytest.LogCaptureFixture) -> None:
    old = sealer(SECRET).seal(BINDING, STATE)
    new = sealer(OTHER, SECRET).seal(BINDING, STATE)
    assert sealer(OTHER, SECRET).open(old, BINDING).asked
    assert sealer(THIRD, OTHER, SECRET).open(old, BINDING).asked
    assert sealer(OTHER).open(new, BINDING).asked
    assert rejection(caplog, old, sealer(OTHER)) == "sealed with an unknown key"
    assert rejection(caplog, new, sealer(SECRET)) == "sealed with an unknown key"


def test_a_secret_of_any_length_makes_a_key() -> None:
    for secret in ("x" * 32, "x" * 33, "é" * 500, SECRET * 100):
        assert sealer(secret).open(sealer(secret).seal(BINDING, STATE), BINDING).asked


# Size


def sealed_by_hand(packed: bytes) -> str:
    """A token with the right key around anything."""
    key = sealing._derive(SECRET.encode())
    head = sealing._VERSION + sealing._key_id(key) + b"\0" * 12
    return unpadded(head + sealing._cipher(key).encrypt(head[-12:], packed, head))


@pytest.mark.parametrize("beyond", [1, 24, 124, 324, 1_424, 1_000_000, 22_000_000])
def test_a_compression_bomb_is_not_inflated(caplog: pytest.LogCaptureFixture, beyond: int) -> None:
    token = sealed_by_hand(b"\x01" + zlib.compress(b" " * (1024 * 1024 + beyond), 9))
    assert len(token) < MAX_TOKEN_LENGTH
    assert rejection(caplog, token) == "inflates beyond all measure"


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\x00",
        b"\x00nonsense",
        b"\x00[]",
        b"\x00{}",
        b"\x01nonsense",
        b"\x01" + zlib.compress(b"[]"),
        b"\x02x",
    ],
)
def test_a_token_of_another_format_is_rejected(caplog: pytest.LogCaptureFixture, packed: bytes) -> None:
    """As after a change of this library: sealed with the right key, but not what this version seals."""
    assert rejection(caplog, sealed_by_hand(packed))


def test_compression_is_used_where_it_pays() -> None:
    small = sealer().seal(BINDING, State(steps={"s": Raw(b'"x"')}))
    repetitive = sealer().seal(BINDING, State(steps={"s": Raw(b'"' + b"x" * 20_000 + b'"')}))
    assert len(repetitive) < len(small) + 200
    opened = sealer().open(repetitive, BINDING)
    assert bytes(opened.steps["s"]) == b'"' + b"x" * 20_000 + b'"'


@dataclass
class Confirm:
    ok: bool


def server() -> MCPServer:
    mcp = make_server()

    @mcp.tool()
    def refund(ctx: Context, order: str = "a", extra: dict[str, int] | None = None) -> str:
        return ctx.elicit(f"Refund {order}?", Confirm).result().action

    @mcp.tool()
    def other(ctx: Context, order: str = "a") -> str:
        return ctx.elicit(f"Refund {order}?", Confirm).result().action

    @mcp.tool()
    def silent(order: str = "a") -> str:
        return order

    @mcp.resource("order://{order}")
    def resource(order: str, ctx: Context) -> str:
        return ctx.elicit(f"Refund {order}?", Confirm).result().action

    @mcp.prompt("refund")
    def prompt(ctx: Context, order: str = "a") -> str:
        return ctx.elicit(f"Refund {order}?", Confirm).result().action

    return mcp


ANSWER = {"elicitation-1": accept(ok=True)}


def retry(client: Client, state: Any, tool: str = "refund", arguments: Any = None) -> Any:
    also = {"requestState": state, "inputResponses": ANSWER}
    return client.call(tool, arguments, also=also, capabilities=EVERYTHING)


def first(client: Client, tool: str = "refund", arguments: Any = None) -> str:
    state: str = client.call(tool, arguments, capabilities=EVERYTHING).state
    return state


def test_all_rejections_look_the_same_to_the_client(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    client = serve(server())
    foreign = serve(server(), Settings(state_keys=(OTHER,)))
    elsewhere = serve(server(), Settings(state_keys=(SECRET,), audience="elsewhere"))
    stale = serve(server(), Settings(state_keys=(SECRET,), state_ttl=0))
    state = first(client)
    flipped = bytearray(raw_of(state))
    flipped[-1] ^= 1
    attempts: dict[str, Callable[[], Any]] = {
        "altered": lambda: retry(client, unpadded(bytes(flipped))),
        "not base64url": lambda: retry(client, "%%%"),
        "not a token of this version": lambda: retry(client, ""),
        "too long": lambda: retry(client, "A" * 40_000),
        "bound to another target": lambda: retry(client, state, "other"),
        "bound to another arguments": lambda: retry(client, state, arguments={"order": "b"}),
        "bound to another method": lambda: client.request(
            "prompts/get",
            {"name": "refund", "requestState": state, "inputResponses": ANSWER},
            capabilities=EVERYTHING,
        ),
        "sealed with an unknown key": lambda: retry(client, first(foreign)),
        "bound to another audience": lambda: retry(client, first(elsewhere)),
        "expired": lambda: retry(client, first(stale)),
    }
    for reason, attempt in attempts.items():
        caplog.clear()
        reply = attempt()
        assert reply.status == 400, reason
        assert reply.headers == {"content-type": "application/json"}
        assert reply.body == failure(-32602, REJECTED), reason
        assert reason in caplog.text


def test_a_token_on_a_tool_that_asks_nothing_is_checked_as_well(serve: Serve) -> None:
    client = serve(server())
    assert retry(client, "nonsense", "silent").body == failure(-32602, REJECTED)
    assert retry(client, first(client), "silent").body == failure(-32602, REJECTED)


def test_a_token_of_one_resource_is_none_of_another(serve: Serve) -> None:
    client = serve(server())
    state = client.read("order://a", capabilities=EVERYTHING).state
    params = {"requestState": state, "inputResponses": ANSWER}
    own = client.request("resources/read", {"uri": "order://a", **params}, capabilities=EVERYTHING)
    assert own.result["contents"][0]["text"] == "accept"
    other = client.request("resources/read", {"uri": "order://b", **params}, capabilities=EVERYTHING)
    assert other.body == failure(-32602, REJECTED)


@pytest.mark.parametrize(
    ("sealed_for", "used_for", "same"),
    [
        ('{"order":"a","extra":{"x":1,"y":2}}', '{"extra":{"y":2,"x":1},"order":"a"}', True),
        ('{"order":"a"}', ' { "order" : "\\u0061" } ', True),
        ('{"order":"a"}', '{"order":"a","extra":null}', False),
        ('{"order":"a"}', '{"order":"A"}', False),
        ('{"order":"a"}', "{}", False),
        ('{"extra":{"x":1}}', '{"extra":{"x":2}}', False),
    ],
)
def test_arguments_are_the_same_in_any_order(
    serve: Serve, sealed_for: str, used_for: str, same: bool
) -> None:
    client = serve(server())
    body = message("tools/call", {"name": "refund", "arguments": "§"}, capabilities=EVERYTHING)

    def send(arguments: str, **also: Any) -> Any:
        sent = {**body, "params": {**body["params"], **also}}
        return client.post(dumps(sent).replace('"§"', arguments), headers_of(body))

    reply = send(used_for, requestState=send(sealed_for).state, inputResponses=ANSWER)
    assert (reply.status == 200 and reply.text == "accept") is same
    if not same:
        assert reply.body == failure(-32602, REJECTED)


def test_a_token_belongs_to_whoever_it_was_made_for() -> None:
    endpoint = make_handler(server())._endpoint

    def send(principal: Principal | None, **also: Any) -> dict[str, Any]:
        body = message("tools/call", {"name": "refund", **also}, capabilities=EVERYTHING)
        sent = jsonrpc.decode(dumps(body))
        request = Request("POST", "/mcp", headers_of(body))
        reply = endpoint.answer(sent, request, Invocation(CallerLoop()), principal)
        response: dict[str, Any] = json.loads(reply.body)
        return response

    alice, bob = Principal("alice", "https://id.example"), Principal("bob", "https://id.example")
    people = [alice, bob, Principal("alice"), Principal("alice", "https://other.example"), None]
    for owner in people:
        state = send(owner)["result"]["requestState"]
        for user in people:
            reply = send(user, requestState=state, inputResponses=ANSWER)
            if user == owner:
                assert reply["result"]["content"][0]["text"] == "accept"
            else:
                assert reply["error"] == {"code": -32602, "message": REJECTED}


def test_no_two_principals_have_the_same_key() -> None:
    people = [
        Principal("a"),
        Principal("", "a"),
        Principal("b", "a"),
        Principal("ab"),
        Principal("1:ab"),
        Principal("b", "1:a"),
    ]
    assert len({person.key for person in people}) == len(people)


def test_scopes_do_not_make_another_principal() -> None:
    """A token may be renewed with other scopes between two rounds."""
    assert Principal("a", scopes=frozenset({"x"})).key == Principal("a", claims={"exp": 1}).key


# Limits and configuration


def test_a_state_that_gets_too_large_says_what_to_do(serve: Serve) -> None:
    mcp = make_server()
    noise = random.Random(1).randbytes(40_000).hex()

    @mcp.tool()
    def t(ctx: Context) -> str:
        ctx.step("s", lambda: noise)
        return ctx.elicit("Sure?", Confirm).result().action

    reply = serve(mcp).call("t", capabilities=EVERYTHING)
    text = reply.error["message"]
    assert reply.body == failure(-32603, text)
    assert text.startswith("The request state of 't' would be ")
    assert text.endswith(
        " characters long, the limit is 32768: let steps and answers be small (keep large results in a "
        "store and return a reference), or make the tool a task"
    )


@pytest.mark.parametrize("size", [1_000_000, 1_100_000, 5_000_000])
def test_what_is_sealed_can_be_opened_however_well_it_compresses(serve: Serve, size: int) -> None:
    """The user must not learn after answering that nobody can read the state."""
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        ctx.step("s", lambda: "x" * size)
        return ctx.elicit("Sure?", Confirm).result().action

    client = serve(mcp)
    reply = client.call("t", capabilities=EVERYTHING)
    if "error" in reply.response:
        assert reply.error["code"] == -32603
        assert "request state" in reply.error["message"]
    else:
        assert retry(client, reply.state, "t").text == "accept"


def test_without_a_key_in_lambda_the_log_says_what_to_set(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(server(), Settings(in_lambda=True))
    assert client.call("silent").text == "a"
    reply = client.call("refund", capabilities=EVERYTHING)
    assert "set LAMBENT_STATE_KEYS to the output of `openssl rand -hex 32`" in caplog.text
    assert "LAMBENT" not in reply.body.decode()
    assert reply.error["code"] == -32603
    reference = reply.error["message"].removeprefix("Internal error (reference ").removesuffix(")")
    assert reply.body == failure(-32603, f"Internal error (reference {reference})")
    assert reference in caplog.text


def test_without_a_key_in_lambda_nothing_can_be_opened_either(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    state = first(serve(server()))
    reply = retry(serve(server(), Settings(in_lambda=True)), state)
    assert "LAMBENT_STATE_KEYS" in caplog.text
    assert "LAMBENT" not in reply.body.decode()
    assert reply.error["code"] == -32603


def test_outside_of_lambda_a_process_has_a_key_of_its_own(serve: Serve) -> None:
    one, two = serve(server(), Settings()), serve(server(), Settings())
    state = first(one)
    assert retry(one, state).text == "accept"
    assert retry(two, state).body == failure(-32602, REJECTED)


def test_without_cryptography_the_log_says_what_to_install(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    reply = serve(server()).call("refund", capabilities=EVERYTHING)
    assert "install the extra lambent[seal]" in caplog.text
    assert reply.error["code"] == -32603
    assert "cryptography" not in reply.body.decode()


def test_a_missing_key_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError):
        Sealer(Settings(in_lambda=True).keys, Clock(), 900, "shop").seal(BINDING, STATE)


# Digests


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ({"a": 1, "b": [{"c": 2, "d": 3}]}, {"b": [{"d": 3, "c": 2}], "a": 1}, True),
        ([1, 2], [2, 1], False),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": None}, {}, False),
        ({"a": True}, {"a": 1}, False),
        ("é", "e\u0301", False),
    ],
)
def test_digests(one: Any, two: Any, same: bool) -> None:
    assert (digest(one) == digest(two)) is same
    assert len(digest(one)) == 24


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("0.1", "0.10", True),
        ("0.1", "1e-1", True),
        ("100.0", "1e2", True),
        ("1.5", "15E-1", True),
        ("0.1", "0.1000000000000000055511151231257827", False),  # the same float
        ("1.0", "1.0000000000000000001", False),
        ("9007199254740993.0", "9007199254740992.0", False),
        ("9007199254740993", "9007199254740992", False),
        ("1e23", "100000000000000000000001.0", False),
        ("1e400", "2e400", False),
        ("1e400", "-1e400", False),
        ("1e400", "1e400", True),
        ("1e-400", "2e-400", False),
        ("1e-400", "0.0", False),
        ("1e99999999999999999999", "1e99999999999999999998", False),
        ("[1e400]", "[null]", False),
        ("1e400", '"1e400"', False),
        ('{"a":[1.5,1e999]}', '{"a":[1.5,1e998]}', False),
    ],
)
def test_digests_of_numbers_beyond_floats(one: str, two: str, same: bool) -> None:
    assert (digest(decode_exactly(one.encode())) == digest(decode_exactly(two.encode()))) is same


@pytest.mark.parametrize(
    ("sent", "other"),
    [
        ("0.1", "0.1000000000000000055511151231257827"),
        ("1e22", "1.00000000000000000000001e22"),
        ("12345678901234567890.1", "12345678901234567890.2"),
    ],
)
def test_a_state_belongs_to_the_exact_amount(serve: Serve, sent: str, other: str) -> None:
    """The function gets a Decimal: the user has agreed to this amount, and to no other."""
    mcp, paid = make_server(), []

    @mcp.tool()
    def pay(ctx: Context, amount: Decimal) -> str:
        ctx.elicit("Sure?", Confirm).result()
        paid.append(amount)
        return "paid"

    client = serve(mcp)

    def call(amount: str, **retry: Any) -> Any:
        params = {"name": "pay", "arguments": {"amount": "AMOUNT"}, **retry}
        body = dumps(message("tools/call", params, capabilities=EVERYTHING))
        sent = headers_of(json.loads(body))
        return client.post(body.replace('"AMOUNT"', amount), sent)

    state = call(sent).state
    retry = {"inputResponses": {"elicitation-1": accept(ok=True)}, "requestState": state}
    assert call(other, **retry).body == failure(-32602, REJECTED)
    assert paid == []
    assert call(sent, **retry).text == "paid"
    assert paid == [Decimal(sent)]
