"""The caller of a request, from a verified token."""

from __future__ import annotations

from typing import Any

import msgspec


class Principal(msgspec.Struct, frozen=True):
    """Who is calling.

    Attributes:
        subject: identifies the caller for as long as the issuer does not reuse it.
        issuer: who issued the subject, such as the ``iss`` claim of a token.
        scopes: what the caller was granted.
        claims: everything else that the token said. All calls with the token share it, so it cannot be
            changed: ``dict(claims)`` can. It is not kept with tasks, so empty in their attempts.
        client_id: the application that calls for the subject, as the issuer knows it; empty if unknown.
    """

    subject: str
    issuer: str = ""
    scopes: frozenset[str] = frozenset()
    claims: dict[str, Any] = msgspec.field(default_factory=dict)
    client_id: str = ""

    @property
    def key(self) -> str:
        """One string that no two principals share.

        Applications that call for one subject, and tokens with other scopes, are the same principal.
        """
        return f"{len(self.issuer)}:{self.issuer}{self.subject}"


def key_of(principal: Principal | None) -> str:
    """The key of a principal; empty where nobody is identified."""
    return principal.key if principal is not None else ""
