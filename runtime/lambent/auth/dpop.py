"""Proofs of possession: a client shows with each request that it has the key of its token (RFC 9449).

A proof can be used once in this process, and by its age for at most ``MAX_AGE`` seconds elsewhere.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from lambent.auth.access_tokens import InvalidTokenError, encode_base64url, parse
from lambent.auth.authenticator import CredentialsError
from lambent.auth.public_keys import is_signed, public_key

if TYPE_CHECKING:
    from lambent.wire.http import Request

MAX_AGE = 60.0
"""Seconds for which a proof can be used, and by which the clock of its client may be ahead."""

_MAX_PROOF_BYTES = 8 * 1024

_LEAST_KEPT = 10_000
"""Used proofs from which on those that are too old are looked for."""


class UsedProofs:
    """The proofs that were used, for as long as they could be used again; for any number of threads."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], float] = {}
        self._most = _LEAST_KEPT
        self._lock = threading.Lock()

    def take(self, key: tuple[str, str], end: float, now: float) -> bool:
        """Whether a proof is used for the first time."""
        with self._lock:
            if key in self._ends:
                return False
            if len(self._ends) >= self._most:
                self._ends = {known: until for known, until in self._ends.items() if until >= now}
                # Twice what is left: else, while many are in use, every proof would go through all of them.
                self._most = max(_LEAST_KEPT, 2 * len(self._ends))
            self._ends[key] = end
            return True


def check_proof(
    request: Request, url: str, token: str, thumbprint: str, used: UsedProofs, now: float
) -> None:
    """Check the proof that comes with a token (RFC 9449, section 4.3).

    Args:
        request: with the header ``DPoP``.
        url: of the endpoint.
        token: the access token.
        thumbprint: of the key that the token is bound to.
        used: the proofs that cannot be used again; this one is added.
        now: in seconds since the epoch.

    Raises:
        CredentialsError: there is no proof, or it is one for something else.
    """
    if not thumbprint:
        raise CredentialsError("The token is not bound to a key: use the scheme Bearer", scheme="DPoP")
    claims, used_by = _verified(request.headers.get("dpop", ""))
    if used_by != thumbprint:
        raise _invalid("is made with another key than that of the token")
    if claims.get("htm") != request.method:
        raise _invalid("is for another method")
    if not _is_same_url(claims.get("htu"), url):
        raise _invalid("is for another URL")
    if claims.get("ath") != _hash_of(token):
        raise _invalid("is for another token")
    made = claims.get("iat")
    first, last = now - MAX_AGE, now + MAX_AGE
    if isinstance(made, bool) or not isinstance(made, int | float) or not first <= made <= last:
        raise _invalid("is too old, or from the future")
    name = claims.get("jti")
    if not isinstance(name, str) or not 1 <= len(name) <= 256:
        raise _invalid("has no jti")
    if not used.take((used_by, name), made + MAX_AGE, now):
        raise _invalid("was used before")


def _invalid(problem: str) -> CredentialsError:
    return CredentialsError(f"The DPoP proof {problem}", "invalid_dpop_proof", scheme="DPoP")


def _verified(proof: str) -> tuple[dict[str, Any], str]:
    """The claims of a proof, and the thumbprint of the key that has signed it."""
    if not proof:
        raise _invalid("is missing")
    try:
        found = parse(proof, _MAX_PROOF_BYTES)
    except InvalidTokenError:
        raise _invalid("is not one signed JWT") from None
    jwk = found.header.get("jwk")
    key = public_key(jwk) if isinstance(jwk, dict) else None
    if found.header.get("typ") != "dpop+jwt" or key is None:
        raise _invalid("does not carry a public key, or is no proof")
    if not is_signed(found.signed, found.signature, found.header["alg"], key):
        raise _invalid("is not signed with its key")
    return found.claims, key.thumbprint()


def _hash_of(token: str) -> str:
    import hashlib

    return encode_base64url(hashlib.sha256(token.encode()).digest())


def _is_same_url(said: object, url: str) -> bool:
    if not isinstance(said, str):
        return False
    from urllib.parse import urlsplit

    try:
        parts, wanted = urlsplit(said), urlsplit(url)
        ports = {"https": 443, "http": 80}
        found = (parts.scheme, parts.hostname, ports.get(parts.scheme) if parts.port is None else parts.port)
        own = (wanted.scheme, wanted.hostname, wanted.port or ports.get(wanted.scheme))
    except ValueError:
        return False
    if parts.query or parts.fragment:
        return False
    return found == own and parts.path.rstrip("/") == wanted.path.rstrip("/")
