"""Who may call."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.support import Client

from lambent import ApiKey, ApiKeys, OAuth, Principal
from lambent.compat.fastmcp import (
    AccessToken,
    Context,
    CurrentAccessToken,
    DebugTokenVerifier,
    FastMCP,
    JWTVerifier,
    RemoteAuthProvider,
    StaticTokenVerifier,
    TokenClaim,
    TokenVerifier,
    get_access_token,
)
from lambent.compat.fastmcp.auth import declared
from lambent.errors import DeclarationError
from lambent.testing import TestClient

Serve = Callable[..., Client]
BEARER = {"authorization": "Bearer secret"}


def who(**options: Any) -> FastMCP:
    mcp = FastMCP(**options)

    @mcp.tool
    async def call(token: Any = CurrentAccessToken(), team: str = TokenClaim("team")) -> str:  # noqa: B008
        return f"{token.client_id} of {team}"

    @mcp.tool
    def found() -> str:
        token = get_access_token()
        return "nobody" if token is None else f"{token.client_id} {token.subject} {sorted(token.scopes)}"

    return mcp


def test_tokens_that_are_known() -> None:
    mcp = who(auth=StaticTokenVerifier({"secret": {"client_id": "ann", "team": "a"}}))
    verifier = StaticTokenVerifier(
        {"secret": {"client_id": "ann", "scopes": ["read"]}}, required_scopes=["write"]
    )
    handlers = [server.lambda_handler() for server in (mcp, who(auth=verifier))]
    client, strict = map(Client, handlers)
    assert client.call("call", headers=BEARER).text == "ann of a"
    assert client.call("call", headers={"authorization": "Bearer other"}).status == 401
    assert client.call("call").status == 401
    reply = strict.call("call", headers=BEARER)
    assert reply.status == 403
    assert reply.error["message"] == "The token lacks scopes: write"
    for handler in handlers:
        handler.close()


def test_a_verifier_of_ones_own(serve: Serve) -> None:
    class Own(TokenVerifier):
        async def verify_token(self, token: str) -> AccessToken | None:
            return AccessToken(token=token, client_id="app", scopes=self.required_scopes, subject="ann")

    client = serve(who(auth=Own(required_scopes=["read"])))
    assert client.call("found", headers=BEARER).text == "app ann ['read']"
    reply = client.call("call", headers=BEARER)
    assert reply.text == "Error calling tool 'call': The caller's access token has no claim 'team'"


async def is_secret(token: str) -> bool:
    return token == "secret"


@pytest.mark.parametrize("validate", [is_secret, lambda token: token == "secret"])
def test_any_token_that_a_function_takes(validate: Any, serve: Serve) -> None:
    client = serve(who(auth=DebugTokenVerifier(validate, scopes=["a"])))
    assert client.call("found", headers=BEARER).text == "debug-client None ['a']"
    assert client.call("found", headers={"authorization": "Bearer x"}).status == 401


def test_nobody_has_no_token(serve: Serve) -> None:
    client = serve(who())
    assert client.call("found").text == "nobody"
    assert client.call("call").text == "Error calling tool 'call': The caller has no access token"
    assert get_access_token() is None


def test_callers_whom_somebody_else_identifies() -> None:
    mcp = who(auth=OAuth(issuer="https://login.example.com"))
    with TestClient(mcp, principal=Principal("ann", client_id="app", claims={"team": "b"})) as client:
        assert client.call("call").text == "app of b"


def test_verifiers_of_jwts_are_those_of_lambent() -> None:
    verifier = JWTVerifier(
        jwks_uri="https://login.example.com/keys",
        issuer="https://login.example.com",
        audience="api",
        algorithm="RS256",
        required_scopes=["read"],
        base_url="https://mcp.example.com",
    )
    expected = OAuth(
        issuer="https://login.example.com",
        audience="api",
        jwks_url="https://login.example.com/keys",
        algorithms=("RS256",),
        scopes=("read",),
    )
    assert declared(verifier) == expected
    remote = RemoteAuthProvider(
        verifier,
        ["https://login.example.com"],
        base_url="https://mcp.example.com",
        scopes_supported=["read", "x"],
    )
    assert declared(remote).scopes_supported == ["read", "x"]
    for wrong, text in (({"public_key": "k"}, "jwks_uri"), ({}, "needs issuer")):
        with pytest.raises(DeclarationError, match=text):
            JWTVerifier(**wrong)
    with pytest.raises(TypeError, match="colour"):
        JWTVerifier(issuer="https://login.example.com", colour="red")
    with pytest.raises(TypeError, match="colour"):
        RemoteAuthProvider(verifier, ["https://login.example.com"], colour="red")


def test_other_tokens_of_an_authorization_server(serve: Serve) -> None:
    verifier = StaticTokenVerifier({"secret": {"client_id": "ann", "team": "a"}}, required_scopes=["read"])
    client = serve(who(auth=RemoteAuthProvider(verifier, ["https://login.example.com/"])))
    reply = client.call("call")
    assert reply.status == 401
    assert 'scope="read"' in reply.headers["www-authenticate"]


class Provider:
    """Looks like a class of FastMCP itself."""

    __module__ = "fastmcp.server.auth.oauth_proxy"

    def get_routes(self) -> Sequence[Any]:
        return []

    async def verify_token(self, token: str) -> None: ...


def test_an_authorization_server_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"Provider is of FastMCP itself.*docs/fastmcp\.md"):
        FastMCP(auth=Provider())
    with pytest.raises(DeclarationError):
        FastMCP(auth=object())


def test_several_ways(serve: Serve) -> None:
    keys = ApiKeys({"ann": ApiKey(hash="0" * 64, subject="ann")})
    mcp = FastMCP(auth=[keys, StaticTokenVerifier({"secret": {"client_id": "bob"}})])

    @mcp.tool
    def me(ctx: Context) -> str:
        return ctx.principal.subject if ctx.principal else ""

    assert serve(mcp).call("me", headers=BEARER).text == "bob"
