"""Which features clients are told of: ``enable`` and ``disable``, by names, tags and kinds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from lambent.features.catalog import Catalog

_KINDS = ("tool", "resource", "template", "prompt")


class _Rule(msgspec.Struct, frozen=True):
    """What is switched on or off; each criterion that is None fits everything."""

    enables: bool
    names: frozenset[str] | None
    keys: frozenset[str] | None
    tags: frozenset[str] | None
    components: frozenset[str] | None
    version: str | None
    only: bool

    def fits(self, kind: str, names: Iterable[str], meta: Mapping[str, Any]) -> bool:
        """Whether a feature is meant."""
        names = frozenset(names)
        return (
            (self.components is None or kind in self.components)
            and (self.names is None or not self.names.isdisjoint(names))
            and (self.keys is None or any(f"{kind}:{name}" in _stems(self.keys) for name in names))
            and (self.tags is None or not self.tags.isdisjoint(meta.get("tags", ())))
            and (self.version is None or str(meta.get("version")) == self.version)
        )


def _set(given: Collection[str] | None) -> frozenset[str] | None:
    return None if given is None else frozenset(given)


def _stems(keys: Iterable[str]) -> set[str]:
    """Keys without the version that may stand behind ``@``."""
    return {key.rpartition("@")[0] or key for key in keys} | set(keys)


class Visibility:
    """What has been switched on and off, in this order: the last rule that fits a feature decides."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def change(
        self,
        enables: bool,
        *,
        names: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        tags: Collection[str] | None = None,
        components: Collection[str] | None = None,
        version: Any = None,
        only: bool = False,
    ) -> None:
        """Add a rule.

        Args:
            enables: it switches on.
            names: of tools and prompts, and URIs or names of resources.
            keys: such as ``tool:order``.
            tags: of which a feature has one.
            components: kinds: ``tool``, ``resource``, ``template``, ``prompt``.
            version: of the feature.
            only: everything else is switched off.

        Raises:
            ValueError: there is no such kind.
        """
        if unknown := sorted(set(components or ()) - set(_KINDS)):
            raise ValueError(f"There are no components {', '.join(unknown)}: write {', '.join(_KINDS)}")
        self._rules.append(
            _Rule(
                enables,
                names=_set(names),
                keys=_set(keys),
                tags=_set(tags),
                components=_set(components),
                version=None if version is None else str(version),
                only=only,
            )
        )

    def apply(self, catalog: Catalog) -> Catalog:
        """The catalog without what is switched off."""
        if not self._rules:
            return catalog
        tools = {key: one for key, one in catalog.tools.items() if self._shows("tool", one, key)}
        resources = {key: one for key, one in catalog.resources.items() if self._shows("resource", one, key)}
        prompts = {key: one for key, one in catalog.prompts.items() if self._shows("prompt", one, key)}
        templates = [one for one in catalog.templates if self._shows("template", one, one.uri)]
        return msgspec.structs.replace(
            catalog,
            tools=MappingProxyType(tools),
            resources=MappingProxyType(resources),
            prompts=MappingProxyType(prompts),
            templates=tuple(templates),
        )

    def _shows(self, kind: str, feature: Any, key: str) -> bool:
        definition = feature.definition
        meta = (definition.meta or {}).get("fastmcp") or {}
        names = {key, definition.name, definition.uri or "", definition.uri_template or ""} - {""}
        shown = True
        for rule in self._rules:
            if rule.fits(kind, names, meta):
                shown = rule.enables
            elif rule.only:
                shown = False
        return shown


def tags_meta(
    meta: dict[str, Any] | None, tags: Collection[str] | None, version: str | int | None
) -> dict[str, Any]:
    """``_meta`` of a definition, with the tags of the feature and its version."""
    own: dict[str, Any] = {"tags": sorted(tags or ())}
    if version is not None:
        own["version"] = str(version)
    return {**(meta or {}), "fastmcp": {**((meta or {}).get("fastmcp") or {}), **own}}
