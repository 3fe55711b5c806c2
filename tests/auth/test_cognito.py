"""Tokens as Cognito makes them (developer guide, "Understanding the access token" and "… the ID token")."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from tests.auth.provider import URL, Provider, bearer, lacking, protected, refused
from tests.support import Client

from lambent.auth.cognito import Cognito
from lambent.auth.oauth import OAuth
from lambent.errors import DeclarationError

POOL = "eu-west-1_a1B2c3D4e"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"
CLIENT = "1example23456789client"
READ = "https://mcp.example.com/mcp/orders.read"
WRITE = "orders/write"
SUBJECT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

ACCESS: dict[str, Any] = {
    "sub": SUBJECT,
    "device_key": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "cognito:groups": ["testers", "admins"],
    "version": 2,
    "client_id": CLIENT,
    "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
    "token_use": "access",
    "scope": f"openid {READ} aws.cognito.signin.user.admin",
    "auth_time": 1676312777,
    "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "username": "my-test-user",
}
ID: dict[str, Any] = {
    "sub": SUBJECT,
    "cognito:groups": ["testers", "admins"],
    "email_verified": True,
    "cognito:username": "my-test-user",
    "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "aud": CLIENT,
    "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
    "token_use": "id",
    "auth_time": 1676312777,
    "email": "my-test-user@example.com",
}
MACHINE: dict[str, Any] = {
    "sub": CLIENT,
    "token_use": "access",
    "scope": READ,
    "auth_time": 1676312777,
    "version": 2,
    "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "client_id": CLIENT,
}
"""Of the client credentials grant."""


def pool(issuer: str = ISSUER) -> Provider:
    jwks = f"{issuer}/.well-known/jwks.json"
    return Provider(issuer, {}, jwks)


@pytest.fixture(scope="module")
def cognito() -> Iterator[Provider]:
    found = pool()
    yield found
    found.keys.close()


def server(cognito: Provider, **options: Any) -> AbstractContextManager[Client]:
    scopes = (READ,)
    auth = Cognito(user_pool_id=POOL, client_ids=[CLIENT], scopes=scopes, **options)
    return protected(cognito, auth)


def test_an_access_token(cognito: Provider) -> None:
    with server(cognito) as client:
        reply = client.call("whoami", headers=bearer(cognito.token(ACCESS)))
        assert reply.value == {
            "subject": SUBJECT,
            "client": CLIENT,
            "scopes": sorted(ACCESS["scope"].split()),
            "issuer": ISSUER,
        }
        assert set(cognito.requested) == {f"{ISSUER}/.well-known/jwks.json"}  # no metadata


def test_a_token_of_a_machine(cognito: Provider) -> None:
    with server(cognito) as client:
        reply = client.call("whoami", headers=bearer(cognito.token(MACHINE)))
        assert (reply.value["subject"], reply.value["client"]) == (CLIENT, CLIENT)


def test_a_token_that_is_bound_to_a_resource(cognito: Provider) -> None:
    with server(cognito) as client:
        token = cognito.token({**ACCESS, "aud": URL})
        assert client.call("whoami", headers=bearer(token)).value["subject"] == SUBJECT
        reply = client.call("whoami", headers=bearer(cognito.token({**ACCESS, "aud": "https://other.test"})))
        assert reply.status == 401
        text = "The token was issued for another server (aud)"
        assert reply.headers["www-authenticate"] == refused(text, READ)


REFUSED = {
    "an ID token": (ID, "The token is not an access token"),
    "an ID token that claims a client": ({**ID, "client_id": CLIENT}, "The token is not an access token"),
    "another client's": (
        {**ACCESS, "client_id": "2another3456789client0"},
        "The token was issued to a client that this server does not know",
    ),
    "nobody's client": (
        {**ACCESS, "client_id": None},
        "The token was issued to a client that this server does not know",
    ),
    "another pool's": (
        {**ACCESS, "iss": ISSUER.replace("a1B2", "b1B2")},
        "The issuer of the token is not one of those that this server trusts",
    ),
    "another region's": (
        {**ACCESS, "iss": ISSUER.replace("idp.eu-west-1", "idp.eu-west-2")},
        "The issuer of the token is not one of those that this server trusts",
    ),
    "an identity pool's": (
        {**ACCESS, "iss": "https://cognito-identity.amazonaws.com"},
        "The issuer of the token is not one of those that this server trusts",
    ),
}


@pytest.mark.parametrize(("claims", "text"), REFUSED.values(), ids=REFUSED)
def test_tokens_that_are_refused(cognito: Provider, claims: dict[str, Any], text: str) -> None:
    with server(cognito) as client:
        reply = client.call("whoami", headers=bearer(cognito.token(claims)))
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == refused(text, READ)


def test_another_pool_with_the_same_claims(cognito: Provider) -> None:
    other = pool()  # it says that it is this one, and has other keys
    other.keys.published[0] = key = cognito_key(other, cognito)
    with server(cognito) as client:
        assert other.keys["RS256"] is key
        reply = client.call("whoami", headers=bearer(other.token(ACCESS)))
        assert reply.status == 401
        text = "The signature of the token is not valid"
        assert reply.headers["www-authenticate"] == refused(text, READ)
    other.keys.close()


def cognito_key(other: Provider, cognito: Provider) -> Any:
    """The key of another pool under the key id of this one."""
    from dataclasses import replace

    return replace(other.keys["RS256"], kid=cognito.keys["RS256"].kid)


@pytest.mark.parametrize("scope", [READ, WRITE])
def test_scopes_of_resource_servers_in_challenges(cognito: Provider, scope: str) -> None:
    auth = Cognito(user_pool_id=POOL, client_ids=[CLIENT])
    with protected(cognito, auth, scopes=(scope,)) as client:
        reply = client.call("whoami", headers=bearer(cognito.token({**ACCESS, "scope": "openid"})))
        assert reply.status == 403
        assert reply.headers["www-authenticate"] == lacking(scope)
        reply = client.call("whoami", headers=bearer(cognito.token({**ACCESS, "scope": scope})))
        assert reply.status == 200


def test_groups_as_scopes(cognito: Provider) -> None:
    auth = Cognito(user_pool_id=POOL, client_ids=[CLIENT], scope_claims=["scope", "cognito:groups"])
    with protected(cognito, auth, scopes=("admins",)) as client:
        assert client.call("whoami", headers=bearer(cognito.token(ACCESS))).status == 200
        claims = {**ACCESS, "cognito:groups": ["testers"]}
        assert client.call("whoami", headers=bearer(cognito.token(claims))).status == 403


def test_a_pool_whose_issuer_is_updated() -> None:
    issuer = f"https://issuer-cognito-idp.eu-west-1.amazonaws.com/{POOL}"
    updated = pool(issuer)
    with server(updated, issuer_type="UPDATED") as client:
        reply = client.call("whoami", headers=bearer(updated.token(ACCESS)))
        assert reply.value["issuer"] == issuer
        reply = client.call("whoami", headers=bearer(updated.token({**ACCESS, "iss": ISSUER})))
        assert reply.status == 401
    updated.keys.close()


def test_by_settings(cognito: Provider) -> None:
    auth = OAuth(issuer=ISSUER, client_ids=[CLIENT], scopes=[READ])
    with protected(cognito, auth) as client:
        assert client.call("whoami", headers=bearer(cognito.token(ACCESS))).status == 200


@pytest.mark.parametrize(
    ("options", "issuer"),
    [
        ({}, ISSUER),
        ({"region": "us-east-1"}, f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}"),
        (
            {"user_pool_id": "cn-north-1_a1B2c3D4e"},
            "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_a1B2c3D4e",
        ),
        (
            {"user_pool_id": "us-gov-west-1_a1B2c3D4e"},
            "https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_a1B2c3D4e",
        ),
    ],
)
def test_issuers(options: dict[str, Any], issuer: str) -> None:
    auth = Cognito(**{"user_pool_id": POOL, "client_ids": [CLIENT], **options})
    assert auth.issuers == (issuer,)
    assert auth.keys_at(issuer) == f"{issuer}/.well-known/jwks.json"


@pytest.mark.parametrize(
    "options",
    [
        {"user_pool_id": "eu-west-1:64f513be-32db-42b0-b78e-b02127b4f463"},  # an identity pool
        {"user_pool_id": CLIENT},
        {"user_pool_id": "eu-west-1_a1B2c3D4e/../other"},
        {"user_pool_id": ISSUER},
        {"client_ids": []},
        {"client_ids": CLIENT},
        {"issuer": ISSUER},
        {"region": "eu-west-1.evil.test/"},
        {"issuer_type": "NEW"},
    ],
)
def test_declarations_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        Cognito(**{"user_pool_id": POOL, "client_ids": [CLIENT], **options})
