"""``OAuth``: which access tokens a server takes. A declaration; ``auth.bearer`` verifies tokens by it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec.structs import force_setattr

from lambent.auth.challenges import ALGORITHMS
from lambent.auth.urls import is_secure
from lambent.errors import DeclarationError

if TYPE_CHECKING:
    from lambent.auth.authenticator import Authenticator, AuthPorts
    from lambent.auth.registration import Registration

_COGNITO = r"https://(issuer-)?cognito-idp\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[A-Za-z0-9_-]+"


class Introspection(msgspec.Struct, frozen=True, kw_only=True):
    """How opaque tokens are looked up (RFC 7662).

    Attributes:
        url: the issuer's introspection endpoint.
        client_id: of this server, at the issuer.
        client_secret: of this server; ``repr`` does not show it.
        cache_seconds: for how long an answer is believed; that long a revoked token is still taken.
        checks_audience: the endpoint answers ``active`` only for tokens that were issued for this server, so
            tokens without ``aud`` are taken.
    """

    url: str
    client_id: str
    client_secret: str
    cache_seconds: float = 30.0
    checks_audience: bool = False

    def __post_init__(self) -> None:
        """Refuse a URL that is not secure."""
        if not is_secure(self.url):
            raise DeclarationError(
                f"The introspection URL must be https, or http on this machine: {self.url!r}"
            )

    def __repr__(self) -> str:
        """All but the secret."""
        return f"Introspection(url={self.url!r}, client_id={self.client_id!r})"


class OAuth(msgspec.Struct, frozen=True, kw_only=True):
    """Which access tokens a server takes: an OAuth 2.1 resource server (basic/authorization).

    Attributes:
        issuer: the URL of who issues tokens, exactly as their ``iss`` says; or several.
        audience: what the ``aud`` of a token may contain instead of the URL of the endpoint, which is always
            right (RFC 8707); or several.
        scopes: what every call needs.
        scopes_supported: what clients should ask for at first (RFC 9728). Default: ``scopes``, or else the
            scopes of all features.
        implies: scopes that a broader one includes, such as ``{"orders:admin": ["orders:read"]}``.
        client_ids: the clients whose tokens are taken; default: all. Tokens without ``aud``, such as those of
            Cognito, are taken only from clients that are named here.
        header: where the token is; default: ``Authorization``. Any other header has the token alone.
        algorithms: how tokens may be signed: RS256, PS256, ES256, EdDSA.
        leeway: seconds by which the clocks of issuer and server may differ, for ``exp`` and ``nbf``.
        jwks_url: where the keys of the issuer are; default: as its metadata says.
        introspection: how tokens that are no JWTs are looked up; default: they are refused.
        scope_claims: the claims with scopes.
        scope_prefix: what clients have to put in front of a scope when they ask the issuer for it, where
            tokens have the scope without: at Entra ID the application ID URI and a slash. Challenges and
            metadata have it, and everything else is without.
        requires_dpop: take only tokens that are bound to a key of the client (RFC 9449).
        registration: gives clients that insist on registering one that the issuer knows already.

    Raises:
        DeclarationError: something is missing, or not secure.
    """

    verifies_signatures: ClassVar[bool] = True
    """Tokens are verified with the library of the extra ``lambent[auth]``."""

    issuer: str | Sequence[str]
    audience: str | Sequence[str] = ()
    scopes: Sequence[str] = ()
    scopes_supported: Sequence[str] | None = None
    implies: Mapping[str, Sequence[str]] = {}
    client_ids: Sequence[str] = ()
    header: str = "Authorization"
    algorithms: Sequence[str] = ALGORITHMS
    leeway: float = 0.0
    jwks_url: str | None = None
    introspection: Introspection | None = None
    scope_claims: Sequence[str] = ("scope", "scp")
    scope_prefix: str = ""
    requires_dpop: bool = False
    registration: Registration | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work, or would not be safe."""
        for name in ("issuer", "audience", "client_ids", "scope_claims"):
            given = getattr(self, name)
            texts = (given,) if isinstance(given, str) else tuple(given)
            if not all(isinstance(text, str) and text for text in texts):
                raise DeclarationError(f"{name} is a text that is not empty, or several: not {given!r}")
            force_setattr(self, name, texts)
        if not self.issuers:
            raise DeclarationError("OAuth needs an issuer, such as https://login.example.com")
        self._check_urls()
        if self.jwks_url is not None and len(self.issuers) > 1:
            raise DeclarationError("jwks_url is of one issuer: write an OAuth for each")
        self._check_lists()
        for scopes in (self.scopes, self.scopes_supported or (), [f"{self.scope_prefix}x"]):
            check_scopes(scopes)
        for broad, narrow in self.implies.items():
            check_scopes([broad])
            check_scopes(narrow)
        if unknown := set(self.algorithms) - set(ALGORITHMS):
            raise DeclarationError(f"Tokens cannot be signed with {', '.join(sorted(unknown))} here")
        if not 0 <= self.leeway <= 300:
            raise DeclarationError(f"leeway must be 0 to 300 seconds, not {self.leeway}")
        if self.registration is not None:
            self._check_registration(self.registration)

    def _check_urls(self) -> None:
        for url in self.issuers:
            if not is_secure(url):
                raise DeclarationError(f"An issuer must be an https URL, or http on this machine: {url!r}")
            if "/.well-known/" in url:
                raise DeclarationError(
                    f"{url!r} is where metadata is: an issuer is what tokens say in iss, such as "
                    f"{url.partition('/.well-known/')[0]!r}"
                )
        if self.jwks_url is not None and not is_secure(self.jwks_url):
            raise DeclarationError(
                f"jwks_url must be an https URL, or http on this machine: {self.jwks_url!r}"
            )

    def _check_lists(self) -> None:
        for name in ("scopes", "scopes_supported", "algorithms"):
            if isinstance(given := getattr(self, name), str):
                raise DeclarationError(f"Write {name}=[{given!r}]: {name} is a list")

    def _check_registration(self, registration: Registration) -> None:
        if len(self.issuers) > 1 or self.header.lower() != "authorization":
            text = "A registration is with one issuer, for tokens in the header Authorization"
            raise DeclarationError(text)
        if self.client_ids and registration.client_id not in self.client_ids:
            text = f"The tokens of {registration.client_id!r} would be refused: add it to client_ids"
            raise DeclarationError(text)

    @property
    def issuers(self) -> tuple[str, ...]:
        """Who issues tokens."""
        return tuple(self.issuer)

    @property
    def audiences(self) -> tuple[str, ...]:
        """For whom tokens may be, besides the URL of the endpoint."""
        return tuple(self.audience)

    def keys_at(self, issuer: str) -> str | None:
        """Where the keys of an issuer are, if that is known without asking it."""
        if self.jwks_url is None and re.fullmatch(_COGNITO, issuer):
            return f"{issuer}/.well-known/jwks.json"  # its metadata is at one of the later places
        return self.jwks_url

    def with_implied(self, granted: frozenset[str]) -> frozenset[str]:
        """The granted scopes, and all that they include."""
        found, added = set(granted), list(granted)
        while added:
            narrow = set(self.implies.get(added.pop(), ())) - found
            found |= narrow
            added += narrow
        return frozenset(found)

    def connect(self, ports: AuthPorts) -> Authenticator:
        """The authenticator that verifies tokens by this declaration."""
        from lambent.auth.bearer import BearerTokens

        return BearerTokens(self, ports)


def check_scopes(scopes: Iterable[str]) -> None:
    """Refuse what is no scope (RFC 6749, section 3.3).

    Raises:
        DeclarationError: one of them has a character that a scope cannot have.
    """
    if isinstance(scopes, str):
        raise DeclarationError(f"Write scopes=[{scopes!r}]: scopes are a list")
    for scope in scopes:
        if not isinstance(scope, str) or not re.fullmatch(r"[!#-\[\]-~]+", scope):
            raise DeclarationError(
                f"{scope!r} is no scope: printable ASCII without spaces, quotes, backslashes"
            )


def with_prefix(scopes: Iterable[str], prefix: str) -> list[str]:
    """Scopes as clients ask for them; a scope that is a URI has its prefix already."""
    return [scope if "://" in scope else prefix + scope for scope in scopes]
