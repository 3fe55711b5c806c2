"""Parameters and results of requests, as middleware sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import msgspec
from msgspec import UNSET

from lambent.compat.fastmcp.results import (
    Message,
    PromptResult,
    ResourceContent,
    ResourceResult,
    ToolResult,
    messages_of,
)
from lambent.compat.members import Members
from lambent.features.codecs import to_plain
from lambent.wire.content import data_of
from lambent.wire.results import CallToolResult, GetPromptResult, PageResult, ReadResourceResult, Result

if TYPE_CHECKING:
    from lambent.execution.call import Call

_LISTS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resource_templates",
    "prompts/list": "prompts",
}


class Params(Members):
    """The parameters of a request, or a feature in a list; members are attributes too."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """A copy with other members."""
        return type(self)({**self, **(update or {})})

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """The members."""
        return dict(self)

    @property
    def tags(self) -> set[str]:
        """The tags of a feature."""
        return set(((self.get("_meta") or {}).get("fastmcp") or {}).get("tags", ()))


def from_native(method: str, result: Any) -> Any:
    """A result as middleware sees it; one that has no class of FastMCP's stays as it is."""
    if isinstance(result, CallToolResult):
        return _tool_result(result)
    if isinstance(result, PageResult):
        items = getattr(result, _LISTS[method])
        return [Params(msgspec.json.decode(msgspec.json.encode(item))) for item in items]
    if isinstance(result, ReadResourceResult):
        contents = [ResourceContent(data_of(one), one.mime_type, one.meta) for one in result.contents]
        return ResourceResult(contents, result.meta or None)
    if isinstance(result, GetPromptResult):
        messages = [Message(one.content, one.role) for one in result.messages]
        return PromptResult(messages, result.description or None, result.meta or None)
    return result


def _tool_result(result: CallToolResult) -> ToolResult:
    structured = result.structured_content
    made = ToolResult(list(result.content), None, result.meta or None, result.is_error is True)
    if structured is not UNSET:
        made.structured_content = msgspec.json.decode(msgspec.json.encode(structured))
    return made


def to_native(method: str, value: Any, before: Any, call: Call) -> Any:
    """What middleware has returned as ``lambent`` has it.

    Args:
        method: the JSON-RPC method.
        value: what it has returned.
        before: the result that it was passed, if there was one.
        call: the call.

    Raises:
        TypeError: the value is no result of the method.
    """
    if isinstance(value, Result):
        return value
    if isinstance(value, ToolResult):
        return CallToolResult(
            content=value.content,
            structured_content=UNSET if value.structured_content is None else value.structured_content,
            is_error=value.is_error or UNSET,
            meta=UNSET if value.meta is None else to_plain(value.meta),
        )
    if isinstance(value, ResourceResult):
        contents = [one.to_native(call.name or "") for one in value.contents]
        kept = {} if before is None else {"ttl_ms": before.ttl_ms, "cache_scope": before.cache_scope}
        return ReadResourceResult(
            contents=contents, meta=to_plain(value.meta) if value.meta else UNSET, **kept
        )
    if isinstance(value, PromptResult):
        meta = to_plain(value.meta) if value.meta else UNSET
        return GetPromptResult(
            messages=messages_of(value.messages), description=value.description or UNSET, meta=meta
        )
    if method in _LISTS and isinstance(value, list | tuple) and before is not None:
        return msgspec.structs.replace(before, **{_LISTS[method]: [to_plain(item) for item in value]})
    raise TypeError(f"Middleware has returned {type(value).__name__} for {method}")
