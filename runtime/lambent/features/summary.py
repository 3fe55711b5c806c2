"""What a server says of itself: its capabilities, and the summary that cards are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Raw

from lambent.features.catalog import Catalog
from lambent.features.tasks import EXTENSION
from lambent.wire.eras import SUPPORTED_VERSIONS

if TYPE_CHECKING:
    from lambent.features.prompts import Prompt
    from lambent.features.resources import Resource
    from lambent.features.tools import Tool
    from lambent.wire.server_card import PublishedSkill, ServerSummary

F = TypeVar("F", "Tool", "Resource", "Prompt")


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
    notifies = notifies and catalog.takes_subscriptions
    offered: dict[str, Any] = {
        name: notifications if notifies else {} for name, (offer, notifications) in table.items() if offer
    }
    extensions = {**catalog.extensions, **({EXTENSION: {}} if runs_tasks and catalog.has_tasks else {})}
    if catalog.events:
        from lambent.wire.events import EXTENSION as EVENTS  # loaded where there are some

        # Clients of the draft look for a capability, those of the extension for the extension.
        offered["events"] = {}
        extensions.setdefault(EVENTS, {})
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
        tools=tuple(tool.described for tool in _public(catalog, catalog.tools.values())),
        resources=_described(_public(catalog, catalog.resources.values())),
        resource_templates=_described(_public(catalog, catalog.templates)),
        prompts=_described(_public(catalog, catalog.prompts.values())),
        skills=_skills(catalog),
    )


def _skills(catalog: Catalog) -> tuple[PublishedSkill, ...]:
    """The skills of folders: those of other sources are others at any time."""
    if not catalog.skills or not catalog.card.lists_features:
        return ()
    from lambent.features.skills.declaring import published  # loaded where there are some

    return tuple(published(catalog.skills))


def _public(catalog: Catalog, features: Iterable[F]) -> Iterable[F]:
    """The features that everybody may know of: a card needs no token, so its reader has no scope."""
    return (one for one in features if not one.scopes) if catalog.hides_forbidden else features


def _described(features: Iterable[Resource | Prompt]) -> tuple[Raw, ...]:
    return tuple(Raw(msgspec.json.encode(feature.definition)) for feature in features)
