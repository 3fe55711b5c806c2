"""Lambent with OAuth: every call brings a token. The issuer is a function, so no network is measured."""

import json
import time

from peers.tools import PLAIN

import lambent.hosts.authentication as hosts
from lambent import MCPServer, OAuth
from lambent.auth.fetching import Fetched

ISSUER = "https://issuer.example"


def build():
    hosts.fetch = _fetch
    mcp = MCPServer("benchmark", version="1.0.0", auth=OAuth(issuer=ISSUER, scopes=["tools:call"]))
    for tool in PLAIN:
        mcp.tool()(tool)
    return mcp.lambda_handler()


def token(audience):
    """A token of some 900 bytes, as issuers give: RS256, with a few claims besides those that are needed."""
    from joserfc import jwt

    claims = {
        "iss": ISSUER,
        "sub": "f5a7c1d2-9a0e-4c39-8f6b-2f1f0c1b7d3e",
        "aud": audience,
        "exp": int(time.time()) + 3600,
        "iat": int(time.time()),
        "client_id": "https://client.example/metadata.json",
        "scope": "openid profile tools:call orders:read",
        "email": "user@example.com",
        "name": "Some User",
        "jti": "6b5a1f56-37a0-4b7c-8a0f-6b8f6f1c5b77",
    }
    return jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "1"}, claims, _key())


def _key():
    from joserfc.jwk import RSAKey

    global _made  # noqa: PLW0603 - made once, and not before it is needed
    if _made is None:
        _made = RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256", "use": "sig"})
    return _made


_made = None


def _fetch(url, **_):
    if url.endswith("/jwks"):
        return Fetched(200, json.dumps({"keys": [_key().as_dict(private=False)]}).encode())
    return Fetched(200, json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}).encode())
