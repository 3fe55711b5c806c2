import base64

import pytest

from lambent.cli.gateway.media import as_text_or_base64, decode_base64, is_text, matches


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain", "text/html", "text/event-stream", "application/json", "application/xml",
        "application/javascript", "APPLICATION/JSON", "application/json; charset=utf-8",
        'text/plain; charset="UTF-8"', "application/json ; version=2",
    ],
)  # fmt: skip
def test_content_types_that_travel_as_text(content_type):
    assert is_text(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "", "application/octet-stream", "image/png", "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x", "application/problem+json", "text/plain; charset=iso-8859-1",
    ],
)  # fmt: skip
def test_content_types_that_travel_as_base64(content_type):
    assert not is_text(content_type)


def test_text_that_is_not_utf_8_travels_as_base64():
    assert as_text_or_base64("é".encode(), text=True) == ("é", False)
    assert as_text_or_base64(b"\xff", text=True) == (base64.b64encode(b"\xff").decode(), True)
    assert as_text_or_base64(b"a", text=False) == ("YQ==", True)


@pytest.mark.parametrize(
    ("content_type", "media_types", "expected"),
    [
        ("image/png", ("image/png",), True),
        ("image/png; q=0.8", ("image/*",), True),
        ("Image/PNG", ("*/*",), True),
        ("image/png", ("image/jpeg", "application/*"), False),
        ("image/png", (), False),
    ],
)
def test_binary_media_types(content_type, media_types, expected):
    assert matches(content_type, media_types) is expected


def test_base64():
    assert decode_base64("AP8=") == b"\x00\xff"
    for text in ("no!", "abc", "é"):
        with pytest.raises(ValueError, match="not Base64"):
            decode_base64(text)
