"""What a server has declared so far, until the catalog is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.catalog import Catalog
from lambent.features.resolvers import Injected
from lambent.features.tools import Tool

if TYPE_CHECKING:
    from lambent.features.events import EventType
    from lambent.features.methods import CustomMethod
    from lambent.features.mounts import Mount
    from lambent.features.prompts import Prompt
    from lambent.features.resources import Resource
    from lambent.features.skills.shelf import Shelf
    from lambent.features.sources import SourceFunction


class Registry:
    """Collects what a server offers until it is frozen.

    Args:
        empty: a catalog without any feature.
        injected: makes the parameters of functions that are no arguments of clients.
        strict_arguments: arguments that a tool does not know are an error.
        compact_results: results are sent in their shortest form.
    """

    def __init__(
        self,
        empty: Catalog,
        injected: Injected,
        *,
        strict_arguments: bool = False,
        compact_results: bool = False,
    ) -> None:
        self._empty = empty
        self._strict_arguments = strict_arguments
        self._compact_results = compact_results
        self._injected = injected
        self._tools: dict[str, Tool] = {}
        self._resources: dict[str, Resource] = {}
        self._prompts: dict[str, Prompt] = {}
        self._completer: Callable[..., Any] | None = None
        self._mounts: list[Mount] = []
        self._methods: dict[str, CustomMethod] = {}
        self._events: dict[str, EventType] = {}
        self._tool_middleware: list[Callable[..., Any]] = []
        self._shelves: list[Shelf] = []
        self._sources: list[SourceFunction] = []
        self._catalog: Catalog | None = None

    def add_method(self, method: CustomMethod) -> None:
        """Register a method; see ``method``."""
        self._not_frozen(f"method {method.name!r}")
        if method.name in self._methods:
            raise DeclarationError(f"There is a method {method.name!r} already")
        self._methods[method.name] = method

    def add_source(self, source: SourceFunction) -> None:
        """Register a source; see ``Declarations.source``."""
        self._not_frozen(f"source {source.name!r}")
        self._sources.append(source)

    def wrap_tools(self, middleware: Callable[..., Any]) -> None:
        """Put a function around every call of a tool; see ``Extension.tool_middleware``."""
        self._not_frozen("middleware of tools")
        self._tool_middleware.append(middleware)

    def freeze(self) -> Catalog:
        """Give the declarations, which cannot change from here on: hosts serve them as they are now."""
        if self._catalog is None:
            resources = self._resources
            fixed = {uri: item for uri, item in resources.items() if item.template is None}
            catalog = msgspec.structs.replace(
                self._empty,
                tools=MappingProxyType(self._tools),
                resources=MappingProxyType(fixed),
                templates=tuple(item for item in resources.values() if item.template is not None),
                prompts=MappingProxyType(self._prompts),
                completer=self._completer,
                methods=MappingProxyType(self._methods),
                tool_middleware=tuple(self._tool_middleware),
            )
            if self._shelves:
                from lambent.features.skills.declaring import with_skills  # loaded where there are some

                catalog = with_skills(catalog, self._shelves)
            if self._events:
                if own := next((method for method in self._methods if method.startswith("events/")), None):
                    raise DeclarationError(f"The method {own!r} is the server's own already: it has events")
                catalog = msgspec.structs.replace(catalog, events=MappingProxyType(self._events))
            if self._mounts:
                from lambent.features.mounts import with_mounts  # loaded where servers are mounted

                catalog = with_mounts(catalog, self._mounts)
            if self._sources:
                from lambent.features.source_decorators import check_sources  # loaded where there are some

                check_sources(self._sources, catalog.events)
                catalog = msgspec.structs.replace(catalog, sources=(*self._sources, *catalog.sources))
            self._catalog = catalog
        return self._catalog

    def _add(self, registry: dict[str, Any], key: str, item: Any, kind: str) -> None:
        self._not_frozen(f"{kind} {key!r}")
        if key in registry:
            raise DeclarationError(f"There is a {kind} {key!r} already")
        try:
            msgspec.json.encode(item.definition)
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            from lambent.features.foreign import read_definition  # loaded where there is something amiss

            definition = read_definition(item.definition)
            if definition is not item.definition:
                self._add(registry, key, msgspec.structs.replace(item, definition=definition), kind)
                return
            text = f"annotations, icons and meta have to be those of lambent, or JSON: {error}"
            raise DeclarationError(f"{item.signature.name}: {text}") from None
        registry[key] = item

    def _not_frozen(self, what: str) -> None:
        if self._catalog is not None:
            raise DeclarationError(f"{what} comes too late: declare everything before making the handler")


def read_scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes of a declaration.

    Raises:
        DeclarationError: they are none.
    """
    if not scopes:
        return ()
    from lambent.auth.oauth import check_scopes  # loaded where there are scopes

    check_scopes(scopes)
    return tuple(scopes)
