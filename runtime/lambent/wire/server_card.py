"""Server cards: what a client can know of a server before it connects (Server Card extension, schema v1).

A card is made from a ``ServerSummary``, which the declarations alone determine, and from the address under
which the server is reached. Two places that know both write the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec import Raw, field, to_builtins

from lambent.wire.values import CardDetails, CardHeader, Icon, Implementation, Repository, Value

CARD_TYPE = "application/mcp-server-card+json"
CARD_SCHEMA = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
OLDER_SCHEMA = "https://static.modelcontextprotocol.io/schemas/mcp-server-card/v1.json"

TRANSPORT = "streamable-http"
FEATURES_KEY = "lambent/features"
"""The key of ``_meta`` under which a card names tools and more, which the schema itself leaves out."""

NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9._-]+")
_VARIABLE = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")
_DESCRIPTION_LIMIT = 100
"""Characters, of descriptions and titles alike."""


class ServerSummary(Value, frozen=True):
    """What can be said of a server wherever it is deployed.

    Attributes:
        path: of its endpoint, such as ``/orders/mcp``.
        info: who it says it is.
        card: what its author wants on the card besides.
        versions: the protocol versions that it speaks, newest first.
        instructions: how a model should use it.
        capabilities: what it offers.
        tools: definitions, as ``tools/list`` has them.
        resources: definitions, as ``resources/list`` has them.
        resource_templates: definitions, as ``resources/templates/list`` has them.
        prompts: definitions, as ``prompts/list`` has them.
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

    @property
    def description(self) -> str:
        """One sentence of at most a hundred characters: cards must have one."""
        info = self.info
        said = (info.description, info.title, f"The MCP server {info.name}")
        return next(filter(None, (_shortened(text or "") for text in said)))


def server_card(summary: ServerSummary, base_url: str | None) -> dict[str, Any]:
    """A server's card.

    Args:
        summary: the server.
        base_url: its public URL up to the path, without a slash at the end; None where it is not known: the
            card then has no ``remotes``.
    """
    card: dict[str, Any] = {"$schema": CARD_SCHEMA, **_identity(summary, base_url)}
    if base_url is not None:
        card["remotes"] = [{**_remote(summary, base_url), "supportedProtocolVersions": summary.versions}]
    features = _features(summary, base_url)
    return {**card, "_meta": {FEATURES_KEY: features}} if features else card


def registry_entry(summary: ServerSummary, base_url: str | None) -> dict[str, Any]:
    """A server's ``server.json`` for MCP registries, by which it is published as a remote server."""
    entry: dict[str, Any] = {"$schema": REGISTRY_SCHEMA, **_identity(summary, base_url)}
    return entry if base_url is None else {**entry, "remotes": [_remote(summary, base_url)]}


def older_card(summary: ServerSummary, base_url: str | None) -> dict[str, Any]:
    """A server's card as earlier proposals had it: one document that also names what the server offers."""
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
    if NAME.fullmatch(name):
        return name
    return f"{_namespace(summary, base_url)}/{_NOT_IN_NAMES.sub('-', name).strip('-') or 'server'}"


def publisher(summary: ServerSummary, base_url: str | None) -> str:
    """The domain of who publishes a server, such as ``example.com``."""
    return _reversed(_namespace(summary, base_url))


def host_of(url: str) -> str:
    """The host of a URL, in lower case; empty where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _namespace(summary: ServerSummary, base_url: str | None) -> str:
    """What a server's name begins with, as it is declared or else as the host says."""
    if NAME.fullmatch(summary.info.name):
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
    optional: dict[str, str | Repository | Sequence[Icon] | None] = {
        "title": _shortened(info.title) if info.title else None,
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
    if not summary.card.headers:
        return remote
    return {**remote, "headers": [_header(header) for header in summary.card.headers]}


def _header(header: CardHeader) -> dict[str, Any]:
    written: dict[str, Any] = to_builtins(header)
    variables = _VARIABLE.findall(header.value or "")
    if not variables:
        return written
    asked = {"isRequired": header.is_required, "isSecret": header.is_secret}
    return {**written, "variables": dict.fromkeys(variables, asked)}


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
    text = " ".join(text.split())
    if len(text) <= _DESCRIPTION_LIMIT:
        return text
    cut = text[: _DESCRIPTION_LIMIT - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(",.;: ") + "…"
