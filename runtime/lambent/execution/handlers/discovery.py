"""``server/discover``: versions, capabilities and identity (server/discover)."""

from __future__ import annotations

from msgspec import UNSET

from lambent.execution.call import Call
from lambent.features.summary import capabilities
from lambent.wire.eras import SUPPORTED_VERSIONS
from lambent.wire.results import DiscoverResult
from lambent.wire.values import SERVER_INFO_KEY


def discover(call: Call) -> DiscoverResult:
    """Say what this server is and can do."""
    services, catalog = call.services, call.services.catalog
    hint = catalog.hints["server/discover"]
    return DiscoverResult(
        supported_versions=SUPPORTED_VERSIONS,
        capabilities=capabilities(
            catalog, notifies=services.changes is not None, runs_tasks=services.tasks is not None
        ),
        instructions=catalog.instructions or UNSET,
        meta={SERVER_INFO_KEY: catalog.info},
        ttl_ms=hint.ttl_ms,
        cache_scope=hint.scope,
    )
