"""Which documents a host serves, and under which address it puts itself in them."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.support import Client, dumps, http_api, message
from tests.wire.cards import PLAIN, RICH

from lambent import ConfigurationError, MCPServer, Settings
from lambent.execution.endpoint import Endpoint
from lambent.hosts.discovery import DiscoveryDocuments, read_bundle
from lambent.stores.dynamodb import DynamoStore
from lambent.wire.http import Request

DOMAIN = "abc123.execute-api.eu-west-1.amazonaws.com"
EVERY_PATH = [
    "/mcp/server-card",
    "/mcp/server.json",
    "/.well-known/ai-catalog.json",
    "/.well-known/api-catalog",
    "/.well-known/mcp/server-card.json",
    "/.well-known/mcp.json",
    "/.well-known/agent-skills/index.json",
    "/.well-known/agent-skills/shop/SKILL.md",
]
HOSTILE = {
    "host": "evil.example",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "gopher",
    "forwarded": "host=evil.example",
    "origin": f"https://{DOMAIN}",
}


def server() -> MCPServer:
    mcp = MCPServer("shop", version="1.2.3", description="Sells.")

    @mcp.tool()
    def sell(amount: int) -> int:
        return amount

    return mcp


def client(**settings: Any) -> Client:
    return Client(server().lambda_handler(Settings(**settings)))


def get(who: Client, path: str, headers: dict[str, str] | None = None, **event: Any) -> Any:
    return who.event(http_api(None, headers or {}, **{"method": "GET", "path": path, **event}))


def address(reply: Any) -> str:
    """The endpoint that a card names."""
    (remote,) = json.loads(reply.body)["remotes"]
    url: str = remote["url"]
    return url


@pytest.mark.parametrize("path", EVERY_PATH)
def test_every_document_is_there(path: str) -> None:
    reply = get(client(), path)
    assert reply.status == 200
    assert reply.body
    assert get(client(), path, {"if-none-match": reply.headers["etag"]}).status == 304
    assert get(client(), path, method="HEAD").headers["etag"] == reply.headers["etag"]
    assert get(client(), path, method="OPTIONS").status == 204
    assert get(client(), path, method="DELETE").status == 405


@pytest.mark.parametrize("path", ["/mcp", "/", "/mcp/server-cards", "/mcp/.well-knowns", "/mcp/tokens"])
def test_everything_else_is_the_endpoint(path: str) -> None:
    reply = get(client(), path)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


NOTHING = '{"error":"not_found","error_description":"There is nothing at this path."}'
CORS = {"access-control-allow-origin": "*"}
WELL_KNOWN = [
    "/.well-known",
    "/.well-known/",
    "/.well-known/other",
    "/.well-known/server-cards",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
    "/mcp/.well-known/openid-configuration",
    "/mcp/.well-known/mcp.json",
]
OAUTH = [
    "/register",
    "/token",
    "/authorize",
    "/oauth/token",
    "/mcp/register",
    "/revoke",
    "/introspect",
    "/token/",
]

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def flat(response: dict[str, Any]) -> dict[str, str]:
    many = response.get("multiValueHeaders", {})
    return {**response.get("headers", {}), **{name: value for name, (value,) in many.items()}}


def is_nothing(response: dict[str, Any], method: str) -> None:
    """Check that a response says that there is nothing, so that every page can read it."""
    if method == "OPTIONS":
        assert (response["statusCode"], response["body"]) == (204, "")
        assert flat(response)["access-control-allow-origin"] == "*"
        assert "mcp-protocol-version" in flat(response)["access-control-allow-headers"]
        return
    assert (response["statusCode"], response["body"]) == (404, "" if method == "HEAD" else NOTHING)
    assert flat(response) == {**CORS, "content-type": "application/json"}


@each_kind
@pytest.mark.parametrize("path", WELL_KNOWN)
def test_well_known_paths_that_are_not_are_not_found(kind: Any, path: str) -> None:
    who = client()
    origin = (
        ("origin", "https://inspector.example"),
        ("access-control-request-headers", "mcp-protocol-version"),
    )
    for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        is_nothing(who.handler(kind(Sent(method=method, path=path, headers=origin)), None), method)


REGISTRATION = '{"client_name":"x","redirect_uris":["http://localhost"]}'
JSON_TYPE, FORM_TYPE = "application/json", "application/x-www-form-urlencoded"


@each_kind
@pytest.mark.parametrize("path", OAUTH)
def test_there_is_no_authorization_server(kind: Any, path: str) -> None:
    who = client()
    for method in ("GET", "HEAD", "OPTIONS"):
        is_nothing(who.handler(kind(Sent(method=method, path=path)), None), method)
    bodies = [(JSON_TYPE, REGISTRATION), (FORM_TYPE, "grant_type=x"), (FORM_TYPE, b"a=\xff"), ("", None)]
    for media_type, body in bodies:
        event = kind(Sent(path=path, headers=(("content-type", media_type),), body=body))
        is_nothing(who.handler(event, None), "POST")


@pytest.mark.parametrize("path", OAUTH)
def test_an_endpoint_with_such_a_name_is_an_endpoint(path: str) -> None:
    body = message("tools/call", {"name": "sell", "arguments": {"amount": 3}})
    assert client().post(body, path=path).value == 3
    assert client().post(body, {"content-type": "text/plain"}, path=path).status == 415
    known = client(mcp_path=path.rstrip("/"))
    assert known.post(body, path=path).value == 3
    assert known.post(REGISTRATION, path=path).status == 400
    assert get(known, path).headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/shop/mcp", "/shop/mcp/", "/mcp", "/", "/v1/shop/mcp"])
def test_a_path_that_may_be_the_endpoints_is_the_endpoint(path: str) -> None:
    who = client(mcp_path="/shop/mcp")
    assert who.post(message("tools/call", {"name": "sell", "arguments": {"amount": 3}}), path=path).value == 3
    assert (get(who, path).status, get(who, path).headers["allow"]) == (405, "POST")


@each_kind
@pytest.mark.parametrize(
    "path", ["/shop", "/shop/mcps", "/xmcp", "/shop/mcp/register", "/other/mcp", "/mcp/shop"]
)
def test_where_the_endpoint_is_known_there_is_nothing_elsewhere(kind: Any, path: str) -> None:
    who, called = client(mcp_path="/shop/mcp"), dumps(message("tools/list"))
    for method in ("POST", "GET", "HEAD", "OPTIONS", "DELETE"):
        is_nothing(who.handler(kind(Sent(method=method, path=path, body=called)), None), method)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "/health"),
        ({}, "/health/"),
        ({"health_path": "/shop/up"}, "/shop/up"),
        ({"health_path": "/"}, "/"),
        ({"health_path": "/"}, ""),
        ({"mcp_path": "/shop/mcp"}, "/health"),
    ],
)
@each_kind
def test_a_load_balancer_is_told_that_the_host_is_well(
    kind: Any, settings: dict[str, Any], path: str
) -> None:
    who = client(**settings)
    for method, body in (("GET", '{"status":"ok"}'), ("HEAD", "")):
        agent = (("user-agent", "ELB-HealthChecker/2.0"),)
        response = who.handler(kind(Sent(method=method, path=path, headers=agent)), None)
        assert (response["statusCode"], response["body"]) == (200, body)
        assert flat(response) == {"content-type": "application/json", "cache-control": "no-store"}


def test_a_health_check_of_a_load_balancer_says_little() -> None:
    event = {"requestContext": {"elb": {}}, "httpMethod": "GET", "path": "/health"}
    assert client().handler(event, None)["statusCode"] == 200
    event["body"] = event["headers"] = event["queryStringParameters"] = None
    assert client().handler(event, None)["statusDescription"] == "200 OK"


def test_the_health_path_is_for_get_and_head_and_can_be_none() -> None:
    assert get(client(), "/health", method="DELETE").status == 405
    assert client().post(message("tools/list"), path="/health").status == 200
    for path in ("/health/x", "/x/health", "/healthy"):
        assert get(client(), path).status == 405
    assert get(client(health_path=None), "/health").status == 405


def test_health_needs_neither_stores_nor_documents_nor_a_principal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise AssertionError("not for a health check")

    monkeypatch.setattr(DiscoveryDocuments, "_summaries", fail)
    monkeypatch.setattr(Endpoint, "authenticate", fail)
    monkeypatch.setattr(DynamoStore, "read", fail)
    who = client(table="t", cards="/none", state_secret="x")
    assert get(who, "/health").status == 200


def test_a_post_is_a_message_wherever_it_comes_to() -> None:
    reply = client().event(http_api("{}", {"content-type": "application/json"}, path="/mcp/server-card"))
    assert reply.status == 400
    assert reply.error["code"] == -32600


def test_the_card_shows_the_tools_that_are_listed() -> None:
    who = client()
    features = json.loads(get(who, "/mcp/server-card").body)["_meta"]["lambent/features"]
    assert features["tools"] == who.request("tools/list").result["tools"]


@pytest.mark.parametrize("path", EVERY_PATH)
def test_no_header_of_the_client_ends_up_in_a_document(path: str) -> None:
    reply = get(client(), path, HOSTILE)
    assert b"evil" not in reply.body
    assert b"gopher" not in reply.body
    assert reply.body == get(client(), path).body


def test_a_load_balancer_gives_no_domain() -> None:
    event = {
        "httpMethod": "GET",
        "path": "/mcp/server-card",
        "headers": {"host": "internal.corp"},
        "requestContext": {"elb": {"targetGroupArn": "arn"}},
    }
    reply = client().event(event)
    assert "remotes" not in json.loads(reply.body)
    assert b"internal.corp" not in reply.body
    assert address(client(public_url="https://mcp.example.com").event(event)) == "https://mcp.example.com/mcp"


@pytest.mark.parametrize(
    ("settings", "path", "url"),
    [
        ({}, "/mcp/server-card", f"https://{DOMAIN}/mcp"),
        ({}, "/a/b/server-card", f"https://{DOMAIN}/a/b"),
        ({}, "/server-card", f"https://{DOMAIN}"),
        ({"mcp_path": "/shop/mcp"}, "/shop/mcp/server-card", f"https://{DOMAIN}/shop/mcp"),
        # A route that strips a prefix, as Mangum's api_gateway_base_path does.
        ({"mcp_path": "/shop/mcp"}, "/mcp/server-card", f"https://{DOMAIN}/shop/mcp"),
        ({"public_url": "https://mcp.example.com/v1"}, "/mcp/server-card", "https://mcp.example.com/v1/mcp"),
    ],
)
def test_the_address_of_the_endpoint(settings: dict[str, Any], path: str, url: str) -> None:
    assert address(get(client(**settings), path)) == url


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("localhost:3000", "http://localhost:3000/mcp"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000/mcp"),
        ("localhost.example.com", "https://localhost.example.com/mcp"),
        ("127.0.0.1.example.com", "https://127.0.0.1.example.com/mcp"),
    ],
)
def test_only_this_machine_is_reached_without_tls(domain: str, url: str) -> None:
    assert address(get(client(), "/mcp/server-card", domain=domain)) == url


def test_a_stage_is_part_of_the_address() -> None:
    event = http_api(None, method="GET", path="/prod/mcp/server-card")
    event["requestContext"]["stage"] = "prod"
    assert address(client().event(event)) == f"https://{DOMAIN}/prod/mcp"
    rest = {
        "httpMethod": "GET",
        "path": "/mcp/server-card",
        "headers": {},
        "requestContext": {"stage": "prod", "path": "/prod/mcp/server-card", "domainName": DOMAIN},
    }
    assert address(client().event(rest)) == f"https://{DOMAIN}/prod/mcp"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    file = tmp_path / "cards.json"
    file.write_bytes(msgspec.json.encode([RICH, PLAIN]))
    return file


def test_a_bundle_documents_all_servers(bundle: Path) -> None:
    who = client(cards=str(bundle), public_url="https://mcp.example.com")
    catalog = json.loads(get(who, "/.well-known/ai-catalog.json").body)
    assert [entry["url"] for entry in catalog["entries"]] == [
        "https://mcp.example.com/orders/mcp/server-card",
        "https://mcp.example.com/shop/mcp/server-card",
    ]
    assert json.loads(get(who, "/orders/mcp/server-card").body)["name"] == "com.example/orders"


def test_the_server_and_the_bundle_come_to_the_same_bytes(tmp_path: Path) -> None:
    from lambent.features.summary import summarize

    file = tmp_path / "cards.json"
    file.write_bytes(msgspec.json.encode([RICH, summarize(server().freeze(), "/shop/mcp")]))
    itself = get(client(mcp_path="/shop/mcp"), "/shop/mcp/server-card")
    bundled = get(client(cards=str(file)), "/shop/mcp/server-card")
    assert (itself.body, itself.headers["etag"]) == (bundled.body, bundled.headers["etag"])


@pytest.mark.parametrize("content", [None, b"", b"{}", b'[{"path":1}]'])
def test_a_bundle_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "cards.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(
        ConfigurationError, match="LAMBENT_CARDS must name a file that `lambent card --bundle`"
    ):
        read_bundle(str(file))


def test_problems_name_their_server(bundle: Path) -> None:
    documents = DiscoveryDocuments(server().freeze(), Settings(cards=str(bundle)))
    unreachable = "nobody can reach the server without a URL: set LAMBENT_PUBLIC_URL"
    assert documents.problems(None) == [f"orders: {unreachable}", f"shop: {unreachable}"]
    assert documents.problems("https://mcp.example.com") == []


def test_documents_are_made_once_for_each_address(monkeypatch: pytest.MonkeyPatch) -> None:
    documents, made = DiscoveryDocuments(server().freeze(), Settings()), []
    real = DiscoveryDocuments._summaries
    monkeypatch.setattr(
        DiscoveryDocuments, "_summaries", lambda self, endpoint: made.append(endpoint) or real(self, endpoint)
    )
    for domain in ("a.example", "b.example", "a.example"):
        for path in EVERY_PATH:
            request = Request("GET", path, {}, domain=domain)
            response = documents.answer(request)
            assert response is not None
            assert response.status == 200
    assert made == [None, None]


@pytest.mark.parametrize("path", ["/mcp/server-card", "/.well-known/agent-skills/shop/SKILL.md"])
def test_a_document_that_no_function_can_return_says_so(path: str) -> None:
    mcp = server()

    @mcp.tool(description="Sell " * 1_300_000)
    def sell_much() -> None: ...

    reply = get(Client(mcp.lambda_handler(Settings())), path)
    assert (reply.status, reply.headers) == (500, {"content-type": "text/plain"})
    assert re.fullmatch(
        rb"The document would take \d{7} bytes, the limit is 6291556: "
        rb"let CardDetails have lists_features=False",
        reply.body,
    )
    assert get(Client(mcp.lambda_handler(Settings(response_limit=0))), path).status == 200
