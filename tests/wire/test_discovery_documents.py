"""The discovery documents, and how requests for them are answered."""

import hashlib
import json
from typing import Any

import msgspec
import pytest
from tests.support import dumps
from tests.wire.cards import PLAIN, RICH, URL

from lambent.wire.discovery_documents import Document, answer, make_documents
from lambent.wire.http import Request
from lambent.wire.server_card import PublishedSkill, older_card, server_card
from lambent.wire.values import Implementation

DOCUMENTS = make_documents([RICH, PLAIN], URL)
ALONE = make_documents([RICH], URL)
DOCUMENT = Document("application/json", b'{"a":1}')
ETAG = '"bb6cb5c68df4652941caf652a366f2d8"'


def request(method: str = "GET", **headers: str) -> Request:
    return Request(method, "/x", {name.replace("_", "-"): value for name, value in headers.items()})


def body(found: dict[str, Document], path: str) -> str:
    return found[path].body.decode()


def test_every_document_has_its_place_and_its_type() -> None:
    linkset = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
    assert {path: document.media_type for path, document in DOCUMENTS.items()} == {
        "/orders/mcp/server-card": "application/mcp-server-card+json",
        "/orders/mcp/server.json": "application/json",
        "/shop/mcp/server-card": "application/mcp-server-card+json",
        "/shop/mcp/server.json": "application/json",
        "/.well-known/agent-skills/orders/SKILL.md": "text/markdown; charset=utf-8",
        "/.well-known/agent-skills/shop/SKILL.md": "text/markdown; charset=utf-8",
        "/.well-known/agent-skills/index.json": "application/json",
        "/.well-known/ai-catalog.json": "application/ai-catalog+json",
        "/.well-known/api-catalog": linkset,
        "/.well-known/mcp/server-card.json": "application/json",
        "/.well-known/mcp.json": "application/json",
    }


def test_cards_come_before_what_refers_to_them() -> None:
    paths = list(DOCUMENTS)
    cards = [path for path in paths if path.endswith(("/server-card", "SKILL.md"))]
    catalogs = [path for path in paths if path.endswith(("catalog.json", "api-catalog", "index.json"))]
    assert max(map(paths.index, cards)) < min(map(paths.index, catalogs))


def test_the_ai_catalog_refers_to_the_cards() -> None:
    assert body(DOCUMENTS, "/.well-known/ai-catalog.json") == dumps(
        {
            "specVersion": "1.0",
            "entries": [
                {
                    "identifier": "urn:air:example.com:mcp:orders",
                    "displayName": "Shop orders",
                    "type": "application/mcp-server-card+json",
                    "url": f"{URL}/orders/mcp/server-card",
                },
                {
                    "identifier": "urn:air:mcp.example.com:mcp:shop",
                    "displayName": "shop",
                    "type": "application/mcp-server-card+json",
                    "url": f"{URL}/shop/mcp/server-card",
                },
            ],
        }
    )


def test_identifiers_of_the_ai_catalog_end_as_the_names_of_cards_do() -> None:
    server = msgspec.structs.replace(PLAIN, info=Implementation(name="Shop & orders", version="1.0.0"))
    found = make_documents([server], URL)
    (entry,) = json.loads(body(found, "/.well-known/ai-catalog.json"))["entries"]
    assert entry["identifier"] == "urn:air:mcp.example.com:mcp:Shop-orders"
    assert json.loads(body(found, "/shop/mcp/server-card"))["name"] == "com.example.mcp/Shop-orders"


def test_without_an_address_the_ai_catalog_carries_the_cards() -> None:
    (entry,) = json.loads(body(make_documents([PLAIN], None), "/.well-known/ai-catalog.json"))["entries"]
    assert "url" not in entry
    assert entry["data"] == json.loads(msgspec.json.encode(server_card(PLAIN, None)))


def test_the_api_catalog_is_a_linkset() -> None:
    def links(path: str, **more: Any) -> dict[str, Any]:
        card = {"href": f"{URL}{path}/server-card", "type": "application/mcp-server-card+json"}
        return {"anchor": URL + path, "service-desc": [card], **more}

    items = [{"href": f"{URL}/orders/mcp"}, {"href": f"{URL}/shop/mcp"}]
    assert body(DOCUMENTS, "/.well-known/api-catalog") == dumps(
        {
            "linkset": [
                {"anchor": f"{URL}/.well-known/api-catalog", "item": items},
                links("/orders/mcp", **{"service-doc": [{"href": "https://example.com/orders"}]}),
                links("/shop/mcp"),
            ]
        }
    )


def test_the_older_locations_have_the_older_card() -> None:
    for path in ("/.well-known/mcp/server-card.json", "/.well-known/mcp.json"):
        assert ALONE[path].body == msgspec.json.encode(older_card(RICH, URL))


def test_where_there_is_room_for_one_the_first_server_speaks_and_all_are_listed() -> None:
    card = json.loads(body(DOCUMENTS, "/.well-known/mcp.json"))
    assert [server["name"] for server in card.pop("servers")] == [
        "com.example/orders",
        "com.example.mcp/shop",
    ]
    assert card == json.loads(msgspec.json.encode(older_card(RICH, URL)))


def test_skills_can_be_verified() -> None:
    skill = DOCUMENTS["/.well-known/agent-skills/orders/SKILL.md"].body
    index = json.loads(body(DOCUMENTS, "/.well-known/agent-skills/index.json"))
    assert index["$schema"] == "https://schemas.agentskills.io/discovery/0.2.0/schema.json"
    assert index["skills"][0] == {
        "name": "orders",
        "type": "skill-md",
        "description": "Look up and refund orders.",
        "url": "/.well-known/agent-skills/orders/SKILL.md",
        "digest": f"sha256:{hashlib.sha256(skill).hexdigest()}",
    }


def test_declared_skills_are_in_the_index_with_their_texts() -> None:
    text = "---\nname: refunds\ndescription: Process refunds.\n---\n"
    files = {"SKILL.md": text, "templates/page.html": "<script>"}
    refunds = PublishedSkill(name="refunds", description="Process refunds.", files=files)
    found = make_documents([msgspec.structs.replace(RICH, skills=(refunds,)), PLAIN], URL)
    added = {path: one for path, one in found.items() if path not in DOCUMENTS}
    assert added == {
        "/.well-known/agent-skills/refunds/SKILL.md": Document("text/markdown; charset=utf-8", text.encode()),
        "/.well-known/agent-skills/refunds/templates/page.html": Document(
            "text/plain; charset=utf-8", b"<script>"
        ),
    }
    index = json.loads(body(found, "/.well-known/agent-skills/index.json"))["skills"]
    assert [one["name"] for one in index] == ["orders", "shop", "refunds"]
    assert index[2] == {
        "name": "refunds",
        "type": "skill-md",
        "description": "Process refunds.",
        "url": "/.well-known/agent-skills/refunds/SKILL.md",
        "digest": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
    }


def test_a_declared_skill_stands_in_place_of_the_one_of_its_server() -> None:
    def skill(text: str) -> PublishedSkill:
        return PublishedSkill(name="shop", description=text, files={"SKILL.md": text})

    summaries = [
        msgspec.structs.replace(one, skills=(skill(text),)) for one, text in ((RICH, "a"), (PLAIN, "b"))
    ]
    found = make_documents(summaries, URL)
    assert body(found, "/.well-known/agent-skills/shop/SKILL.md") == "a"
    index = json.loads(body(found, "/.well-known/agent-skills/index.json"))["skills"]
    assert [(one["name"], one["description"] == "a") for one in index] == [("orders", False), ("shop", True)]


def test_a_skill_says_where_the_server_is_and_how_it_is_used() -> None:
    assert body(DOCUMENTS, "/.well-known/agent-skills/orders/SKILL.md") == (
        '---\nname: "orders"\ndescription: "Look up and refund orders."\n---\n\n# Shop orders\n\n'
        "Look up and refund orders.\n\n"
        f"Connect to the MCP server at {URL}/orders/mcp (Streamable HTTP).\n\n"
        "Find an order first.\n\n## Tools\n\n- `find`: Find an order.\n"
    )


def test_no_description_ends_the_front_matter() -> None:
    info = msgspec.structs.replace(PLAIN.info, description='x"\n---\nevil: true', title="# a\n# b")
    text = body(
        make_documents([msgspec.structs.replace(PLAIN, info=info)], URL),
        "/.well-known/agent-skills/shop/SKILL.md",
    )
    assert text.startswith('---\nname: "shop"\ndescription: "x\\" --- evil: true"\n---\n\n# # a # b\n')


@pytest.mark.parametrize(
    ("name", "skill"),
    [("My Shop!", "my-shop"), ("com.example/a.b", "a-b"), ("注文", "server"), ("x" * 70, "x" * 64)],
)
def test_names_of_skills_are_plain(name: str, skill: str) -> None:
    info = msgspec.structs.replace(PLAIN.info, name=name)
    assert f"/.well-known/agent-skills/{skill}/SKILL.md" in make_documents(
        [msgspec.structs.replace(PLAIN, info=info)], URL
    )


def test_a_document_is_answered_with_its_tag() -> None:
    response = answer(DOCUMENT, request())
    assert (response.status, response.body) == (200, b'{"a":1}')
    assert response.headers == {
        "etag": ETAG,
        "cache-control": "public, max-age=300",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag",
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
    }


def test_head_is_the_same_without_a_body() -> None:
    response = answer(DOCUMENT, request("HEAD"))
    assert (response.status, response.body) == (200, b"")
    assert response.headers == answer(DOCUMENT, request()).headers


@pytest.mark.parametrize("url", [URL, f"{URL}/prod", None])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_api_catalog_says_that_it_is_one(method: str, url: str | None) -> None:
    """RFC 9727, section 2: a HEAD is how it is looked for."""
    catalog = make_documents([PLAIN], url)["/.well-known/api-catalog"]
    for headers in ({}, {"if_none_match": catalog.etag}):
        link = answer(catalog, request(method, **headers)).headers["link"]
        assert link == f'<{url or ""}/.well-known/api-catalog>; rel="api-catalog"'


def test_no_other_document_has_a_link() -> None:
    linked = [path for path, document in DOCUMENTS.items() if "link" in answer(document, request()).headers]
    assert linked == ["/.well-known/api-catalog"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", [ETAG, f'"other", {ETAG}', f"W/{ETAG}", "*"])
def test_what_the_client_has_is_not_sent_again(method: str, known: str) -> None:
    response = answer(DOCUMENT, request(method, if_none_match=known))
    assert (response.status, response.body) == (304, b"")
    assert response.headers == {
        "etag": ETAG,
        "cache-control": "public, max-age=300",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag",
    }


@pytest.mark.parametrize("known", ['"other"', ETAG.strip('"'), ""])
def test_what_it_has_not_is_sent(known: str) -> None:
    assert answer(DOCUMENT, request(if_none_match=known)).status == 200


def test_pages_of_every_origin_may_ask() -> None:
    response = answer(DOCUMENT, request("OPTIONS", origin="https://anywhere.example"))
    assert (response.status, response.body) == (204, b"")
    assert response.headers == {
        "allow": "GET, HEAD, OPTIONS",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag",
        "access-control-allow-methods": "GET, HEAD, OPTIONS",
        "access-control-allow-headers": "Content-Type, If-None-Match, MCP-Protocol-Version",
        "access-control-max-age": "7200",
    }


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_nothing_else_is_allowed(method: str) -> None:
    response = answer(DOCUMENT, request(method))
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
