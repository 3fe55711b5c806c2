"""How the official Python client gets access tokens: as a program that a person uses, or by itself.

A login is `{"grant": ..., **arguments}`; see `login_at`.
"""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

CALLBACK = "http://127.0.0.1:9/callback"


class Memory(TokenStorage):
    """What a client remembers."""

    def __init__(self, tokens: dict[str, Any] | None, client: dict[str, Any] | None) -> None:
        self._tokens = None if tokens is None else OAuthToken.model_validate(tokens)
        self._client = None if client is None else OAuthClientInformationFull.model_validate(client)

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


class Browser:
    """Follows the link to the issuer, where somebody is logged in and approves."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    async def visit(self, url: str) -> None:
        async with httpx2.AsyncClient(trust_env=False) as client:
            response = await client.get(url)
        query = parse_qs(urlsplit(response.headers["location"]).query)
        self._told = {name: values[0] for name, values in query.items()}

    async def come_back(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(
            code=self._told["code"], state=self._told["state"], iss=self._told.get("iss")
        )


def login_at(server: str, login: dict[str, Any]) -> httpx2.Auth:
    """What asks for tokens.

    Args:
        server: the endpoint.
        login: `grant` is `code`, `client_credentials` or `id_jag`; of a program that a person uses `client`
            and `tokens` are what it remembers, and `document` is the address of its metadata; others have
            `client_id`, `client_secret`, `issuer` and `scope`, or an `assertion`.
    """
    memory = Memory(login.get("tokens"), login.get("client"))
    if login["grant"] == "code":
        browser = Browser()
        metadata = OAuthClientMetadata(redirect_uris=[AnyUrl(CALLBACK)], client_name="interop")
        return OAuthClientProvider(
            server, metadata, memory, browser.visit, browser.come_back, login.get("document")
        )
    own = {name: login.get(name) for name in ("client_id", "client_secret", "issuer", "scope")}
    if login["grant"] == "client_credentials":
        return ClientCredentialsOAuthProvider(server, memory, **own)

    async def assertion(audience: str, resource: str) -> str:
        return str(login["assertion"])

    return IdentityAssertionOAuthProvider(server, memory, **own, assertion_provider=assertion)
