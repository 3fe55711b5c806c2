"""Which bodies are text in an event, and which are Base64."""

from __future__ import annotations

import base64
from typing import Final

_TEXT_TYPES: Final = {"application/json", "application/javascript", "application/xml"}


def is_text(content_type: str) -> bool:
    """Whether HTTP APIs, function URLs and load balancers pass this content type as text.

    A missing content type, form data and `+json` types are binary, as in AWS.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html

    Args:
        content_type: The value of the Content-Type header.

    Returns:
        True for `text/*`, JSON, JavaScript and XML, unless they name a charset other than UTF-8.
    """
    media_type, _, parameters = content_type.lower().partition(";")
    media_type = media_type.strip()
    if not (media_type.startswith("text/") or media_type in _TEXT_TYPES):
        return False
    charsets = [
        value.strip().strip('"')
        for name, _, value in (parameter.partition("=") for parameter in parameters.split(";"))
        if name.strip() == "charset"
    ]
    return all(charset in {"utf-8", "utf8"} for charset in charsets)


def matches(content_type: str, media_types: tuple[str, ...]) -> bool:
    """Whether a content type is one of a REST API's binary media types.

    Args:
        content_type: A Content-Type, or the first type of an Accept header.
        media_types: Exact types, `type/*` and `*/*`.

    Returns:
        True if one of them matches.
    """
    essence = content_type.partition(";")[0].strip().lower()
    family = essence.partition("/")[0] + "/*"
    return any(media_type.lower() in {essence, family, "*/*"} for media_type in media_types)


def as_text_or_base64(body: bytes, text: bool) -> tuple[str, bool]:
    """Write a body into an event.

    Args:
        body: The bytes.
        text: Whether to pass them as text, if they are valid UTF-8.

    Returns:
        The event's `body` and `isBase64Encoded`.
    """
    if text:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True


def decode_base64(text: str) -> bytes:
    """Read a Base64 body out of a response.

    Args:
        text: The response's `body`.

    Returns:
        The bytes.

    Raises:
        ValueError: The text is not Base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (
        ValueError
    ) as error:  # binascii.Error is a subclass; ValueError itself is raised for what is not ASCII
        raise ValueError("body is not Base64, but isBase64Encoded is true") from error
