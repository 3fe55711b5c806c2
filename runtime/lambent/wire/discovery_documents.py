"""The documents by which servers are found: cards, catalogs, skills; which paths they have, what is in them.

==========================================  =========================================================
path                                        document
==========================================  =========================================================
``<endpoint>/server-card``                  the server's card
``<endpoint>/server.json``                  the server as registries describe it
``/.well-known/ai-catalog.json``            an AI catalog that refers to the cards
``/.well-known/api-catalog``                a linkset that refers to endpoints and cards (RFC 9727)
``/.well-known/mcp/server-card.json``,      the card as earlier proposals had it
``/.well-known/mcp.json``
``/.well-known/agent-skills/index.json``    how models use the servers, a skill each
==========================================  =========================================================
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lambent.wire.discovery_paths import (
    AI_CATALOG,
    API_CATALOG,
    CARD_SUFFIX,
    OLDER_CARDS,
    REGISTRY_SUFFIX,
    SKILLS,
    SKILLS_INDEX,
)
from lambent.wire.http import JSON_TYPE, HttpRequest, HttpResponse
from lambent.wire.server_card import (
    CARD_TYPE,
    ServerSummary,
    card_name,
    older_card,
    publisher,
    registry_entry,
    server_card,
)

_AI_CATALOG_TYPE = "application/ai-catalog+json"
_LINKSET_TYPE = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
_MARKDOWN_TYPE = "text/markdown; charset=utf-8"
_SKILLS_SCHEMA = "https://schemas.agentskills.io/discovery/0.2.0/schema.json"
_SKILL_DESCRIPTION_LIMIT = 1024

CACHE_CONTROL = "public, max-age=300"
"""A deploy is seen within five minutes; until then a card read again costs nobody anything."""

_METHODS = "GET, HEAD, OPTIONS"
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag",
}
"""For every origin: what is in a card is public (discovery, "CORS Requirements")."""


class Document(msgspec.Struct, frozen=True):
    """One document.

    Attributes:
        media_type: its ``Content-Type``.
        body: its bytes.
        link: the ``Link`` header that goes with it.
    """

    media_type: str
    body: bytes
    link: str | None = None

    @property
    def etag(self) -> str:
        """The strong entity tag of the bytes: the one that S3 gives an object of one part."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


def make_documents(summaries: Sequence[ServerSummary], base_url: str | None) -> dict[str, Document]:
    """All documents of a deployment, by path.

    Args:
        summaries: the servers, whose skills have different names; where a location has room for one
            server only, it is the first one.
        base_url: the public URL of the servers, without a slash at the end; None where it is not known.
    """
    skills = {skill_name(summary): _skill(summary, base_url) for summary in summaries}
    found = {}
    for summary in summaries:
        found[summary.path + CARD_SUFFIX] = _json(server_card(summary, base_url), CARD_TYPE)
        found[summary.path + REGISTRY_SUFFIX] = _json(registry_entry(summary, base_url))
    found |= {f"{SKILLS}/{name}/SKILL.md": skill for name, skill in skills.items()}
    # What refers to others comes after them: whoever publishes in this order never publishes a dead link.
    found[SKILLS_INDEX] = _json(_skills_index(summaries, skills))
    found[AI_CATALOG] = _json(_ai_catalog(summaries, base_url), _AI_CATALOG_TYPE)
    # RFC 9727, section 2: so a HEAD tells what it is.
    link = f'<{base_url or ""}{API_CATALOG}>; rel="api-catalog"'
    found[API_CATALOG] = _json(_api_catalog(summaries, base_url), _LINKSET_TYPE, link)
    return found | dict.fromkeys(OLDER_CARDS, _json(_older(summaries, base_url)))


def answer(document: Document, request: HttpRequest) -> HttpResponse:
    """Answer a request for a document (RFC 9110, sections 8.8.3 and 13.1.2).

    Args:
        document: what is there.
        request: a GET, HEAD or OPTIONS; anything else is not allowed.
    """
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
    if _is_known(request.headers.get("if-none-match"), document.etag):
        return HttpResponse(304, headers)
    headers["content-type"] = document.media_type
    headers["x-content-type-options"] = "nosniff"
    return HttpResponse(200, headers, b"" if request.method == "HEAD" else document.body)


def skill_name(summary: ServerSummary) -> str:
    """The name of a server's skill: at most 64 of a to z, 0 to 9 and -, as the format has it."""
    name = re.sub(r"[^a-z0-9]+", "-", summary.info.name.rpartition("/")[2].lower()).strip("-")
    return name[:64].rstrip("-") or "server"


def _is_known(if_none_match: str | None, etag: str) -> bool:
    if if_none_match is None:
        return False
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in known or etag in known


def _json(value: Any, media_type: str = JSON_TYPE, link: str | None = None) -> Document:
    return Document(media_type, msgspec.json.encode(value), link)


def _older(summaries: Sequence[ServerSummary], base_url: str | None) -> dict[str, Any]:
    cards = [older_card(summary, base_url) for summary in summaries]
    return cards[0] if len(cards) == 1 else {**cards[0], "servers": cards}


def _ai_catalog(summaries: Sequence[ServerSummary], base_url: str | None) -> dict[str, Any]:
    def entry(summary: ServerSummary) -> dict[str, Any]:
        info = summary.info
        name = card_name(summary, base_url).rpartition("/")[2]
        described = {
            "identifier": f"urn:air:{publisher(summary, base_url)}:mcp:{name}",
            "displayName": info.title or info.name,
            "type": CARD_TYPE,
        }
        if base_url is None:
            return {**described, "data": server_card(summary, base_url)}
        return {**described, "url": base_url + summary.path + CARD_SUFFIX}

    return {"specVersion": "1.0", "entries": [entry(summary) for summary in summaries]}


def _api_catalog(summaries: Sequence[ServerSummary], base_url: str | None) -> dict[str, Any]:
    base = base_url or ""

    def described(summary: ServerSummary) -> dict[str, Any]:
        endpoint = base + summary.path
        links: dict[str, Any] = {
            "anchor": endpoint,
            "service-desc": [{"href": endpoint + CARD_SUFFIX, "type": CARD_TYPE}],
        }
        if summary.info.website_url is not None:
            links["service-doc"] = [{"href": summary.info.website_url}]
        return links

    items = [{"href": base + summary.path} for summary in summaries]
    catalog = {"anchor": base + API_CATALOG, "item": items}
    return {"linkset": [catalog, *map(described, summaries)]}


def _skills_index(summaries: Sequence[ServerSummary], skills: Mapping[str, Document]) -> dict[str, Any]:
    entries = [
        {
            "name": name,
            "type": "skill-md",
            "description": _skill_description(summary),
            "url": f"{SKILLS}/{name}/SKILL.md",
            "digest": f"sha256:{hashlib.sha256(skill.body).hexdigest()}",
        }
        for summary, (name, skill) in zip(summaries, skills.items(), strict=True)
    ]
    return {"$schema": _SKILLS_SCHEMA, "skills": entries}


def _skill(summary: ServerSummary, base_url: str | None) -> Document:
    """A skill that tells a model where the server is and how it is meant to be used."""
    info = summary.info
    head = {"name": skill_name(summary), "description": _skill_description(summary)}
    # JSON strings are YAML strings: nothing in a description can end the front matter.
    lines = [
        "---",
        *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()),
        "---",
    ]
    lines += ["", f"# {' '.join((info.title or info.name).split())}", "", _skill_description(summary)]
    if base_url is not None:
        lines += ["", f"Connect to the MCP server at {base_url}{summary.path} (Streamable HTTP)."]
    if summary.card.lists_features and summary.instructions:
        lines += ["", summary.instructions]
    if summary.card.lists_features and summary.tools:
        lines += ["", "## Tools", "", *map(_tool_line, summary.tools)]
    return Document(_MARKDOWN_TYPE, "\n".join([*lines, ""]).encode())


def _tool_line(raw: msgspec.Raw) -> str:
    tool = msgspec.json.decode(raw, type=dict[str, Any])
    said = " ".join(str(tool.get("description") or tool.get("title") or "").split())
    return f"- `{tool['name']}`: {said}" if said else f"- `{tool['name']}`"


def _skill_description(summary: ServerSummary) -> str:
    text = " ".join((summary.info.description or summary.description).split())
    return text[:_SKILL_DESCRIPTION_LIMIT]
