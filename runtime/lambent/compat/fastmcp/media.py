"""``Image``, ``Audio`` and ``File``: media to return from tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambent.features.contents import to_base64
from lambent.wire.values import (
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    TextResourceContents,
)

if TYPE_CHECKING:
    from lambent.wire.values import Annotations

_AUDIO = {"mp3": "mpeg", "m4a": "mp4"}
_IMAGES = {"jpg": "jpeg", "svg": "svg+xml"}
_TEXTS = {"txt": "plain", "text": "plain", "md": "markdown"}
_TEXT_TYPES = frozenset({"plain", "markdown", "html", "css", "csv", "xml"})


class _Media:
    """Bytes, or a file that is read when the result is made.

    Args:
        path: of a file.
        data: the bytes, in place of a path.
        format: such as ``png``; default: by the path's ending.
        annotations: hints on how clients may use it.

    Raises:
        ValueError: both a path and data are given, or neither.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,  # noqa: A002 - FastMCP's name
        annotations: Annotations | None = None,
    ) -> None:
        if (path is None) == (data is None):
            raise ValueError("Give either path or data")
        self.path = None if path is None else Path(path).expanduser()
        self.data = data
        self.annotations = annotations
        self._format = (format or "").lower() or ("" if self.path is None else self.path.suffix[1:].lower())

    def _bytes(self) -> bytes:
        if self.path is not None:
            return self.path.read_bytes()
        return self.data or b""


class Image(_Media):
    """An image."""

    def to_image_content(self, mime_type: str | None = None) -> ImageContent:
        """The content block that has it."""
        subtype = _IMAGES.get(self._format, self._format) or "png"
        return ImageContent(
            data=to_base64(self._bytes()),
            mime_type=mime_type or f"image/{subtype}",
            annotations=self.annotations,
        )

    to_content = to_image_content


class Audio(_Media):
    """A sound."""

    def to_audio_content(self, mime_type: str | None = None) -> AudioContent:
        """The content block that has it."""
        subtype = _AUDIO.get(self._format, self._format) or "wav"
        return AudioContent(
            data=to_base64(self._bytes()),
            mime_type=mime_type or f"audio/{subtype}",
            annotations=self.annotations,
        )

    to_content = to_audio_content


class File(_Media):
    """A file, as an embedded resource: with its text where its format is one of text, else with its bytes."""

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,  # noqa: A002 - FastMCP's name
        name: str | None = None,
        annotations: Annotations | None = None,
    ) -> None:
        super().__init__(path, data, format, annotations)
        self._name = name

    def to_resource_content(self, mime_type: str | None = None) -> EmbeddedResource:
        """The content block that has it."""
        from urllib.parse import quote  # loaded where there are files

        data, subtype = self._bytes(), _TEXTS.get(self._format, self._format)
        if self.path is not None and self._name is None:
            uri = self.path.resolve().as_uri()
        else:
            name = f"{self._name or 'resource'}.{self._format}" if self._format else self._name or "resource"
            uri = f"file:///{quote(name)}"
        kind = f"text/{subtype}" if subtype in _TEXT_TYPES else f"application/{subtype or 'octet-stream'}"
        resource: Any = None
        if subtype in _TEXT_TYPES:
            try:
                resource = TextResourceContents(uri=uri, text=data.decode(), mime_type=mime_type or kind)
            except UnicodeDecodeError:
                kind = "application/octet-stream"
        if resource is None:
            resource = BlobResourceContents(uri=uri, blob=to_base64(data), mime_type=mime_type or kind)
        return EmbeddedResource(resource=resource, annotations=self.annotations)

    to_content = to_resource_content


MEDIA = (Image, Audio, File)
