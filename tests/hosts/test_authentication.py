"""A server with ``auth`` on every host: its metadata, its challenges, and what needs no token."""

import asyncio
import importlib.util
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from mangum import Mangum
from tests.auth.world import DOMAIN, LAMBDA, METADATA, URL, call, client_of
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.issuer.issuer import Issuer
from tests.legacy import NEWEST
from tests.support import Client, dumps, full_server, headers_of, http_api, message

from lambent import ConfigurationError, OAuth, Settings
from lambent.server import MCPServer

PATH = "/.well-known/oauth-protected-resource"
ISSUER = "https://login.test"
BODY = dumps(message("tools/list"))


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as running:
        yield running


def server(*auth: OAuth, **options: Any) -> MCPServer:
    return full_server(auth=auth or OAuth(issuer=ISSUER), **options)


def get(client: Client, path: str, headers: dict[str, str] | None = None, **event: Any) -> Any:
    return client.event(http_api(None, headers or {}, **{"method": "GET", "path": path, **event}))


def document(resource: str = URL, **more: Any) -> dict[str, Any]:
    return {
        "resource": resource,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "resource_name": "shop",
        **more,
    }


# The metadata.


@pytest.mark.parametrize("path", [PATH, f"{PATH}/", f"{PATH}/mcp", f"{PATH}/mcp/"])
def test_metadata(path: str) -> None:
    client = client_of(server(), settings=Settings(in_lambda=True, mcp_path="/mcp"))
    reply = get(client, path)
    assert (reply.status, json.loads(reply.body)) == (200, document())
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["access-control-allow-origin"] == "*"
    tag = {"if-none-match": reply.headers["etag"]}
    again = get(client, path, tag)
    assert (again.status, again.body) == (304, b"")
    head = get(client, path, method="HEAD")
    assert (head.status, head.body, head.headers) == (200, b"", reply.headers)
    origin = {"origin": "https://inspector.example", "access-control-request-method": "GET"}
    options = get(client, path, origin, method="OPTIONS")
    assert (options.status, options.headers["access-control-allow-origin"]) == (204, "*")


def test_metadata_says_what_is_declared() -> None:
    declared = OAuth(
        issuer=[ISSUER, "https://other.test"],
        scopes=["mcp:use"],
        scopes_supported=["mcp:use", "orders:read"],
        requires_dpop=True,
    )
    client = client_of(server(declared, title="The shop", website_url="https://shop.test/docs"))
    assert json.loads(get(client, PATH).body) == document(
        authorization_servers=[ISSUER, "https://other.test"],
        resource_name="The shop",
        scopes_supported=["mcp:use", "orders:read"],
        resource_documentation="https://shop.test/docs",
        dpop_bound_access_tokens_required=True,
        dpop_signing_alg_values_supported=["RS256", "PS256", "ES256", "EdDSA"],
    )


def test_scopes_that_clients_should_ask_for() -> None:
    def supported(**oauth: Any) -> Any:
        mcp = server(OAuth(issuer=ISSUER, **oauth))

        @mcp.tool(scopes=["b", "a"])
        def protected() -> None: ...

        return json.loads(get(client_of(mcp), PATH).body).get("scopes_supported")

    assert supported() == ["b", "a"]
    assert supported(scopes=["c"]) == ["c"]
    assert supported(scopes=["c"], scopes_supported=["d"]) == ["d"]
    assert supported(scopes_supported=[]) is None


def test_metadata_names_no_issuer_of_other_headers() -> None:
    """Clients cannot be told to get a token for a header of the company's own."""
    enterprise = OAuth(issuer="https://idp.test", header="X-Enterprise-Token")
    both = client_of(server(enterprise, OAuth(issuer=ISSUER)))
    assert json.loads(get(both, PATH).body) == document()
    assert get(client_of(server(enterprise)), PATH).status == 404


def test_without_auth_there_is_no_metadata() -> None:
    assert get(client_of(full_server()), PATH).status == 404


@pytest.mark.parametrize("path", [f"{PATH}/other", f"{PATH}/mcp/other", f"{PATH}s", f"{PATH}.evil.test"])
def test_metadata_of_others(path: str) -> None:
    client = client_of(server(), settings=Settings(in_lambda=True, mcp_path="/mcp"))
    for method in ("GET", "HEAD", "POST"):
        assert get(client, path, method=method).status == 404


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/mcp", f"{PATH}/other", f"{PATH}/"])
def test_metadata_is_no_endpoint(issuer: Issuer, method: str, path: str) -> None:
    """As the endpoint, it would take tokens for the servers that its path names."""
    client = client_of(full_server(auth=OAuth(issuer=issuer.url)))
    for audience in (URL, f"https://{DOMAIN}/other"):
        headers = {
            **headers_of(message("tools/list")),
            "authorization": f"Bearer {issuer.token(audience=audience)}",
        }
        reply = client.event(http_api(BODY, headers, method=method, path=path))
        assert (reply.status, reply.headers["allow"], reply.body) == (405, "GET, HEAD, OPTIONS", b"")


def test_no_path_takes_tokens_of_another_host(issuer: Issuer) -> None:
    """The end of a path could be read as that of the host's name: ``api.test`` and ``.evil.test``."""
    client = client_of(full_server(auth=OAuth(issuer=issuer.url)))
    headers = headers_of(message("tools/list"))
    for path in (f"{PATH}.evil.test", ".evil.test", f"/x{PATH}.evil.test"):
        token = issuer.token(audience=f"https://{DOMAIN}.evil.test")
        reply = client.event(http_api(BODY, {**headers, "authorization": f"Bearer {token}"}, path=path))
        assert reply.status in (401, 404)


# The platforms.

AT = {
    "HTTP API": "https://abc.execute-api.eu-west-1.amazonaws.com",
    "Function URL": "https://abc.lambda-url.eu-west-1.on.aws",
    "REST API": "https://abc.execute-api.eu-west-1.amazonaws.com/prod",
    "HTTP API 1.0": "https://abc.execute-api.eu-west-1.amazonaws.com/prod",
    "ALB": "https://mcp.example.com",
    "ALB, multi-value": "https://mcp.example.com",
}
"""Where each platform says that the server is; a load balancer does not, so the first audience counts."""


def flat(response: dict[str, Any]) -> dict[str, str]:
    many = response.get("multiValueHeaders", {})
    return {**response.get("headers", {}), **{name: value for name, (value,) in many.items()}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("public", [None, "https://public.example/base"])
def test_every_platform(issuer: Issuer, kind: str, public: str | None) -> None:
    """From the challenge to the metadata, to a token for what that names, to an answer."""
    declared = OAuth(issuer=issuer.url, audience="https://mcp.example.com/mcp", scopes=["mcp:use"])
    settings = Settings(in_lambda=True, public_url=public)
    handler = full_server(auth=declared).lambda_handler(settings)
    base = public or AT[kind]

    def send(method: str, path: str, **headers: str) -> dict[str, Any]:
        given = {**headers_of(message("tools/list")), "Host": "evil.test", **headers}
        body = BODY if method == "POST" else None
        return handler(KINDS[kind](Sent(method, path, headers=tuple(given.items()), body=body)), None)

    refused = send("POST", "/mcp")
    assert refused["statusCode"] == 401
    metadata_url = f"{base}{PATH}/mcp"
    if kind.startswith("ALB") and public is None:
        metadata_url = f"https://mcp.example.com{PATH}/mcp"
    assert flat(refused)["www-authenticate"] == (
        f'Bearer scope="mcp:use", resource_metadata="{metadata_url}"'
    )
    for path in (PATH, f"{PATH}/mcp"):
        shown = json.loads(send("GET", path)["body"])
        assert (shown["resource"], shown["scopes_supported"]) == (f"{base}/mcp", ["mcp:use"])
    for audience in (shown["resource"], "https://mcp.example.com/mcp"):
        token = issuer.token(audience=audience, scopes=["mcp:use"])
        assert send("POST", "/mcp", Authorization=f"Bearer {token}")["statusCode"] == 200
    for audience in ("https://evil.test/mcp", f"{base}/mcp2"):
        token = issuer.token(audience=audience, scopes=["mcp:use"])
        assert send("POST", "/mcp", Authorization=f"Bearer {token}")["statusCode"] == 401
    insufficient = send("POST", "/mcp", Authorization=f"Bearer {issuer.token(audience=f'{base}/mcp')}")
    assert insufficient["statusCode"] == 403
    assert flat(insufficient)["www-authenticate"] == (
        f'Bearer error="insufficient_scope", scope="mcp:use", resource_metadata="{metadata_url}", '
        'error_description="This call needs the scope mcp:use"'
    )


def test_a_stage_of_an_http_api(issuer: Issuer) -> None:
    client = client_of(full_server(auth=OAuth(issuer=issuer.url)))
    event = http_api(BODY, headers_of(message("tools/list")), path="/prod/mcp")
    event["requestContext"]["stage"] = "prod"
    reply = client.event(event)
    url = f"https://{DOMAIN}/prod{PATH}/mcp"
    assert reply.headers["www-authenticate"] == f'Bearer resource_metadata="{url}"'
    token = issuer.token(audience=f"https://{DOMAIN}/prod/mcp")
    event["headers"]["authorization"] = f"Bearer {token}"
    assert client.event(event).status == 200


# What needs no token.


def test_what_needs_no_token() -> None:
    client = client_of(server())
    for path in ("/mcp/server-card", "/mcp/server.json", "/.well-known/ai-catalog.json", PATH, "/health"):
        assert get(client, path).status == 200
        assert get(client, path, {"authorization": "Bearer nonsense"}).status == 200
    for path in ("/mcp", PATH, "/mcp/server-card"):
        preflight = {"origin": f"https://{DOMAIN}", "access-control-request-method": "POST"}
        reply = get(client, path, preflight, method="OPTIONS")
        assert reply.status == 204
        assert "www-authenticate" not in reply.headers


@pytest.mark.parametrize("method", ["server/discover", "tools/list", "initialize", "ping"])
def test_every_method_needs_one(method: str) -> None:
    assert client_of(server()).request(method).status == 401


def test_pages_can_read_challenges() -> None:
    reply = client_of(server()).request("tools/list", headers={"origin": f"https://{DOMAIN}"})
    assert reply.status == 401
    assert reply.headers["access-control-allow-origin"] == f"https://{DOMAIN}"
    assert "WWW-Authenticate" in reply.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[]", '{"jsonrpc":"2.0","method":"notifications/initialized"}']
)
def test_nothing_of_a_body_is_read_before(body: str) -> None:
    reply = client_of(server()).post(body)
    assert (reply.status, reply.error["message"]) == (401, "This server needs credentials")


def test_requests_of_the_legacy_era(issuer: Issuer) -> None:
    """Also to resume a stream, and to end a session."""
    client = client_of(full_server(auth=OAuth(issuer=issuer.url, scopes=["mcp:use"])))
    params = {"protocolVersion": NEWEST, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    legacy = {"mcp-protocol-version": NEWEST}
    for given in (body, {"jsonrpc": "2.0", "method": "notifications/initialized"}, [body]):
        reply = client.post(given, legacy)
        assert (reply.status, reply.headers["www-authenticate"]) == (
            401,
            f'Bearer scope="mcp:use", resource_metadata="{METADATA}"',
        )
    assert get(client, "/mcp", {"last-event-id": "x", "accept": "text/event-stream"}).status == 401
    assert get(client, "/mcp", {"mcp-session-id": "x"}, method="DELETE").status == 401
    plain = {**legacy, "authorization": f"Bearer {issuer.token(audience=URL)}"}
    granted = {**legacy, "authorization": f"Bearer {issuer.token(audience=URL, scopes=['mcp:use'])}"}
    listed = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert client.post(listed, granted).status == 200
    reply = client.post(listed, plain)
    assert (reply.status, reply.error["data"]) == (
        403,
        {"error": "insufficient_scope", "scope": "mcp:use"},
    )


# Several issuers, and settings.


def test_several_declarations(issuer: Issuer) -> None:
    with Issuer() as company:
        client = client_of(
            full_server(
                auth=[
                    OAuth(issuer=company.url, audience="company", header="X-Enterprise-Token"),
                    OAuth(issuer=issuer.url, scopes=["mcp:use"]),
                ]
            )
        )
        outside = issuer.token(audience=URL, scopes=["mcp:use"])
        inside = company.token(audience="company")
        assert call(client, outside).status == 200
        assert call(client, None, {"x-enterprise-token": inside}).status == 200
        assert call(client, None, {"x-enterprise-token": f"Bearer {inside}"}).status == 200
        assert call(client, "nonsense", {"x-enterprise-token": inside}).status == 200  # the first one counts
        assert call(client, outside, {"x-enterprise-token": ""}).status == 200
        for bad in (outside, "nonsense", f"{inside},{inside}", "Bearer a b"):
            assert call(client, outside, {"x-enterprise-token": bad}).status in (400, 401)
        assert call(client, inside).status == 401


def test_one_issuer_in_two_declarations(issuer: Issuer) -> None:
    """The scopes of neither are forgotten."""
    for auth in (
        [OAuth(issuer=issuer.url, scopes=["mcp:use"]), OAuth(issuer=issuer.url, header="X-Token")],
        [OAuth(issuer=issuer.url, header="X-Token"), OAuth(issuer=issuer.url, scopes=["mcp:use"])],
    ):
        client = client_of(full_server(auth=auth))
        assert call(client, issuer.token(audience=URL)).status == 403
        assert call(client, issuer.token(audience=URL, scopes=["mcp:use"])).status == 200


def test_settings_declare_it_too(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    monkeypatch.setenv("LAMBENT_AUTH_ISSUER", issuer.url)
    client = client_of(full_server(), settings=Settings.from_env())
    assert call(client, None).status == 401
    assert call(client, issuer.token(audience=URL)).status == 200


def test_a_declaration_counts_before_settings(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    monkeypatch.setenv("LAMBENT_AUTH_ISSUER", ISSUER)
    client = client_of(full_server(auth=OAuth(issuer=issuer.url)), settings=Settings.from_env())
    assert call(client, issuer.token(audience=URL)).status == 200


def test_anonymous_callers(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    monkeypatch.setenv("LAMBENT_AUTH_ANONYMOUS", "true")
    client = client_of(
        full_server(auth=OAuth(issuer=issuer.url, scopes=["mcp:use"])), settings=Settings.from_env()
    )
    assert call(client, None).status == 200
    assert call(client, "nonsense").status == 401  # who shows a token wants to be known
    assert call(client, issuer.token(audience=URL)).status == 403


@pytest.mark.parametrize("host", ["lambda_handler", "asgi", "fastapi_router"])
def test_without_the_library_nothing_starts(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "joserfc" else found(name))
    make: Callable[..., Any] = getattr(server(OAuth(issuer=ISSUER, audience="shop")), host)
    with pytest.raises(ConfigurationError, match=r"install the extra lambent\[auth\]"):
        make(settings=LAMBDA)
    full_server().lambda_handler(LAMBDA)


def test_outside_of_lambda_somebody_must_say_the_url() -> None:
    with pytest.raises(ConfigurationError, match="set LAMBENT_PUBLIC_URL to the URL without its path"):
        server().asgi(Settings())
    server(OAuth(issuer=ISSUER, audience="shop")).asgi(Settings())
    server(OAuth(issuer=ISSUER, client_ids=["a"])).asgi(Settings())
    server().asgi(Settings(public_url="https://shop.test"))


# ASGI.


def web(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver")


@pytest.mark.parametrize("host", ["asgi", "fastapi"])
@pytest.mark.parametrize("path", ["/mcp", "/shop/mcp"])
@pytest.mark.anyio
async def test_asgi(issuer: Issuer, host: str, path: str) -> None:
    mcp, settings = full_server(auth=OAuth(issuer=issuer.url)), Settings(public_url="https://my.test")
    app: Any = mcp.asgi(settings)
    if host == "fastapi":
        app = FastAPI()
        app.include_router(mcp.fastapi_router(path, settings))
    async with web(app) as client:
        headers = headers_of(message("tools/list"))
        refused = await client.post(path, content=BODY, headers=headers)
        assert refused.status_code == 401
        where = f"https://my.test{PATH}{path}"
        assert refused.headers["www-authenticate"] == f'Bearer resource_metadata="{where}"'
        shown = await client.get(where.removeprefix("https://my.test"))
        assert (shown.status_code, shown.json()["resource"]) == (200, f"https://my.test{path}")
        assert (await client.head(f"{PATH}{path}")).headers["etag"] == shown.headers["etag"]
        assert (await client.options(f"{PATH}{path}")).status_code == 204
        assert (await client.post(f"{PATH}{path}", content=BODY, headers=headers)).status_code == 405
        token = {"authorization": f"Bearer {issuer.token(audience=f'https://my.test{path}')}"}
        answered = await client.post(path, content=BODY, headers={**headers, **token})
        assert answered.status_code == 200
        twice = [*headers.items(), *token.items(), *token.items()]
        assert (await client.post(path, content=BODY, headers=twice)).status_code == 400


@pytest.mark.parametrize("kind", ["HTTP API", "Function URL", "REST API", "HTTP API 1.0"])
@pytest.mark.filterwarnings("ignore:There is no current event loop:DeprecationWarning")
def test_behind_mangum(issuer: Issuer, kind: str) -> None:
    """The stage of a REST API is in front of the path there too."""
    mcp, app = full_server(auth=OAuth(issuer=issuer.url)), FastAPI()
    app.include_router(mcp.fastapi_router("/mcp", LAMBDA))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        handler = Mangum(app, lifespan="off")

        def send(method: str, path: str, body: str | None = None, **headers: str) -> dict[str, Any]:
            given = {**headers_of(message("tools/list")), "Host": "evil.test", **headers}
            sent: dict[str, Any] = handler(
                KINDS[kind](Sent(method, path, headers=tuple(given.items()), body=body)), None
            )
            return sent

        refused = send("POST", "/mcp", BODY)
        assert refused["statusCode"] == 401
        assert flat(refused)["www-authenticate"] == f'Bearer resource_metadata="{AT[kind]}{PATH}/mcp"'
        assert json.loads(send("GET", f"{PATH}/mcp")["body"])["resource"] == f"{AT[kind]}/mcp"
        token = issuer.token(audience=f"{AT[kind]}/mcp")
        assert send("POST", "/mcp", BODY, Authorization=f"Bearer {token}")["statusCode"] == 200
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
