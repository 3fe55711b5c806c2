"""The tokens of sessions: what they keep, and which of them are refused."""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from tests.support import SECRET, Client, dumps, full_server, http_api, make_server
from tests.wire.eras.legacy_client import VERSIONS, LegacyClient, initialize, rpc

from lambent import ConfigurationError, HttpRefusal, Request, Settings, StoreError
from lambent.auth.authenticator import Authenticator
from lambent.auth.principal import Principal
from lambent.execution.endpoint import Endpoint
from lambent.execution.handshakes import (
    SESSION_SECONDS,
    Handshake,
    Handshakes,
    make_handshake,
    requested_version,
)
from lambent.execution.rounds.digests import mark_of
from lambent.stores.keys import MissingKeys, StaticKeys
from lambent.wire import jsonrpc
from lambent.wire.eras import UNNEGOTIATED
from lambent.wire.values import ClientCapabilities

Serve = Callable[..., Client]
OTHER = SECRET[::-1]
ALICE, BOB = Principal("alice", "https://id.example"), Principal("bob", "https://id.example")
KNOWN = make_handshake(
    VERSIONS[0],
    msgspec.convert({"elicitation": {"url": {}}, "sampling": {"tools": {}}, "roots": {}}, ClientCapabilities),
    {"name": "tests", "version": "1"},
)
GONE = "Session not found: send initialize to start another one"


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def handshakes(*secrets: str, clock: Clock | None = None, audience: str = "shop") -> Handshakes:
    return Handshakes(StaticKeys(secrets or (SECRET,)), clock or Clock(), audience)


def seal(by: Handshakes, handshake: Handshake = KNOWN, principal: Principal | None = None) -> str:
    token = by.seal(handshake, principal)
    assert token is not None
    return token


def refused(by: Handshakes, token: str, principal: Principal | None = None) -> None:
    with pytest.raises(HttpRefusal) as caught:
        by.open(token, principal)
    assert (caught.value.status, caught.value.message) == (404, GONE)


# Tokens


@pytest.mark.parametrize("principal", [None, ALICE])
@pytest.mark.parametrize(
    "handshake", [KNOWN, Handshake(VERSIONS[3]), Handshake(VERSIONS[2], log_level="alert", is_known=True)]
)
def test_a_token_brings_back_what_was_negotiated(handshake: Handshake, principal: Principal | None) -> None:
    token = seal(handshakes(), handshake, principal)
    assert token.startswith("lb1.")
    assert all(0x21 <= ord(character) <= 0x7E for character in token)
    assert handshakes().open(token, principal) == handshake  # in another process


def test_a_token_is_what_the_module_says() -> None:
    head, payload_text, mac = seal(handshakes(), principal=ALICE).split(".")
    payload = base64.urlsafe_b64decode(payload_text + "=" * (-len(payload_text) % 4))
    (version, _, info, level, is_known), expires, nonce = json.loads(payload)
    assert (head, version, info, level, is_known) == (
        "lb1",
        VERSIONS[0],
        {"name": "tests", "version": "1"},
        "info",
        True,
    )
    assert (expires, len(nonce)) == (1000 + SESSION_SECONDS, 18)
    own = hmac.digest(b"lambent handshake", SECRET.encode(), "sha256")
    mark = mark_of(ALICE).encode()
    assert len(mark) == 24
    signed = hmac.digest(own, b"shop\0" + mark + b"\0" + payload, hashlib.sha256)[:16]
    assert mac == base64.urlsafe_b64encode(signed).decode().rstrip("=")


def test_two_tokens_of_the_same_handshake_differ() -> None:
    by = handshakes()
    assert seal(by) != seal(by)


def test_every_changed_character_is_found() -> None:
    by, chosen = handshakes(), random.Random(1)
    token = seal(by)
    for at in range(len(token)):
        other = chosen.choice([one for one in "abcXYZ019-_." if one != token[at]])
        refused(by, token[:at] + other + token[at + 1 :])
        refused(by, token[:at] + token[at + 1 :])
    assert by.open(token, None) == KNOWN


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "lb1.",
        "lb1..",
        "lb1.e30.",
        "lb1.e30.AAAAAAAAAAAAAAAAAAAAAA",
        "lb1.!.!",
        "lb1.\u00e9.\u00e9",
        "lb1.\U0001f600",
        "lb1.\ud800",
        "lb1.a.b.c",
        "lb2.e30.AAAA",
        "LB1.e30.AAAA",
        "0" * 36,
        "lb1." + "A" * 4096,
        "lb1." + "A" * 1_000_000,
        "\x00",
        " ",
    ],
)
def test_garbage_is_no_session(token: str) -> None:
    refused(handshakes(), token)


def test_other_spellings_of_a_token_are_not_accepted() -> None:
    """So that a session that has ended does not go on under another one."""
    by = handshakes()
    token = seal(by)
    head, payload, mac = token.split(".")
    refused(by, f"{head}.{payload}=.{mac}")
    refused(by, f"{head}.{payload}.{mac}=")
    refused(by, f"{head}.{payload}.{mac}==")
    refused(by, f"{token}.")
    refused(by, f"{token} ")
    refused(by, f"{head}.{payload.replace('-', '+').replace('_', '/')}.{mac.swapcase()}")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(mac[-1])
    refused(by, token[:-1] + alphabet[last ^ 1])  # the last bits of 22 characters stand for nothing


def test_a_token_is_for_one_audience() -> None:
    refused(handshakes(audience="shop2"), seal(handshakes(audience="shop")))


@pytest.mark.parametrize(
    ("of", "by"),
    [
        (ALICE, BOB),
        (ALICE, None),
        (None, ALICE),
        (ALICE, Principal("alice", "https://other.example")),
        (ALICE, Principal("alice")),
    ],
)
def test_a_token_is_for_one_principal(of: Principal | None, by: Principal | None) -> None:
    sessions = handshakes()
    token = seal(sessions, principal=of)
    refused(sessions, token, by)
    assert sessions.open(token, of) == KNOWN
    refused(sessions, token, by)  # also once it is remembered


def test_a_token_expires_also_where_it_is_remembered() -> None:
    clock = Clock()
    by = handshakes(clock=clock)
    token = seal(by)
    clock.now += SESSION_SECONDS - 1
    assert by.open(token, None) == KNOWN
    clock.now += 1
    refused(by, token)
    refused(handshakes(clock=clock), token)


def test_keys_rotate() -> None:
    old = seal(handshakes(OTHER))
    assert handshakes(SECRET, OTHER).open(old, None) == KNOWN
    refused(handshakes(SECRET), old)
    assert handshakes(OTHER).open(seal(handshakes(OTHER, SECRET)), None) == KNOWN
    refused(handshakes(SECRET), seal(handshakes(OTHER, SECRET)))


class RotatedKeys(StaticKeys):
    """Keys whose ring changes once it is read again."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__([old])
        self.new = (new.encode(),)
        self.renewals = 0

    def renewed(self) -> Sequence[bytes]:
        self.renewals += 1
        self._ring = self.new
        return self._ring


def test_a_token_of_a_newer_secret_makes_the_ring_read_again() -> None:
    keys = RotatedKeys(SECRET, OTHER)
    by = Handshakes(keys, Clock(), "shop")
    assert by.open(seal(handshakes(OTHER)), None) == KNOWN
    assert keys.renewals == 1


def test_without_keys_there_are_no_sessions() -> None:
    by = Handshakes(MissingKeys(), Clock(), "shop")
    assert by.seal(KNOWN, None) is None
    for token in ("lb1.x.y", "x", seal(handshakes())):
        assert by.open(token, None) is None
        by.end(token, None)


class Unreachable(StaticKeys):
    """Keys of a secret that cannot be read now."""

    def ring(self) -> Sequence[bytes]:
        raise StoreError("Secrets Manager is not there")


def test_a_session_that_cannot_be_checked_is_as_none() -> None:
    assert Handshakes(Unreachable((SECRET,)), Clock(), "shop").open(seal(handshakes()), None) is None


class RenewedNever(StaticKeys):
    """Keys that can be read once."""

    def renewed(self) -> Sequence[bytes]:
        raise ConfigurationError("The secret is gone")


def test_a_session_that_can_only_be_checked_with_newer_keys_is_as_none() -> None:
    by = Handshakes(RenewedNever((SECRET,)), Clock(), "shop")
    assert by.open("lb1.e30.AAAA", None) is None
    assert by.open(seal(handshakes()), None) == KNOWN


# Ends


def test_a_session_ends() -> None:
    by = handshakes()
    token, other = seal(by), seal(by)
    by.end(token, None)
    refused(by, token)
    with pytest.raises(HttpRefusal):
        by.end(token, None)
    assert by.open(other, None) == KNOWN


def test_only_its_principal_ends_a_session() -> None:
    by = handshakes()
    token = seal(by, principal=ALICE)
    with pytest.raises(HttpRefusal):
        by.end(token, BOB)
    assert by.open(token, ALICE) == KNOWN


def test_what_is_remembered_is_bounded() -> None:
    by = handshakes()
    tokens = [seal(by) for _ in range(600)]
    for token in tokens:
        by.open(token, None)
    assert len(by._good) <= 256
    for token in tokens:
        by.end(token, None)
    assert len(by._ended) <= 256
    for number in range(600):
        refused(by, f"lb1.x{number}.y")
    assert len(by._good) <= 256
    refused(by, tokens[-1])
    assert by.open(tokens[0], None) == KNOWN  # ended so long ago that the process has forgotten it


# What a handshake keeps


def declared(**capabilities: Any) -> ClientCapabilities:
    return msgspec.convert(capabilities, ClientCapabilities)


def test_only_known_members_are_kept() -> None:
    handshake = make_handshake(
        VERSIONS[0],
        declared(
            elicitation={"form": {"x": 1}, "url": {"y": [1]}},
            sampling={"context": {}, "tools": {"x": "y"}},
            roots={"listChanged": True},
            extensions={"a.b/c": {}},
            experimental={"x": {}},
        ),
        {"name": "n", "version": "v", "title": "t", "icons": []},
    )
    expected = declared(elicitation={"form": {}, "url": {}}, sampling={"context": {}, "tools": {}}, roots={})
    assert handshake == Handshake(VERSIONS[0], expected, {"name": "n", "version": "v"}, "info", True)
    assert handshakes().open(seal(handshakes(), handshake), None) == handshake


def test_extensions_of_the_server_are_kept() -> None:
    ui = {"mimeTypes": ["text/html;profile=mcp-app"]}
    capabilities = declared(extensions={"a.b/ui": ui, "a.b/other": {}})
    handshake = make_handshake(VERSIONS[0], capabilities, None, ["a.b/ui", "a.b/unknown"])
    assert handshake.capabilities == declared(extensions={"a.b/ui": ui})
    assert handshakes().open(seal(handshakes(), handshake), None) == handshake
    assert make_handshake(VERSIONS[0], capabilities, None, ["a.b/unknown"]).capabilities == declared()


def test_a_token_has_room_for_short_settings_of_extensions_only() -> None:
    long = {"x": "y" * 1000}
    capabilities = declared(extensions={"a.b/ui": long, "a.b/other": long}, sampling={"tools": {}}, roots={})
    info = {"name": "\U0001f600" * 100, "version": "\u0001" * 100}
    handshake = make_handshake(VERSIONS[0], capabilities, info, ["a.b/ui"])
    assert handshake.capabilities.extensions == {"a.b/ui": long}
    assert handshakes().open(seal(handshakes(), handshake), None) == handshake
    handshake = make_handshake(VERSIONS[0], capabilities, None, ["a.b/ui", "a.b/other"])
    assert handshake.capabilities.extensions == {"a.b/ui": {}, "a.b/other": {}}


@pytest.mark.parametrize(
    "info",
    [
        None,
        {},
        {"name": "\u0000" * 1000, "version": "\u0001" * 1000},
        {"name": "\U0001f600" * 1_000_000, "version": '"' * 1_000_000},
        {"name": ["x"] * 1000, "version": {"a": "x" * 10_000}},
        {"name": None, "version": 1},
        {"name" + str(number): "x" for number in range(10_000)},
    ],
)
def test_tokens_have_a_bounded_size(info: Any) -> None:
    huge = {f"k{number}": "x" * 100 for number in range(1000)}
    capabilities = declared(
        elicitation={"form": huge, "url": huge},
        sampling={"context": huge, "tools": huge},
        roots=huge,
        extensions={"a.b/c": huge},
        experimental=huge,
    )
    handshake = make_handshake(VERSIONS[0], capabilities, info)
    token = seal(handshakes(), handshake, ALICE)
    assert len(token) < 2500
    assert handshakes().open(token, ALICE) == handshake


def test_names_are_cut_between_characters() -> None:
    handshake = make_handshake(VERSIONS[0], declared(), {"name": "\U0001f600" * 101})
    assert handshake.client_info == {"name": "\U0001f600" * 100}


# Requests


def decoded(method: str, params: Any = None) -> jsonrpc.RpcMessage:
    return jsonrpc.decode(dumps(rpc(method, params)))


@pytest.mark.parametrize(
    ("header", "has_session", "version", "is_known"),
    [
        (None, False, UNNEGOTIATED, False),
        (None, True, VERSIONS[0], True),
        (VERSIONS[1], False, VERSIONS[1], False),
        (f" {VERSIONS[1]}\t", False, VERSIONS[1], False),
        (VERSIONS[0], True, VERSIONS[0], True),
        (VERSIONS[3], True, VERSIONS[3], True),
    ],
)
def test_the_version_of_a_request(
    header: str | None, has_session: bool, version: str, is_known: bool
) -> None:
    by = handshakes()
    headers = {"mcp-session-id": seal(by)} if has_session else {}
    headers |= {} if header is None else {"mcp-protocol-version": header}
    found = by.of(decoded("tools/list"), headers, None)
    assert (found.version, found.is_known) == (version, is_known)
    assert found.capabilities == (KNOWN.capabilities if is_known else ClientCapabilities())


def test_an_initialize_needs_no_session() -> None:
    """Clients that start again may still send the old one."""
    message = decoded("initialize", {"protocolVersion": VERSIONS[2]})
    found = handshakes().of(message, {"mcp-session-id": "gone"}, None)
    assert found == Handshake(VERSIONS[2])


@pytest.mark.parametrize("params", ["[]", "1", "null", '"x"', "{}", '{"protocolVersion":[]}', '{"a":1e999}'])
def test_the_version_of_parameters_that_are_wrong(params: str) -> None:
    message = jsonrpc.RpcMessage("2.0", "initialize", 1, msgspec.Raw(params.encode()))
    assert requested_version(message) == VERSIONS[0]


@pytest.mark.parametrize("other", ['"x":1e999', '"x":' + "9" * 5000, '"x":' + "[" * 500 + "]" * 500])
def test_what_else_is_in_the_parameters_does_not_change_the_version(serve: Serve, other: str) -> None:
    client = LegacyClient(serve(make_server()), VERSIONS[1])
    params = f'{{"protocolVersion":"{VERSIONS[1]}",{other}}}'
    reply = client.post(f'{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}')
    assert reply.result["protocolVersion"] == VERSIONS[1]


# Over HTTP


def test_two_clients_get_two_sessions(serve: Serve) -> None:
    inner = serve(full_server())
    one, other = LegacyClient(inner, VERSIONS[0]), LegacyClient(inner, VERSIONS[0])
    assert one.start().body == other.start().body
    assert one.session != other.session


def test_a_server_without_keys_serves_all_the_same(serve: Serve) -> None:
    for version in VERSIONS:
        inner = serve(full_server(), Settings(in_lambda=True))
        client = LegacyClient(inner, version)
        assert client.start().result["protocolVersion"] == version
        assert client.session is None
        for session in (None, "lb1.x.y", "something"):
            headers = {"mcp-session-id": session}
            reply = client.post(rpc("tools/call", {"name": "add", "arguments": {"a": 1}}), headers)
            assert reply.text == "1"
            assert client.post(rpc("logging/setLevel", {"level": "debug"}), headers).result == {}


@pytest.mark.parametrize("method", ["tools/call", "ping", "no/such", "logging/setLevel"])
@pytest.mark.parametrize("session", ["x", "lb1.x.y", "\u00e9", "lb1." + "A" * 8000])
def test_a_session_of_nobody_is_not_found(serve: Serve, method: str, session: str) -> None:
    client = LegacyClient(serve(full_server()), VERSIONS[0])
    reply = client.post(rpc(method, {"name": "add"}), {"mcp-session-id": session})
    assert reply.status == 404
    assert reply.body == f'{{"jsonrpc":"2.0","error":{{"code":-32600,"message":"{GONE}"}}}}'.encode()
    assert client.post(initialize(VERSIONS[0]), {"mcp-session-id": session}).status == 200


def test_an_empty_session_id_is_none(serve: Serve) -> None:
    client = LegacyClient(serve(full_server()), VERSIONS[0])
    assert client.post(rpc("ping"), {"mcp-session-id": ""}).status == 200


def test_a_modern_request_has_no_session(serve: Serve) -> None:
    reply = serve(full_server()).request("tools/list", headers={"mcp-session-id": "x"})
    assert reply.status == 200


class ByHeader(Authenticator):
    """Believes a header."""

    def authenticate(self, request: Request) -> Principal | None:
        user = request.headers.get("x-user")
        return None if user is None else Principal(user, "https://id.example")


def test_the_session_of_another_user_is_not_found(serve: Serve) -> None:
    inner = serve(full_server())
    endpoint = inner.handler._endpoint  # type: ignore[attr-defined]
    inner.handler._endpoint = Endpoint(endpoint.executor, endpoint._policy, ByHeader())  # type: ignore[attr-defined]
    client = LegacyClient(inner, VERSIONS[0])
    session = client.post(initialize(VERSIONS[0]), {"x-user": "alice"}).headers["mcp-session-id"]
    for user, status in (("alice", 200), ("bob", 404), (None, 404)):
        assert client.post(rpc("ping"), {"x-user": user, "mcp-session-id": session}).status == status


@pytest.mark.parametrize(
    "info",
    [
        '{"name":"\\ud800","version":"\\udfff"}',
        '{"name":"a\\ud800b"}',
        '{"name":"\\u0000\\u001f"}',
        '{"name":1e400,"version":-0}',
        '{"name":1,"version":[{}]}',
        '{"name":{"name":"x"}}',
        '{"":"","name":"\U0001f600"}',
        "null",
        "{}",
    ],
)
def test_odd_clients(serve: Serve, info: str) -> None:
    client = LegacyClient(serve(make_server()), VERSIONS[0])
    params = f'{{"protocolVersion":"{VERSIONS[0]}","capabilities":{{}},"clientInfo":{info}}}'
    reply = client.post(f'{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}')
    assert reply.status in (200, 400)
    if "result" in reply.response:
        session = reply.headers["mcp-session-id"]
        assert client.post(rpc("ping"), {"mcp-session-id": session}).result == {}
    else:
        assert reply.error["code"] in (-32602, -32700)


def test_repeated_session_headers_are_no_session(serve: Serve) -> None:
    client = LegacyClient(serve(make_server()), VERSIONS[0])
    client.start()
    assert client.post(rpc("ping"), {"mcp-session-id": f"{client.session}, {client.session}"}).status == 404
    assert (
        client.client.event(http_api(dumps(rpc("ping")), {"content-type": "application/json"})).result == {}
    )
