"""The settings that say how callers are identified: ``LAMBENT_AUTH_…`` and ``LAMBENT_API_KEYS``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from lambent.errors import ConfigurationError, DeclarationError

if TYPE_CHECKING:
    from lambent.auth.authenticator import AuthDeclaration
    from lambent.auth.oauth import OAuth
    from lambent.auth.registration import Registration


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How callers are identified where the server does not declare it.

    Attributes:
        issuers: of access tokens; the other attributes are those of ``OAuth``.
        introspection_url: see ``Introspection``, as the two that follow.
        platform: what is believed of the platform: see ``PlatformClaims``, and ``alb``.
        alb_arns: the load balancers of ``alb``; see ``Alb``.
        alb_clients: the clients of their users.
        api_keys: as ``read_api_keys`` reads them.
        enterprise_header: a header with a token of the company's own issuer, which is looked for first.
        enterprise_issuers: who issues those tokens.
        enterprise_audience: for whom they are.
        registration_client_id: see ``Registration``, as those that follow; none without it.
    """

    issuers: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] | None = None
    client_ids: tuple[str, ...] = ()
    leeway: float = 0.0
    jwks_url: str | None = None
    requires_dpop: bool = False
    scope_claims: tuple[str, ...] = ("scope", "scp")
    scope_prefix: str = ""
    introspection_url: str | None = None
    introspection_client_id: str = ""
    introspection_client_secret: str = ""
    platform: tuple[str, ...] = ()
    alb_arns: tuple[str, ...] = ()
    alb_clients: tuple[str, ...] = ()
    api_keys: str = ""
    enterprise_header: str | None = None
    enterprise_issuers: tuple[str, ...] = ()
    enterprise_audience: tuple[str, ...] = ()
    registration_client_id: str = ""
    registration_client_secret: str | None = None
    registration_redirect_uris: tuple[str, ...] = ()
    registration_any_loopback_port: bool = False
    registration_authorization_endpoint: str | None = None
    registration_token_endpoint: str | None = None

    def __repr__(self) -> str:
        """All but the secret and the hashes."""
        names = [name for name in self.__struct_fields__ if "secret" not in name and name != "api_keys"]
        return f"AuthSettings({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    def declared(self) -> tuple[AuthDeclaration, ...]:
        """What these settings declare, in the order in which credentials are looked for.

        Raises:
            ConfigurationError: something is missing or not secure; the message names the variable.
        """
        if not self.issuers:
            self._need_issuer()
        if (self.enterprise_header is None) != (not self.enterprise_issuers):
            text = "LAMBENT_AUTH_ENTERPRISE_HEADER and LAMBENT_AUTH_ENTERPRISE_ISSUER need each other"
            raise ConfigurationError(text)
        found: list[AuthDeclaration] = []
        try:
            if self.enterprise_header is not None:
                found.append(self._enterprise(self.enterprise_header))
            if self.platform:
                from lambent.auth.platform import platform_authenticators  # each is loaded where it is set

                arns, clients = self.alb_arns, self.alb_clients
                found += platform_authenticators(self.platform, alb_arns=arns, alb_clients=clients)
            if self.api_keys:
                from lambent.auth.api_keys import ApiKeys, read_api_keys

                found.append(ApiKeys(read_api_keys(self.api_keys)))
            if self.issuers:
                found.append(self._oauth())
        except DeclarationError as error:
            raise ConfigurationError(f"A variable LAMBENT_AUTH_… cannot be used: {error}") from error
        return tuple(found)

    def _enterprise(self, header: str) -> OAuth:
        from lambent.auth.oauth import OAuth

        issuers, audience = self.enterprise_issuers, self.enterprise_audience
        return OAuth(issuer=issuers, audience=audience, header=header, leeway=self.leeway)

    def _oauth(self) -> OAuth:
        from lambent.auth.oauth import Introspection, OAuth

        introspection = None
        if self.introspection_url is not None:
            introspection = Introspection(
                url=self.introspection_url,
                client_id=self.introspection_client_id,
                client_secret=self.introspection_client_secret,
            )
        return OAuth(
            issuer=self.issuers,
            audience=self.audience,
            scopes=self.scopes,
            scopes_supported=self.scopes_supported,
            client_ids=self.client_ids,
            leeway=self.leeway,
            jwks_url=self.jwks_url,
            introspection=introspection,
            requires_dpop=self.requires_dpop,
            scope_claims=self.scope_claims,
            scope_prefix=self.scope_prefix,
            registration=self._registration(),
        )

    def _registration(self) -> Registration | None:
        if not (self.registration_client_id or self.registration_redirect_uris):
            return None
        from lambent.auth.registration import Registration  # loaded where clients register

        return Registration(
            client_id=self.registration_client_id,
            redirect_uris=self.registration_redirect_uris,
            any_loopback_port=self.registration_any_loopback_port,
            authorization_endpoint=self.registration_authorization_endpoint,
            token_endpoint=self.registration_token_endpoint,
            client_secret=self.registration_client_secret,
        )

    def _need_issuer(self) -> None:
        """Refuse settings that are about tokens and take none: the server would be open to everybody."""
        names = (
            *("audience", "client_ids", "scopes", "scope_prefix", "jwks_url", "introspection_url"),
            *("requires_dpop", "registration_client_id", "registration_redirect_uris"),
        )
        for name in names:
            if getattr(self, name):
                raise ConfigurationError(f"LAMBENT_AUTH_{name.upper()} needs LAMBENT_AUTH_ISSUER")


def read_auth(environ: Mapping[str, str]) -> AuthSettings:
    """Read these settings from variables.

    Raises:
        ConfigurationError: a variable cannot be read; the message names it.
    """
    known = {"LAMBENT_AUTH_ANONYMOUS"}  # of ``Settings``

    def text(name: str) -> str:
        known.add(f"LAMBENT_AUTH_{name}")
        return environ.get(f"LAMBENT_AUTH_{name}", "").strip()

    def several(name: str) -> tuple[str, ...]:
        return tuple(text(name).replace(",", " ").split())

    def truth(name: str) -> bool:
        value = text(name).lower()
        if value not in ("", "true", "false", "1", "0"):
            raise ConfigurationError(f"LAMBENT_AUTH_{name} must be true or false, not {value!r}")
        return value in ("true", "1")

    leeway = text("LEEWAY") or "0"
    if not leeway.replace(".", "", 1).isdecimal():
        raise ConfigurationError(f"LAMBENT_AUTH_LEEWAY must be a number of seconds, not {leeway!r}")
    found = AuthSettings(
        issuers=several("ISSUER"),
        audience=several("AUDIENCE"),
        scopes=several("SCOPES"),
        scopes_supported=several("SCOPES_SUPPORTED") or None,
        client_ids=several("CLIENT_IDS"),
        leeway=float(leeway),
        jwks_url=text("JWKS_URL") or None,
        requires_dpop=truth("REQUIRES_DPOP"),
        scope_claims=several("SCOPE_CLAIMS") or ("scope", "scp"),
        scope_prefix=text("SCOPE_PREFIX"),
        introspection_url=text("INTROSPECTION_URL") or None,
        introspection_client_id=text("INTROSPECTION_CLIENT_ID"),
        introspection_client_secret=text("INTROSPECTION_CLIENT_SECRET"),
        platform=several("PLATFORM"),
        alb_arns=several("ALB_ARN"),
        alb_clients=several("ALB_CLIENTS"),
        api_keys=environ.get("LAMBENT_API_KEYS", "").strip(),
        enterprise_header=text("ENTERPRISE_HEADER") or None,
        enterprise_issuers=several("ENTERPRISE_ISSUER"),
        enterprise_audience=several("ENTERPRISE_AUDIENCE"),
        registration_client_id=text("REGISTRATION_CLIENT_ID"),
        registration_client_secret=text("REGISTRATION_CLIENT_SECRET") or None,
        registration_redirect_uris=several("REGISTRATION_REDIRECT_URIS"),
        registration_any_loopback_port=truth("REGISTRATION_ANY_LOOPBACK_PORT"),
        registration_authorization_endpoint=text("REGISTRATION_AUTHORIZATION_ENDPOINT") or None,
        registration_token_endpoint=text("REGISTRATION_TOKEN_ENDPOINT") or None,
    )
    # A misspelled name must not leave a server open that was to be closed.
    for name, value in environ.items():
        if value and name.startswith("LAMBENT_AUTH_") and name not in known:
            raise ConfigurationError(f"{name} is no setting: see docs/auth.md for those of LAMBENT_AUTH_…")
    return found
