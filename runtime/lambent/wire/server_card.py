"""Server cards: a description of a server for clients that do not know it (Server Card extension, schema v1).

A card is made from a ``ServerSummary``, which depends only on the declarations, and from a ``base_url``, the
public URL without the path and the slash before it; None where it is not known. The same two give the same
bytes everywhere.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from msgspec import Raw, field, to_builtins

from lambent.wire.values import CardDetails, CardHeader, Implementation, Value

CARD_TYPE = "application/mcp-server-card+json"
CARD_SCHEMA = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
OLDER_SCHEMA = "https://static.modelcontextprotocol.io/schemas/mcp-server-card/v1.json"

TRANSPORT = "streamable-http"
FEATURES_KEY = "lambent/features"
"""The key of ``_meta`` with tools, resources and prompts, for which the card's schema has no place."""

_NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9._-]+")
_NAME_LIMIT = 200
_VERSION_LIMIT = 255
_VERSION_RANGE = re.compile(r"[\^~<>=*\s]|(^|\.)x(\.|$)")
_DESCRIPTION_LIMIT = 100
"""Characters, of descriptions and of titles."""

_VARIABLE = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")
_FILLED_IN = re.compile(r"\{[^}]*\}|\b(Bearer|Basic|Token)\b", re.IGNORECASE)
"""A secret header's value may consist of placeholders, and of an authentication scheme before them."""

_CREDENTIALS = re.compile(r"https://[^/?#]*@")
_INTERNAL_SUFFIXES = (
    *(".internal", ".intranet", ".private", ".local", ".localhost", ".localdomain", ".svc"),
    *(".home", ".home.arpa", ".lan", ".corp"),
)


class PublishedSkill(Value, frozen=True):
    """A skill that a server has declared, as the index of skills has it.

    Attributes:
        files: texts by their paths, ``SKILL.md`` among them.
    """

    name: str
    description: str
    files: dict[str, str]


class ServerSummary(Value, frozen=True):
    """The part of a server's description that does not depend on where it is deployed.

    Attributes:
        path: of its endpoint, such as ``/orders/mcp``.
        info: its name, version and more.
        card: what else its author wants on the card.
        versions: the protocol versions that it supports, newest first.
        instructions: how a model should use it.
        capabilities: the server's capabilities.
        tools: definitions, as the list methods have them; so are the next three.
        skills: those that are published.
    """

    path: str
    info: Implementation
    card: CardDetails
    versions: tuple[str, ...]
    instructions: str | None = None
    capabilities: dict[str, Any] = field(default_factory=dict)
    tools: tuple[Raw, ...] = ()
    resources: tuple[Raw, ...] = ()
    resource_templates: tuple[Raw, ...] = ()
    prompts: tuple[Raw, ...] = ()
    skills: tuple[PublishedSkill, ...] = ()

    @property
    def description(self) -> str:
        """One sentence of at most 100 characters, which a card must have."""
        info = self.info
        said = (info.description, info.title, f"The MCP server {info.name}")
        return next(filter(None, (_shortened(text or "") for text in said)))


def server_card(summary: ServerSummary, base_url: str | None) -> dict[str, Any]:
    """A server's card; it has ``remotes`` only where the public URL is known."""
    card: dict[str, Any] = {"$schema": CARD_SCHEMA, **_identity(summary, base_url)}
    if base_url is not None:
        card["remotes"] = [{**_remote(summary, base_url), "supportedProtocolVersions": summary.versions}]
    if features := _features(summary, base_url):
        card["_meta"] = {FEATURES_KEY: features}
    return card


def registry_entry(summary: ServerSummary, base_url: str | None) -> dict[str, Any]:
    """A server's ``server.json``, which publishes it in an MCP registry as a remote server."""
    entry: dict[str, Any] = {"$schema": REGISTRY_SCHEMA, **_identity(summary, base_url)}
    return entry if base_url is None else {**entry, "remotes": [_remote(summary, base_url)]}


def older_card(summary: ServerSummary, base_url: str | None) -> dict[str, Any]:
    """A server's card in the format of earlier proposals, with tools, resources and prompts in it."""
    info = summary.info
    card = {
        "$schema": OLDER_SCHEMA,
        **_identity(summary, base_url),
        "protocolVersion": summary.versions[0],
        "serverInfo": Implementation(name=info.name, version=info.version, title=info.title),
        "transport": {"type": TRANSPORT, "endpoint": summary.path},
        "capabilities": summary.capabilities,
        **_features(summary, base_url),
    }
    if summary.card.lists_features and summary.instructions is not None:
        card["instructions"] = summary.instructions
    return card


def card_name(summary: ServerSummary, base_url: str | None) -> str:
    """A server's name in reverse DNS format, such as ``com.example/orders``."""
    name = summary.info.name
    if _NAME.fullmatch(name):
        return name
    return f"{_namespace(summary, base_url)}/{_NOT_IN_NAMES.sub('-', name).strip('-') or 'server'}"


def publisher(summary: ServerSummary, base_url: str | None) -> str:
    """The domain of the server's publisher, such as ``example.com``."""
    return _reversed(_namespace(summary, base_url))


def problems(summary: ServerSummary, base_url: str | None) -> list[str]:
    """What prevents the publication of a card, a sentence each: invalid names, secrets, internal hosts."""
    info, card, found = summary.info, summary.card, []
    name, version = card_name(summary, base_url), info.version
    if not _NAME.fullmatch(name) or len(name) > _NAME_LIMIT:
        found.append(
            f"the name {name!r} is not in reverse DNS format, such as com.example/orders: set a namespace"
        )
    if not version or len(version) > _VERSION_LIMIT or _VERSION_RANGE.search(version):
        found.append(f"{version!r} is not one version, such as 1.0.2")
    for header in card.headers or ():
        shown = header.default or header.choices or _FILLED_IN.sub("", header.value or "").strip()
        if header.is_secret and shown:
            found.append(f"the header {header.name} is secret, but the card would show its value")
    if base_url is None:
        found.append("nobody can reach the server without a URL: set LAMBENT_PUBLIC_URL")
    urls = {
        "the public URL": base_url,
        "the website": info.website_url,
        "the repository": card.repository.url if card.repository is not None else None,
    }
    icons = {f"icon {number}": icon.src for number, icon in enumerate(info.icons or (), 1)}
    urls |= {what: url for what, url in icons.items() if not url.startswith("data:image/")}
    for what, url in urls.items():
        if url is None:
            continue
        if not url.startswith("https://"):
            found.append(f"{what} is {url!r}: it must begin with https://")
        elif _CREDENTIALS.match(url):
            found.append(f"{what} holds credentials")
        elif is_internal(host_of(url)):
            found.append(f"{what} is {url!r}, which only its own network can reach")
    return found


def is_internal(host: str) -> bool:
    """Whether a host is known in its own network only."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        # A name without a dot, such as ``localhost``, is looked up in the network's own domain. A name that
        # ends with a number is an address in another notation, such as 127.1.
        name = host.strip(".")
        return "." not in name or name.endswith(_INTERNAL_SUFFIXES) or name.rpartition(".")[2].isdigit()


def host_of(url: str) -> str:
    """The host of a URL, in lower case; empty where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def one_line(text: str) -> str:
    """A text with single spaces in place of line breaks and other white space."""
    return " ".join(text.split())


def _namespace(summary: ServerSummary, base_url: str | None) -> str:
    """The part of a server's name before the slash: as declared, else the host in reverse DNS format."""
    if _NAME.fullmatch(summary.info.name):
        return summary.info.name.partition("/")[0]
    if summary.card.namespace is not None:
        return summary.card.namespace
    host = host_of(base_url or "")
    is_address = ":" in host or host.replace(".", "").isdigit()
    return "localhost" if is_address or not host else _reversed(host)


def _reversed(domain: str) -> str:
    return ".".join(reversed(domain.split(".")))


def _identity(summary: ServerSummary, base_url: str | None) -> dict[str, Any]:
    info = summary.info
    optional = {
        "title": _shortened(info.title or ""),
        "websiteUrl": info.website_url,
        "repository": summary.card.repository,
        "icons": info.icons,
    }
    return {
        "name": card_name(summary, base_url),
        "version": info.version,
        "description": summary.description,
        **{key: value for key, value in optional.items() if value},
    }


def _remote(summary: ServerSummary, base_url: str) -> dict[str, Any]:
    remote: dict[str, Any] = {"type": TRANSPORT, "url": base_url + summary.path}
    if summary.card.headers:
        remote["headers"] = [_header(header) for header in summary.card.headers]
    return remote


def _header(header: CardHeader) -> dict[str, Any]:
    written: dict[str, Any] = to_builtins(header)
    if variables := _VARIABLE.findall(header.value or ""):
        asked = {"isRequired": header.is_required, "isSecret": header.is_secret}
        written["variables"] = dict.fromkeys(variables, asked)
    return written


def _features(summary: ServerSummary, base_url: str | None) -> dict[str, Any]:
    if not summary.card.lists_features:
        return {}
    return {
        "tools": summary.tools,
        "resources": summary.resources,
        "resourceTemplates": summary.resource_templates,
        "prompts": summary.prompts,
        "scopes": summary.card.scopes or [],
        "transports": [] if base_url is None else [{"type": TRANSPORT, "url": base_url + summary.path}],
    }


def _shortened(text: str) -> str:
    text = one_line(text)
    if len(text) <= _DESCRIPTION_LIMIT:
        return text
    cut = text[: _DESCRIPTION_LIMIT - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(",.;: ") + "…"
