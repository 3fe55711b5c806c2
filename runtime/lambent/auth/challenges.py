"""Challenges: what ``WWW-Authenticate`` says to a client (RFC 6750, section 3; RFC 9728, section 5.1)."""

from __future__ import annotations

from collections.abc import Iterable

from lambent.errors import HttpRefusal

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""How tokens and proofs may be signed: neither with a secret that two parties share, nor not at all."""


class InsufficientScopeError(HttpRefusal):
    """The caller may not do this: 403, with every scope that the call needs, for its client to ask for.

    Attributes:
        scopes: all that the call needs, also those that the caller has.
    """

    def __init__(
        self, scopes: Iterable[str], metadata_url: str | None = None, *, scheme: str = "Bearer"
    ) -> None:
        self.scopes = tuple(dict.fromkeys(scopes))
        text = f"This call needs the scope {' '.join(self.scopes)}"
        value = challenge(
            metadata_url, self.scopes, error="insufficient_scope", description=text, scheme=scheme
        )
        data = {"error": "insufficient_scope", "scope": " ".join(self.scopes)}
        super().__init__(403, text, {"WWW-Authenticate": value}, data)


def unauthorized(
    message: str,
    metadata_url: str | None = None,
    scopes: Iterable[str] = (),
    *,
    error: str = "",
    scheme: str = "Bearer",
    status: int = 401,
) -> HttpRefusal:
    """The refusal of a request without credentials, or with an ``error`` in them."""
    shown = challenge(metadata_url, scopes, error=error, description=message if error else "", scheme=scheme)
    return HttpRefusal(status, message, {"WWW-Authenticate": shown}, {"error": error} if error else None)


def challenge(
    metadata_url: str | None,
    scopes: Iterable[str] = (),
    *,
    error: str = "",
    description: str = "",
    scheme: str = "Bearer",
) -> str:
    """The value of a ``WWW-Authenticate`` header."""
    parameters = {
        "error": error,
        "scope": " ".join(scopes),
        "resource_metadata": metadata_url or "",
        "algs": " ".join(ALGORITHMS) if scheme == "DPoP" else "",
        "error_description": description,  # last: clients find the others by searching for their names
    }
    shown = ", ".join(f'{name}="{_quotable(value)}"' for name, value in parameters.items() if value)
    return f"{scheme} {shown}" if shown else scheme


def _quotable(text: str) -> str:
    """Text that needs no escapes in a quoted string: printable ASCII without quotes and backslashes."""
    return "".join(mark if " " <= mark <= "~" and mark not in '"\\' else "?" for mark in text)
