"""The flows of the test issuer, as a client goes through them."""

import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.issuer import grants, tokens
from tests.issuer.clients import OAuthClient
from tests.issuer.dpop import ProofKey
from tests.issuer.flows import RESOURCE, ask, authorize, error_of, redeem, register
from tests.issuer.issuer import Issuer
from tests.issuer.loopback import get
from tests.issuer.metadata import JWT_BEARER, TOKEN_EXCHANGE


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer("/tenant") as running:
        yield running


# The authorization code flow.


def test_whole_authorization_code_flow(issuer: Issuer) -> None:
    client_id = register(issuer)["client_id"]
    verifier = secrets.token_urlsafe(48)
    redirect = authorize(issuer, client_id, verifier)
    assert (redirect["state"], redirect["iss"]) == (["s1"], [issuer.url])

    answer = ask(issuer, redeem(client_id, redirect["code"][0], verifier))
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert set(given) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 300, "read write")
    _, claims = issuer.verify(given["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("user-1", RESOURCE, "read write")
    assert claims["client_id"] == client_id

    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": given["refresh_token"]}
    assert error_of(ask(issuer, {**form, "client_id": register(issuer)["client_id"]})) == (
        400,
        "invalid_grant",
    )
    assert error_of(ask(issuer, form)) == (400, "invalid_grant")  # used up by whoever tried


def test_a_refresh_token_is_rotated_and_narrows(issuer: Issuer) -> None:
    client_id = register(issuer)["client_id"]
    code = authorize(issuer, client_id, "v" * 43)["code"][0]
    first = ask(issuer, redeem(client_id, code, "v" * 43)).json()
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": first["refresh_token"]}
    second = ask(issuer, {**form, "scope": "read"}).json()
    assert second["scope"] == "read"
    assert second["refresh_token"] != first["refresh_token"]
    form["refresh_token"] = second["refresh_token"]
    assert error_of(ask(issuer, {**form, "scope": "read write"})) == (400, "invalid_scope")


def test_a_code_is_redeemed_once_by_whom_it_was_given_to(issuer: Issuer) -> None:
    client_id = register(issuer)["client_id"]
    verifier = "v" * 43

    def refused(**form: Any) -> tuple[int, str]:
        code = authorize(issuer, client_id, verifier)["code"][0]
        return error_of(ask(issuer, redeem(client_id, code, verifier) | form))

    assert refused(code_verifier="w" * 43) == (400, "invalid_grant")
    assert refused(redirect_uri="http://127.0.0.1:9/other") == (400, "invalid_grant")
    assert refused(resource="https://other.test") == (400, "invalid_target")
    assert refused(client_id=register(issuer)["client_id"]) == (400, "invalid_grant")
    assert refused(client_id="nobody") == (401, "invalid_client")
    assert refused(grant_type="password") == (400, "unsupported_grant_type")
    assert refused(code_verifier=["a", "b"]) == (400, "invalid_request")
    form = redeem(client_id, authorize(issuer, client_id, verifier)["code"][0], verifier)
    assert ask(issuer, form).status_code == 200
    assert error_of(ask(issuer, form)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_an_authorization_request_is_refused(issuer: Issuer, parameters: dict[str, Any], error: str) -> None:
    redirect = authorize(issuer, register(issuer)["client_id"], "v" * 43, **parameters)
    assert redirect["error"] == [error]
    assert (redirect["state"], redirect["iss"]) == (["s1"], [issuer.url])
    assert "code" not in redirect


def test_nobody_is_sent_to_an_unknown_address(issuer: Issuer) -> None:
    query = {"client_id": register(issuer)["client_id"], "redirect_uri": "https://evil.test/"}
    answer = get(f"{issuer.url}/authorize", params=query)
    assert error_of(answer) == (400, "invalid_request")


def test_fewer_scopes_than_asked_for(issuer: Issuer) -> None:
    issuer.grantable = {"read"}
    issuer.redirect_issuer = None
    client_id = register(issuer)["client_id"]
    redirect = authorize(issuer, client_id, "v" * 43)
    assert "iss" not in redirect
    assert ask(issuer, redeem(client_id, redirect["code"][0], "v" * 43)).json()["scope"] == "read"


def test_the_resource_of_the_token_request_is_the_audience(issuer: Issuer) -> None:
    client_id = register(issuer)["client_id"]
    code = authorize(issuer, client_id, "v" * 43, resource=[RESOURCE, "https://two.test"])["code"][0]
    form = redeem(client_id, code, "v" * 43, resource="https://two.test")
    _, claims = issuer.verify(ask(issuer, form).json()["access_token"])
    assert claims["aud"] == "https://two.test"


def test_opaque_access_tokens() -> None:
    with Issuer(opaque=True) as issuer:
        client_id = register(issuer)["client_id"]
        code = authorize(issuer, client_id, "v" * 43)["code"][0]
        given = ask(issuer, redeem(client_id, code, "v" * 43)).json()
        found = issuer.opaque_tokens.introspect(given["access_token"], now=issuer.now())
        assert (found["active"], found["aud"], found["scope"]) == (True, RESOURCE, "read write")


# Identity assertions.


def test_an_identity_assertion_becomes_an_access_token(issuer: Issuer) -> None:
    with Issuer() as company:
        company.clients.add(OAuthClient("at-company", "s1"))
        company.client_names[issuer.url] = "at-issuer"
        issuer.clients.add(OAuthClient("at-issuer", "s2"))
        issuer.trust(company)
        exchange = {
            "grant_type": TOKEN_EXCHANGE,
            "requested_token_type": grants.ID_JAG,
            "subject_token": company.id_token("at-company", "ada"),
            "subject_token_type": grants.ID_TOKEN,
            "audience": issuer.url,
            "resource": RESOURCE,
            "scope": "read write",
        }
        assertion = ask(company, exchange, auth=("at-company", "s1")).json()
        assert (assertion["issued_token_type"], assertion["token_type"]) == (grants.ID_JAG, "N_A")
        header, claims = tokens.parse(assertion["access_token"])
        assert header["typ"] == "oauth-id-jag+jwt"
        assert (claims["iss"], claims["aud"], claims["client_id"]) == (company.url, issuer.url, "at-issuer")
        assert (claims["resource"], claims["scope"]) == (RESOURCE, "read write")

        form = {"grant_type": JWT_BEARER, "assertion": assertion["access_token"], "scope": "read"}
        given = ask(issuer, form, auth=("at-issuer", "s2")).json()
        _, claims = issuer.verify(given["access_token"])
        assert (claims["iss"], claims["sub"], claims["aud"]) == (issuer.url, "ada", RESOURCE)
        assert given["scope"] == "read"
        assert error_of(ask(issuer, form, auth=("at-issuer", "s2"))) == (400, "invalid_grant")


def test_an_assertion_is_refused(issuer: Issuer) -> None:
    issuer.clients.add(OAuthClient("at-issuer", "s2"))

    def refused(assertion: str) -> tuple[int, str]:
        form = {"grant_type": JWT_BEARER, "assertion": assertion}
        return error_of(ask(issuer, form, auth=("at-issuer", "s2")))

    with Issuer() as company:
        right = (issuer.url, "at-issuer", "ada")
        assert refused(company.id_jag(*right)) == (400, "invalid_grant")
        issuer.trust(company)
        assert refused(company.id_jag(*right, header={"typ": "at+jwt"})) == (400, "invalid_grant")
        assert refused(company.id_jag("https://other.test", "at-issuer")) == (400, "invalid_grant")
        assert refused(company.id_jag(issuer.url, "another")) == (400, "invalid_grant")
        assert refused(company.id_jag(*right, exp=1)) == (400, "invalid_grant")
        assert refused(company.id_jag(*right, jti=None)) == (400, "invalid_grant")
        assert refused(issuer.id_jag(*right, iss=company.url)) == (400, "invalid_grant")
        assert refused("nonsense") == (400, "invalid_grant")


def test_an_access_token_is_exchanged(issuer: Issuer) -> None:
    issuer.clients.add(OAuthClient("gateway", "s"))
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": issuer.token("ada", "https://gateway.test", ["all"]),
        "subject_token_type": grants.ACCESS_TOKEN,
        "resource": RESOURCE,
        "scope": "read",
    }
    given = ask(issuer, form, auth=("gateway", "s")).json()
    _, claims = issuer.verify(given["access_token"])
    assert given["issued_token_type"] == grants.ACCESS_TOKEN
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("ada", RESOURCE, "read")


# Proofs of possession.


def test_a_token_is_bound_to_the_key_of_the_proof(issuer: Issuer) -> None:
    issuer.dpop_nonce = "n1"
    issuer.clients.add(OAuthClient("c", "s"))
    key = ProofKey()
    form = {"grant_type": "client_credentials", "resource": RESOURCE}

    def answer(proof: str) -> httpx.Response:
        return ask(issuer, form, auth=("c", "s"), headers={"DPoP": proof})

    challenged = answer(key.proof("POST", f"{issuer.url}/token"))
    assert error_of(challenged) == (400, "use_dpop_nonce")
    nonce = challenged.headers["dpop-nonce"]
    given = answer(key.proof("POST", f"{issuer.url}/token?x=1", nonce=nonce)).json()
    assert given["token_type"] == "DPoP"
    assert issuer.verify(given["access_token"])[1]["cnf"] == {"jkt": key.jkt}
    wrong = key.proof("POST", f"{issuer.address}/other", nonce=nonce)
    assert error_of(answer(wrong)) == (400, "invalid_dpop_proof")


def test_a_proof_that_is_refused_uses_up_no_code(issuer: Issuer) -> None:
    issuer.dpop_nonce = "n1"
    client, key, verifier = register(issuer), ProofKey(), "v" * 43
    code = authorize(issuer, client["client_id"], verifier)["code"][0]
    form = redeem(client["client_id"], code, verifier)
    url = f"{issuer.url}/token"
    refused = ask(issuer, form, headers={"DPoP": key.proof("POST", url)})
    assert error_of(refused) == (400, "use_dpop_nonce")
    given = ask(issuer, form, headers={"DPoP": key.proof("POST", url, nonce="n1")}).json()
    assert given["token_type"] == "DPoP"
