"""Everything a server declares, frozen before its first request."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from lambent.features.completion import Completer
from lambent.features.prompts import Prompt
from lambent.features.resources import Resource
from lambent.features.tools import Tool
from lambent.wire.values import CacheHint, CardDetails, Implementation

DEFAULT_HINTS: Mapping[str, CacheHint] = MappingProxyType(
    {
        # What is listed changes with a deploy only.
        "server/discover": CacheHint(ttl_ms=60_000, scope="public"),
        "tools/list": CacheHint(ttl_ms=60_000, scope="public"),
        "resources/list": CacheHint(ttl_ms=60_000, scope="public"),
        "resources/templates/list": CacheHint(ttl_ms=60_000, scope="public"),
        "prompts/list": CacheHint(ttl_ms=60_000, scope="public"),
        # What is read may change at any time and be for one caller only, unless its author says otherwise.
        "resources/read": CacheHint(),
    }
)
"""Caching hints of every method that must carry them (server/utilities/caching)."""


class Catalog(msgspec.Struct, frozen=True):
    """A server's declarations, in the order of their registration.

    Attributes:
        info: who the server says it is.
        card: what its server card says besides.
        instructions: how a model should use it.
        tools: by name.
        resources: by URI.
        templates: in the order in which they are tried.
        prompts: by name.
        completer: the completion function, if any.
        extensions: settings by extension identifier.
        hints: a caching hint for every method that carries one.
        page_size: items on a page of a list.
    """

    info: Implementation
    card: CardDetails
    instructions: str | None
    tools: Mapping[str, Tool]
    resources: Mapping[str, Resource]
    templates: tuple[Resource, ...]
    prompts: Mapping[str, Prompt]
    completer: Completer | None
    extensions: Mapping[str, dict[str, Any]]
    hints: Mapping[str, CacheHint]
    page_size: int

    @property
    def has_tasks(self) -> bool:
        """A tool may become a task."""
        return any(tool.task is not None for tool in self.tools.values())
