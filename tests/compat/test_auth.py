"""Callers by the names of the official SDK."""

import json
import time
from typing import Any

import httpx
import msgspec
import pytest
from pydantic import AnyHttpUrl
from tests.support import SETTINGS, Reply, headers_of, http_api, message

from lambent import DeclarationError, Principal
from lambent.compat import (
    AccessToken,
    AuthSettings,
    ClientRegistrationOptions,
    Context,
    MCPServer,
    RevocationOptions,
    TokenVerifier,
    get_access_token,
)
from lambent.testing import TestClient

RESOURCE = "https://mcp.example.com/mcp"
TOKENS = {
    "ana": AccessToken(token="ana", client_id="app", scopes=["notes:read"], resource=RESOURCE, subject="ana"),
    "other": AccessToken(token="other", client_id="app", scopes=["notes:read"], resource="https://b.example"),
    "weak": AccessToken(token="weak", client_id="app", scopes=[], resource=RESOURCE),
    "old": AccessToken(
        token="old",
        client_id="app",
        scopes=["notes:read"],
        resource=RESOURCE,
        expires_at=int(time.time()) - 9,
    ),
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Verifier(TokenVerifier):
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def verify_token(self, token: str) -> AccessToken | None:
        self.asked.append(token)
        return TOKENS.get(token)


class PlainVerifier:
    def verify_token(self, token: str) -> AccessToken | None:
        return TOKENS.get(token)


def settings(**options: Any) -> AuthSettings:
    given: dict[str, Any] = {
        "issuer_url": "https://auth.example.com",
        "resource_server_url": AnyHttpUrl(RESOURCE),
        "required_scopes": ["notes:read"],
        "validate_token_resource": True,
    }
    return AuthSettings(**(given | options))


def notes(verifier: Any = None, **options: Any) -> MCPServer[Any]:
    mcp = MCPServer("notes", token_verifier=verifier or Verifier(), auth=settings(**options))

    @mcp.tool()
    def whoami() -> str:
        token = get_access_token()
        return "nobody" if token is None else f"{token.client_id} {token.scopes} {token.token}"

    @mcp.tool()
    async def whose() -> str:
        token = get_access_token()
        return str(token.subject)

    return mcp


def ask(mcp: MCPServer[Any], token: str | None, tool: str = "whoami") -> Reply:
    body = message("tools/call", {"name": tool, "arguments": {}})
    headers = headers_of(body) | ({"authorization": f"Bearer {token}"} if token else {})
    return Reply(mcp.lambda_handler(SETTINGS)(http_api(json.dumps(body), headers), None))


def text_of(reply: Reply) -> str:
    return str(reply.messages[-1]["result"]["content"][0]["text"])


@pytest.mark.parametrize("verifier", [Verifier(), PlainVerifier()])
def test_the_token_is_that_of_the_verifier(verifier: Any) -> None:
    mcp = notes(verifier)
    assert text_of(ask(mcp, "ana")) == "app ['notes:read'] ana"
    assert text_of(ask(mcp, "ana", "whose")) == "ana"


def test_the_caller_is_the_user_of_the_request() -> None:
    mcp = notes()

    @mcp.tool()
    async def user(ctx: Context) -> str:
        request = ctx.request_context.request
        return f"{request.user.display_name} {request.user.access_token.subject} {request.auth.scopes}"

    assert text_of(ask(mcp, "ana", "user")) == "app ana ['notes:read']"


@pytest.mark.anyio
async def test_the_token_is_there_in_an_application_too() -> None:
    app = notes().streamable_http_app(host="0.0.0.0")
    transport = httpx.ASGITransport(app)
    for tool, expected in (("whoami", "app ['notes:read'] ana"), ("whose", "ana")):
        body = message("tools/call", {"name": tool, "arguments": {}})
        headers = headers_of(body) | {"authorization": "Bearer ana"}
        async with httpx.AsyncClient(transport=transport, base_url="https://mcp.example.com") as client:
            response = await client.post("/mcp", json=body, headers=headers)
            assert response.json()["result"]["content"][0]["text"] == expected
            assert (await client.post("/mcp", json=body, headers=headers_of(body))).status_code == 401
            path = "/.well-known/oauth-protected-resource/mcp"
            assert (await client.get(path)).json()["resource"] == RESOURCE


def test_a_token_is_verified_with_every_request() -> None:
    verifier = Verifier()
    mcp = notes(verifier)
    for _ in range(2):
        ask(mcp, "ana")
    assert verifier.asked == ["ana", "ana"]


@pytest.mark.parametrize(
    ("url", "in_lambda", "origin"),
    [
        (RESOURCE, True, "https://mcp.example.com"),
        ("http://localhost:8000/mcp", False, "http://localhost:8000"),
        ("http://127.0.0.1:8000/", True, None),
    ],
)
def test_the_server_is_where_its_settings_say(url: str, in_lambda: bool, origin: str | None) -> None:
    deployed = msgspec.structs.replace(SETTINGS, in_lambda=in_lambda)
    mcp = notes(resource_server_url=url)
    assert mcp._adjusted(deployed).public_url == origin
    elsewhere = msgspec.structs.replace(deployed, public_url="https://b.example")
    assert mcp._adjusted(elsewhere).public_url == "https://b.example"


def test_without_a_token_the_client_is_told_where_to_get_one() -> None:
    reply = ask(notes(), None)
    assert reply.status == 401
    challenge = reply.headers["www-authenticate"]
    assert 'scope="notes:read"' in challenge
    metadata = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{metadata}"' in challenge


def test_the_metadata_names_issuer_resource_and_scopes() -> None:
    handler = notes().lambda_handler(SETTINGS)
    event = http_api(None, method="GET", path="/.well-known/oauth-protected-resource/mcp")
    document = json.loads(Reply(handler(event, None)).body)
    assert document["authorization_servers"] == ["https://auth.example.com"]
    assert document["resource"] == RESOURCE
    assert document["scopes_supported"] == ["notes:read"]


@pytest.mark.parametrize("token", ["unknown", "old"])
def test_a_token_that_is_not_valid_is_refused(token: str) -> None:
    reply = ask(notes(), token)
    assert (reply.status, 'error="invalid_token"' in reply.headers["www-authenticate"]) == (401, True)
    assert token not in reply.body.decode() + str(reply.headers)


def test_a_token_for_another_server_is_refused_where_that_is_checked() -> None:
    reply = ask(notes(), "other")
    assert (reply.status, "issued for another server" in reply.headers["www-authenticate"]) == (401, True)
    assert text_of(ask(notes(validate_token_resource=False), "other")) == "app ['notes:read'] other"
    assert text_of(ask(notes(validate_token_resource=None, resource_server_url=None), "other"))


def test_a_token_without_the_scopes_is_not_enough() -> None:
    reply = ask(notes(), "weak")
    assert (reply.status, 'error="insufficient_scope"' in reply.headers["www-authenticate"]) == (403, True)
    assert text_of(ask(notes(required_scopes=None), "weak")) == "app [] weak"


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer a b", "Bearer  "])
def test_other_headers_are_no_tokens(header: str) -> None:
    body = message("tools/call", {"name": "whoami", "arguments": {}})
    verifier = Verifier()
    handler = notes(verifier).lambda_handler(SETTINGS)
    event = http_api(json.dumps(body), headers_of(body) | {"authorization": header})
    assert (handler(event, None)["statusCode"], verifier.asked) == (401, [])


def test_a_principal_shows_nothing_of_the_token() -> None:
    from lambent.auth.authenticator import AuthPorts
    from lambent.compat.auth import declare
    from lambent.stores.web import fetch
    from lambent.wire.http import Request

    declared = declare(settings(), Verifier(), None)
    authenticator = declared.connect(AuthPorts(fetch, time.time, lambda _: None))
    principal = authenticator.authenticate(Request(headers={"authorization": "Bearer ana"}))
    assert (principal.subject, principal.client_id, principal.issuer) == (
        "ana",
        "app",
        "https://auth.example.com",
    )
    assert "token" not in repr(principal).replace("access_token", "token")
    assert repr(TOKENS["ana"]) == "AccessToken(client_id='app', scopes=['notes:read'])"


# Where something else identifies callers


def test_the_token_is_made_of_what_is_known_of_the_caller() -> None:
    found: list[Any] = []
    mcp = MCPServer("notes")

    @mcp.tool()
    async def whoami() -> str:
        found.append(get_access_token())
        return "done"

    claims = {"exp": 9, "org": "x"}
    principal = Principal("ana", "https://auth.example.com", frozenset({"b", "a"}), claims, "app")
    client = TestClient(mcp, principal=principal, headers={"authorization": "Bearer abc"})
    client.call("whoami")
    TestClient(mcp, principal=principal).call("whoami")
    TestClient(mcp).call("whoami")
    token, without_header, nobody = found
    assert (token.token, token.client_id, token.scopes, token.subject) == ("abc", "app", ["a", "b"], "ana")
    assert (token.expires_at, token.claims, without_header.token, nobody) == (9, claims, "", None)


def test_there_is_no_token_outside_of_calls() -> None:
    assert get_access_token() is None


class Always:
    """An authenticator."""

    def authenticate(self, request: Any) -> Principal:
        return Principal("somebody", client_id="ci")


def test_an_authenticator_of_lambent_is_taken() -> None:
    mcp = MCPServer("notes", auth=Always())

    @mcp.tool()
    def whoami() -> str:
        return str(get_access_token().client_id)

    assert text_of(ask(mcp, None)) == "ci"


# What does not fit together


def test_arguments_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="token_verifier needs auth="):
        MCPServer("notes", token_verifier=Verifier())
    with pytest.raises(ValueError, match="needs token_verifier="):
        MCPServer("notes", auth=settings())
    with pytest.raises(ValueError, match="validate_token_resource needs resource_server_url"):
        settings(resource_server_url=None)
    with pytest.raises(DeclarationError, match=r"An authorization server cannot be in the same process"):
        MCPServer("notes", auth=settings(), auth_server_provider=object())


def test_options_of_authorization_servers_are_taken() -> None:
    options = settings(
        client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["a"]),
        revocation_options=RevocationOptions(enabled=True),
        service_documentation_url="https://example.com",
        identity_assertion_enabled=False,
    )
    assert text_of(ask(notes(**{name: getattr(options, name) for name in options.__struct_fields__}), "ana"))
