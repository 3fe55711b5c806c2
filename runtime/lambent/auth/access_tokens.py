"""JWT access tokens: from the text of a token to its claims, or the reason why it is refused (RFC 9068)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.errors import LambentError

if TYPE_CHECKING:
    from joserfc.jwk import Key

MAX_TOKEN_BYTES = 16 * 1024
"""Bytes of a token: API Gateway takes 10 KB of headers, load balancers 16 KB of one header."""

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""How tokens may be signed: neither with a secret that two parties share, nor not at all."""

_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""Of access tokens. Issuers sign others with the same keys: logout tokens, identity assertions."""


class InvalidTokenError(LambentError):
    """A token is refused. The message says why, and contains nothing of the token."""


class UnverifiedToken(msgspec.Struct, frozen=True):
    """A token that has been taken apart, and whose signature nobody has verified yet."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]

    @property
    def issuer(self) -> str:
        """Who has signed the token, as it says itself."""
        issuer = self.claims.get("iss")
        return issuer if isinstance(issuer, str) else ""


def take_apart(token: str) -> UnverifiedToken:
    """Take a token apart.

    Raises:
        InvalidTokenError: it is no JWT that could be accepted, whoever has signed it.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidTokenError("The token is too long")
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidTokenError("The token is not a signed JWT")
    header, claims = map(_json_object, parts[:2])
    if header.get("alg") not in ALGORITHMS:
        raise InvalidTokenError("The token is not signed with an algorithm that is accepted")
    if "crit" in header:
        raise InvalidTokenError("The token has critical extensions that are not supported")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise InvalidTokenError("The token is not an access token")
    return UnverifiedToken(token, header, claims)


def _json_object(part: str) -> dict[str, Any]:
    import binascii  # loaded with the first token

    try:
        if not part.isascii() or "=" in part:
            raise ValueError(part)
        padded = part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4)
        return msgspec.json.decode(binascii.a2b_base64(padded, strict_mode=True), type=dict[str, Any])
    except (ValueError, RecursionError):
        raise InvalidTokenError("The token is not a signed JWT") from None


def verify_signature(token: UnverifiedToken, key: Key) -> None:
    """Verify the signature of a token, whose algorithm has to be the one that the key is for.

    Raises:
        InvalidTokenError: it is not a signature of this key.
    """
    from joserfc import jws
    from joserfc.errors import JoseError

    registry = jws.JWSRegistry(algorithms=[token.header["alg"]], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = MAX_TOKEN_BYTES
    try:
        jws.deserialize_compact(token.text, key, registry=registry)
    except (JoseError, ValueError, TypeError):
        raise InvalidTokenError("The signature of the token is not valid") from None


def check_times(claims: Mapping[str, Any], now: float, leeway: float) -> float:
    """Check when a token is valid.

    Args:
        claims: of the token.
        now: the time, in seconds since the epoch.
        leeway: seconds by which the clocks of issuer and server may differ.

    Returns:
        When it ends to be valid, in seconds since the epoch.

    Raises:
        InvalidTokenError: not now, or it does not say.
    """
    expires, begins = _seconds(claims, "exp"), _seconds(claims, "nbf")
    if expires is None:
        raise InvalidTokenError("The token does not say when it expires")
    if now >= expires + leeway:
        raise InvalidTokenError("The token has expired")
    if begins is not None and now < begins - leeway:
        raise InvalidTokenError("The token is not valid yet")
    return expires + leeway


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidTokenError(f"The claim {name} of the token is not a time")
    return float(value)


def audiences(claims: Mapping[str, Any]) -> frozenset[str] | None:
    """For whom a token is (``aud``); None where it does not say."""
    value = claims.get("aud")
    if value is None:
        return None
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise InvalidTokenError("The audience of the token is malformed")
    return frozenset(values)


def text_of(claims: Mapping[str, Any], names: Iterable[str]) -> str:
    """The first of some claims that the token has as text; empty where it has none of them."""
    found = (claims.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value), "")


def scopes_of(claims: Mapping[str, Any], names: Iterable[str]) -> frozenset[str]:
    """What was granted: lists, or texts with spaces between scopes (RFC 8693, section 4.2)."""
    granted: set[str] = set()
    for name in names:
        value = claims.get(name)
        values = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
        granted.update(one for one in values if isinstance(one, str))
    return frozenset(granted)
