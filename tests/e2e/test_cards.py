"""Server cards: published by the deploy, served by the API, the same bytes in both places."""

import json
from typing import Any

import jsonschema
import pytest
from tests.e2e.client import Client
from tests.e2e.cloud import Reply
from tests.e2e.stacks import Stack
from tests.wire.cards import CARD

SERVERS = ("orders", "reports", "backoffice")
CARDS = {f"/{server}/mcp/server-card": "application/mcp-server-card+json" for server in SERVERS}
WELL_KNOWN = {
    "/.well-known/ai-catalog.json": "application/ai-catalog+json",
    "/.well-known/api-catalog": "application/linkset+json",
    "/.well-known/mcp/server-card.json": "application/json",
    "/.well-known/mcp.json": "application/json",
    "/.well-known/agent-skills/index.json": "application/json",
}
SKILL_FILES = ("SKILL.md", "templates/report.md")
OTHERS = {f"/{server}/mcp/server.json": "application/json" for server in SERVERS} | {
    f"/.well-known/agent-skills/{server}/SKILL.md": "text/markdown" for server in SERVERS
}
OTHERS |= {f"/.well-known/agent-skills/monthly-report/{name}": "text/markdown" for name in SKILL_FILES}
DOCUMENTS = {**CARDS, **WELL_KNOWN, **OTHERS}


def read(stack: Stack, path: str, method: str = "GET", **headers: str) -> Reply:
    url = stack.url("Url") + path
    return stack.cloud.send(
        url, None, {name.replace("_", "-"): value for name, value in headers.items()}, method
    )


def kept(stack: Stack, path: str) -> Any:
    bucket = stack.outputs["BucketName"]
    return stack.cloud.client("s3").get_object(Bucket=bucket, Key=f"cards{path}")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_is_the_same_in_the_bucket_and_over_http(shop: Stack, path: str) -> None:
    served, published = read(shop, path), kept(shop, path)
    assert served.status == 200, served
    assert served.body == published["Body"].read()
    assert served.headers["etag"] == published["ETag"]
    assert served.headers["content-type"] == published["ContentType"]
    assert served.headers["content-type"].partition(";")[0] == DOCUMENTS[path]
    assert served.headers["cache-control"] == published["CacheControl"]
    assert served.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_that_is_known_is_not_sent_again(shop: Stack, path: str) -> None:
    etag = kept(shop, path)["ETag"]
    unchanged = read(shop, path, if_none_match=etag)
    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", etag)
    assert read(shop, path, if_none_match='"another"').status == 200
    head = read(shop, path, "HEAD")
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", etag)


def test_nothing_else_is_published(shop: Stack) -> None:
    pages = shop.cloud.client("s3").get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=shop.outputs["BucketName"], Prefix="cards/")
    keys = {item["Key"] for page in found for item in page.get("Contents", ())}
    assert keys == {f"cards{path}" for path in DOCUMENTS}
    assert read(shop, "/.well-known/openid-configuration").status == 404


@pytest.mark.parametrize("server", SERVERS)
def test_a_card_says_what_the_server_says(shop: Stack, server: str) -> None:
    card = json.loads(read(shop, f"/{server}/mcp/server-card").body)
    jsonschema.Draft202012Validator(CARD).validate(card)
    output = f"{server.capitalize()}Url"
    assert [remote["url"] for remote in card["remotes"]] == [shop.outputs[output]]
    client = Client(shop.cloud, shop.url(output))
    (supported,) = [remote["supportedProtocolVersions"] for remote in card["remotes"]]
    assert supported == client.request("server/discover")["supportedVersions"]
    assert card["_meta"]["lambent/features"]["tools"] == client.request("tools/list")["tools"]


def test_every_link_of_a_catalog_leads_somewhere(shop: Stack) -> None:
    origin = shop.outputs["Url"]
    entries = json.loads(read(shop, "/.well-known/ai-catalog.json").body)["entries"]
    assert [entry["url"] for entry in entries] == [origin + path for path in CARDS]
    linkset = json.loads(read(shop, "/.well-known/api-catalog").body)["linkset"]
    links = [link["href"] for item in linkset for link in item.get("service-desc", ())]
    assert links == [origin + path for path in CARDS]
    skills = json.loads(read(shop, "/.well-known/agent-skills/index.json").body)["skills"]
    assert [skill["name"] for skill in skills] == [*SERVERS, "monthly-report"]
    assert [read(shop, skill["url"]).status for skill in skills] == [200] * len(skills)
