"""Everything that a server declares; it does not change after its first request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from lambent.features.signature import Signature
from lambent.features.tasks import EXTENSION
from lambent.features.tools import Tool
from lambent.wire.eras import SUPPORTED_VERSIONS
from lambent.wire.values import CacheHint, CardDetails, Implementation

if TYPE_CHECKING:
    from lambent.features.prompts import Prompt
    from lambent.features.resources import Resource
    from lambent.wire.server_card import ServerSummary

# Lists change only when the server is deployed.
_OF_LISTS = CacheHint(ttl_ms=60_000, scope="public")

DEFAULT_HINTS: Mapping[str, CacheHint] = MappingProxyType(
    {
        "server/discover": _OF_LISTS,
        "tools/list": _OF_LISTS,
        "resources/list": _OF_LISTS,
        "resources/templates/list": _OF_LISTS,
        "prompts/list": _OF_LISTS,
        # A resource may change at any time and be for one caller only, unless its author declares a hint.
        "resources/read": CacheHint(),
    }
)
"""Caching hints of every method that must carry them (server/utilities/caching)."""


class Catalog(msgspec.Struct, frozen=True):
    """A server's declarations in their order: by name, hints by method, resources by URI.

    ``hides_forbidden``: lists leave out what the caller may not use.
    """

    info: Implementation
    card: CardDetails
    instructions: str | None
    extensions: Mapping[str, dict[str, Any]]
    hints: Mapping[str, CacheHint]
    page_size: int
    tools: Mapping[str, Tool] = MappingProxyType({})
    resources: Mapping[str, Resource] = MappingProxyType({})
    templates: tuple[Resource, ...] = ()
    prompts: Mapping[str, Prompt] = MappingProxyType({})
    completer: Callable[..., Any] | None = None
    hides_forbidden: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that features need, each once."""
        features: list[Tool | Resource | Prompt] = [*self.tools.values(), *self.resources.values()]
        features += [*self.templates, *self.prompts.values()]
        return tuple(dict.fromkeys(scope for feature in features for scope in feature.scopes))

    @property
    def signatures(self) -> Iterator[Signature]:
        """The functions of all tools, resources, templates and prompts."""
        for features in (self.tools, self.resources, self.prompts):
            yield from (feature.signature for feature in features.values())
        yield from (template.signature for template in self.templates)

    @property
    def has_resources(self) -> bool:
        """There is something to read."""
        return bool(self.resources or self.templates)

    @property
    def has_tasks(self) -> bool:
        """A tool may become a task."""
        return any(tool.task is not None for tool in self.tools.values())

    @property
    def has_limits(self) -> bool:
        """A tool has a limit of its own."""
        return any(tool.limit is not None for tool in self.tools.values())


def capabilities(catalog: Catalog, *, notifies: bool = False, runs_tasks: bool = True) -> dict[str, Any]:
    """A server's capabilities (server/discover): only what it answers and what its host can deliver."""
    # Whether each is offered, and what it says where the host delivers notifications.
    table: dict[str, tuple[object, dict[str, bool]]] = {
        "logging": (True, {}),
        "tools": (catalog.tools, {"listChanged": True}),
        "resources": (catalog.has_resources, {"subscribe": True, "listChanged": True}),
        "prompts": (catalog.prompts, {"listChanged": True}),
        "completions": (catalog.completer is not None, {}),
    }
    offered: dict[str, Any] = {
        name: notifications if notifies else {} for name, (offer, notifications) in table.items() if offer
    }
    extensions = {**catalog.extensions, **({EXTENSION: {}} if runs_tasks and catalog.has_tasks else {})}
    return {**offered, "extensions": extensions} if extensions else offered


def summarize(catalog: Catalog, path: str) -> ServerSummary:
    """Summarize a server, whose endpoint has this path, for its card.

    The summary does not depend on the environment: a build machine and a function make the same bytes of it.
    """
    from lambent.wire.server_card import ServerSummary

    return ServerSummary(
        path=path,
        info=catalog.info,
        card=catalog.card,
        versions=SUPPORTED_VERSIONS,
        instructions=catalog.instructions,
        capabilities=capabilities(catalog),
        tools=tuple(tool.described for tool in catalog.tools.values()),
        resources=_described(catalog.resources.values()),
        resource_templates=_described(catalog.templates),
        prompts=_described(catalog.prompts.values()),
    )


def _described(features: Iterable[Resource | Prompt]) -> tuple[Raw, ...]:
    return tuple(Raw(msgspec.json.encode(feature.definition)) for feature in features)
