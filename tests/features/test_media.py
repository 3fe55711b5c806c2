"""Bytes as content blocks."""

import base64

import pytest

from lambent import Audio, AudioContent, Image, ImageContent


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)), b"\xff" * 1000])
def test_bytes_become_base64(data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    assert Image(data=data).to_content() == ImageContent(data=encoded, mime_type="image/png")
    assert Audio(data=data).to_content() == AudioContent(data=encoded, mime_type="audio/wav")


@pytest.mark.parametrize("subtype", ["png", "jpeg", "svg+xml", "webp"])
def test_the_format_is_the_subtype(subtype: str) -> None:
    assert Image(data=b"", format=subtype).to_content().mime_type == f"image/{subtype}"
    assert Audio(data=b"", format=subtype).to_content().mime_type == f"audio/{subtype}"
