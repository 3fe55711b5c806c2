"""Proofs of possession, right ones and wrong ones."""

from typing import Any

import pytest
from tests.issuer import tokens
from tests.issuer.dpop import ProofKey, check_proof, token_hash

RESOURCE = "https://api.test/mcp"
NOW = 1_000_000_000


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256"])
def test_a_proof_that_is_right(alg: str) -> None:
    key = ProofKey(alg)
    proof = key.proof("POST", "https://api.test/mcp?a=1#b", "token-1")
    header, claims = tokens.parse(proof)
    assert header == {"typ": "dpop+jwt", "alg": alg, "jwk": key.jwk}
    assert "d" not in header["jwk"]
    assert (claims["htm"], claims["htu"]) == ("POST", "https://api.test/mcp")
    assert claims["ath"] == token_hash("token-1")
    assert check_proof(proof, "POST", "https://api.test/mcp", now=claims["iat"]) == (key.jkt, None)


def test_the_hash_of_a_token_is_that_of_the_specification() -> None:
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert token_hash(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


@pytest.mark.parametrize(
    "wrong",
    [
        {"htm": "GET"},
        {"htu": "https://api.test/other"},
        {"iat": NOW - 301},
        {"iat": NOW + 301},
        {"jti": None},
        {"header": {"typ": "JWT"}},
        {"header": {"jwk": None}},
        {"header": {"jwk": ProofKey().jwk}},
        {"signature": b"x" * 64},
    ],
)
def test_a_proof_that_is_wrong(wrong: dict[str, Any]) -> None:
    key = ProofKey()
    assert check_proof(key.proof("POST", RESOURCE, iat=NOW), "POST", RESOURCE, now=NOW) == (key.jkt, None)
    with pytest.raises(ValueError, match=r"missing|fit"):
        check_proof(key.proof("POST", RESOURCE, **{"iat": NOW, **wrong}), "POST", RESOURCE, now=NOW)


def test_a_proof_that_shows_the_private_key() -> None:
    key = ProofKey()
    proof = key.proof("POST", RESOURCE, iat=NOW, header={"jwk": key.private_jwk})
    with pytest.raises(ValueError, match="fit"):
        check_proof(proof, "POST", RESOURCE, now=NOW)
