"""``server/discover``: versions, capabilities and identity (server/discover)."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from lambent.execution.call import Call, Services
from lambent.features.tasks import EXTENSION
from lambent.wire.eras import SUPPORTED_VERSIONS
from lambent.wire.results import DiscoverResult
from lambent.wire.values import SERVER_INFO_KEY


def discover(call: Call) -> DiscoverResult:
    """Say what this server is and can do."""
    catalog = call.services.catalog
    hint = catalog.hints["server/discover"]
    return DiscoverResult(
        supported_versions=SUPPORTED_VERSIONS,
        capabilities=capabilities(call.services),
        instructions=catalog.instructions or UNSET,
        meta={SERVER_INFO_KEY: catalog.info},
        ttl_ms=hint.ttl_ms,
        cache_scope=hint.scope,
    )


def capabilities(services: Services) -> dict[str, Any]:
    """What the server offers: nothing that it does not answer, no notification that it cannot deliver."""
    catalog = services.catalog
    delivers = services.changes is not None
    changing = {"listChanged": True} if delivers else {}
    offered: dict[str, Any] = {"logging": {}}
    if catalog.tools:
        offered["tools"] = changing
    if catalog.resources or catalog.templates:
        offered["resources"] = {"subscribe": True, **changing} if delivers else {}
    if catalog.prompts:
        offered["prompts"] = changing
    if catalog.completer is not None:
        offered["completions"] = {}
    extensions = dict(catalog.extensions)
    if services.tasks is not None and catalog.has_tasks:
        extensions[EXTENSION] = {}
    if extensions:
        offered["extensions"] = extensions
    return offered
