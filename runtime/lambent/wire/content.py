"""Content blocks and contents of resources, read from decoded JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.wire.values import (
    Annotations,
    AudioContent,
    BlobResourceContents,
    Content,
    EmbeddedResource,
    ImageContent,
    PromptMessage,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

Contents = TextResourceContents | BlobResourceContents
_PLAIN_BLOCKS: Any = TextContent | ImageContent | AudioContent | ResourceLink


def read_block(members: Mapping[str, Any]) -> Content:
    """A content block.

    Raises:
        ValidationError: of msgspec: it is no content block.
        KeyError: it is a resource without contents.
    """
    if members.get("type") != "resource":
        plain: Content = msgspec.convert(members, _PLAIN_BLOCKS)
        return plain
    return EmbeddedResource(
        resource=read_contents(members["resource"]),
        annotations=msgspec.convert(members.get("annotations"), Annotations | None),
        meta=members.get("_meta"),
    )


def read_contents(members: Mapping[str, Any]) -> Contents:
    """The contents of a resource.

    Raises:
        ValidationError: of msgspec: they are none.
    """
    kind: Any = TextResourceContents if "text" in members else BlobResourceContents
    contents: Contents = msgspec.convert(members, kind)
    return contents


def read_message(members: Mapping[str, Any]) -> PromptMessage:
    """A message of a prompt; see ``read_block``.

    Raises:
        KeyError: it has no role or no content.
    """
    return PromptMessage(role=members["role"], content=read_block(members["content"]))


def data_of(contents: Contents) -> str | bytes:
    """What the contents of a resource are: text, or bytes."""
    if isinstance(contents, TextResourceContents):
        return contents.text
    import binascii  # loaded where there are bytes

    return binascii.a2b_base64(contents.blob)
