"""What tools, resources and prompts return: results that say it all, and values of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from lambent.compat.fastmcp.media import MEDIA
from lambent.features.codecs import to_json, to_plain
from lambent.features.contents import to_base64
from lambent.features.tools import text_of
from lambent.wire.content import read_block
from lambent.wire.values import (
    BlobResourceContents,
    Content,
    PromptMessage,
    Role,
    TextContent,
    TextResourceContents,
)
from lambent.wire.values import ToolResult as NativeResult

_BLOCKS = frozenset({"text", "image", "audio", "resource", "resource_link"})


class ToolResult:
    """A tool's whole result.

    Args:
        content: text, blocks, media, or any other value, which is written as JSON; default: what
            ``structured_content`` is.
        structured_content: an object.
        meta: ``_meta`` of the result.
        is_error: the tool has failed.

    Raises:
        ValueError: there is neither content nor structured content, or that is no object.
    """

    def __init__(
        self,
        content: Any = None,
        structured_content: Any = None,
        meta: dict[str, Any] | None = None,
        is_error: bool = False,
    ) -> None:
        if content is None and structured_content is None:
            raise ValueError("Give content or structured_content")
        structured = None if structured_content is None else to_plain(structured_content)
        if structured is not None and not isinstance(structured, dict):
            raise ValueError(
                f"structured_content has to be an object, not {type(structured_content).__name__}: write "
                '{"result": …}, or give the value as the content'
            )
        self.content = blocks_of(structured if content is None else content)
        self.structured_content: dict[str, Any] | None = structured
        self.meta = meta
        self.is_error = is_error

    def to_native(self) -> NativeResult:
        """The same as ``lambent`` has it."""
        return NativeResult(
            content=list(self.content),
            structured_content=UNSET if self.structured_content is None else self.structured_content,
            is_error=self.is_error,
            meta=self.meta,
        )


def blocks_of(value: Any) -> list[Content]:
    """The content blocks of a value: one for each item of a list with blocks or media in it, else one."""
    if value is None or (isinstance(value, list | tuple) and not value):
        return []
    if isinstance(value, list | tuple) and any(map(is_block, value)):
        return [block_of(item) for item in value]
    return [block_of(value)]


def block_of(value: Any) -> Content:
    """The content block of one value."""
    if isinstance(value, Content):
        return value
    if isinstance(value, MEDIA):
        made: Content = value.to_content()
        return made
    if is_block(value):
        return read_block(value.model_dump(mode="json", by_alias=True, exclude_none=True))
    if isinstance(value, str):
        return TextContent(text=value)
    if isinstance(value, bytes | bytearray):
        return TextContent(text=bytes(value).decode())
    return TextContent(text=text_of(to_json(value)))


def is_block(value: Any) -> bool:
    """Whether a value is a content block, or media that become one."""
    if isinstance(value, (Content, *MEDIA)):
        return True
    # Blocks of another library are known by what they have.
    return hasattr(value, "model_dump") and getattr(value, "type", None) in _BLOCKS


class Message:
    """A message of a prompt.

    Args:
        content: text, a block, or any other value, which is written as JSON.
        role: whose it is.
    """

    def __init__(self, content: Any, role: Role = "user") -> None:
        self.role = role
        self.content = block_of(content)

    def to_native(self) -> PromptMessage:
        """The same as ``lambent`` has it."""
        content: Any = self.content
        return PromptMessage(role=self.role, content=content)


class PromptResult:
    """A prompt's whole result.

    Args:
        messages: text, or messages.
        description: of the prompt, as it is filled in.
        meta: ``_meta`` of the result.
    """

    def __init__(
        self,
        messages: str | Sequence[Any],
        description: str | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        self.messages = [Message(messages)] if isinstance(messages, str) else list(messages)
        self.description = description
        self.meta = meta


def messages_of(value: Any) -> list[PromptMessage]:
    """The messages of what a prompt's function has returned.

    Raises:
        TypeError: it is neither text, nor messages, nor a list of both.
    """
    items = value if isinstance(value, list | tuple) else [value]
    return [_message_of(item) for item in items]


def _message_of(item: Any) -> PromptMessage:
    if isinstance(item, PromptMessage):
        return item
    if isinstance(item, Message):
        return item.to_native()
    if isinstance(item, str):
        return Message(item).to_native()
    if hasattr(item, "model_dump") and hasattr(item, "role"):  # that of another library
        return Message(item.content, item.role).to_native()
    raise TypeError(f"A prompt returns text, Message objects or PromptResult, not {type(item).__name__}")


class ResourceContent:
    """A part of what a resource contains.

    Args:
        content: text, bytes, or any other value, which is written as JSON.
        mime_type: default: by the content.
        meta: ``_meta`` of the part.
    """

    def __init__(
        self, content: Any, mime_type: str | None = None, meta: dict[str, Any] | None = None
    ) -> None:
        usual = "text/plain"
        if isinstance(content, bytes | bytearray):
            content, usual = bytes(content), "application/octet-stream"
        elif not isinstance(content, str):
            content, usual = to_json(content).decode(), "application/json"
        self.content: str | bytes = content
        self.mime_type = mime_type or usual
        self.meta = meta

    def to_native(self, uri: str) -> TextResourceContents | BlobResourceContents:
        """The same as ``lambent`` has it."""
        if isinstance(self.content, bytes):
            blob = to_base64(self.content)
            return BlobResourceContents(uri=uri, blob=blob, mime_type=self.mime_type, meta=self.meta)
        return TextResourceContents(uri=uri, text=self.content, mime_type=self.mime_type, meta=self.meta)


class ResourceResult:
    """A resource's whole result.

    Args:
        contents: text, bytes, or parts.
        meta: ``_meta`` of the result.
    """

    def __init__(
        self,
        contents: str | bytes | Sequence[ResourceContent],
        meta: dict[str, Any] | None = None,
    ) -> None:
        if isinstance(contents, str | bytes):
            contents = [ResourceContent(contents)]
        self.contents = list(contents)
        self.meta = meta


def contents_of(value: Any, mime_type: str) -> list[ResourceContent]:
    """The parts of what a resource's function has returned, which declares a media type."""
    if isinstance(value, ResourceResult):
        return value.contents
    if isinstance(value, ResourceContent):
        return [value]
    if isinstance(value, list | tuple) and value and all(isinstance(one, ResourceContent) for one in value):
        return list(value)
    if not isinstance(value, str | bytes | bytearray):
        import json  # the form that FastMCP has: with spaces

        value = json.dumps(to_plain(value), ensure_ascii=False)
    return [ResourceContent(value, mime_type)]
