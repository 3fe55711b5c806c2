"""The test issuer itself: what it publishes, its keys and tokens, and its outages."""

import contextlib
import json
import time
from collections.abc import Iterator

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from tests.issuer import metadata, tokens
from tests.issuer.issuer import INTROSPECTION_CLIENT, Issuer
from tests.issuer.keys import ALGORITHMS, is_signed
from tests.issuer.loopback import client, get, post
from tests.issuer.outages import HUGE_BYTES, Outage

AUDIENCE = "https://api.test/mcp"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as running:
        yield running


# What is published.


def test_metadata_of_an_issuer_without_a_path(issuer: Issuer) -> None:
    oauth = get(f"{issuer.address}/.well-known/oauth-authorization-server")
    assert oauth.headers["content-type"] == "application/json"
    assert oauth.json() == {
        "issuer": issuer.url,
        "authorization_endpoint": f"{issuer.url}/authorize",
        "token_endpoint": f"{issuer.url}/token",
        "jwks_uri": f"{issuer.url}/jwks",
        "introspection_endpoint": f"{issuer.url}/introspect",
        "registration_endpoint": f"{issuer.url}/register",
        "response_types_supported": ["code"],
        "grant_types_supported": list(metadata.GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": False,
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
    }
    openid = get(f"{issuer.address}/.well-known/openid-configuration").json()
    assert openid["subject_types_supported"] == ["public"]
    assert openid["issuer"] == issuer.url


@pytest.mark.parametrize(
    ("documents", "found"),
    [
        ({metadata.OAUTH}, [200, 404, 404]),
        ({metadata.OPENID_INSERTED}, [404, 200, 404]),
        ({metadata.OPENID}, [404, 404, 200]),
        (metadata.DOCUMENTS, [200, 200, 200]),
        ((), [404, 404, 404]),
    ],
)
def test_metadata_of_an_issuer_with_a_path(documents: set[str], found: list[int]) -> None:
    with Issuer("/tenant", documents=documents) as issuer:
        assert issuer.url == f"{issuer.address}/tenant"
        answers = [
            get(f"{issuer.address}/.well-known/oauth-authorization-server/tenant"),
            get(f"{issuer.address}/.well-known/openid-configuration/tenant"),
            get(f"{issuer.address}/tenant/.well-known/openid-configuration"),
        ]
        assert [answer.status_code for answer in answers] == found
        assert {answer.json()["issuer"] for answer in answers if answer.is_success} <= {issuer.url}
        assert get(f"{issuer.address}/.well-known/oauth-authorization-server").status_code == 404


def test_metadata_can_be_made_wrong(issuer: Issuer) -> None:
    issuer.metadata = {"issuer": "https://other.test", "jwks_uri": None}
    members = get(f"{issuer.url}/.well-known/openid-configuration").json()
    assert members["issuer"] == "https://other.test"
    assert "jwks_uri" not in members


def test_requests_are_counted(issuer: Issuer) -> None:
    for _ in range(3):
        get(issuer.jwks_uri)
    get(f"{issuer.url}/nothing")
    assert issuer.requests == {"/jwks": 3, "/nothing": 1}
    assert issuer.received[0].method == "GET"


# Keys.


def test_keys_are_public_and_of_every_kind(issuer: Issuer) -> None:
    keys = get(issuer.jwks_uri).json()["keys"]
    assert [(key["kty"], key.get("crv"), key["alg"], key["use"]) for key in keys] == [
        ("RSA", None, "RS256", "sig"),
        ("RSA", None, "PS256", "sig"),
        ("EC", "P-256", "ES256", "sig"),
        ("OKP", "Ed25519", "EdDSA", "sig"),
    ]
    assert len({key["kid"] for key in keys}) == 4
    assert not any("d" in key for key in keys)


def test_keys_rotate(issuer: Issuer) -> None:
    first = [key.kid for key in issuer.keys]
    issuer.rotate(keep=True)
    both = [key["kid"] for key in get(issuer.jwks_uri).json()["keys"]]
    issuer.rotate()
    last = [key["kid"] for key in get(issuer.jwks_uri).json()["keys"]]
    assert (len(first), len(both), len(last)) == (4, 8, 4)
    assert both[:4] == first
    assert not set(last) & set(both)
    header, _ = tokens.parse(issuer.token(kid=first[2]))
    assert header == {"typ": "at+jwt", "alg": "ES256", "kid": first[2]}


def test_issuers_that_run_together_share_no_key() -> None:
    with Issuer() as one, Issuer() as other:
        thumbprints = [key.thumbprint for issuer in (one, other) for key in issuer.keys]
        assert len(set(thumbprints)) == 8


# Tokens.


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_tokens_are_valid_for_a_library_that_reads_the_jwks(issuer: Issuer, alg: str) -> None:
    token = issuer.token("user-7", AUDIENCE, ["a", "b"], alg=alg, tenant="t1")
    keys = KeySet.import_key_set(get(issuer.jwks_uri).json())
    header, _ = tokens.parse(token)
    key = next(key for key in keys.keys if key.kid == header["kid"])
    signed, _, signature = token.rpartition(".")
    assert JWSRegistry.algorithms[alg].verify(signed.encode(), tokens.unb64(signature), key)
    if alg != "EdDSA":  # of which the library warns
        claims = jwt.decode(token, keys, algorithms=[alg]).claims
        assert (claims["iss"], claims["sub"], claims["aud"]) == (issuer.url, "user-7", AUDIENCE)
        assert (claims["scope"], claims["tenant"], claims["client_id"]) == ("a b", "t1", "client-1")
        assert claims["exp"] - claims["iat"] == 300
        assert abs(claims["iat"] - time.time()) < 60


def test_claims_and_header_can_be_left_out(issuer: Issuer) -> None:
    token = issuer.token(header={"kid": None, "typ": None}, expires_in=-1, exp=None, aud=None)
    header, claims = tokens.parse(token)
    assert header == {"alg": "RS256"}
    assert set(claims) == {"iss", "sub", "iat", "jti", "client_id"}


def test_time_can_be_set(issuer: Issuer) -> None:
    issuer.now = lambda: 1_000_000_000.7
    claims = issuer.claims(expires_in=-1)
    assert (claims["iat"], claims["exp"]) == (1_000_000_000, 999_999_999)
    with pytest.raises(ValueError, match="expired"):
        issuer.verify(issuer.token(expires_in=0))


def test_hostile_tokens(issuer: Issuer) -> None:
    key = issuer.keys["RS256"]
    unsigned = issuer.raw_token({"alg": "none"}, issuer.claims(), signature=b"")
    assert unsigned.endswith(".")
    confused = issuer.raw_token({"alg": "HS256", "kid": key.kid}, issuer.claims(), key.public_pem)
    signed, _, signature = confused.rpartition(".")
    assert len(tokens.unb64(signature)) == 32
    assert not is_signed(signed.encode(), tokens.unb64(signature), "RS256", key)
    twice = issuer.raw_token({"alg": "ES256"}, b'{"sub":"a","sub":"b"}')
    assert tokens.unb64(twice.split(".")[1]) == b'{"sub":"a","sub":"b"}'
    lying = issuer.raw_token(
        {"alg": "RS256", "jku": "https://evil.test/jwks", "jwk": key.public}, {}, alg="ES256"
    )
    signed, _, signature = lying.rpartition(".")
    assert is_signed(signed.encode(), tokens.unb64(signature), "ES256", issuer.keys["ES256"])


# Introspection.


def introspect(
    issuer: Issuer, token: str, secret: str | None = INTROSPECTION_CLIENT.secret
) -> httpx.Response:
    credentials = (INTROSPECTION_CLIENT.client_id, secret or "")
    return post(f"{issuer.url}/introspect", data={"token": token}, auth=credentials)


def test_opaque_tokens_are_introspected(issuer: Issuer) -> None:
    token = issuer.opaque_token("user-7", AUDIENCE, ["a"], cnf={"jkt": "x"})
    answer = introspect(issuer, token).json()
    assert answer["active"] is True
    assert (answer["sub"], answer["aud"], answer["scope"]) == ("user-7", AUDIENCE, "a")
    assert (answer["token_type"], answer["iss"]) == ("DPoP", issuer.url)
    issuer.opaque_tokens.revoke(token)
    assert introspect(issuer, token).json() == {"active": False}


def test_an_opaque_token_expires(issuer: Issuer) -> None:
    assert introspect(issuer, issuer.opaque_token(expires_in=-1)).json() == {"active": False}


def test_introspection_needs_the_secret(issuer: Issuer) -> None:
    answer = introspect(issuer, issuer.opaque_token(), "wrong")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"] == 'Basic realm="issuer"'


# Outages.


def test_outages_end_with_their_block(issuer: Issuer) -> None:
    with issuer.outage(Outage.ERROR, "/jwks"):
        assert get(issuer.jwks_uri).status_code == 500
        assert get(f"{issuer.url}/.well-known/openid-configuration").status_code == 200
    assert get(issuer.jwks_uri).status_code == 200
    assert issuer.requests["/jwks"] == 2


def test_an_outage_within_another(issuer: Issuer) -> None:
    document = f"{issuer.url}/.well-known/openid-configuration"
    with issuer.outage(Outage.ERROR):
        with issuer.outage(Outage.LIST, "/jwks"):
            assert (get(issuer.jwks_uri).json(), get(document).status_code) == ([], 500)
        assert (get(issuer.jwks_uri).status_code, get(document).status_code) == (500, 500)
    assert (get(issuer.jwks_uri).status_code, get(document).status_code) == (200, 200)


def test_an_outage_that_closes_the_connection(issuer: Issuer) -> None:
    with issuer.outage(Outage.REFUSE), pytest.raises(httpx.RemoteProtocolError):
        get(issuer.jwks_uri)


@pytest.mark.parametrize("outage", [Outage.HANG, Outage.TRICKLE])
def test_an_outage_that_takes_time(issuer: Issuer, outage: Outage) -> None:
    deadline = 0.3
    with issuer.outage(outage), client(deadline) as http, contextlib.ExitStack() as stack:
        if outage is Outage.HANG:
            stack.enter_context(pytest.raises(httpx.ReadTimeout))
            http.get(issuer.jwks_uri)
        else:
            response = stack.enter_context(http.stream("GET", issuer.jwks_uri))
            body = response.iter_raw()
            assert next(body).strip() == b""
            assert next(body).strip() == b""


def test_outages_with_wrong_bodies(issuer: Issuer) -> None:
    with issuer.outage(Outage.HUGE):
        assert len(get(issuer.jwks_uri).content) > HUGE_BYTES
    with issuer.outage(Outage.INVALID), pytest.raises(json.JSONDecodeError):
        get(issuer.jwks_uri).json()
    with issuer.outage(Outage.LIST):
        assert get(issuer.jwks_uri).json() == []


def test_an_outage_that_redirects_to_the_keys(issuer: Issuer) -> None:
    with issuer.outage(Outage.REDIRECT, "/jwks"):
        assert get(issuer.jwks_uri).status_code == 302
        assert get(issuer.jwks_uri, follow_redirects=True).json() == issuer.keys.jwks()


def test_an_issuer_that_is_down(issuer: Issuer) -> None:
    issuer.stop()
    with pytest.raises(httpx.ConnectError):
        get(issuer.jwks_uri)
