"""Content blocks of what tools and prompts return, other than plain data."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from lambent.features.codecs import Codec, ValidationError, to_json
from lambent.features.tools import Audio, Image, Tool, is_content, is_foreign, text_of
from lambent.wire.results import CallToolResult
from lambent.wire.values import Content, TextContent, ToolResult

_MEDIA_TYPES = {
    "image": {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp"},
    "audio": {"wav": "wav", "mp3": "mpeg", "ogg": "ogg", "flac": "flac", "aac": "aac", "m4a": "mp4"},
}
"""The subtypes of media types, by kind and by the ending of a path."""


def to_base64(data: bytes | bytearray | memoryview) -> str:
    """Bytes in Base64, as content blocks and contents carry them."""
    import binascii  # loaded where there are media

    return binascii.b2a_base64(data, newline=False).decode()


def media_type(kind: str, path: str, subtype: str | None) -> str:
    """The media type of a file: by the subtype if it is given, else by the ending of its path."""
    subtype = subtype or _MEDIA_TYPES[kind].get(os.path.splitext(path)[1].lower().removeprefix("."))
    return f"{kind}/{subtype.lower()}" if subtype else "application/octet-stream"


def render_content(tool: Tool, value: Any) -> CallToolResult:
    """The result of a tool that has returned content, a whole result, or a value that has no schema.

    Raises:
        ValidationError: the value does not fit the tool's output schema, or has no JSON form.
        TypeError: it is an object of another library for MCP that is no content.
    """
    value = native(value)
    if isinstance(value, CallToolResult):  # as middleware sees it
        content: list[Any] = list(value.content)
        is_error = value.is_error is True
        meta = None if value.meta is UNSET else value.meta
        value = ToolResult(
            content=content, structured_content=value.structured_content, is_error=is_error, meta=meta
        )
    if isinstance(value, ToolResult):
        return _render_ready(tool, value)
    if tool.output is not None:
        raise ValidationError(f"{type(value).__name__} is content, and the tool has an output schema")
    return CallToolResult(content=list(_blocks(value, compact=tool.compact)))


def _render_ready(tool: Tool, value: ToolResult) -> CallToolResult:
    structured = value.structured_content
    output = None if value.is_error else tool.output
    if structured is not UNSET:
        structured = Raw(to_json(structured) if output is None else _checked(tool, output, structured))
    elif output is not None:
        raise ValidationError("structured_content is missing: the tool has an output schema")
    return CallToolResult(
        content=[block for item in value.content for block in _blocks(item, compact=tool.compact)],
        structured_content=structured,
        is_error=value.is_error or UNSET,
        meta=msgspec.json.decode(to_json(value.meta)) if value.meta else UNSET,
    )


def _checked(tool: Tool, output: Codec, structured: Any) -> bytes:
    """Structured content of a whole result, as the output schema has it."""
    if not tool.wraps:
        return output.encode(structured)
    if not isinstance(structured, dict) or structured.keys() != {"result"}:
        raise ValidationError('structured_content has to be {"result": …}, as the output schema says')
    return b'{"result":%b}' % output.encode(structured["result"])


def native(value: Any) -> Any:
    """An object of another library for MCP as one of this library; everything else as it is.

    Raises:
        TypeError: it is none that a function of a server returns.
    """
    if not is_foreign(value):
        return value
    from lambent.features.foreign import read  # loaded where there is another library

    return read(value)


def _blocks(value: Any, *, compact: bool = False) -> Iterator[Content]:
    """The content blocks of a value: one for each item of a list, however deep; None has none.

    ``compact``: one block for a list, unless there is content in it.
    """
    if value is None:
        return
    if isinstance(value, list | tuple) and (not compact or _holds_content(value)):
        for item in value:
            yield from _blocks(item, compact=compact)
    else:
        yield block_of(value, compact=compact)


def _holds_content(value: Any) -> bool:
    return is_content(value) or (isinstance(value, list | tuple) and any(map(_holds_content, value)))


def block_of(value: Any, *, compact: bool = False) -> Content:
    """The content block of a value: text and content as they are, anything else as JSON.

    Raises:
        ValidationError: it has no JSON form.
        TypeError: it is an object of another library for MCP that is no content.
    """
    if isinstance(value, str):
        value.encode()  # a lone surrogate is the tool's failure, so it is found here
        return TextContent(text=value)
    value = native(value)
    if isinstance(value, Content):
        msgspec.json.encode(value)  # as above
        return value
    if isinstance(value, Image | Audio):
        return value.to_content()
    if is_content(value):
        raise TypeError(f"{type(value).__name__} is no content block")
    return TextContent(text=json_text(value, compact=compact))


def json_text(value: Any, *, compact: bool = False) -> str:
    """A value as JSON for people and models, indented.

    Raises:
        ValidationError: it has no JSON form.
    """
    raw = to_json(value)
    return text_of(raw) if compact else msgspec.json.format(raw, indent=2).decode()
