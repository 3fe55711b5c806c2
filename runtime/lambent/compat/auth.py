"""Callers by the names of the official SDK: ``AuthSettings``, ``TokenVerifier`` and ``get_access_token``."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from urllib.parse import urlsplit

import msgspec

from lambent.auth.authenticator import AuthDeclaration, AuthPorts, CredentialsError
from lambent.auth.claims import read_only
from lambent.auth.oauth import OAuth
from lambent.auth.principal import Principal
from lambent.compat.current_call import current_call
from lambent.compat.errors import PAGE
from lambent.errors import DeclarationError
from lambent.execution.event_loop import LoopThread
from lambent.wire.http import LOCAL_HOSTS

if TYPE_CHECKING:
    from lambent.execution.call import Call
    from lambent.wire.http import Request

_NO_URL = "-"
"""In place of an audience, where the verifier says for whom tokens are; no URL, so it is shown nowhere."""

_BEARER = r"[Bb]earer +([A-Za-z0-9._~+/-]+=*) *"


class AccessToken(msgspec.Struct, kw_only=True):
    """An access token and what is known of it; ``repr`` does not show it.

    Attributes:
        token: the token.
        client_id: the application that it was issued to.
        scopes: what it allows.
        expires_at: seconds since the epoch; None: it does not expire.
        resource: the server that it was issued for.
        subject: whose it is.
        claims: what else it says.
    """

    token: str
    client_id: str
    scopes: list[str]
    expires_at: int | None = None
    resource: str | None = None
    subject: str | None = None
    claims: dict[str, Any] | None = None

    def __repr__(self) -> str:
        """All but the token."""
        return f"{type(self).__name__}(client_id={self.client_id!r}, scopes={self.scopes!r})"


class TokenVerifier(Protocol):
    """Says what a token is."""

    async def verify_token(self, token: str) -> Any:
        """The token with what is known of it, such as an ``AccessToken``; None: it is not valid."""


class ClientRegistrationOptions(msgspec.Struct, kw_only=True):
    """Of an authorization server in the same process, which there is none of here."""

    enabled: bool = False
    client_secret_expiry_seconds: int | None = None
    valid_scopes: list[str] | None = None
    default_scopes: list[str] | None = None


class RevocationOptions(msgspec.Struct, kw_only=True):
    """As above."""

    enabled: bool = False


class AuthSettings(msgspec.Struct, kw_only=True):
    """Who issues the tokens that a server takes.

    Attributes:
        issuer_url: their issuer, for the server's metadata.
        resource_server_url: the URL of the endpoint; None: as the host knows it.
        required_scopes: what every call needs.
        validate_token_resource: the ``resource`` of a token has to be ``resource_server_url``, or the URL of
            the endpoint, which its metadata says.
        service_documentation_url: of an authorization server in the same process: not used.
        client_registration_options: as above.
        revocation_options: as above.
        identity_assertion_enabled: as above.
    """

    issuer_url: Any
    resource_server_url: Any = None
    required_scopes: list[str] | None = None
    validate_token_resource: bool | None = None
    service_documentation_url: Any = None
    client_registration_options: Any = None
    revocation_options: Any = None
    identity_assertion_enabled: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be checked."""
        if self.validate_token_resource and self.resource_server_url is None:
            raise ValueError("validate_token_resource needs resource_server_url")


class _CheckedByVerifier(OAuth, frozen=True, kw_only=True):
    """Tokens that a ``TokenVerifier`` checks; challenges and metadata are those of ``OAuth``."""

    verifies_signatures: ClassVar[bool] = False
    verifier: Any
    resource: str | None = None

    def connect(self, ports: AuthPorts) -> VerifiedTokens:
        """See ``Declared.connect``."""
        return VerifiedTokens(self, ports)


class VerifiedTokens:
    """Identifies callers by what a ``TokenVerifier`` says of their tokens, with every request anew."""

    header = "Authorization"

    def __init__(self, declared: _CheckedByVerifier, ports: AuthPorts) -> None:
        self._declared = declared
        self._clock = ports.clock
        self._url_of = ports.url_of

    @functools.cached_property
    def _run(self) -> LoopThread:
        return LoopThread()

    def authenticate(self, request: Request) -> Principal | None:
        """See ``Authenticator.authenticate``."""
        found = re.fullmatch(_BEARER, request.headers.get("authorization", ""))
        if found is None:
            return None
        verified = self._declared.verifier.verify_token(found[1])
        token = self._run(verified) if hasattr(verified, "__await__") else verified
        if token is None or (token.expires_at is not None and token.expires_at < self._clock()):
            raise CredentialsError("The token is not valid, or no longer")
        resource = self._declared.resource
        if resource is not None and token.resource not in (resource, self._url_of(request)):
            raise CredentialsError("The token was issued for another server")
        principal = _Verified(
            subject=getattr(token, "subject", None) or token.client_id,
            issuer=self._declared.issuers[0],
            scopes=frozenset(token.scopes),
            claims=read_only(getattr(token, "claims", None) or {}),
            client_id=token.client_id,
        )
        vars(principal)["access_token"] = token
        return principal


class _Verified(Principal, frozen=True, dict=True):
    """A principal with its token, which is no field: nothing that keeps or logs a principal sees it."""


def origin_of(url: str, *, in_lambda: bool) -> str | None:
    """Where clients reach a server of this URL; None in Lambda for one of a developer's machine."""
    parts = urlsplit(url)
    is_local = (parts.hostname or "").lower() in LOCAL_HOSTS
    return None if in_lambda and is_local else f"{parts.scheme}://{parts.netloc}"


def declare(auth: Any, verifier: Any, provider: Any) -> Any:
    """How callers are identified, of the arguments of ``MCPServer``.

    Raises:
        ValueError: they do not fit together.
        DeclarationError: there is an authorization server among them.
    """
    if provider is not None:
        raise DeclarationError(
            "An authorization server cannot be in the same process, of which there are many: let an issuer "
            "of its own issue tokens, and give auth= and token_verifier=, or auth=lambent.OAuth(...) "
            f"({PAGE})"
        )
    if verifier is None and not isinstance(auth, AuthSettings):
        declared: AuthDeclaration = auth
        return declared
    if auth is None:
        raise ValueError("token_verifier needs auth=AuthSettings(...)")
    if verifier is None:
        raise ValueError("auth=AuthSettings(...) needs token_verifier=; lambent.OAuth(...) does without one")
    resource = None if auth.resource_server_url is None else str(auth.resource_server_url)
    return _CheckedByVerifier(
        issuer=str(auth.issuer_url),
        audience=resource or _NO_URL,
        scopes=tuple(auth.required_scopes or ()),
        verifier=verifier,
        resource=resource if auth.validate_token_resource else None,
    )


def get_access_token() -> Any:
    """The token of the call that runs, as its verifier gave it; None where nobody is identified.

    Where ``lambent.OAuth`` or the settings of the deployment identify callers, it is made of what they know.
    """
    call = current_call()
    return None if call is None else token_of(call)


def token_of(call: Call) -> Any:
    """The token of the caller of a call; see ``get_access_token``."""
    principal = call.principal
    if principal is None:
        return None
    if isinstance(principal, _Verified):
        return vars(principal)["access_token"]
    claims, found = principal.claims, re.fullmatch(_BEARER, call.headers.get("authorization", ""))
    return AccessToken(
        token="" if found is None else found[1],
        client_id=principal.client_id,
        scopes=sorted(principal.scopes),
        expires_at=claims.get("exp"),
        subject=principal.subject,
        claims=dict(claims),
    )
