"""Tokens that are known beforehand."""

from lambent.compat.fastmcp import (
    AccessToken,
    CurrentAccessToken,
    FastMCP,
    StaticTokenVerifier,
    get_access_token,
    require_scopes,
)

mcp = FastMCP(
    "tokens",
    auth=StaticTokenVerifier(
        tokens={"secret": {"client_id": "ann", "scopes": ["read"], "team": "a"}},
        required_scopes=["read"],
    ),
)


@mcp.tool
def who() -> str:
    token = get_access_token()
    return (
        "nobody"
        if token is None
        else f"{token.client_id} {token.scopes} {token.claims['team']} {token.token}"
    )


@mcp.tool
async def injected(token: AccessToken = CurrentAccessToken()) -> str:
    return token.client_id


@mcp.tool(auth=require_scopes("read"))
def readable() -> str:
    return "read"


@mcp.tool(auth=require_scopes("write"))
def writable() -> str:
    return "written"


HEADERS = {"authorization": "Bearer secret"}
REQUESTS = [
    ("tools/call", {"name": "who", "arguments": {}}),
    ("tools/call", {"name": "injected", "arguments": {}}),
    ("tools/call", {"name": "readable", "arguments": {}}),
    ("tools/list", {}),
]
