"""URLs that deliveries are sent to: what can be said of them without asking anybody."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote, urlsplit

from lambent.errors import InvalidParamsError

_MOST_CHARACTERS = 2048
_MOST_HOST_CHARACTERS = 253

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
"""What systems read as a part of an IPv4 address, also of one that is written in another way."""


def check_callback_url(url: str, *, local: bool = False) -> None:
    """Refuse a URL that is none of an endpoint, wherever it leads ("TLS requirement").

    Args:
        url: as the client has sent it.
        local: it may be one of plain HTTP, which this machine alone is asked over then.

    Raises:
        InvalidParamsError: it is not HTTPS, malformed, or has credentials or a fragment.
    """
    try:
        target = urlsplit(url)
        has_port = target.port is None or target.port > 0
        host = target.hostname or ""
    except ValueError:
        raise _refused("a URL") from None
    schemes = ("https://", "http://") if local else ("https://",)
    if not url.startswith(schemes):
        raise _refused("an https URL")
    if len(url) > _MOST_CHARACTERS:
        raise _refused(f"at most {_MOST_CHARACTERS} characters long")
    is_plain = url.isascii() and url.isprintable() and not set(' "<>\\^`{|}') & set(url)
    if "@" in target.netloc or "#" in url:
        raise _refused("a URL without credentials and without a fragment")
    has_brackets = "[" in target.netloc or "]" in target.netloc
    if not is_plain or not has_port or target.netloc.endswith(":") or has_brackets != (":" in host):
        raise _refused("a URL")
    if not _is_host(host):
        raise _refused("a URL")


def _refused(what: str) -> InvalidParamsError:
    return InvalidParamsError(f"Invalid params: delivery.url must be {what}")


def _is_host(host: str) -> bool:
    """Whether a host is a name, or an address as everybody writes it: others stand for different ones."""
    labels = host.split(".")
    try:
        if ":" in host:
            return "%" not in host and bool(ipaddress.IPv6Address(host))
        if _NUMBER.fullmatch(labels[-1]):
            return bool(ipaddress.IPv4Address(host))
    except ValueError:
        return False
    return len(host) <= _MOST_HOST_CHARACTERS and all(map(_LABEL.fullmatch, labels))


def host_of(url: str) -> str:
    """The host of a URL that has been checked, whatever its port."""
    return (urlsplit(url).hostname or "").lower()


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL that has been checked."""
    target = urlsplit(url)
    return f"{target.scheme}://{target.netloc.lower()}"


def is_within(url: str, prefix: str) -> bool:
    """Whether the path of a URL is a path prefix, or below it."""
    path = urlsplit(url).path or "/"
    segments = unquote(path).replace("\\", "/").split("/")
    # Some servers read what is behind a semicolon as parameters of the segment.
    if not prefix.startswith("/") or any(one.partition(";")[0] == ".." for one in segments):
        return False
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def is_below(url: str, prefix: str) -> bool:
    """Whether a URL has the origin of another one, and a path that is that one's or below it."""
    return origin_of(url) == origin_of(prefix) and is_within(url, urlsplit(prefix).path or "/")
