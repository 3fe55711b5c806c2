"""Server cards through the gateway: found, and with addresses under which the server is found."""

import contextlib
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")

from lambent.cli.gateway.background import Gateway

ORDERS = Path(__file__).parents[3] / "functions" / "orders" / "app.py"
SERVED = [
    ({"kind": "http-api"}, ""),
    ({"kind": "http-api", "stage": "dev"}, "/dev"),
    ({"kind": "rest"}, "/Prod"),
    ({"kind": "function-url"}, ""),
]


@pytest.fixture
def serve(tmp_path, monkeypatch):
    for name in ("LAMBENT_MCP_PATH", "LAMBENT_PUBLIC_URL", "LAMBENT_CARDS"):
        monkeypatch.delenv(name, raising=False)
    with contextlib.ExitStack() as stack:

        def start(env=None, **settings):
            options = {"path": "/orders/mcp", "log": tmp_path / "gateway.log", **settings}
            made = Gateway(ORDERS, env={"LAMBENT_TABLE": "memory:", **(env or {})}, **options)
            return stack.enter_context(made)

        yield start


@pytest.mark.parametrize(("settings", "root"), SERVED)
def test_the_addresses_in_cards_and_catalogs_lead_back(serve, call, settings, root):
    gateway = serve(**settings)
    base = gateway.base_url + root
    catalog = call(f"{gateway.base_url}/.well-known/ai-catalog.json", "GET", b"")
    assert (catalog.status, catalog.header("content-type")) == (200, "application/ai-catalog+json")
    (entry,) = catalog.json["entries"]
    assert entry["url"] == f"{base}/orders/mcp/server-card"

    card = call(entry["url"], "GET", b"")
    assert (card.status, card.header("content-type")) == (200, "application/mcp-server-card+json")
    assert [remote["url"] for remote in card.json["remotes"]] == [f"{base}/orders/mcp"]
    # What a card names is the endpoint: it answers, if only that this is no request of the protocol.
    assert call(card.json["remotes"][0]["url"]).status == 400

    known = call(entry["url"], "GET", b"", {"If-None-Match": card.header("etag")})
    assert (known.status, known.body) == (304, b"")
    head = call(entry["url"], "HEAD", b"")
    assert (head.status, head.header("etag"), head.body) == (200, card.header("etag"), b"")


@pytest.mark.parametrize("multi_value_headers", [False, True])
def test_a_load_balancer_vouches_for_no_address(serve, call, multi_value_headers):
    gateway = serve(kind="alb", multi_value_headers=multi_value_headers)
    card = call(f"{gateway.url}/server-card", "GET", b"")
    assert card.status == 200
    assert "127.0.0.1" not in card.body.decode()
    assert card.json["title"] == "Shop orders"


def test_a_load_balancer_whose_address_is_set(serve, call):
    gateway = serve(kind="alb", env={"LAMBENT_PUBLIC_URL": "https://mcp.shop.example"})
    card = call(f"{gateway.url}/server-card", "GET", b"").json
    assert [remote["url"] for remote in card["remotes"]] == ["https://mcp.shop.example/orders/mcp"]
