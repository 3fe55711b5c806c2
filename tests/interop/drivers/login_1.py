"""How clients of the official Python SDK before its release 2 get access tokens; see `login.py`."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

CALLBACK = "http://127.0.0.1:9/callback"


class Memory:
    """What a client remembers: at first nothing."""

    def __init__(self) -> None:
        self._tokens: Any = None
        self._client: Any = None

    async def get_tokens(self) -> Any:
        return self._tokens

    async def set_tokens(self, tokens: Any) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> Any:
        return self._client

    async def set_client_info(self, client_info: Any) -> None:
        self._client = client_info


class Browser:
    """Follows the link to the issuer, where somebody is logged in and approves."""

    def __init__(self) -> None:
        self._told: dict[str, list[str]] = {}

    async def visit(self, url: str) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.get(url)
        self._told = parse_qs(urlsplit(response.headers["location"]).query)

    async def come_back(self) -> tuple[str, str | None]:
        return self._told["code"][0], self._told["state"][0]


def login_at(server: str, scope: str | None) -> httpx.Auth:
    """What asks for tokens, as a program that a person uses and that is not registered.

    Args:
        server: the endpoint.
        scope: what the program asks for, unless it learns what is needed.
    """
    browser = Browser()
    metadata = OAuthClientMetadata(redirect_uris=[AnyUrl(CALLBACK)], client_name="interop", scope=scope)
    return OAuthClientProvider(server, metadata, Memory(), browser.visit, browser.come_back)
