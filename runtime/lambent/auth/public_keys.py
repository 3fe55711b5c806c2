"""Public keys of issuers and clients (RFC 7517), and the signatures that they verify (RFC 7518)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joserfc.jwk import Key

_KINDS = (("RSA", None), ("EC", "P-256"), ("OKP", "Ed25519"))
"""Types and curves of the keys that verify signatures here."""

_LEAST_RSA_BITS = 2048
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def public_key(jwk: Mapping[str, Any]) -> Key | None:
    """The key of a JWK; None where its signatures prove nothing.

    That is a key of another kind, one that is too weak, and one that was sent with its private members:
    whoever has seen it can sign with it.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key
    from joserfc.util import base64_to_int

    kind = jwk.get("kty")
    if (kind, jwk.get("crv")) not in _KINDS or _PRIVATE_MEMBERS & jwk.keys():
        return None
    try:
        # joserfc imports weak keys, with a warning.
        if kind == "RSA" and base64_to_int(jwk["n"]).bit_length() < _LEAST_RSA_BITS:
            return None
        return import_key(dict(jwk))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def is_signed(data: bytes, signature: bytes, algorithm: str, key: Key) -> bool:
    """Whether a signature was made with a key by an algorithm that the key is for."""
    from joserfc.errors import JoseError
    from joserfc.jws import JWSRegistry

    model = JWSRegistry.algorithms[algorithm]  # what the registry does besides warns of the name EdDSA
    try:
        model.check_key(key)
        return model.verify(data, signature, key)
    except (JoseError, ValueError, TypeError):
        return False
