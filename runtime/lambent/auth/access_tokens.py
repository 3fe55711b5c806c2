"""JWT access tokens: from the text of a token to its claims, or the reason why it is refused (RFC 9068)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.challenges import ALGORITHMS
from lambent.errors import LambentError

if TYPE_CHECKING:
    from joserfc.jwk import Key

MAX_TOKEN_BYTES = 16 * 1024
"""Bytes of a token: API Gateway takes 10 KB of headers, load balancers 16 KB of one header."""

CLIENT_CLAIMS = ("client_id", "azp", "appid", "cid")
"""Where issuers name the application that a token was issued to."""

_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""Of access tokens. Issuers sign others with the same keys: logout tokens, identity assertions."""


_LAST_SECOND = 1e15
"""What is later is no time: numbers in JSON can be larger than any float."""


class InvalidTokenError(LambentError):
    """A token is refused. The message says why, and contains nothing of the token."""


class UnverifiedToken(msgspec.Struct, frozen=True):
    """A token that has been taken apart, and whose signature nobody has verified yet.

    Attributes:
        header: says how the token is signed.
        claims: what it says.
        signed: what the signature is of.
        signature: its bytes.
    """

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

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
    found = parse(token, MAX_TOKEN_BYTES)
    kind = found.header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise InvalidTokenError("The token is not an access token")
    return found


def parse(token: str, max_bytes: int) -> UnverifiedToken:
    """Take any JWT apart that is signed with one of ``ALGORITHMS`` (RFC 7515, section 3.1).

    Raises:
        InvalidTokenError: it is none.
    """
    if len(token) > max_bytes:
        raise InvalidTokenError("The token is too long")
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidTokenError("The token is not a signed JWT")
    try:
        header, claims, signature = map(decode_base64url, parts)
        said = msgspec.json.decode(header, type=dict[str, Any])
        found = msgspec.json.decode(claims, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise InvalidTokenError("The token is not a signed JWT") from None
    if said.get("alg") not in ALGORITHMS:
        raise InvalidTokenError("The token is not signed with an algorithm that is accepted")
    if "crit" in said or said.get("b64", True) is not True:  # RFC 7797: the payload would be another one
        raise InvalidTokenError("The token has critical extensions that are not supported")
    return UnverifiedToken(said, found, token.rpartition(".")[0].encode(), signature)


def decode_base64url(text: str) -> bytes:
    """Decode the only form that Base64url without padding has for some bytes (RFC 7515, section 2).

    Raises:
        ValueError: it is another one. The message contains nothing of the text.
    """
    import binascii  # loaded with the first token

    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    data = binascii.a2b_base64(padded)
    if encode_base64url(data) != text:
        raise ValueError("not Base64url")
    return data


def encode_base64url(data: bytes) -> str:
    """Base64url without padding."""
    import binascii

    text = binascii.b2a_base64(data, newline=False).decode()
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def verify_signature(token: UnverifiedToken, key: Key) -> None:
    """Verify the signature of a token, whose algorithm has to be the one that the key is for.

    Raises:
        InvalidTokenError: it is not a signature of this key.
    """
    from lambent.auth.public_keys import is_signed  # loaded with the first token

    if not is_signed(token.signed, token.signature, token.header["alg"], key):
        raise InvalidTokenError("The signature of the token is not valid")


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
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LAST_SECOND:
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
