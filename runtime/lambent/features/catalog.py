"""Everything that a server declares; it does not change after its first request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from lambent.features.completion import Completer
from lambent.features.prompts import Prompt
from lambent.features.resources import Resource
from lambent.features.signature import Signature
from lambent.features.tasks import EXTENSION
from lambent.features.tools import Tool
from lambent.wire.values import CacheHint, CardDetails, Implementation

DEFAULT_HINTS: Mapping[str, CacheHint] = MappingProxyType(
    {
        # Lists change only when the server is deployed.
        "server/discover": CacheHint(ttl_ms=60_000, scope="public"),
        "tools/list": CacheHint(ttl_ms=60_000, scope="public"),
        "resources/list": CacheHint(ttl_ms=60_000, scope="public"),
        "resources/templates/list": CacheHint(ttl_ms=60_000, scope="public"),
        "prompts/list": CacheHint(ttl_ms=60_000, scope="public"),
        # A resource may change at any time and be for one caller only, unless its author declares a hint.
        "resources/read": CacheHint(),
    }
)
"""Caching hints of every method that must carry them (server/utilities/caching)."""


class Catalog(msgspec.Struct, frozen=True):
    """A server's declarations, in the order of their registration.

    Attributes:
        info: the server's name, version and what it says of itself.
        card: what its server card says in addition.
        instructions: how a model should use it.
        extensions: settings by extension identifier.
        hints: a caching hint for every method that carries one.
        page_size: items on a page of a list.
        tools: by name.
        resources: by URI.
        templates: in the order in which they are tried.
        prompts: by name.
        completer: the completion function, if any.
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
    completer: Completer | None = None

    @property
    def signatures(self) -> Iterator[Signature]:
        """The functions of all tools, resources, templates and prompts."""
        for features in (self.tools, self.resources, self.prompts):
            yield from (feature.signature for feature in features.values())
        yield from (template.signature for template in self.templates)

    @property
    def has_tasks(self) -> bool:
        """A tool may become a task."""
        return any(tool.task is not None for tool in self.tools.values())


_OFFERED: Mapping[str, tuple[Callable[[Catalog], bool], Mapping[str, bool]]] = MappingProxyType(
    {
        "logging": (lambda catalog: True, {}),
        "tools": (lambda catalog: bool(catalog.tools), {"listChanged": True}),
        "resources": (
            lambda catalog: bool(catalog.resources or catalog.templates),
            {"subscribe": True, "listChanged": True},
        ),
        "prompts": (lambda catalog: bool(catalog.prompts), {"listChanged": True}),
        "completions": (lambda catalog: catalog.completer is not None, {}),
    }
)
"""Capabilities: whether a catalog offers each, and what it says where the host delivers notifications."""


def capabilities(catalog: Catalog, *, notifies: bool = False, runs_tasks: bool = True) -> dict[str, Any]:
    """A server's capabilities (server/discover): only what it answers and what its host can deliver.

    Args:
        catalog: the server's declarations.
        notifies: the host delivers notifications of changes.
        runs_tasks: the host runs tasks.
    """
    offered: dict[str, Any] = {
        name: dict(notifications) if notifies else {}
        for name, (is_offered, notifications) in _OFFERED.items()
        if is_offered(catalog)
    }
    extensions = {**catalog.extensions, **({EXTENSION: {}} if runs_tasks and catalog.has_tasks else {})}
    return {**offered, "extensions": extensions} if extensions else offered
