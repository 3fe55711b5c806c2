"""Proofs of possession (RFC 9449), as a client makes them and as the token endpoint checks them."""

import hashlib
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from joserfc.jwk import Key, import_key
from tests.issuer.keys import is_signed, make_key
from tests.issuer.tokens import b64, compact, parse, unb64, without_none

PROOF_SECONDS = 300


def token_hash(access_token: str) -> str:
    """The ``ath`` of a token."""
    return b64(hashlib.sha256(access_token.encode()).digest())


class ProofKey:
    """A client's key for proofs.

    Args:
        alg: The algorithm of the proofs.
    """

    def __init__(self, alg: str = "ES256") -> None:
        self.alg = alg
        self.key: Key = make_key(alg)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public JWK of the proofs' headers."""
        return dict(self.key.as_dict(private=False))

    @property
    def private_jwk(self) -> dict[str, Any]:
        """The JWK with its private members: no proof may show it."""
        return dict(self.key.as_dict(private=True))

    @property
    def jkt(self) -> str:
        """The thumbprint to which tokens are bound (``cnf.jkt``)."""
        return self.key.thumbprint()

    def proof(
        self,
        method: str,
        url: str,
        access_token: str | None = None,
        *,
        nonce: str | None = None,
        header: dict[str, Any] | None = None,
        signature: bytes | None = None,
        **overrides: Any,
    ) -> str:
        """A new proof for one request.

        Args:
            method: The request's method.
            url: The request's address; query and fragment are left out.
            access_token: The token that goes with it.
            nonce: What the server asked for.
            header: Members that replace those of the header; None takes one away.
            signature: Used in place of the right one.
            overrides: Claims that replace the right ones; None takes one away.
        """
        claims = {
            "jti": secrets.token_urlsafe(12),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(time.time()),
            "ath": None if access_token is None else token_hash(access_token),
            "nonce": nonce,
            **overrides,
        }
        members = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk, **(header or {})}
        return compact(
            without_none(members), without_none(claims), self.key, alg=self.alg, signature=signature
        )


def check_proof(proof: str, method: str, url: str, *, now: float) -> tuple[str, str | None]:
    """The thumbprint of the key and the nonce of a proof that is right for the request.

    Raises:
        ValueError: The proof is wrong.
    """
    try:
        header, claims = parse(proof)
        key = import_key(header["jwk"])
        signed, _, signature = proof.rpartition(".")
        right = (
            header["typ"] == "dpop+jwt"
            and header["alg"] in ("ES256", "EdDSA", "RS256", "PS256")
            and not key.is_private
            and is_signed(signed.encode(), unb64(signature), header["alg"], key)
            and claims["htm"] == method
            and urlsplit(claims["htu"])[:3] == urlsplit(url)[:3]
            and abs(now - claims["iat"]) <= PROOF_SECONDS
            and isinstance(claims["jti"], str)
        )
    except (KeyError, TypeError) as error:
        raise ValueError("a member is missing") from error
    if not right:
        raise ValueError("the proof does not fit the request")
    return key.thumbprint(), claims.get("nonce")
