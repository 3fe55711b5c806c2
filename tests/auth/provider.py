"""Issuers with the URLs and the tokens of a product, such as a Cognito user pool."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from tests.issuer.keys import KeyRing
from tests.issuer.tokens import compact
from tests.support import Client

from lambent import Context, MCPServer, Settings
from lambent.auth.authenticator import AuthDeclaration
from lambent.auth.fetching import Fetched

URL = "https://mcp.example.com/mcp"
SETTINGS = Settings(state_keys=("0123456789abcdef0123456789abcdef",), public_url=URL[:-4])


class Provider:
    """An issuer whose documents are served to the port ``Fetch``, at the places where the product has them.

    Args:
        issuer: Its URL, as the ``iss`` of tokens has it.
        documents: Its documents by URL.
        jwks_url: Where its keys are.
    """

    def __init__(self, issuer: str, documents: Mapping[str, Any], jwks_url: str) -> None:
        self.issuer = issuer
        self.keys = KeyRing(("RS256",))
        self.documents = {**documents, jwks_url: self.keys.jwks()}
        self.requested: list[str] = []

    def fetch(
        self, url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Fetched:
        """See ``Fetch``."""
        self.requested.append(url)
        if url not in self.documents:
            return Fetched(404, b"")
        return Fetched(200, json.dumps(self.documents[url]).encode())

    def token(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """A token with these claims, and times; ``header`` is what it has besides ``alg`` and ``kid``."""
        now, key = int(time.time()), self.keys["RS256"]
        body = {"iss": self.issuer, "iat": now, "exp": now + 3600, **claims}
        return compact({"kid": key.kid, "alg": "RS256", **(header or {})}, body, key)


@contextmanager
def protected(
    provider: Provider, *auth: AuthDeclaration, scopes: tuple[str, ...] = (), settings: Settings = SETTINGS
) -> Iterator[Client]:
    """A client of a server behind ``auth``, with a tool ``whoami`` that needs ``scopes``."""
    mcp = MCPServer("shop", version="1.2.3", auth=auth)

    @mcp.tool(scopes=scopes)
    def whoami(ctx: Context) -> dict[str, Any]:
        principal = ctx.principal
        assert principal is not None
        return {
            "subject": principal.subject,
            "client": principal.client_id,
            "scopes": sorted(principal.scopes),
            "issuer": principal.issuer,
        }

    with mock.patch("lambent.hosts.authentication.fetch", provider.fetch):
        yield Client(mcp.lambda_handler(settings))


def bearer(token: str) -> dict[str, str | None]:
    """The header that a client sends a token in."""
    return {"authorization": f"Bearer {token}"}


def metadata_url(path: str = "/mcp") -> str:
    """Where challenges say that the metadata is."""
    return f"{URL[:-4]}/.well-known/oauth-protected-resource{path}"


def refused(description: str, scopes: str = "") -> str:
    """The challenge that follows a token which is not valid."""
    scope = f'scope="{scopes}", ' if scopes else ""
    return (
        f'Bearer error="invalid_token", {scope}resource_metadata="{metadata_url()}", '
        f'error_description="{description}"'
    )


def lacking(scopes: str) -> str:
    """The challenge that follows a token without the scopes of the call."""
    return (
        f'Bearer error="insufficient_scope", scope="{scopes}", resource_metadata="{metadata_url()}", '
        f'error_description="This call needs the scope {scopes}"'
    )
