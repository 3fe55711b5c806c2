"""The authorization endpoint: whoever asks is logged in and approves at once."""

import base64
import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.issuer.clients import ClientRegistry
from tests.issuer.refusals import OAuthRefusedError


@dataclass(frozen=True)
class Approval:
    """What a user has allowed a client."""

    client_id: str
    subject: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...] = ()
    redirect_uri: str = ""
    challenge: str = ""


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


Query = dict[str, list[str]]


def one(query: Query, name: str) -> str:
    """A parameter that is there once, or ``""``.

    Raises:
        OAuthRefusedError: It is there more than once (RFC 6749, section 3.1).
    """
    values = query.get(name, [""])
    if len(values) > 1:
        raise OAuthRefusedError("invalid_request", f"{name} is there twice")
    return values[0]


class Approvals:
    """Codes that were given out and not yet redeemed."""

    def __init__(self, clients: ClientRegistry) -> None:
        self._clients = clients
        self._codes: dict[str, Approval] = {}

    def redirect(
        self, query: Query, *, subject: str, grantable: Collection[str] | None, issuer: str | None
    ) -> str:
        """Where the browser goes after an authorization request.

        Args:
            query: The request's.
            subject: Who is logged in.
            grantable: The scopes that may be had; None for all.
            issuer: The ``iss`` of the redirect (RFC 9207), if it has one.

        Raises:
            OAuthRefusedError: The client or its redirect URI is unknown, so there is nowhere to go.
        """
        client = self._clients.find(one(query, "client_id"))
        redirect_uri = one(query, "redirect_uri")
        if redirect_uri not in client.redirect_uris:
            raise OAuthRefusedError("invalid_request", "unknown redirect_uri")
        try:
            code = self._approve(query, subject, grantable, redirect_uri)
            answer = {"code": code}
        except OAuthRefusedError as refusal:
            answer = {key: str(value) for key, value in refusal.body.items()}
        if one(query, "state"):
            answer["state"] = one(query, "state")
        if issuer is not None:
            answer["iss"] = issuer
        return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}"

    def redeem(self, code: str) -> Approval | None:
        """What the code stands for, once."""
        return self._codes.pop(code, None)

    def _approve(
        self, query: Query, subject: str, grantable: Collection[str] | None, redirect_uri: str
    ) -> str:
        if one(query, "response_type") != "code":
            raise OAuthRefusedError("unsupported_response_type")
        challenge = one(query, "code_challenge")
        if not challenge or one(query, "code_challenge_method") != "S256":
            raise OAuthRefusedError("invalid_request", "PKCE with S256 is required")
        code = secrets.token_urlsafe(16)
        self._codes[code] = Approval(
            one(query, "client_id"),
            subject,
            granted(one(query, "scope").split(), grantable),
            tuple(query.get("resource", ())),
            redirect_uri,
            challenge,
        )
        return code


def granted(asked: Sequence[str], grantable: Collection[str] | None) -> tuple[str, ...]:
    """The scopes of those asked for that may be had."""
    return tuple(scope for scope in asked if grantable is None or scope in grantable)
