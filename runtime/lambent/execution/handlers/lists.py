"""The list methods: pages in the order of registration (server/utilities/pagination)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET, UnsetType

from lambent.errors import InvalidParamsError
from lambent.execution.call import Call
from lambent.features.catalog import Catalog
from lambent.wire.results import PageResult

_Items = Callable[[Catalog], Mapping[str, Any]]
_Describe = Callable[[Any], Any]

# For each method the member of its result, the features with their keys, and what is shown of one.
_TABLE: dict[str, tuple[str, _Items, _Describe]] = {
    "tools/list": ("tools", lambda catalog: catalog.tools, lambda tool: tool.described),
    "resources/list": ("resources", lambda catalog: catalog.resources, lambda one: one.definition),
    "resources/templates/list": (
        "resource_templates",
        lambda catalog: {template.uri: template for template in catalog.templates},
        lambda one: one.definition,
    ),
    "prompts/list": ("prompts", lambda catalog: catalog.prompts, lambda one: one.definition),
}


def list_features(call: Call) -> PageResult:
    """Answer a list method with the page that its cursor asks for.

    A cursor names the last item of the page before: it stays valid when a deploy adds items elsewhere.

    Raises:
        InvalidParamsError: the cursor is none that this list has given to this caller.
    """
    member, items_of, describe = _TABLE[call.method]
    catalog = call.services.catalog
    items = items_of(catalog)
    keys = list(items)
    if catalog.hides_forbidden:
        from lambent.execution.authorization import permits  # few servers ask for it

        keys = [key for key in keys if permits(call, items[key].scopes)]
    cursor = call.rpc.params.cursor
    keys, next_cursor = page_of(call.method, keys, None if cursor is UNSET else cursor, catalog.page_size)
    hint = catalog.hints[call.method]
    entries: dict[str, Any] = {member: [describe(items[key]) for key in keys]}
    return PageResult(
        **entries,
        next_cursor=next_cursor,
        ttl_ms=hint.ttl_ms,
        cache_scope="private" if catalog.hides_forbidden else hint.scope,
    )


def page_of(method: str, keys: list[str], cursor: str | None, size: int) -> tuple[list[str], str | UnsetType]:
    """The keys on a page, and the cursor of the next page, if there is one.

    Raises:
        InvalidParamsError: the cursor is none that this list has given.
    """
    start = 0
    if cursor is not None:
        try:
            start = keys.index(_decode(method, cursor)) + 1
        except ValueError:
            raise InvalidParamsError("Invalid cursor: list from the start") from None
    end = start + size
    return keys[start:end], _encode(method, keys[end - 1]) if end < len(keys) else UNSET


def _encode(method: str, key: str) -> str:
    from lambent.execution.rounds.digests import to_base64url  # few lists have a second page

    return to_base64url(f"{method} {key}".encode())


def _decode(method: str, cursor: str) -> str:
    from lambent.execution.rounds.digests import from_base64url

    found, _, key = from_base64url(cursor).decode().partition(" ")
    if found != method:
        raise ValueError(cursor)
    return key
