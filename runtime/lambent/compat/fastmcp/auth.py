"""Who may call, by the names of ``fastmcp.server.auth``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from lambent.auth.authenticator import AuthPorts, CredentialsError
from lambent.compat import auth
from lambent.compat.fastmcp.context import PAGE
from lambent.compat.fastmcp.current import find_context
from lambent.compat.fastmcp.dependencies import Dependency
from lambent.errors import DeclarationError

if TYPE_CHECKING:
    from lambent.auth.authenticator import AuthDeclaration
    from lambent.auth.oauth import OAuth
    from lambent.auth.principal import Principal
    from lambent.wire.http import Request


class AccessToken(auth.AccessToken, kw_only=True):
    """An access token and what is known of it; ``claims`` is what else it says."""

    claims: dict[str, Any] = msgspec.field(default_factory=dict)


class TokenVerifier:
    """The base of what says whether a token is valid.

    Args:
        base_url: not used: the host knows its URL.
        required_scopes: what every call needs.
    """

    def __init__(self, base_url: Any = None, required_scopes: Sequence[str] | None = None, **_: Any) -> None:
        self.required_scopes = list(required_scopes or ())

    async def verify_token(self, token: str) -> AccessToken | None:
        """The token with what is known of it; None: it is not valid.

        Raises:
            NotImplementedError: a derived class does not say so.
        """
        raise NotImplementedError


class StaticTokenVerifier(TokenVerifier):
    """Tokens that are known beforehand, for tests and development.

    Args:
        tokens: by the token: ``client_id``, ``scopes``, ``expires_at`` and other claims.
        required_scopes: what every call needs.
    """

    def __init__(
        self, tokens: Mapping[str, Mapping[str, Any]], required_scopes: Sequence[str] | None = None
    ) -> None:
        super().__init__(required_scopes=required_scopes)
        self.tokens = tokens

    async def verify_token(self, token: str) -> AccessToken | None:
        """See ``TokenVerifier.verify_token``."""
        known = self.tokens.get(token)
        if known is None:
            return None
        return AccessToken(
            token=token,
            client_id=known["client_id"],
            scopes=list(known.get("scopes") or ()),
            expires_at=known.get("expires_at"),
            claims=dict(known),
        )


class DebugTokenVerifier(TokenVerifier):
    """Every token that a function says is valid, for tests and development."""

    def __init__(
        self,
        validate: Callable[[str], bool | Awaitable[bool]] = bool,
        client_id: str = "debug-client",
        scopes: Sequence[str] | None = None,
        required_scopes: Sequence[str] | None = None,
    ) -> None:
        super().__init__(required_scopes=required_scopes)
        self._validate = validate
        self._client_id = client_id
        self._scopes = list(scopes or ())

    async def verify_token(self, token: str) -> AccessToken | None:
        """See ``TokenVerifier.verify_token``."""
        valid = self._validate(token)
        if not (valid if isinstance(valid, bool) else await valid):
            return None
        return AccessToken(token=token, client_id=self._client_id, scopes=self._scopes)


class JWTVerifier:
    """JWTs of an issuer: the same as ``lambent.OAuth(issuer=…, audience=…, jwks_url=…)``.

    Args:
        jwks_uri: where the keys of the issuer are; default: as its metadata says.
        issuer: what ``iss`` of a token has to be.
        audience: what ``aud`` may contain besides the URL of the endpoint.
        algorithm: how tokens are signed.
        required_scopes: what every call needs.
        public_key: not supported: keys change, and come from ``jwks_uri``.
        options: not used: ``base_url``, ``ssrf_safe``, ``http_client``, ``jwks_refresh_interval``.

    Raises:
        DeclarationError: there is no issuer, or a key is given.
    """

    def __init__(
        self,
        *,
        jwks_uri: str | None = None,
        issuer: str | list[str] | None = None,
        audience: str | list[str] | None = None,
        algorithm: str | None = None,
        required_scopes: Sequence[str] | None = None,
        public_key: Any = None,
        **options: Any,
    ) -> None:
        known = {"base_url", "ssrf_safe", "http_client", "jwks_refresh_interval", "resource_base_url"}
        if unknown := sorted(options.keys() - known):
            raise TypeError(f"JWTVerifier has no argument {', '.join(unknown)}")
        if public_key is not None:
            raise DeclarationError(f"JWTVerifier(public_key=…) is not supported: give jwks_uri=… ({PAGE})")
        if not issuer:
            raise DeclarationError(f"JWTVerifier needs issuer=…: whose tokens are taken ({PAGE})")
        self._declared: dict[str, Any] = {"issuer": issuer, "audience": audience or (), "jwks_url": jwks_uri}
        if algorithm is not None:
            self._declared["algorithms"] = (algorithm,)
        self.required_scopes = list(required_scopes or ())

    def to_native(self, **changes: Any) -> OAuth:
        """The same as ``lambent`` has it."""
        from lambent.auth.oauth import OAuth

        return OAuth(**{**self._declared, "scopes": tuple(self.required_scopes), **changes})


class RemoteAuthProvider:
    """Tokens of an authorization server elsewhere, which clients are told of.

    Args:
        token_verifier: says whether a token is valid.
        authorization_servers: who issues tokens.
        base_url: not used: the host knows its URL.
        scopes_supported: what clients should ask for at first.
        required_scopes: what every call needs; default: as the verifier says.
        options: not used: ``resource_base_url``, ``resource_name``, ``resource_documentation``,
            ``challenge_scopes``.
    """

    def __init__(
        self,
        token_verifier: Any,
        authorization_servers: Sequence[Any],
        base_url: Any = None,
        scopes_supported: Sequence[str] | None = None,
        required_scopes: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        known = {"resource_base_url", "resource_name", "resource_documentation", "challenge_scopes"}
        if unknown := sorted(options.keys() - known):
            raise TypeError(f"RemoteAuthProvider has no argument {', '.join(unknown)}")
        self._verifier = token_verifier
        self._issuer = str(authorization_servers[0])
        self._scopes_supported = scopes_supported
        self._scopes = tuple(required_scopes or getattr(token_verifier, "required_scopes", None) or ())

    def to_native(self) -> AuthDeclaration:
        """The same as ``lambent`` has it."""
        if isinstance(self._verifier, JWTVerifier):
            return self._verifier.to_native(scopes=self._scopes, scopes_supported=self._scopes_supported)
        settings = auth.AuthSettings(issuer_url=self._issuer, required_scopes=list(self._scopes))
        declared: AuthDeclaration = auth.declare(settings, self._verifier, None)
        return declared


class _Verifying:
    """Callers whose tokens a verifier takes; no client is told who issues them."""

    issuers = ("token-verifier",)
    resource = None

    def __init__(self, verifier: Any) -> None:
        self.verifier = verifier
        self.required_scopes = frozenset(getattr(verifier, "required_scopes", None) or ())

    def connect(self, ports: AuthPorts) -> _Verified:
        """See ``Declared.connect``."""
        declared: Any = self  # which has what of an OAuth is needed
        return _Verified(declared, ports)


class _Verified(auth.VerifiedTokens):
    _declared: Any

    def authenticate(self, request: Request) -> Principal | None:
        """See ``Authenticator.authenticate``.

        Raises:
            CredentialsError: 403, the token has not all scopes that every call needs.
        """
        principal = super().authenticate(request)
        if principal is not None and (missing := self._declared.required_scopes - principal.scopes):
            text = f"The token lacks scopes: {', '.join(sorted(missing))}"
            raise CredentialsError(text, "insufficient_scope", status=403)
        return principal


def declared(given: Any) -> Any:
    """How callers are identified, of the argument ``auth`` of ``FastMCP``.

    Raises:
        DeclarationError: it has an authorization server, or is nothing that identifies anybody.
    """
    if isinstance(given, list | tuple):
        return [declared(one) for one in given]
    if hasattr(given, "to_native"):
        return given.to_native()
    if hasattr(given, "authenticate") or hasattr(given, "connect"):
        return given
    if hasattr(given, "get_routes") and type(given).__module__.partition(".")[0] == "fastmcp":
        _refuse(type(given).__name__)
    return _Verifying(given) if hasattr(given, "verify_token") else given


def _refuse(name: str) -> NoReturn:
    raise DeclarationError(
        f"{name} is of FastMCP itself: an authorization server cannot be in one of many processes. Give "
        f"auth=lambent.OAuth(issuer=…), or a verifier of lambent.compat.fastmcp ({PAGE})"
    )


def get_access_token() -> Any:
    """The access token of the caller; None where nobody is identified."""
    context = find_context()
    return None if context is None else auth.token_of(context._call)


def CurrentAccessToken() -> Any:  # noqa: N802 - FastMCP's name
    """The access token of the caller; a call without one fails."""
    return Dependency(_token)


def _token() -> Any:
    token = get_access_token()
    if token is None:
        raise RuntimeError("The caller has no access token")
    return token


def TokenClaim(name: str) -> Any:  # noqa: N802 - as above
    """A claim of the caller's access token, as text; a call without it fails."""

    def find() -> str:
        claims = _token().claims or {}
        if name not in claims:
            raise RuntimeError(f"The caller's access token has no claim {name!r}")
        return str(claims[name])

    return Dependency(find)
