"""Lambent with OAuth: every call brings a token. The issuer is a function, so no network is measured."""

import json
import subprocess
import sys

from peers.tools import PLAIN

import lambent.hosts.authentication as hosts
from lambent import MCPServer, OAuth
from lambent.auth.fetching import Fetched

ISSUER = "https://issuer.example"

_answers = {
    f"{ISSUER}/.well-known/oauth-authorization-server": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
}

_SIGN = """
import json, sys, time
from joserfc import jwt
from joserfc.jwk import RSAKey

key = RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256", "use": "sig"})
now = int(time.time())
claims = {**json.load(sys.stdin), "iat": now, "exp": now + 3600}
token = jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "1"}, claims, key)
print(json.dumps({"token": token, "keys": [key.as_dict(private=False)]}))
"""


def build():
    hosts.fetch = _fetch
    mcp = MCPServer("benchmark", version="1.0.0", auth=OAuth(issuer=ISSUER, scopes=["tools:call"]))
    for tool in PLAIN:
        mcp.tool()(tool)
    return mcp.lambda_handler()


def token(audience):
    """A token of some 900 bytes, as issuers give: RS256, with a few claims besides those that are needed.

    It is signed in another process: in this one nothing that verifies tokens may be loaded yet.
    """
    claims = {
        "iss": ISSUER,
        "sub": "f5a7c1d2-9a0e-4c39-8f6b-2f1f0c1b7d3e",
        "aud": audience,
        "client_id": "https://client.example/metadata.json",
        "scope": "openid profile tools:call orders:read",
        "email": "user@example.com",
        "name": "Some User",
        "jti": "6b5a1f56-37a0-4b7c-8a0f-6b8f6f1c5b77",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-c", _SIGN],
        input=json.dumps(claims),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    )
    made = json.loads(done.stdout)
    _answers[f"{ISSUER}/jwks"] = {"keys": made["keys"]}
    return made["token"]


def _fetch(url, **_):
    return Fetched(200, json.dumps(_answers[url]).encode())
