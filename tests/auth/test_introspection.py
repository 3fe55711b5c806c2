"""Opaque tokens: what their issuer says of them counts, for as long as it is remembered."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.auth.world import URL, TokenClock, call, protected
from tests.issuer.issuer import INTROSPECTION_CLIENT, Issuer
from tests.issuer.outages import Outage
from tests.support import Client, Reply

from lambent import DeclarationError, Introspection
from lambent.auth.access_tokens import InvalidTokenError
from lambent.auth.fetching import Fetched, FetchError
from lambent.auth.introspection import introspect

DOWN = "The issuer of tokens does not answer: try again later"


@pytest.fixture
def clock() -> TokenClock:
    return TokenClock()


@pytest.fixture
def issuer(clock: TokenClock) -> Iterator[Issuer]:
    with Issuer() as running:
        running.now = clock
        yield running


def declared(issuer: Issuer, **more: Any) -> Introspection:
    secret = INTROSPECTION_CLIENT.secret
    assert secret is not None
    given = {"client_id": INTROSPECTION_CLIENT.client_id, "client_secret": secret, **more}
    return Introspection(url=f"{issuer.url}/introspect", **given)


def client_for(issuer: Issuer, clock: TokenClock, **more: Any) -> Client:
    return protected(clock, issuer=issuer.url, introspection=declared(issuer, **more))


def says(reply: Reply, text: str, status: int = 401) -> None:
    assert (reply.status, reply.error["message"]) == (status, text)


def asked(issuer: Issuer) -> int:
    return issuer.requests["/introspect"]


def test_a_token(issuer: Issuer, clock: TokenClock) -> None:
    client, token = client_for(issuer, clock), issuer.opaque_token(audience=URL)
    for _ in range(3):
        assert call(client, token).value == 3
    assert asked(issuer) == 1
    (sent,) = issuer.received
    assert sent.form == {"token": [token], "token_type_hint": ["access_token"]}


def test_both_kinds_of_tokens(issuer: Issuer, clock: TokenClock) -> None:
    client = client_for(issuer, clock)
    assert call(client, issuer.token(audience=URL)).value == 3
    assert asked(issuer) == 0


def test_without_introspection_nobody_is_asked(issuer: Issuer, clock: TokenClock) -> None:
    client = protected(clock, issuer=issuer.url)
    says(call(client, issuer.opaque_token(audience=URL)), "The token is not a signed JWT")
    assert issuer.received == []


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"audience": f"{URL}2"}, "The token was issued for another server (aud)"),
        ({"aud": None}, "The token does not say for whom it is (aud)"),
        ({"aud": 5}, "The audience of the token is malformed"),
        ({"iss": "https://evil.test"}, "The issuer of the token is not one of those that this server trusts"),
        (
            {"iss": ["https://evil.test"]},
            "The issuer of the token is not one of those that this server trusts",
        ),
        ({"sub": None}, "The token does not say whose it is (sub)"),
        ({"token_use": "id"}, "The token is not an access token"),
        ({"cnf": {"x5t#S256": "A"}}, "The token is bound to its client in a way that is not supported"),
    ],
)
def test_what_is_said_must_be_right(
    issuer: Issuer, clock: TokenClock, claims: dict[str, Any], text: str
) -> None:
    audience = claims.pop("audience", URL)
    says(call(client_for(issuer, clock), issuer.opaque_token(audience=audience, **claims)), text)


def test_an_issuer_need_not_name_itself(issuer: Issuer, clock: TokenClock) -> None:
    assert call(client_for(issuer, clock), issuer.opaque_token(audience=URL, iss=None)).value == 3


def test_an_issuer_may_look_at_the_audience_itself(issuer: Issuer, clock: TokenClock) -> None:
    client = client_for(issuer, clock, checks_audience=True)
    assert call(client, issuer.opaque_token(aud=None)).value == 3
    says(
        call(client, issuer.opaque_token(audience=f"{URL}2")), "The token was issued for another server (aud)"
    )


def test_unknown_tokens(issuer: Issuer, clock: TokenClock) -> None:
    client = client_for(issuer, clock)
    for token in ("nonsense", "a.b", "a.b.c.d", "a" * 43):
        says(call(client, token), "The token is not valid, or no longer")
    says(call(client, "a" * 17_000), "The token is too long")
    assert asked(issuer) == 4
    for text in ("a b", "a,b", 'a"b', "ä"):
        assert call(client, text).status == 400
    assert asked(issuer) == 4


def test_an_unknown_token_that_comes_again(issuer: Issuer, clock: TokenClock) -> None:
    client = client_for(issuer, clock)
    for _ in range(3):
        says(call(client, "nonsense"), "The token is not valid, or no longer")
    assert asked(issuer) == 1
    clock.now += 30
    says(call(client, "nonsense"), "The token is not valid, or no longer")
    assert asked(issuer) == 2


def test_revocation(issuer: Issuer, clock: TokenClock) -> None:
    client, token = client_for(issuer, clock), issuer.opaque_token(audience=URL)
    assert call(client, token).status == 200
    issuer.opaque_tokens.revoke(token)
    clock.now += 29
    assert call(client, token).status == 200
    clock.now += 1
    says(call(client, token), "The token is not valid, or no longer")
    assert asked(issuer) == 2


def test_revocation_at_once(issuer: Issuer, clock: TokenClock) -> None:
    client, token = client_for(issuer, clock, cache_seconds=0.0), issuer.opaque_token(audience=URL)
    assert call(client, token).status == 200
    issuer.opaque_tokens.revoke(token)
    assert call(client, token).status == 401


def test_an_end_before_that(issuer: Issuer, clock: TokenClock) -> None:
    client, token = client_for(issuer, clock), issuer.opaque_token(audience=URL, expires_in=10)
    assert call(client, token).status == 200
    clock.now += 10
    assert call(client, token).status == 401
    assert asked(issuer) == 2


def test_a_token_without_an_end(issuer: Issuer, clock: TokenClock) -> None:
    client, token = client_for(issuer, clock), issuer.opaque_token(audience=URL, exp=None)
    for _ in range(2):
        assert call(client, token).status == 200
        clock.now += 30
    assert asked(issuer) == 2


@pytest.mark.parametrize("outage", [kind for kind in Outage if kind not in (Outage.HANG, Outage.TRICKLE)])
def test_outages(issuer: Issuer, clock: TokenClock, outage: Outage) -> None:
    client, token = client_for(issuer, clock), issuer.opaque_token(audience=URL)
    with issuer.outage(outage, "/introspect"):
        says(call(client, token), DOWN, 503)
    assert call(client, token).status == 200
    with issuer.outage(outage, "/introspect"):
        assert call(client, token).status == 200
        clock.now += 30
        says(call(client, token), DOWN, 503)  # whether it is still valid, nobody can say


def test_a_wrong_secret(issuer: Issuer, clock: TokenClock) -> None:
    client = client_for(issuer, clock, client_secret="wrong")
    says(call(client, issuer.opaque_token(audience=URL)), DOWN, 503)


class Answering:
    """Answers every request alike, and keeps them."""

    def __init__(self, *answer: Any) -> None:
        self.answer = Fetched(*answer)
        self.headers: list[Mapping[str, str]] = []

    def __call__(
        self, url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Fetched:
        self.headers.append(headers)
        return self.answer


AT = Introspection(url="https://login.test/introspect", client_id="a b:c", client_secret="%&ä")


def test_credentials_are_encoded() -> None:
    """RFC 6749, section 2.3.1."""
    fetch = Answering(200, b'{"active":true}')
    assert introspect(AT, "token", fetch) == {"active": True}
    assert fetch.headers == [
        {
            "authorization": "Basic YStiJTNBYzolMjUlMjYlQzMlQTQ=",  # a+b%3Ac:%25%26%C3%A4
            "content-type": "application/x-www-form-urlencoded",
        }
    ]


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"true", b"<html>", b"\xff", b"[" * 100_000, b'{"active":true', b'{"active":NaN}'],
    ids=lambda answer: repr(answer[:20]),
)
def test_answers_that_are_none(answer: bytes) -> None:
    with pytest.raises(FetchError):
        introspect(AT, "token", Answering(200, answer))


@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 403, 404, 500])
def test_statuses_that_are_no_answer(status: int) -> None:
    with pytest.raises(FetchError, match=str(status)):
        introspect(AT, "token", Answering(status, b'{"active":true}'))


@pytest.mark.parametrize("active", [False, None, 1, "true", [], {}, ...])
def test_what_is_not_active(active: Any) -> None:
    body = {} if active is ... else {"active": active}
    with pytest.raises(InvalidTokenError):
        introspect(AT, "token", Answering(200, json.dumps(body).encode()))


@pytest.mark.parametrize("url", ["http://login.test/", "login.test", "", "https://a@login.test/"])
def test_urls_that_are_not_secure(url: str) -> None:
    with pytest.raises(DeclarationError, match="must be https"):
        Introspection(url=url, client_id="a", client_secret="b")


def test_the_secret_is_not_shown() -> None:
    assert "%&" not in repr(AT)
