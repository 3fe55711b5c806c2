"""Images and sounds that tools and prompts return as bytes."""

from __future__ import annotations

import base64

import msgspec

from lambent.wire.values import AudioContent, ImageContent


class Image(msgspec.Struct, frozen=True):
    """An image to return from a tool: its bytes, and the subtype of its media type (``png``, ``jpeg``)."""

    data: bytes
    format: str = "png"

    def to_content(self) -> ImageContent:
        """The content block that contains it."""
        return ImageContent(data=base64.b64encode(self.data).decode(), mime_type=f"image/{self.format}")


class Audio(msgspec.Struct, frozen=True):
    """A sound to return from a tool: its bytes, and the subtype of its media type (``wav``, ``mpeg``)."""

    data: bytes
    format: str = "wav"

    def to_content(self) -> AudioContent:
        """The content block that contains it."""
        return AudioContent(data=base64.b64encode(self.data).decode(), mime_type=f"audio/{self.format}")
