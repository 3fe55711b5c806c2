"""The server as a protected resource: who is calling, and what a client is told that may not (RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from lambent.auth.authenticator import Authenticator, CredentialsError
from lambent.auth.challenges import InsufficientScopeError, unauthorized
from lambent.auth.oauth import with_prefix
from lambent.auth.principal import Principal
from lambent.errors import HttpRefusal
from lambent.wire.http import Request

if TYPE_CHECKING:
    from collections.abc import Callable


class ResourceServer:
    """Identifies callers by the first authenticator that finds credentials, and challenges others.

    Args:
        authenticators: in the order in which they are asked.
        metadata_url_of: where the metadata is that tells a client of a request who issues tokens.
        scopes: what every call of a principal of an issuer needs, by issuer.
        issuers: from whom clients can get tokens, when a challenge tells them to.
        scope_prefixes: what clients have to put in front of a scope when they ask for it, by issuer.
        takes_anonymous: requests without credentials are let through, as calls of nobody.
        requires_dpop: challenges ask for bound tokens.
    """

    def __init__(
        self,
        authenticators: Sequence[Authenticator],
        metadata_url_of: Callable[[Request], str | None],
        scopes: Mapping[str, Sequence[str]],
        issuers: Sequence[str],
        scope_prefixes: Mapping[str, str] = {},
        *,
        takes_anonymous: bool = False,
        requires_dpop: bool = False,
    ) -> None:
        self._authenticators = tuple(authenticators)
        self._metadata_url_of = metadata_url_of
        self._scopes = scopes
        self._issuers = tuple(issuers)
        self._scope_prefixes = scope_prefixes
        self._takes_anonymous = takes_anonymous
        self._scheme = "DPoP" if requires_dpop else "Bearer"

    def authenticate(self, request: Request) -> Principal | None:
        """See ``Authenticator.authenticate``; None only where anonymous callers are let through."""
        try:
            if request.query and _has_token(request.query):
                # A query gets into logs and histories (RFC 9700, section 4.3.2).
                text = "The token must be in the Authorization header, never in the URL"
                raise CredentialsError(text, "invalid_request", status=400)
            for authenticator in self._authenticators:
                principal = authenticator.authenticate(request)
                if principal is not None:
                    return principal
        except CredentialsError as error:
            raise self._refusal(request, str(error), error) from None
        if self._takes_anonymous:
            return None
        raise self._refusal(request, "This server needs credentials")

    def base_scopes(self, principal: Principal | None) -> Sequence[str]:
        """What every call of a principal needs."""
        if principal is not None:
            return self._scopes.get(principal.issuer, ())
        return self._scopes[self._issuers[0]] if self._issuers else ()

    def forbid(self, request: Request, principal: Principal | None, needed: Iterable[str]) -> HttpRefusal:
        """The refusal of a call that needs scopes which the caller does not have."""
        needed = self._asked_for(needed, principal)
        if principal is None:
            text = "This call needs credentials"
            return unauthorized(text, self._metadata_url(request), needed, scheme=self._scheme)
        return InsufficientScopeError(needed, self._metadata_url(request), scheme=self._scheme)

    def _refusal(self, request: Request, text: str, error: CredentialsError | None = None) -> HttpRefusal:
        status = 401 if error is None else error.status
        if not self._issuers:  # clients can get no tokens for this server
            data = None if error is None else {"error": error.error}
            return HttpRefusal(status, text, data=data)
        scopes = self._asked_for(self.base_scopes(None)) if status == 401 else ()
        code, scheme = ("", self._scheme) if error is None else (error.error, error.scheme)
        url = self._metadata_url(request)
        return unauthorized(text, url, scopes, error=code, scheme=scheme, status=status)

    def _asked_for(self, scopes: Iterable[str], principal: Principal | None = None) -> list[str]:
        issuer = self._issuers[0] if principal is None and self._issuers else ""
        prefix = self._scope_prefixes.get(issuer if principal is None else principal.issuer, "")
        return with_prefix(scopes, prefix)

    def _metadata_url(self, request: Request) -> str | None:
        return self._metadata_url_of(request) if self._issuers else None


def _has_token(query: str) -> bool:
    """Whether a query has a token, however its name is encoded (RFC 6750, section 2.3)."""
    from urllib.parse import unquote_plus  # takes 3 ms, and few requests have a query

    names = (pair.partition("=")[0] for pair in query.replace(";", "&").split("&"))
    return any(unquote_plus(name) == "access_token" for name in names)
