"""Results as middleware and methods of the official SDK have them: dicts with the names of the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from lambent.features.codecs import to_plain
from lambent.wire import jsonrpc
from lambent.wire.content import read_block, read_contents, read_message
from lambent.wire.open_results import open_result
from lambent.wire.results import (
    CallToolResult,
    EmptyResult,
    GetPromptResult,
    PageResult,
    ReadResourceResult,
    Result,
)

_COMPLETE = (None, "complete")


def members_of(value: Any) -> dict[str, Any]:
    """The members of a result: of a dict, a model, a record, or a result of this library; None has none.

    Raises:
        TypeError: it is nothing of the kind.
    """
    if value is None:
        return {}
    if isinstance(value, Result):
        written: dict[str, Any] = msgspec.json.decode(jsonrpc.encode(value))
        return written
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    plain = to_plain(value)
    if not isinstance(plain, dict):
        raise TypeError(f"{type(value).__name__} is no result: return a dict or a model")
    return plain


def result_of(method: str, value: Any) -> Result:
    """The result of a method from what a function has returned; see ``members_of``."""
    if isinstance(value, Result):
        return value
    members = members_of(value)
    if not members:
        return EmptyResult()
    read = _READERS.get(method)
    if read is not None and members.get("resultType") in _COMPLETE:
        try:
            result = read(members)
        except (KeyError, TypeError, ValueError, AttributeError):
            return open_result(members)  # who answers in place of a handler is responsible for it
        if members.keys() <= {field.encode_name for field in msgspec.structs.fields(result)}:
            result.meta = UNSET if members.get("_meta") is None else members["_meta"]
            return result
    return open_result(members)


def _called(members: dict[str, Any]) -> Result:
    structured = members.get("structuredContent")
    return CallToolResult(
        content=list(map(read_block, members["content"])),
        structured_content=UNSET if structured is None else structured,
        is_error=members.get("isError") is True or UNSET,
    )


def _read(members: dict[str, Any]) -> Result:
    return ReadResourceResult(contents=list(map(read_contents, members["contents"])), **_hint(members))


def _prompted(members: dict[str, Any]) -> Result:
    messages = list(map(read_message, members["messages"]))
    return GetPromptResult(description=members.get("description", UNSET), messages=messages)


def _page(kind: str, name: str) -> Callable[[dict[str, Any]], Result]:
    def read(members: dict[str, Any]) -> Result:
        items: Any = {kind: members[name]}
        return PageResult(**items, next_cursor=members.get("nextCursor", UNSET), **_hint(members))

    return read


def _hint(members: dict[str, Any]) -> dict[str, Any]:
    return {"ttl_ms": members.get("ttlMs", UNSET), "cache_scope": members.get("cacheScope", UNSET)}


_READERS: dict[str, Callable[[dict[str, Any]], Result]] = {
    "tools/call": _called,
    "resources/read": _read,
    "prompts/get": _prompted,
    "tools/list": _page("tools", "tools"),
    "resources/list": _page("resources", "resources"),
    "resources/templates/list": _page("resource_templates", "resourceTemplates"),
    "prompts/list": _page("prompts", "prompts"),
}
"""Results that other parts of this library look into; the members of all others go out as they are."""
