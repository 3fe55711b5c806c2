"""Access tokens of requests: found in a header, verified once, remembered for as long as they are valid."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.access_tokens import (
    CLIENT_CLAIMS,
    InvalidTokenError,
    audiences,
    check_times,
    scopes_of,
    take_apart,
    text_of,
    verify_signature,
)
from lambent.auth.authenticator import AuthPorts, CredentialsError
from lambent.auth.claims import read_only
from lambent.auth.fetching import FetchError
from lambent.auth.issuer_keys import IssuerDownError, IssuerKeys
from lambent.auth.oauth import OAuth
from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError, HttpRefusal

if TYPE_CHECKING:
    from lambent.auth.dpop import UsedProofs
    from lambent.wire.http import Request

_REMEMBERED = 500
"""Tokens: usually a megabyte or two; eight where they are as long as may be."""

_REMEMBERED_SECONDS = 300.0
"""After so long a token is verified again: its issuer may have withdrawn the key that has signed it."""

_B64TOKEN = r"[A-Za-z0-9._~+/-]+=*"
"""What a token looks like (RFC 6750, section 2.1). Two headers, which hosts join with a comma, do not."""


class Verified(msgspec.Struct, frozen=True):
    """A token that was verified.

    Attributes:
        principal: whose token it is.
        expires: in seconds since the epoch, the end of what is remembered of it.
        token: the token, where its requests carry proofs; else empty.
        thumbprint: of the key that it is bound to (RFC 9449, section 6); empty where it is bound to none.
        audiences: for whom it is, where that is compared with each request; else None.
        needs_no_check: a further request has nothing that has to be checked.
    """

    principal: Principal
    expires: float
    token: str
    thumbprint: str
    audiences: frozenset[str] | None
    needs_no_check: bool


class BearerTokens:
    """Identifies callers by access tokens; see ``OAuth``."""

    def __init__(self, oauth: OAuth, ports: AuthPorts) -> None:
        self.oauth = oauth
        self._ports = ports
        self._clock = ports.clock
        self._header = oauth.header.lower()
        self._audiences = frozenset(oauth.audiences)
        self._verified: dict[str, Verified] = {}
        self._refused: dict[str, float] = {}
        self._keys = {
            issuer: IssuerKeys(issuer, ports.fetch, ports.clock, oauth.keys_at(issuer))
            for issuer in oauth.issuers
        }

    @functools.cached_property
    def _used_proofs(self) -> UsedProofs:
        from lambent.auth.dpop import UsedProofs

        return UsedProofs()

    def authenticate(self, request: Request) -> Principal | None:
        """See ``Authenticator.authenticate``."""
        header = request.headers.get(self._header)
        if header is None:
            return None
        verified = self._verified.get(header)
        if verified is None or verified.expires <= self._clock():
            scheme, token = self._token_of(header)
            if not token:
                return None
            verified = self._verify(token, is_proved=scheme == "dpop")
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[header] = verified
        if not verified.needs_no_check:
            self._check(verified, request)
        return verified.principal

    def _token_of(self, header: str) -> tuple[str, str]:
        """The scheme and the token of a header; an empty token where it has credentials of another kind."""
        scheme, _, token = header.strip(" \t").partition(" ")
        scheme, token = scheme.lower(), token.strip(" \t")
        if scheme not in ("bearer", "dpop"):
            token = header.strip(" \t")
            if self._header == "authorization" or not token:
                return "bearer", ""
            scheme = "bearer"
        if not re.fullmatch(_B64TOKEN, token):
            text = f"The header {self.oauth.header} does not have one token"
            raise CredentialsError(text, "invalid_request", status=400)
        return scheme, token

    def _about(self, text: str) -> str:
        """What is wrong with a token, and where it is if not at the usual place."""
        return text if self._header == "authorization" else f"{self.oauth.header}: {text}"

    def _verify(self, token: str, *, is_proved: bool) -> Verified:
        oauth = self.oauth
        is_opaque = oauth.introspection is not None and token.count(".") != 2
        try:
            claims, issuer = self._looked_up(token) if is_opaque else self._read(token)
            end = self._clock() + _REMEMBERED_SECONDS
            if is_opaque and oauth.introspection is not None:
                end = self._clock() + oauth.introspection.cache_seconds
            if not is_opaque or "exp" in claims:
                end = min(end, check_times(claims, self._clock(), oauth.leeway))
            found, principal = audiences(claims), self._principal_of(claims, issuer)
            if found is None and not (oauth.client_ids or (is_opaque and _trusts_answers(oauth))):
                raise InvalidTokenError("The token does not say for whom it is (aud)")
            if found is not None and not found.isdisjoint(self._audiences):
                found = None
            thumbprint = _thumbprint_of(claims)
        except InvalidTokenError as error:
            raise CredentialsError(self._about(str(error))) from None
        except (IssuerDownError, FetchError) as error:
            text = "The issuer of tokens does not answer: try again later"
            raise HttpRefusal(503, text, {"Retry-After": "5"}) from error
        is_bound = bool(thumbprint) or is_proved or oauth.requires_dpop
        if is_bound and not is_proved:
            text = "The token is bound to a key of its client, or has to be: use the scheme DPoP"
            raise CredentialsError(text, scheme="DPoP")
        needs_no_check = found is None and not is_bound
        return Verified(principal, end, token if is_bound else "", thumbprint, found, needs_no_check)

    def _check(self, verified: Verified, request: Request) -> None:
        """Check what differs from request to request: the URL of the endpoint, and the proof."""
        url = self._ports.url_of(request)
        if url is None and (verified.token or not self._audiences):
            raise ConfigurationError("The URL of the endpoint is not known: set LAMBENT_PUBLIC_URL")
        own = () if url is None else (url, f"{url}/")
        if verified.audiences is not None and verified.audiences.isdisjoint(own):
            raise CredentialsError(self._about("The token was issued for another server (aud)"))
        if verified.token and url is not None:
            from lambent.auth.dpop import check_proof  # few clients have keys

            check_proof(request, url, verified.token, verified.thumbprint, self._used_proofs, self._clock())

    def _read(self, token: str) -> tuple[Mapping[str, Any], str]:
        """The claims of a JWT, and who has signed it."""
        found = take_apart(token)
        keys = self._keys.get(found.issuer)
        if keys is None:
            raise InvalidTokenError("The issuer of the token is not one of those that this server trusts")
        algorithm, key_id = found.header["alg"], found.header.get("kid")
        if algorithm not in self.oauth.algorithms:
            raise InvalidTokenError("The token is not signed with an algorithm that is accepted")
        if key_id is not None and not isinstance(key_id, str):
            raise InvalidTokenError("The token is not a signed JWT")
        # Before the keys are asked for: a token that has expired anyway causes no request to the issuer.
        check_times(found.claims, self._clock(), self.oauth.leeway)
        verify_signature(found, keys.find(key_id, algorithm))
        return found.claims, found.issuer

    def _looked_up(self, token: str) -> tuple[Mapping[str, Any], str]:
        """What the issuer says of an opaque token."""
        assert self.oauth.introspection is not None  # noqa: S101 - asked for before
        from lambent.auth.introspection import INACTIVE, introspect  # few issuers have opaque tokens

        if self._refused.get(token, 0.0) > self._clock():
            raise InvalidTokenError(INACTIVE)
        try:
            claims = introspect(self.oauth.introspection, token, self._ports.fetch)
        except InvalidTokenError:  # clients that try again cause no more requests than with a good token
            if len(self._refused) >= _REMEMBERED:
                self._refused.clear()
            self._refused[token] = self._clock() + self.oauth.introspection.cache_seconds
            raise
        issuer = claims.get("iss", self.oauth.issuers[0])
        if issuer not in self.oauth.issuers:
            raise InvalidTokenError("The issuer of the token is not one of those that this server trusts")
        return claims, str(issuer)

    def _principal_of(self, claims: Mapping[str, Any], issuer: str) -> Principal:
        oauth = self.oauth
        client_id = text_of(claims, CLIENT_CLAIMS)
        if claims.get("token_use", "access") != "access":  # Cognito signs ID tokens with the same keys
            raise InvalidTokenError("The token is not an access token")
        if oauth.client_ids and client_id not in oauth.client_ids:
            raise InvalidTokenError("The token was issued to a client that this server does not know")
        subject = text_of(claims, ("sub",))
        if not subject:  # not its client instead: all users of that one would be the same principal
            raise InvalidTokenError("The token does not say whose it is (sub)")
        scopes = oauth.with_implied(scopes_of(claims, oauth.scope_claims))
        return Principal(subject, issuer, scopes, read_only(claims), client_id)


def _trusts_answers(oauth: OAuth) -> bool:
    return oauth.introspection is not None and oauth.introspection.checks_audience


def _thumbprint_of(claims: Mapping[str, Any]) -> str:
    """The thumbprint of the key that a token is bound to; empty where it is bound to none."""
    confirmation = claims.get("cnf")
    if confirmation is None:
        return ""
    thumbprint = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    if (
        not isinstance(thumbprint, str) or not thumbprint or len(confirmation) != 1
    ):  # such as a certificate, RFC 8705
        raise InvalidTokenError("The token is bound to its client in a way that is not supported")
    return thumbprint
