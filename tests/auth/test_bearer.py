"""Tokens of requests: what is remembered of them, whom they are of, and for which clients they are taken."""

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.auth.world import URL, TokenClock, call, client_of, protected
from tests.issuer.issuer import Issuer
from tests.support import full_server, message

from lambent import Context, CredentialsError, OAuth, Request
from lambent.auth import bearer
from lambent.auth.authenticator import AuthPorts
from lambent.stores.web import fetch


@pytest.fixture(scope="module")
def clock() -> TokenClock:
    return TokenClock()


@pytest.fixture(scope="module")
def issuer(clock: TokenClock) -> Iterator[Issuer]:
    with Issuer() as running:
        running.now = clock
        yield running


def refused(reply: Any) -> str:
    assert reply.status == 401
    text: str = reply.error["message"]
    return text


# Whom they are of.


def test_the_principal(issuer: Issuer) -> None:
    seen: list[Any] = []
    mcp = full_server(auth=OAuth(issuer=issuer.url))

    @mcp.tool()
    def who(ctx: Context) -> None:
        seen.append(ctx.principal)

    issuer.now = time.time
    token = issuer.token("ada", URL, ["a", "b"], org="example", email="ada@example.com")
    client_of(mcp).call("who", headers={"authorization": f"Bearer {token}"})
    (found,) = seen
    assert (found.subject, found.issuer, found.client_id) == ("ada", issuer.url, "client-1")
    assert found.scopes == {"a", "b"}
    assert (found.claims["org"], found.claims["email"]) == ("example", "ada@example.com")


def test_claims_that_calls_share_cannot_be_changed(issuer: Issuer) -> None:
    seen: list[Any] = []
    mcp = full_server(auth=OAuth(issuer=issuer.url))

    @mcp.tool()
    def who(ctx: Context) -> dict[str, Any]:
        assert ctx.principal is not None
        seen.append(ctx.principal.claims)
        return {"roles": ctx.principal.claims["roles"], "all": ctx.principal.claims}

    issuer.now = time.time
    client = client_of(mcp)
    token = issuer.token("ada", URL, roles=["user"], realm={"roles": ["a"]})
    for _ in range(2):
        found = client.call("who", headers={"authorization": f"Bearer {token}"}).value
        assert (found["roles"], found["all"]["realm"]) == (["user"], {"roles": ["a"]})
    claims = seen[0]
    assert seen[1] is claims
    for change in (
        lambda: claims.update(admin=True),
        lambda: claims.__setitem__("admin", True),
        lambda: claims.pop("sub"),
        claims["realm"].clear,
        lambda: claims.setdefault("admin", True),
    ):
        with pytest.raises(TypeError, match="change a copy"):
            change()
    assert claims["roles"] == ("user",)
    copied = copy.deepcopy(claims)
    copied["realm"]["roles"] = []
    assert (type(copied), claims["realm"]) == (dict, {"roles": ("a",)})


@pytest.mark.parametrize(
    ("claims", "client_id"),
    [
        ({"client_id": "a", "azp": "b"}, "a"),
        ({"client_id": None, "azp": "b"}, "b"),
        ({"client_id": None, "appid": "c"}, "c"),
        ({"client_id": None, "cid": "d"}, "d"),
        ({"client_id": 5, "cid": "d"}, "d"),
        ({"client_id": None}, ""),
    ],
    ids=str,
)
def test_which_client(issuer: Issuer, clock: TokenClock, claims: dict[str, Any], client_id: str) -> None:
    issuer.now = clock
    client = protected(clock, issuer=issuer.url, client_ids=["a", "b", "c", "d"])
    reply = call(client, issuer.token(audience=URL, **claims))
    if client_id:
        assert reply.status == 200
    else:
        assert refused(reply) == "The token was issued to a client that this server does not know"


# Cognito: no aud, but a client_id and token_use.


def cognito(issuer: Issuer, clock: TokenClock, **claims: Any) -> str:
    issuer.now = clock
    usual = {"aud": None, "token_use": "access", "username": "ada", "client_id": "app-1", "version": 2}
    return issuer.token(scopes=["shop/read"], header={"typ": None}, **{**usual, **claims})


def test_tokens_of_cognito(issuer: Issuer, clock: TokenClock) -> None:
    client = protected(clock, issuer=issuer.url, client_ids=["app-1"], scopes=["shop/read"])
    assert call(client, cognito(issuer, clock)).status == 200
    unknown = "The token was issued to a client that this server does not know"
    for other in ("app-2", "app-", "", "app-1 ", "APP-1"):
        assert refused(call(client, cognito(issuer, clock, client_id=other))) == unknown
    assert refused(call(client, cognito(issuer, clock, client_id=None))) == unknown
    assert refused(call(client, cognito(issuer, clock, token_use="id"))) == "The token is not an access token"
    identity = cognito(issuer, clock, token_use="id", aud="app-1", client_id=None)
    assert refused(call(client, identity)) == "The token is not an access token"
    elsewhere = cognito(issuer, clock, aud="https://other.test")
    assert refused(call(client, elsewhere)) == "The token was issued for another server (aud)"


def test_one_client_as_text(issuer: Issuer, clock: TokenClock) -> None:
    """Whose name contains those of others."""
    client = protected(clock, issuer=issuer.url, client_ids="app-1")
    assert call(client, cognito(issuer, clock)).status == 200
    for other in ("app", "-", None):
        assert call(client, cognito(issuer, clock, client_id=other)).status == 401


def test_without_known_clients_there_must_be_an_audience(issuer: Issuer, clock: TokenClock) -> None:
    text = refused(call(protected(clock, issuer=issuer.url), cognito(issuer, clock)))
    assert text == "The token does not say for whom it is (aud)"


def test_audiences_besides_the_url(issuer: Issuer, clock: TokenClock) -> None:
    issuer.now = clock
    client = protected(clock, issuer=issuer.url, audience=["api://shop", "shop"])
    for audience in (URL, "api://shop", "shop", ["other", "shop"]):
        assert call(client, issuer.token(audience=audience)).status == 200
    for audience in ("api://shop/", "api://shop2", "sho", "SHOP"):
        assert refused(call(client, issuer.token(audience=audience))) == (
            "The token was issued for another server (aud)"
        )


# Leeway.


def test_leeway(issuer: Issuer) -> None:
    clock = TokenClock()
    issuer.now = lambda: 1_800_000_000.0
    client = protected(clock, issuer=issuer.url, leeway=10)
    token = issuer.token(audience=URL, expires_in=10, nbf=1_800_000_010)
    assert call(client, token).status == 200
    clock.now += 19
    assert call(client, token).status == 200
    clock.now += 1
    assert refused(call(client, token)) == "The token has expired"


def test_a_token_that_ends_while_it_is_remembered(issuer: Issuer) -> None:
    clock = TokenClock()
    issuer.now = clock
    client, token = protected(clock, issuer=issuer.url), issuer.token(audience=URL, expires_in=10)
    assert call(client, token).status == 200
    clock.now += 9.9
    assert call(client, token).status == 200
    clock.now += 0.1
    assert refused(call(client, token)) == "The token has expired"


# What is remembered.


def test_a_token_is_verified_once_in_a_while(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[int] = []
    verify = bearer.verify_signature
    monkeypatch.setattr(bearer, "verify_signature", lambda *given: (verified.append(1), verify(*given)))
    clock = TokenClock()
    issuer.now = clock
    client, token = protected(clock, issuer=issuer.url), issuer.token(audience=URL, expires_in=10_000)
    for expected in (1, 2, 3):
        for _ in range(5):
            assert call(client, token).status == 200
        assert len(verified) == expected
        clock.now += 300


def test_bad_tokens_are_not_remembered(issuer: Issuer, clock: TokenClock) -> None:
    issuer.now = clock
    client = protected(clock, issuer=issuer.url)
    tokens: Any = client.handler._endpoint._authenticator._authenticators[0]  # type: ignore[attr-defined]
    for number in range(20):
        assert call(client, f"a.b.{number}").status == 401
    assert tokens._verified == {}


def test_so_many_are_remembered(issuer: Issuer, clock: TokenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bearer, "_REMEMBERED", 5)
    issuer.now = clock
    client = protected(clock, issuer=issuer.url)
    tokens: Any = client.handler._endpoint._authenticator._authenticators[0]  # type: ignore[attr-defined]
    for _ in range(12):
        assert call(client, issuer.token(audience=URL, alg="ES256")).status == 200
        assert 1 <= len(tokens._verified) <= 5


def test_what_is_remembered_is_of_one_path(issuer: Issuer, clock: TokenClock) -> None:
    """A token of one endpoint is not one of another, also after a request to the first."""
    issuer.now = clock
    client, token = protected(clock, issuer=issuer.url), issuer.token(audience=URL)
    headers = {"authorization": f"Bearer {token}"}
    for path, status in (("/mcp", 200), ("/other", 401), ("/mcp", 200), ("/mcp/", 200)):
        assert client.post(message("tools/list"), headers, path=path).status == status


@pytest.mark.parametrize("audience", ["None", "None/", "", "/"])
def test_a_url_that_is_not_known_is_no_audience(issuer: Issuer, clock: TokenClock, audience: str) -> None:
    issuer.now = clock
    ports = AuthPorts(fetch, lambda: clock.now, lambda _: None)
    tokens = OAuth(issuer=issuer.url, audience="shop").connect(ports)
    request = Request("POST", "/mcp", {"authorization": f"Bearer {issuer.token(audience=audience)}"})
    with pytest.raises(CredentialsError, match="another server"):
        tokens.authenticate(request)
