"""Clients of the test issuer: registered before, by themselves (RFC 7591), or by a metadata document."""

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.issuer.refusals import OAuthRefusedError


@dataclass(frozen=True)
class OAuthClient:
    """A client; without a secret it is a public one."""

    client_id: str
    secret: str | None = None
    redirect_uris: Sequence[str] = ()

    def authenticates_with(self, secret: str | None) -> bool:
        """Whether a request with this secret may act for the client."""
        if self.secret is None:
            return secret is None
        return secret is not None and hmac.compare_digest(secret.encode(), self.secret.encode())


class ClientRegistry:
    """All clients of an issuer."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClient] = {}
        self.documents: dict[str, dict[str, Any]] = {}
        """Client ID metadata documents by their address; they are not fetched."""

    def add(self, client: OAuthClient) -> OAuthClient:
        """Register a client before anything happens."""
        self.clients[client.client_id] = client
        return client

    def register(self, metadata: Any) -> dict[str, Any]:
        """Register a client that asks for it; the response (RFC 7591, section 3.2.1).

        Raises:
            OAuthRefusedError: The metadata are no client's.
        """
        if not isinstance(metadata, dict):
            raise OAuthRefusedError("invalid_client_metadata", "not an object")
        redirect_uris = metadata.get("redirect_uris", [])
        grants = metadata.get("grant_types", ["authorization_code"])
        if "authorization_code" in grants and not redirect_uris:
            raise OAuthRefusedError("invalid_redirect_uri", "redirect_uris is missing")
        method = metadata.get("token_endpoint_auth_method", "client_secret_basic")
        secret = None if method == "none" else secrets.token_urlsafe(16)
        client = self.add(OAuthClient(f"client-{secrets.token_hex(6)}", secret, redirect_uris))
        return {
            **metadata,
            "client_id": client.client_id,
            "client_id_issued_at": int(time.time()),
            "grant_types": grants,
            "token_endpoint_auth_method": method,
            **({} if secret is None else {"client_secret": secret, "client_secret_expires_at": 0}),
        }

    def find(self, client_id: str) -> OAuthClient:
        """The client of that name, or of that metadata document.

        Raises:
            OAuthRefusedError: There is none.
        """
        if client_id in self.documents:
            document = self.documents[client_id]
            if document.get("client_id") != client_id:
                raise OAuthRefusedError("invalid_client", "the document is another client's", status=401)
            return OAuthClient(client_id, None, document["redirect_uris"])
        if client_id not in self.clients:
            raise OAuthRefusedError("invalid_client", "unknown client", status=401)
        return self.clients[client_id]

    def authenticate(self, headers: Mapping[str, str], form: Mapping[str, str]) -> OAuthClient:
        """The client that sends a request, by HTTP Basic, by its body, or a public one by its name.

        Raises:
            OAuthRefusedError: It is none, or its secret is wrong.
        """
        client_id, secret = form.get("client_id", ""), form.get("client_secret")
        basic = basic_credentials(headers.get("authorization", ""))
        if basic is not None:
            client_id, secret = basic
        client = self.find(client_id)
        if not client.authenticates_with(secret):
            challenge = {"WWW-Authenticate": 'Basic realm="issuer"'} if basic else {}
            raise OAuthRefusedError("invalid_client", "wrong secret", status=401, headers=challenge)
        return client


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Name and secret of ``client_secret_basic`` (RFC 6749, section 2.3.1)."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote(name), unquote(secret)
