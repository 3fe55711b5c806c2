"""The discovery documents of servers: cards, catalogs and skills.

==========================================  =========================================================
path                                        document
==========================================  =========================================================
``<endpoint>/server-card``                  the server's card
``<endpoint>/server.json``                  the server's entry for MCP registries
``/.well-known/ai-catalog.json``            an AI catalog that refers to the cards
``/.well-known/api-catalog``                a linkset that refers to endpoints and cards (RFC 9727)
``/.well-known/mcp/server-card.json``,      the card as earlier proposals had it
``/.well-known/mcp.json``
``/.well-known/agent-skills/index.json``    the skills that servers declare, and one for each server
                                            that says how a model uses it
==========================================  =========================================================
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lambent.wire import discovery_paths as paths
from lambent.wire import server_card as cards
from lambent.wire.http import JSON_TYPE, HttpResponse, Request
from lambent.wire.server_card import PublishedSkill, ServerSummary, one_line

_AI_CATALOG_TYPE = "application/ai-catalog+json"
_LINKSET_TYPE = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
_MARKDOWN_TYPE = "text/markdown; charset=utf-8"
_TEXT_TYPE = "text/plain; charset=utf-8"
_SKILLS_SCHEMA = "https://schemas.agentskills.io/discovery/0.2.0/schema.json"
_SKILL_DESCRIPTION_LIMIT = 1024

CACHE_CONTROL = "public, max-age=300"
"""Clients see a new deployment after at most five minutes, and make no requests before that."""

_METHODS = "GET, HEAD, OPTIONS"
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag",
}
"""Every origin may read cards, which are public (discovery, "CORS Requirements")."""


class Document(msgspec.Struct, frozen=True):
    """One document, and the ``Link`` header that goes with it."""

    media_type: str
    body: bytes
    link: str | None = None

    @property
    def etag(self) -> str:
        """The strong entity tag: the MD5 of the body, as S3 computes it for objects of one part."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


def make_documents(summaries: Sequence[ServerSummary], base_url: str | None) -> dict[str, Document]:
    """All documents of a deployment, by path; for ``base_url`` see ``wire.server_card``.

    A skill that a server has declared stands in place of one that would be made for a server of its name.
    Otherwise the skills of the servers have different names. Where a location has room for one server or one
    skill only, it is the first one.
    """
    published: dict[str, PublishedSkill] = {}
    for one in (skill for summary in summaries for skill in summary.skills):
        published.setdefault(one.name, one)
    skills = {
        f"{paths.SKILLS}/{skill_name(summary)}/SKILL.md": _skill(summary, base_url)
        for summary in summaries
        if skill_name(summary) not in published
    }
    older = [cards.older_card(summary, base_url) for summary in summaries]
    found = {}
    for summary in summaries:
        card, entry = cards.server_card(summary, base_url), cards.registry_entry(summary, base_url)
        found[summary.path + paths.CARD_SUFFIX] = json_document(card, cards.CARD_TYPE)
        found[summary.path + paths.REGISTRY_SUFFIX] = json_document(entry)
    # Documents come before those that link to them: published in this order, no link is ever broken.
    found |= skills
    found |= {
        f"{paths.SKILLS}/{name}/{path}": _file(path, text)
        for name, skill in published.items()
        for path, text in skill.files.items()
    }
    found[paths.SKILLS_INDEX] = json_document(_skills_index(summaries, published, found))
    found[paths.AI_CATALOG] = json_document(_ai_catalog(summaries, base_url), _AI_CATALOG_TYPE)
    # RFC 9727, section 2, wants this link in the response to HEAD.
    link = f'<{base_url or ""}{paths.API_CATALOG}>; rel="api-catalog"'
    found[paths.API_CATALOG] = json_document(_api_catalog(summaries, base_url or ""), _LINKSET_TYPE, link)
    older = [cards.older_card(summary, base_url) for summary in summaries]
    first = older[0] if len(older) == 1 else {**older[0], "servers": older}
    return found | dict.fromkeys(paths.OLDER_CARDS, json_document(first))


def answer(document: Document, request: Request) -> HttpResponse:
    """Answer a request for a document: GET, HEAD or OPTIONS (RFC 9110, sections 8.8.3 and 13.1.2)."""
    if request.method == "OPTIONS":
        allowed = {
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": "Content-Type, If-None-Match, MCP-Protocol-Version",
            "access-control-max-age": "7200",
        }
        return HttpResponse(204, {"allow": _METHODS, **_CORS, **allowed})
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(405, {"allow": _METHODS, **_CORS})
    headers = {"etag": document.etag, "cache-control": CACHE_CONTROL, **_CORS}
    if document.link is not None:
        headers["link"] = document.link
    known = request.headers.get("if-none-match", "").split(",")
    if {"*", document.etag} & {tag.strip().removeprefix("W/") for tag in known}:
        return HttpResponse(304, headers)
    headers["content-type"] = document.media_type
    headers["x-content-type-options"] = "nosniff"
    return HttpResponse(200, headers, b"" if request.method == "HEAD" else document.body)


def skill_name(summary: ServerSummary) -> str:
    """The name of a server's skill: at most 64 characters of a to z, 0 to 9 and -."""
    name = re.sub(r"[^a-z0-9]+", "-", summary.info.name.rpartition("/")[2].lower()).strip("-")
    return name[:64].rstrip("-") or "server"


def json_document(value: Any, media_type: str = JSON_TYPE, link: str | None = None) -> Document:
    """A document in JSON."""
    return Document(media_type, msgspec.json.encode(value), link)


def _ai_catalog(summaries: Sequence[ServerSummary], base_url: str | None) -> dict[str, Any]:
    entries = []
    for summary in summaries:
        name = cards.card_name(summary, base_url).rpartition("/")[2]
        entry: dict[str, Any] = {
            "identifier": f"urn:air:{cards.publisher(summary, base_url)}:mcp:{name}",
            "displayName": summary.info.title or summary.info.name,
            "type": cards.CARD_TYPE,
        }
        if base_url is None:
            entry["data"] = cards.server_card(summary, base_url)
        else:
            entry["url"] = base_url + summary.path + paths.CARD_SUFFIX
        entries.append(entry)
    return {"specVersion": "1.0", "entries": entries}


def _api_catalog(summaries: Sequence[ServerSummary], base: str) -> dict[str, Any]:
    items = [{"href": base + summary.path} for summary in summaries]
    linkset: list[dict[str, Any]] = [{"anchor": base + paths.API_CATALOG, "item": items}]
    for summary in summaries:
        endpoint = base + summary.path
        card = {"href": endpoint + paths.CARD_SUFFIX, "type": cards.CARD_TYPE}
        links: dict[str, Any] = {"anchor": endpoint, "service-desc": [card]}
        if summary.info.website_url is not None:
            links["service-doc"] = [{"href": summary.info.website_url}]
        linkset.append(links)
    return {"linkset": linkset}


def _skills_index(
    summaries: Sequence[ServerSummary],
    published: Mapping[str, PublishedSkill],
    documents: Mapping[str, Document],
) -> dict[str, Any]:
    described = {skill_name(summary): _skill_description(summary) for summary in summaries}
    described |= {name: skill.description for name, skill in published.items()}
    entries = []
    for name, description in described.items():
        path = f"{paths.SKILLS}/{name}/SKILL.md"
        digest = f"sha256:{hashlib.sha256(documents[path].body).hexdigest()}"
        entry = {"name": name, "type": "skill-md", "description": description, "url": path, "digest": digest}
        entries.append(entry)
    return {"$schema": _SKILLS_SCHEMA, "skills": entries}


def _file(path: str, text: str) -> Document:
    """A file of a skill. It is never a page of this site, whatever is in it."""
    is_markdown = path.endswith(".md")
    return Document(_MARKDOWN_TYPE if is_markdown else _TEXT_TYPE, text.encode())


def _skill(summary: ServerSummary, base_url: str | None) -> Document:
    """A skill, in Markdown: where the server is and how to use it."""
    info, description = summary.info, _skill_description(summary)
    # JSON strings are YAML strings, so no description can end the front matter.
    lines = [
        "---",
        f"name: {json.dumps(skill_name(summary))}",
        f"description: {json.dumps(description, ensure_ascii=False)}",
        "---",
        "",
        f"# {one_line(info.title or info.name)}",
        "",
        description,
    ]
    if base_url is not None:
        lines += ["", f"Connect to the MCP server at {base_url}{summary.path} (Streamable HTTP)."]
    if summary.card.lists_features and summary.instructions:
        lines += ["", summary.instructions]
    if summary.card.lists_features and summary.tools:
        lines += ["", "## Tools", "", *map(_tool_line, summary.tools)]
    return Document(_MARKDOWN_TYPE, "\n".join([*lines, ""]).encode())


def _tool_line(raw: msgspec.Raw) -> str:
    tool = msgspec.json.decode(raw, type=dict[str, Any])
    said = one_line(str(tool.get("description") or tool.get("title") or ""))
    return f"- `{tool['name']}`: {said}" if said else f"- `{tool['name']}`"


def _skill_description(summary: ServerSummary) -> str:
    return one_line(summary.info.description or summary.description)[:_SKILL_DESCRIPTION_LIMIT]
