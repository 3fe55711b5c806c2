"""Objects of the official SDK and of FastMCP as values of this library, by the names of their classes.

Servers that move here may go on making objects of ``mcp.types``. They are read as what they are, of version
1.x and 2.x alike, and none is ever written as if it were data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
from msgspec import UNSET

from lambent.errors import DeclarationError, ProtocolError, ToolError
from lambent.features.signature import Definition
from lambent.features.tools import is_foreign_type
from lambent.wire.content import read_block, read_contents, read_message
from lambent.wire.results import (
    CallToolResult,
    GetPromptResult,
    InputRequiredResult,
    ReadResourceResult,
)
from lambent.wire.values import (
    Annotations,
    Completion,
    Icon,
    ToolAnnotations,
    ToolResult,
)

_READ = "lambent cannot read {}: write the class of that name in lambent.compat.types (docs/porting.md)"


def read(value: Any) -> Any:
    """An object of another library for MCP, as the value of this library that it stands for.

    Raises:
        TypeError: it is none that servers give, or one that no message can hold.
    """
    for cls in type(value).__mro__:
        reader = _READERS.get(cls.__name__)
        if reader is not None and is_foreign_type(cls):
            try:
                return reader(value)
            except (msgspec.ValidationError, KeyError, AttributeError) as error:
                raise TypeError(f"{cls.__name__}: {error}") from error
    for method in ("to_image_content", "to_audio_content", "to_resource_content"):  # helpers for media
        if hasattr(value, method):
            return read(getattr(value, method)())
    raise TypeError(_READ.format(f"{type(value).__module__}.{type(value).__qualname__}"))


def read_definition(definition: Definition) -> Definition:
    """A definition whose annotations and icons are those of this library.

    Raises:
        DeclarationError: they are objects of another library for MCP, and of another kind.
    """
    annotations, icons = definition.annotations, definition.icons
    changed: dict[str, Any] = {}
    try:
        if annotations is not None and is_foreign_type(type(annotations)):
            changed["annotations"] = read(annotations)
        if icons and any(is_foreign_type(type(icon)) for icon in icons):
            changed["icons"] = [read(icon) if is_foreign_type(type(icon)) else icon for icon in icons]
    except TypeError as error:
        raise DeclarationError(f"{definition.name}: {error}") from error
    return msgspec.structs.replace(definition, **changed) if changed else definition


def read_error(error: BaseException) -> BaseException:
    """An exception of another library for MCP as the one of this library; every other one as it is."""
    names = {cls.__name__ for cls in type(error).__mro__ if is_foreign_type(cls)}
    found: BaseException = error
    if "McpError" in names or "MCPError" in names:
        data = cast("Any", error).error
        found = ProtocolError(data.message, data.data)
        found.code = data.code
    elif names & {"ToolError", "ResourceError"}:
        found = ToolError(str(error))
    if found is not error:
        found.__cause__ = error
    return found


def _dump(value: Any) -> dict[str, Any]:
    """The members of an object as they are on the wire, without those that are null."""
    members: dict[str, Any] = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return members


def _plain(kind: Any) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        members = _dump(value)
        return msgspec.convert(members, kind)

    return convert


def _call_result(value: Any) -> CallToolResult:
    members = _dump(value)
    structured = getattr(value, "structured_content", getattr(value, "structuredContent", None))
    return CallToolResult(
        content=[read_block(block) for block in members.get("content", ())],
        structured_content=UNSET if structured is None else structured,
        is_error=members.get("isError") is True or UNSET,
        meta=members.get("_meta", UNSET),
    )


def _tool_result(value: Any) -> ToolResult:
    """FastMCP's own kind of a whole result."""
    structured = value.structured_content
    return ToolResult(
        content=[read(block) for block in value.content],
        structured_content=UNSET if structured is None else structured,
        is_error=getattr(value, "is_error", None) is True,
        meta=getattr(value, "meta", None),
    )


def _prompt_result(value: Any) -> GetPromptResult:
    members = _dump(value)
    messages = [read_message(message) for message in members["messages"]]
    return GetPromptResult(description=members.get("description", UNSET), messages=messages)


def _read_result(value: Any) -> ReadResourceResult:
    return ReadResourceResult(contents=[read_contents(item) for item in _dump(value)["contents"]])


def _input_required(value: Any) -> InputRequiredResult:
    members = _dump(value)
    return InputRequiredResult(
        input_requests=members.get("inputRequests", UNSET), request_state=members.get("requestState", UNSET)
    )


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("TextContent", "ImageContent", "AudioContent", "ResourceLink", "EmbeddedResource"),
        lambda value: read_block(_dump(value)),
    ),
    **dict.fromkeys(
        ("TextResourceContents", "BlobResourceContents"), lambda value: read_contents(_dump(value))
    ),
    **dict.fromkeys(("PromptMessage", "Message"), lambda value: read_message(_dump(value))),
    "CallToolResult": _call_result,
    "ToolResult": _tool_result,
    "GetPromptResult": _prompt_result,
    "ReadResourceResult": _read_result,
    "InputRequiredResult": _input_required,
    "Completion": _plain(Completion),
    "CompleteResult": lambda value: msgspec.convert(_dump(value)["completion"], Completion),
    "ToolAnnotations": _plain(ToolAnnotations),
    "Annotations": _plain(Annotations),
    "Icon": _plain(Icon),
}
"""What reads an object, by the name of its class."""
