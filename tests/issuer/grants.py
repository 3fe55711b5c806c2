"""The token endpoint: what a client gets for what it shows."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.issuer.authorization import Approval, challenge_of, granted
from tests.issuer.clients import OAuthClient
from tests.issuer.dpop import check_proof
from tests.issuer.metadata import JWT_BEARER, TOKEN_EXCHANGE
from tests.issuer.refusals import OAuthRefusedError
from tests.issuer.tokens import without_none

if TYPE_CHECKING:
    from tests.issuer.issuer import Issuer

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_JAG_TYP = "oauth-id-jag+jwt"


@dataclass(frozen=True)
class TokenRequest:
    """A request of the token endpoint."""

    url: str
    headers: Mapping[str, str]
    form: dict[str, str]
    resources: tuple[str, ...] = ()

    @property
    def scopes(self) -> list[str]:
        """The scopes that are asked for."""
        return self.form.get("scope", "").split()

    def required(self, name: str) -> str:
        """A parameter that has to be there.

        Raises:
            OAuthRefusedError: It is not.
        """
        if not self.form.get(name):
            raise OAuthRefusedError("invalid_request", f"{name} is missing")
        return self.form[name]


class Grants:
    """The grants of an issuer."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        self._refresh: dict[str, Approval] = {}
        self._used: set[str] = set()
        self._grants = {
            "authorization_code": self._code,
            "refresh_token": self._refreshed,
            "client_credentials": self._own,
            TOKEN_EXCHANGE: self._exchange,
            JWT_BEARER: self._assertion,
        }

    def answer(self, request: TokenRequest) -> dict[str, Any]:
        """The response to a token request.

        Raises:
            OAuthRefusedError: Nothing is given.
        """
        grant = self._grants.get(request.required("grant_type"))
        if grant is None:
            raise OAuthRefusedError("unsupported_grant_type")
        client = self._issuer.clients.authenticate(request.headers, request.form)
        self._bound_to(request)  # a proof that is refused uses up no code
        return grant(request, client)

    def _code(self, request: TokenRequest, client: OAuthClient) -> dict[str, Any]:
        approval = self._issuer.approvals.redeem(request.required("code"))
        if approval is None or approval.client_id != client.client_id:
            raise OAuthRefusedError("invalid_grant", "unknown code")
        if challenge_of(request.required("code_verifier")) != approval.challenge:
            raise OAuthRefusedError("invalid_grant", "wrong code_verifier")
        if request.form.get("redirect_uri") != approval.redirect_uri:
            raise OAuthRefusedError("invalid_grant", "another redirect_uri")
        return self._give(request, approval, refreshable=True)

    def _refreshed(self, request: TokenRequest, client: OAuthClient) -> dict[str, Any]:
        approval = self._refresh.pop(request.required("refresh_token"), None)
        if approval is None or approval.client_id != client.client_id:
            raise OAuthRefusedError("invalid_grant", "unknown refresh_token")
        if not set(request.scopes) <= set(approval.scopes):
            raise OAuthRefusedError("invalid_scope", "more than was granted")
        scopes = tuple(request.scopes) or approval.scopes
        return self._give(request, replace(approval, scopes=scopes), refreshable=True)

    def _own(self, request: TokenRequest, client: OAuthClient) -> dict[str, Any]:
        if client.secret is None:
            raise OAuthRefusedError("unauthorized_client", "a public client")
        scopes = granted(request.scopes, self._issuer.grantable)
        return self._give(request, Approval(client.client_id, client.client_id, scopes))

    def _exchange(self, request: TokenRequest, client: OAuthClient) -> dict[str, Any]:
        """RFC 8693; a token of this issuer becomes an access token or an ID-JAG."""
        if request.required("subject_token_type") not in (ACCESS_TOKEN, ID_TOKEN):
            raise OAuthRefusedError("invalid_request", "subject_token_type")
        _, claims = self._trusted(request.required("subject_token"), "invalid_request")
        wanted = request.form.get("requested_token_type", ACCESS_TOKEN)
        scopes = granted(request.scopes, self._issuer.grantable)
        if wanted == ACCESS_TOKEN:
            given = self._give(request, Approval(client.client_id, claims["sub"], scopes))
            return {**given, "issued_token_type": ACCESS_TOKEN}
        if wanted != ID_JAG:
            raise OAuthRefusedError("invalid_request", "requested_token_type")
        audience = request.required("audience")
        client_id = self._issuer.client_names.get(audience, client.client_id)
        resource = request.resources[0] if request.resources else None
        assertion = self._issuer.id_jag(audience, client_id, claims["sub"], resource=resource, scopes=scopes)
        return {
            "access_token": assertion,
            "issued_token_type": ID_JAG,
            "token_type": "N_A",
            "expires_in": self._issuer.lifetime,
            "scope": " ".join(scopes),
        }

    def _assertion(self, request: TokenRequest, client: OAuthClient) -> dict[str, Any]:
        """RFC 7523 with an identity-assertion grant (ID-JAG) of an issuer that is trusted."""
        header, claims = self._trusted(request.required("assertion"), "invalid_grant")
        if header.get("typ") != ID_JAG_TYP or claims.get("aud") != self._issuer.url:
            raise OAuthRefusedError("invalid_grant", "no ID-JAG for this issuer")
        identity = claims.get("jti")
        if claims.get("client_id") != client.client_id or identity is None or identity in self._used:
            raise OAuthRefusedError("invalid_grant", "another client's, or used before")
        self._used.add(identity)
        allowed = claims.get("scope", "").split()
        scopes = tuple(scope for scope in request.scopes or allowed if scope in allowed)
        resources = (claims["resource"],) if claims.get("resource") else ()
        approval = Approval(client.client_id, claims["sub"], scopes, resources)
        return self._give(request, approval)

    def _trusted(self, token: str, error: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token of this issuer, or of one that it trusts."""
        try:
            header, claims = self._issuer.verify(token)
        except (ValueError, KeyError) as problem:
            raise OAuthRefusedError(error, str(problem)) from problem
        return header, claims

    def _give(
        self, request: TokenRequest, approval: Approval, *, refreshable: bool = False
    ) -> dict[str, Any]:
        """An access token for what was approved, and a refresh token where that is usual."""
        if approval.resources and not set(request.resources) <= set(approval.resources):
            raise OAuthRefusedError("invalid_target", "another resource than was approved")
        thumbprint = self._bound_to(request)
        given = self._issuer.access_token(
            approval.subject,
            _audience(request.resources or approval.resources),
            approval.scopes,
            client_id=approval.client_id,
            **({} if thumbprint is None else {"cnf": {"jkt": thumbprint}}),
        )
        refresh = None
        if refreshable and self._issuer.refresh_tokens:
            refresh = secrets.token_urlsafe(16)
            self._refresh[refresh] = approval
        return without_none(
            {
                "access_token": given,
                "token_type": "Bearer" if thumbprint is None else "DPoP",
                "expires_in": self._issuer.lifetime,
                "scope": " ".join(approval.scopes) or None,
                "refresh_token": refresh,
            }
        )

    def _bound_to(self, request: TokenRequest) -> str | None:
        """The thumbprint of the key that the request proves to have."""
        proof = request.headers.get("dpop")
        if proof is None:
            return None
        try:
            thumbprint, nonce = check_proof(proof, "POST", request.url, now=self._issuer.now())
        except ValueError as error:
            raise OAuthRefusedError("invalid_dpop_proof", str(error)) from error
        wanted = self._issuer.dpop_nonce
        if wanted is not None and nonce != wanted:
            raise OAuthRefusedError("use_dpop_nonce", headers={"DPoP-Nonce": wanted})
        return thumbprint


def _audience(resources: Sequence[str]) -> str | list[str] | None:
    return list(resources) if len(resources) > 1 else next(iter(resources), None)
