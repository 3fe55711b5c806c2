"""URLs of issuers, as settings and metadata give them."""

from __future__ import annotations

from lambent.wire.http import LOCAL_HOSTS


def is_secure(url: str) -> bool:
    """Whether a URL is ``https``, or ``http`` to this machine, without credentials and fragment."""
    from urllib.parse import urlsplit  # takes 3 ms, and is needed where tokens are

    if not (url.isascii() and url.isprintable()) or any(mark in url for mark in ' "\\<>#@'):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL_HOSTS))
