"""The list methods: pages in the order of registration (server/utilities/pagination)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET, UnsetType

from lambent.errors import InvalidParamsError
from lambent.execution.call import Call
from lambent.wire.results import PageResult


def list_tools(call: Call) -> PageResult:
    """``tools/list``."""
    tools = call.services.catalog.tools
    return _page(call, "tools", tools, lambda tool: tool.described)


def list_resources(call: Call) -> PageResult:
    """``resources/list``."""
    resources = call.services.catalog.resources
    return _page(call, "resources", resources, lambda resource: resource.definition)


def list_templates(call: Call) -> PageResult:
    """``resources/templates/list``."""
    templates = {template.uri: template for template in call.services.catalog.templates}
    return _page(call, "resource_templates", templates, lambda template: template.definition)


def list_prompts(call: Call) -> PageResult:
    """``prompts/list``."""
    prompts = call.services.catalog.prompts
    return _page(call, "prompts", prompts, lambda prompt: prompt.definition)


def _page(call: Call, member: str, items: Mapping[str, Any], describe: Callable[[Any], Any]) -> PageResult:
    """The page that the call's cursor asks for.

    A cursor names the last item of the page before: it stays valid when a deploy adds items elsewhere.
    """
    catalog, keys, start = call.services.catalog, list(items), 0
    if catalog.hides_forbidden:
        from lambent.execution.authorization import permits  # few servers ask for it

        keys = [key for key in keys if permits(call, items[key].scopes)]
    if not isinstance(call.rpc.params.cursor, UnsetType):
        try:
            start = keys.index(_decode(call.method, call.rpc.params.cursor)) + 1
        except ValueError:
            raise InvalidParamsError("Invalid cursor: list from the start") from None
    end = start + catalog.page_size
    hint = catalog.hints[call.method]
    entries: dict[str, Any] = {member: [describe(items[key]) for key in keys[start:end]]}
    return PageResult(
        **entries,
        next_cursor=_encode(call.method, keys[end - 1]) if end < len(keys) else UNSET,
        ttl_ms=hint.ttl_ms,
        cache_scope="private" if catalog.hides_forbidden else hint.scope,
    )


def _encode(method: str, key: str) -> str:
    from lambent.execution.rounds.digests import to_base64url  # few lists have a second page

    return to_base64url(f"{method} {key}".encode())


def _decode(method: str, cursor: str) -> str:
    from lambent.execution.rounds.digests import from_base64url

    found, _, key = from_base64url(cursor).decode().partition(" ")
    if found != method:
        raise ValueError(cursor)
    return key
