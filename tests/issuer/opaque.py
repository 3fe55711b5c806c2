"""Opaque access tokens and what introspection (RFC 7662) says of them."""

import secrets
from typing import Any


class OpaqueTokens:
    """The opaque tokens of an issuer."""

    def __init__(self) -> None:
        self._claims: dict[str, dict[str, Any]] = {}

    def issue(self, claims: dict[str, Any]) -> str:
        """A new token that stands for ``claims``."""
        token = secrets.token_urlsafe(24)
        self._claims[token] = claims
        return token

    def revoke(self, token: str) -> None:
        """The token is not active any more."""
        self._claims.pop(token, None)

    def introspect(self, token: str, *, now: float) -> dict[str, Any]:
        """The response of the introspection endpoint."""
        claims = self._claims.get(token)
        if claims is None or claims.get("exp", now + 1) <= now:
            return {"active": False}
        return {"active": True, "token_type": "DPoP" if "cnf" in claims else "Bearer", **claims}
