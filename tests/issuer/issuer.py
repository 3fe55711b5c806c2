"""A test issuer: an OAuth 2.1 authorization server with real keys on loopback.

    with Issuer() as issuer:
        token = issuer.token("user-1", "https://api.test/mcp", ["refunds:write"])

Everything that is public may be changed while it runs.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from joserfc.jwk import Key
from tests.issuer import endpoints
from tests.issuer.authorization import Approvals
from tests.issuer.clients import ClientRegistry, OAuthClient
from tests.issuer.grants import ID_JAG_TYP, Grants
from tests.issuer.keys import ALGORITHMS, KeyRing, SigningKey
from tests.issuer.metadata import DOCUMENTS
from tests.issuer.opaque import OpaqueTokens
from tests.issuer.outages import EVERYWHERE, Outage, Outages
from tests.issuer.server import IssuerRequest, IssuerServer, Received
from tests.issuer.tokens import Part, compact, parse, verify, without_none

INTROSPECTION_CLIENT = OAuthClient("resource-server", "introspection-secret")
"""Who may introspect tokens."""


class Issuer:
    """A test issuer; it runs within a ``with`` block.

    Args:
        path: The path of the issuer's identifier, such as ``/tenant``.
        audience: The ``aud`` of tokens for which no resource was named; None for no ``aud``.
        documents: The metadata documents that are served.
        algorithms: The algorithms of the keys.
        registration: Whether clients may register by themselves.
        client_documents: Whether client ID metadata documents are taken (from ``clients.documents``).
        scopes: The ``scopes_supported`` of the metadata.
        opaque: Whether the token endpoint gives out opaque access tokens.
    """

    def __init__(
        self,
        path: str = "",
        *,
        audience: str | None = "https://api.test/mcp",
        documents: Collection[str] = DOCUMENTS,
        algorithms: Sequence[str] = ALGORITHMS,
        registration: bool = True,
        client_documents: bool = False,
        scopes: Collection[str] | None = None,
        opaque: bool = False,
    ) -> None:
        self.path = path
        self.audience = audience
        self.documents = documents
        self.registration = registration
        self.client_documents = client_documents
        self.scopes = scopes
        self.opaque = opaque

        self.subject = "user-1"
        """Who is logged in."""
        self.grantable: Collection[str] | None = None
        """The scopes that may be had; None for all."""
        self.lifetime = 300
        """Of access tokens, in seconds."""
        self.refresh_tokens = True
        self.dpop_nonce: str | None = None
        """What proofs at the token endpoint have to carry."""
        self.metadata: dict[str, Any] = {}
        """Members that replace those of the metadata; None takes one away."""
        self.jwks_headers: dict[str, str] = {}
        """Further headers of the JWKS."""
        self.client_names: dict[str, str] = {}
        """The ``client_id`` of an ID-JAG by its audience, where it differs from the one here."""
        self.now: Callable[[], float] = time.time

        self.keys = KeyRing(algorithms)
        self.trusted: dict[str, KeyRing] = {}
        """The keys of issuers whose identity assertions are taken, by issuer."""
        self.clients = ClientRegistry()
        self.clients.add(INTROSPECTION_CLIENT)
        self.approvals = Approvals(self.clients)
        self.opaque_tokens = OpaqueTokens()
        self.grants = Grants(self)
        self.outages = Outages()
        self.received: list[Received] = []
        """All requests since the start."""

        self._lock = threading.Lock()
        self._server = IssuerServer(self._handle)
        self._is_up = False
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.url = self.address + path
        """The issuer's identifier."""
        self.redirect_issuer: str | None = self.url
        """The ``iss`` of redirects (RFC 9207); None for none."""

    def __enter__(self) -> Self:
        self._server.start()
        self._is_up = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.keys.close()

    def stop(self) -> None:
        """Go down: connections are refused from now on."""
        self.outages.end()
        if self._is_up:
            self._is_up = False
            self._server.stop()

    @property
    def jwks_uri(self) -> str:
        """Where the keys are."""
        return f"{self.url}/jwks"

    @property
    def requests(self) -> Counter[str]:
        """How many requests there were, by path."""
        with self._lock:
            return Counter(request.path for request in self.received)

    def rotate(self, *, keep: bool = False) -> None:
        """Sign with new keys from now on; former ones leave the JWKS unless ``keep`` is set."""
        self.keys.rotate(keep=keep)

    def outage(self, kind: Outage, path: str = EVERYWHERE) -> AbstractContextManager[None]:
        """Fail in one way, for requests of one path or of all, for the time of a ``with`` block."""
        return self.outages.during(kind, path)

    def trust(self, other: "Issuer") -> None:
        """Take identity assertions of ``other``."""
        self.trusted[other.url] = other.keys

    def claims(
        self,
        subject: str = "user-1",
        audience: str | Sequence[str] | None = None,
        scopes: Sequence[str] = (),
        *,
        expires_in: float | None = None,
        **overrides: Any,
    ) -> dict[str, Any]:
        """The claims of an access token (RFC 9068).

        Args:
            subject: The ``sub``.
            audience: The ``aud``; by default that of the issuer.
            scopes: Joined as ``scope``; left out if there are none.
            expires_in: Seconds until ``exp``; negative for a token that has expired.
            overrides: Claims that replace these; None takes one away.
        """
        now = int(self.now())
        return without_none(
            {
                "iss": self.url,
                "sub": subject,
                "aud": self.audience if audience is None else audience,
                "iat": now,
                "exp": now + (self.lifetime if expires_in is None else expires_in),
                "jti": secrets.token_urlsafe(12),
                "client_id": "client-1",
                "scope": " ".join(scopes) or None,
                **overrides,
            }
        )

    def token(
        self,
        subject: str = "user-1",
        audience: str | Sequence[str] | None = None,
        scopes: Sequence[str] = (),
        *,
        alg: str = "RS256",
        kid: str | None = None,
        expires_in: float | None = None,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A signed access token.

        Args:
            subject: As for ``claims``.
            audience: As for ``claims``.
            scopes: As for ``claims``.
            alg: The algorithm; the present key for it signs.
            kid: A former key that signs in its place.
            expires_in: As for ``claims``.
            header: Members that replace those of the header; None takes one away.
            claims: As the overrides of ``claims``.
        """
        key = self.keys[alg] if kid is None else self.keys.known[kid]
        members = {"typ": "at+jwt", "alg": key.alg, "kid": key.kid, **(header or {})}
        body = self.claims(subject, audience, scopes, expires_in=expires_in, **claims)
        return compact(without_none(members), body, key, alg=key.alg)

    def raw_token(
        self,
        header: Part,
        claims: Part,
        key: SigningKey | Key | bytes | None = None,
        *,
        alg: str | None = None,
        signature: bytes | None = None,
    ) -> str:
        """A token that says whatever it is told to.

        Args:
            header: The header, or its bytes.
            claims: The claims, or their bytes.
            key: What it is signed with; by default the present key for ``alg``; bytes are an HMAC secret.
            alg: How it is signed; by default as the header says.
            signature: Used as it is in place of a right one; ``b""`` for none.
        """
        if key is None and signature is None:
            assert alg is not None or isinstance(header, dict)
            key = self.keys[alg or str(dict(header)["alg"])]  # type: ignore[arg-type]
        return compact(header, claims, key, alg=alg, signature=signature)

    def opaque_token(
        self,
        subject: str = "user-1",
        audience: str | Sequence[str] | None = None,
        scopes: Sequence[str] = (),
        *,
        expires_in: float | None = None,
        **claims: Any,
    ) -> str:
        """An opaque access token that introspection knows; the arguments are those of ``claims``."""
        body = self.claims(subject, audience, scopes, expires_in=expires_in, **claims)
        return self.opaque_tokens.issue(body)

    def access_token(
        self, subject: str, audience: str | Sequence[str] | None, scopes: Sequence[str], **claims: Any
    ) -> str:
        """An access token as the token endpoint gives it out."""
        make = self.opaque_token if self.opaque else self.token
        return make(subject, audience, scopes, **claims)

    def id_token(self, client_id: str, subject: str = "user-1", **claims: Any) -> str:
        """An ID token: what a login gives a client. As an access token it is worth nothing."""
        members = {"client_id": None, "jti": None, **claims}
        return self.token(subject, client_id, header={"typ": "JWT"}, **members)

    def id_jag(
        self,
        audience: str,
        client_id: str,
        subject: str = "user-1",
        *,
        resource: str | None = None,
        scopes: Sequence[str] = (),
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """An identity assertion for the issuer ``audience``, to be shown there by ``client_id``."""
        members = {"client_id": client_id, "resource": resource, **claims}
        return self.token(subject, audience, scopes, header={"typ": ID_JAG_TYP, **(header or {})}, **members)

    def verify(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The header and the claims of a valid token of this issuer or of one that it trusts.

        Raises:
            ValueError: It is none.
        """
        issuer = parse(token)[1].get("iss")
        keys = self.keys if issuer == self.url else self.trusted.get(str(issuer))
        if keys is None:
            raise ValueError("unknown issuer")
        header, claims = verify(token, keys)
        if claims["exp"] <= self.now():
            raise ValueError("expired")
        return header, claims

    def _handle(self, request: IssuerRequest, received: Received) -> None:
        with self._lock:
            self.received.append(received)
        outage = self.outages.of(received.path)
        if outage is None:
            endpoints.answer(self, request, received)
        elif outage.kind is Outage.REDIRECT:
            request.answer(302, headers={"Location": f"{self.address}{endpoints.MOVED}{received.path}"})
        else:
            outage.fail(request)
