"""The registration facade, up to the official client that goes through it from nothing to a call."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.oauth2 import AuthorizationCodeResult
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from tests.hosts.asgi.driving import on_loop, uvicorn_of
from tests.issuer.clients import OAuthClient
from tests.issuer.issuer import Issuer
from tests.issuer.metadata import OPENID
from tests.issuer.outages import Outage
from tests.support import SECRET, Client, headers_of, http_api, message

from lambent import ConfigurationError, MCPServer, Settings
from lambent.auth.fetching import Fetched, FetchError
from lambent.auth.oauth import OAuth
from lambent.auth.registration import Registration
from lambent.errors import StoreError
from lambent.execution.durable.records import Records
from lambent.hosts.registration import KEPT_SECONDS, MOST_RECORDS, RegistrationRecord
from lambent.stores.memory import MemoryStore

BASE = "https://mcp.example.com"
URL = f"{BASE}/mcp"
CALLBACK = "http://localhost:8765/callback"
INSERTED = "/.well-known/oauth-authorization-server/mcp"
ENDPOINTS = {
    "authorization_endpoint": "https://login.test/authorize",
    "token_endpoint": "https://login.test/token",
}
LOCATIONS = [
    INSERTED,
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration/mcp",
    "/mcp/.well-known/openid-configuration",
]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """As Cognito: no registration, and metadata that do not say that it takes PKCE."""
    with Issuer("/pool", registration=False, documents=[OPENID]) as running:
        running.metadata["code_challenge_methods_supported"] = None
        running.redirect_issuer = None
        running.clients.add(OAuthClient("client-1", None, [CALLBACK]))
        yield running


def server(issuer: Issuer, **options: Any) -> MCPServer:
    given = Registration(**{"client_id": "client-1", "redirect_uris": [CALLBACK], **options})
    auth = OAuth(issuer=issuer.url, client_ids=["client-1"], scopes=["read"], registration=given)
    mcp = MCPServer("shop", version="1.2.3", auth=auth)

    @mcp.tool(scopes=["write"])
    def refund() -> str:
        return "done"

    return mcp


def client_of(mcp: MCPServer, **settings: Any) -> Client:
    return Client(
        mcp.lambda_handler(
            Settings(**{"state_keys": (SECRET,), "public_url": BASE, "mcp_path": "/mcp", **settings})
        )
    )


def get(client: Client, path: str, **event: Any) -> Any:
    return client.event(http_api(None, {}, **{"method": "GET", "path": path, **event}))


def register(client: Client, body: Any, path: str = "/mcp/register", **event: Any) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.event(http_api(text, {"content-type": "application/json"}, path=path, **event))


def test_resource_metadata_name_the_facade(issuer: Issuer) -> None:
    document = json.loads(get(client_of(server(issuer)), "/.well-known/oauth-protected-resource/mcp").body)
    assert document["authorization_servers"] == [URL]
    assert document["resource"] == URL


@pytest.mark.parametrize("path", LOCATIONS)
def test_metadata_at_each_location(issuer: Issuer, path: str) -> None:
    client = client_of(server(issuer))
    reply = get(client, path)
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "*"
    document = json.loads(reply.body)
    assert document["issuer"] == URL
    assert document["registration_endpoint"] == f"{URL}/register"
    assert document["authorization_endpoint"] == f"{issuer.url}/authorize"
    assert document["token_endpoint"] == f"{issuer.url}/token"
    assert document["jwks_uri"] == issuer.jwks_uri
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert get(client, path, method="HEAD").status == 200
    assert get(client, path, method="OPTIONS").status == 204
    assert get(client, path, method="DELETE").status == 405


def test_the_issuer_is_asked_once(issuer: Issuer) -> None:
    client = client_of(server(issuer))
    for _ in range(3):
        assert get(client, INSERTED).status == 200
    assert issuer.requests[f"{issuer.path}/.well-known/openid-configuration"] == 1


def test_another_path_has_no_metadata(issuer: Issuer) -> None:
    client = client_of(server(issuer))
    assert get(client, "/.well-known/oauth-authorization-server/other").status == 404
    assert get(client, "/.well-known/oauth-authorization-server/mcp/x").status == 404


def test_without_a_registration_there_is_nothing(issuer: Issuer) -> None:
    mcp = MCPServer("shop", auth=OAuth(issuer=issuer.url, client_ids=["client-1"]))
    client = client_of(mcp)
    assert [get(client, path).status for path in LOCATIONS] == [404] * 4
    assert register(client, {"redirect_uris": [CALLBACK]}).status == 404
    document = json.loads(get(client, "/.well-known/oauth-protected-resource/mcp").body)
    assert document["authorization_servers"] == [issuer.url]


def test_a_page_at_one_place_does_not_hide_the_metadata_at_another(issuer: Issuer) -> None:
    client = client_of(server(issuer))
    asked: list[str] = []

    def fetch(url: str, **_: Any) -> Fetched:
        asked.append(url)
        if "oauth-authorization-server" in url:
            return Fetched(200, b"<!doctype html>")
        return Fetched(200, msgspec.json.encode({"issuer": issuer.url, **ENDPOINTS}))

    facade: Any = client.handler._documents._authentication.facade
    facade._fetch = fetch
    assert get(client, INSERTED).status == 200
    assert len(asked) == 2


def test_many_requests_at_once_ask_the_issuer_once(issuer: Issuer) -> None:
    client = client_of(server(issuer))
    asked: list[str] = []

    def fetch(url: str, **_: Any) -> Fetched:
        asked.append(url)
        time.sleep(0.05)  # so that the others come meanwhile
        raise FetchError("it does not answer")

    facade: Any = client.handler._documents._authentication.facade
    facade._fetch = fetch
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: get(client, INSERTED).status, range(8)))
    assert (found, len(asked)) == ([503] * 8, 1)


def test_an_issuer_that_is_down(issuer: Issuer) -> None:
    client = client_of(server(issuer))
    with issuer.outage(Outage.ERROR):
        reply = get(client, INSERTED)
        assert (reply.status, reply.headers["retry-after"]) == (503, "30")
    endpoints = {"authorization_endpoint": "https://login.test/a", "token_endpoint": "https://login.test/t"}
    client = client_of(server(issuer, **endpoints))
    with issuer.outage(Outage.ERROR):
        document = json.loads(get(client, INSERTED).body)
        assert document["authorization_endpoint"] == "https://login.test/a"
        assert "jwks_uri" not in document


def test_an_issuer_that_names_itself_in_redirects(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    issuer.metadata["authorization_response_iss_parameter_supported"] = True
    document = json.loads(get(client_of(server(issuer)), INSERTED).body)
    assert "authorization_response_iss_parameter_supported" not in document
    assert "names itself in redirects (RFC 9207), which clients refuse" in caplog.text


def test_metadata_of_another_issuer_are_not_copied(issuer: Issuer) -> None:
    issuer.metadata["issuer"] = "https://other.test"
    assert get(client_of(server(issuer)), INSERTED).status == 503


@pytest.mark.parametrize("path", ["/mcp/register", "/register", "/mcp/register/"])
def test_a_client_registers(issuer: Issuer, path: str) -> None:
    reply = register(client_of(server(issuer)), {"redirect_uris": [CALLBACK], "client_name": "Me"}, path)
    assert reply.status == 201
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["access-control-allow-origin"] == "*"
    found = json.loads(reply.body)
    assert abs(found.pop("client_id_issued_at") - issuer.now()) < 60
    assert found == {
        "client_id": "client-1",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "client_name": "Me",
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"redirect_uris": ["https://evil.test/"]},
            (
                b'{"error":"invalid_redirect_uri","error_description":"A redirect URI is none of those that '
                b'the operator of this server has allowed"}'
            ),
        ),
        ("{", b'{"error":"invalid_client_metadata","error_description":"The request is no JSON"}'),
        (b"\xff", b'{"error":"invalid_client_metadata","error_description":"The request is no JSON"}'),
        (
            "[" * 10_000,
            b'{"error":"invalid_client_metadata","error_description":"The request is no JSON"}',
        ),
        (
            "1" * 20_000,
            b'{"error":"invalid_client_metadata","error_description":"The request is too large"}',
        ),
    ],
)
def test_a_client_is_refused(issuer: Issuer, body: Any, expected: bytes) -> None:
    reply = register(client_of(server(issuer)), body)
    assert (reply.status, reply.body) == (400, expected)
    assert reply.headers["access-control-allow-origin"] == "*"


def test_other_methods_of_registration(issuer: Issuer) -> None:
    client = client_of(server(issuer))
    reply = get(client, "/mcp/register")
    assert (reply.status, reply.headers["allow"]) == (405, "POST, OPTIONS")
    reply = get(client, "/mcp/register", method="OPTIONS")
    assert reply.status == 204
    assert reply.headers["access-control-allow-methods"] == "POST, OPTIONS"
    assert "content-type" in reply.headers["access-control-allow-headers"].split(", ")


# What is kept


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    kept = MemoryStore(lambda: 1_000.0)
    with mock.patch("lambent.stores.dynamodb.DynamoStore", return_value=kept):
        yield kept


def records(store: MemoryStore) -> list[RegistrationRecord]:
    kind = Records(store, lambda: 0.0, "REGISTRATION", "shop", RegistrationRecord)
    found = (kind.read(kind.key(str(number))) for number in range(MOST_RECORDS))
    return [held.record for held in found if held is not None]


def test_registrations_are_kept(issuer: Issuer, store: MemoryStore) -> None:
    client = client_of(server(issuer), table="table")
    asked = {
        "redirect_uris": [CALLBACK],
        "client_name": "Me",
        "software_id": "me",
        "software_version": "2",
        "client_secret": "mine",
    }
    assert register(client, asked).status == 201
    assert register(client, asked).status == 201
    assert register(client, {"redirect_uris": ["https://evil.test/"]}).status == 400
    (record,) = records(store)
    assert (record.client_name, record.software, record.redirect_uris) == ("Me", "me 2", (CALLBACK,))
    assert record.client_address == "203.0.113.7"
    assert record.purge_at == record.registered + KEPT_SECONDS


def test_what_is_kept_is_bounded(issuer: Issuer, store: MemoryStore) -> None:
    client = client_of(server(issuer), table="table")
    for number in range(MOST_RECORDS + 200):
        asked = {"redirect_uris": [CALLBACK], "client_name": f"client {number} " + "x" * 10_000}
        assert register(client, asked).status == 201
    assert len(store._items) == len(records(store)) < MOST_RECORDS
    assert all(len(item.body) < 1024 for item in store._items.values())


def test_a_table_that_is_down_stops_nobody(
    issuer: Issuer, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(item: Any) -> bool:
        raise StoreError("the table is down")

    store.insert = fail  # type: ignore[method-assign]
    with mock.patch("lambent.execution.durable.records._PAUSE_SECONDS", 0):
        assert register(client_of(server(issuer), table="table"), {"redirect_uris": [CALLBACK]}).status == 201
    assert "the table is down" in caplog.text


def test_two_registrations_are_refused() -> None:
    given = Registration(client_id="client-1", redirect_uris=[CALLBACK])
    auth = [
        OAuth(issuer=f"https://{name}.test", audience="https://x.test", registration=given)
        for name in ("one", "two")
    ]
    with pytest.raises(ConfigurationError, match="one registration"):
        MCPServer("shop", auth=auth).lambda_handler(Settings())


def test_by_settings(issuer: Issuer) -> None:
    environ = {
        "LAMBENT_AUTH_ISSUER": issuer.url,
        "LAMBENT_AUTH_CLIENT_IDS": "client-1",
        "LAMBENT_AUTH_REGISTRATION_CLIENT_ID": "client-1",
        "LAMBENT_AUTH_REGISTRATION_REDIRECT_URIS": f"{CALLBACK}, https://app.example.com/cb",
        "LAMBENT_AUTH_REGISTRATION_ANY_LOOPBACK_PORT": "true",
        "LAMBENT_AUTH_REGISTRATION_AUTHORIZATION_ENDPOINT": "https://login.test/authorize",
        "LAMBENT_AUTH_REGISTRATION_TOKEN_ENDPOINT": "https://login.test/token",
        "LAMBENT_PUBLIC_URL": BASE,
    }
    client = Client(MCPServer("shop").lambda_handler(Settings.from_env(environ)))
    document = json.loads(get(client, INSERTED).body)
    assert document["authorization_endpoint"] == "https://login.test/authorize"
    assert document["token_endpoint"] == "https://login.test/token"
    for uri in ("http://localhost:49152/callback", "https://app.example.com/cb"):
        assert register(client, {"redirect_uris": [uri]}).status == 201
    without_client = {**environ, "LAMBENT_AUTH_REGISTRATION_CLIENT_ID": ""}
    with pytest.raises(ConfigurationError, match="needs the client_id"):
        MCPServer("shop").lambda_handler(Settings.from_env(without_client))
    with_secret = {**environ, "LAMBENT_AUTH_REGISTRATION_CLIENT_SECRET": "not-for-everybody"}
    with pytest.raises(ConfigurationError, match="everybody who registers would get it") as refused:
        MCPServer("shop").lambda_handler(Settings.from_env(with_secret))
    assert "not-for-everybody" not in str(refused.value)


# The official client


class _Storage:
    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class _Browser:
    """The user's browser: it follows the redirect of the issuer up to the client's URI."""

    def __init__(self) -> None:
        self.visited: list[str] = []
        self._given: dict[str, str] = {}

    async def redirect(self, url: str) -> None:
        self.visited.append(url)
        async with httpx2.AsyncClient(verify=False, trust_env=False) as http:
            location = (await http.get(url)).headers["location"]
        assert location.startswith(f"{CALLBACK}?")
        self._given = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    async def callback(self) -> AuthorizationCodeResult:
        given = self._given
        return AuthorizationCodeResult(code=given["code"], state=given["state"], iss=given.get("iss"))


def _below(stage: str, app: Any) -> Any:
    """An application of which only the paths below a stage can be reached, as behind API Gateway."""

    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(f"{stage}/"):
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b'{"message":"Forbidden"}'})
            return
        path = scope.get("path", "").removeprefix(stage)
        await app()({**scope, "path": path} if scope["type"] == "http" else scope, receive, send)

    return gateway


@pytest.mark.parametrize("stage", ["", "/prod"])
@on_loop
async def test_the_official_client_registers_and_calls(stage: str) -> None:
    with Issuer("/pool", registration=False, documents=[OPENID]) as issuer:
        issuer.metadata["code_challenge_methods_supported"] = None
        issuer.redirect_issuer = None
        issuer.clients.add(OAuthClient("client-1", None, [CALLBACK]))
        apps: list[Any] = []
        async with uvicorn_of(_below(stage, lambda: apps[0])) as origin:
            settings = Settings(state_keys=(SECRET,), public_url=f"{origin}{stage}", mcp_path="/mcp")
            apps.append(server(issuer).asgi(settings))
            url, storage, browser = f"{origin}{stage}/mcp", _Storage(), _Browser()
            asked = OAuthClientMetadata(redirect_uris=[CALLBACK], client_name="Official")  # type: ignore[list-item]
            provider = OAuthClientProvider(url, asked, storage, browser.redirect, browser.callback)
            body = message("tools/call", {"name": "refund", "arguments": {}})
            async with httpx2.AsyncClient(auth=provider, verify=False, trust_env=False) as http:
                first = await http.post(url, json=body, headers=headers_of(body))
                second = await http.post(url, json=body, headers=headers_of(body))
        assert storage.client is not None
        assert storage.client.client_id == "client-1"
        assert storage.client.client_secret is None
        # The first call ends with the challenge for the scope of the tool, by which the next one steps up.
        assert (first.status_code, second.status_code) == (403, 200)
        assert second.json()["result"]["content"] == [{"type": "text", "text": "done"}]
        assert all(visit.startswith(f"{issuer.url}/authorize?") for visit in browser.visited)
        assert "code_challenge_method=S256" in browser.visited[0]
        assert issuer.requests["/pool/register"] == 0


def test_behind_a_stage_of_api_gateway(issuer: Issuer) -> None:
    client = client_of(server(issuer), public_url=None, in_lambda=True)

    def event(path: str, method: str = "GET") -> dict[str, Any]:
        found = http_api(None, {}, method=method, path=f"/prod{path}")
        found["requestContext"]["stage"] = "prod"
        return found

    url = "https://abc123.execute-api.eu-west-1.amazonaws.com/prod/mcp"
    resource = json.loads(client.event(event("/.well-known/oauth-protected-resource/mcp")).body)
    assert (resource["resource"], resource["authorization_servers"]) == (url, [url])
    document = json.loads(client.event(event("/mcp/.well-known/openid-configuration")).body)
    assert (document["issuer"], document["registration_endpoint"]) == (url, f"{url}/register")
    assert client.event(event("/mcp/register", "OPTIONS")).status == 204
