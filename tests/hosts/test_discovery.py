"""Which documents a host serves, and under which address it puts itself in them."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support import Client, http_api
from tests.wire.cards import PLAIN, RICH

from lambent import ConfigurationError, MCPServer, Settings
from lambent.hosts.discovery import DiscoveryDocuments, read_bundle
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


@pytest.mark.parametrize("path", ["/mcp", "/", "/mcp/server-cards", "/mcp/.well-known/mcp.json"])
def test_everything_else_is_the_endpoint(path: str) -> None:
    reply = get(client(), path)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/.well-known/", "/.well-known/other", "/.well-known/server-cards"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_well_known_paths_that_are_not_are_not_found(path: str, method: str) -> None:
    assert get(client(), path, method=method).status == 404


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
    from lambent.features.catalog import summarize

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
