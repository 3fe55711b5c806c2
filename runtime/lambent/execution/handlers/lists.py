"""The list methods: pages in the order of registration (server/utilities/pagination)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from lambent.errors import InvalidParamsError
from lambent.execution.call import Call
from lambent.features.catalog import Catalog
from lambent.wire.results import PageResult


def list_tools(call: Call) -> PageResult:
    """``tools/list``."""
    catalog = call.services.catalog
    names, following = _page(call, catalog, list(catalog.tools))
    tools = [catalog.tools[name].described for name in names]
    return PageResult(tools=tools, next_cursor=following, **_hint(call, catalog))


def list_resources(call: Call) -> PageResult:
    """``resources/list``."""
    catalog = call.services.catalog
    uris, following = _page(call, catalog, list(catalog.resources))
    resources = [catalog.resources[uri].definition for uri in uris]
    return PageResult(resources=resources, next_cursor=following, **_hint(call, catalog))


def list_templates(call: Call) -> PageResult:
    """``resources/templates/list``."""
    catalog = call.services.catalog
    templates = {template.uri: template.definition for template in catalog.templates}
    uris, following = _page(call, catalog, list(templates))
    return PageResult(
        resource_templates=[templates[uri] for uri in uris], next_cursor=following, **_hint(call, catalog)
    )


def list_prompts(call: Call) -> PageResult:
    """``prompts/list``."""
    catalog = call.services.catalog
    names, following = _page(call, catalog, list(catalog.prompts))
    prompts = [catalog.prompts[name].definition for name in names]
    return PageResult(prompts=prompts, next_cursor=following, **_hint(call, catalog))


def _hint(call: Call, catalog: Catalog) -> dict[str, Any]:
    hint = catalog.hints[call.method]
    return {"ttl_ms": hint.ttl_ms, "cache_scope": hint.scope}


def _page(call: Call, catalog: Catalog, keys: Sequence[str]) -> tuple[Sequence[str], str | UnsetType]:
    """The keys of the page that a cursor asks for, and the cursor of the next one.

    A cursor names the last item of the page before: it stays good when a deploy adds items elsewhere.
    """
    start = 0
    if not isinstance(call.rpc.params.cursor, UnsetType):
        try:
            start = keys.index(_decode(call.method, call.rpc.params.cursor)) + 1
        except ValueError:
            raise InvalidParamsError("Invalid cursor: list from the start") from None
    end = start + catalog.page_size
    following = _encode(call.method, keys[end - 1]) if end < len(keys) else UNSET
    return keys[start:end], following


def _encode(method: str, key: str) -> str:
    return base64.urlsafe_b64encode(f"{method} {key}".encode()).decode().rstrip("=")


def _decode(method: str, cursor: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise ValueError(cursor) from None
    found, _, key = text.partition(" ")
    if found != method:
        raise ValueError(cursor)
    return key
