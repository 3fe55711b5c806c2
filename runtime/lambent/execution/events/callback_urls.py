"""URLs that deliveries are sent to: what can be said of them without asking anybody."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from lambent.errors import InvalidParamsError

_MOST_CHARACTERS = 2048


def check_callback_url(url: str) -> None:
    """Refuse a URL that is none of an endpoint, wherever it leads ("TLS requirement").

    Raises:
        InvalidParamsError: it is not HTTPS, malformed, or has credentials or a fragment.
    """
    try:
        target = urlsplit(url)
        has_port = target.port is None or target.port > 0
    except ValueError:
        raise _refused("a URL") from None
    if target.scheme != "https" or not url.startswith("https://"):
        raise _refused("an https URL")
    if len(url) > _MOST_CHARACTERS:
        raise _refused(f"at most {_MOST_CHARACTERS} characters long")
    is_plain = url.isascii() and url.isprintable() and not set(' "<>\\^`{|}') & set(url)
    if not target.hostname or not has_port or not is_plain:
        raise _refused("a URL")
    if "@" in target.netloc or "#" in url:
        raise _refused("a URL without credentials and without a fragment")


def _refused(what: str) -> InvalidParamsError:
    return InvalidParamsError(f"Invalid params: delivery.url must be {what}")


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL that has been checked."""
    return f"https://{urlsplit(url).netloc.lower()}"


def is_within(url: str, prefix: str) -> bool:
    """Whether the path of a URL is a path prefix, or below it."""
    path = urlsplit(url).path or "/"
    if not prefix.startswith("/") or ".." in unquote(path).split("/"):
        return False
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")
