"""Everything that a server declares; it does not change after its first request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.features.signature import Signature
from lambent.features.tools import Tool
from lambent.wire.values import CacheHint, CardDetails, Implementation

if TYPE_CHECKING:
    from lambent.features.events import EventType
    from lambent.features.methods import CustomMethod
    from lambent.features.prompts import Prompt
    from lambent.features.resources import Resource
    from lambent.features.skills.declaring import PlacedShelf
    from lambent.features.sources import SourceFunction

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

    Attributes:
        methods: those beyond the protocol's.
        events: what clients can wait for.
        tool_middleware: what extensions put around calls of tools, outermost first.
        takes_subscriptions: clients may subscribe to changes.
        mounts_wrap_tools: there is some around tools of a mounted server.
        hides_forbidden: lists leave out what the caller may not use.
        skills: folders and other sources of skills.
        sources: functions that make occurrences of events of AWS.
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
    methods: Mapping[str, CustomMethod] = MappingProxyType({})
    tool_middleware: tuple[Callable[..., Any], ...] = ()
    mounts_wrap_tools: bool = False
    takes_subscriptions: bool = True
    skills: tuple[PlacedShelf, ...] = ()
    events: Mapping[str, EventType] = MappingProxyType({})
    sources: tuple[SourceFunction, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that features need, each once."""
        features: list[Tool | Resource | Prompt | CustomMethod | EventType] = [*self.tools.values()]
        features += [
            *self.resources.values(),
            *self.templates,
            *self.prompts.values(),
            *self.methods.values(),
            *self.events.values(),
        ]
        return tuple(dict.fromkeys(scope for feature in features for scope in feature.scopes))

    @property
    def signatures(self) -> Iterator[Signature]:
        """The functions of all tools, resources, templates, prompts and methods."""
        for features in (self.tools, self.resources, self.prompts, self.methods):
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
