"""What a client sends to the test issuer, step by step."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.issuer import tokens
from tests.issuer.authorization import challenge_of
from tests.issuer.issuer import Issuer
from tests.issuer.loopback import get, post

CALLBACK = "http://127.0.0.1:9/callback"
RESOURCE = "https://api.test/mcp"


def register(issuer: Issuer, **metadata: Any) -> dict[str, Any]:
    """Register a public client, or as ``metadata`` says; what the issuer made of it."""
    document = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", **metadata}
    answer = post(f"{issuer.url}/register", json=document)
    assert answer.status_code == 201
    registered: dict[str, Any] = answer.json()
    return registered


def authorize(issuer: Issuer, client_id: str, verifier: str, **parameters: Any) -> dict[str, list[str]]:
    """Ask for a code; the parameters of the redirect. None takes a parameter away."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
        "state": "s1",
        "scope": "read write",
        "resource": RESOURCE,
        **parameters,
    }
    answer = get(f"{issuer.url}/authorize", params=tokens.without_none(query))
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    return parse_qs(urlsplit(answer.headers["location"]).query)


def ask(issuer: Issuer, form: dict[str, Any], **options: Any) -> httpx.Response:
    """The response of the token endpoint."""
    return post(f"{issuer.url}/token", data=form, **options)


def redeem(client_id: str, code: str, verifier: str, **form: Any) -> dict[str, Any]:
    """The form that redeems a code."""
    return {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
        "resource": RESOURCE,
        **form,
    }


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error response."""
    return answer.status_code, answer.json()["error"]
