"""The summary of a server's declarations, of which its card is made."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from lambent.features.catalog import Catalog, capabilities
from lambent.wire.eras import SUPPORTED_VERSIONS
from lambent.wire.server_card import ServerSummary


def summarize(catalog: Catalog, path: str) -> ServerSummary:
    """Summarize a server.

    It does not depend on the environment: a build machine and a function make the same bytes of it.

    Args:
        catalog: the server's declarations.
        path: the path of its endpoint.
    """
    return ServerSummary(
        path=path,
        info=catalog.info,
        card=catalog.card,
        versions=SUPPORTED_VERSIONS,
        instructions=catalog.instructions,
        capabilities=capabilities(catalog),
        tools=tuple(tool.describe() for tool in catalog.tools.values()),
        resources=tuple(_raw(resource.definition) for resource in catalog.resources.values()),
        resource_templates=tuple(_raw(template.definition) for template in catalog.templates),
        prompts=tuple(_raw(prompt.definition) for prompt in catalog.prompts.values()),
    )


def _raw(definition: Any) -> Raw:
    return Raw(msgspec.json.encode(definition))
