"""What keeps a server card from being published: names that no client accepts, secrets, internal hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from lambent.wire.server_card import NAME, ServerSummary, card_name, host_of
from lambent.wire.values import CardHeader

_NAME_LIMIT = 200
_VERSION_LIMIT = 255
_RANGE = re.compile(r"[\^~<>=*\s]|(^|\.)x(\.|$)")
_INTERNAL_SUFFIXES = (
    *(".internal", ".intranet", ".private", ".local", ".localhost", ".localdomain", ".svc"),
    *(".home", ".home.arpa", ".lan", ".corp"),
)
_FILLED_IN = re.compile(r"\{[^}]*\}|\b(Bearer|Basic|Token)\b", re.IGNORECASE)
"""What a secret header's value may consist of: placeholders, and the name of the scheme before them."""


def problems(summary: ServerSummary, base_url: str | None) -> list[str]:
    """What is wrong with a server's card, as sentences; none where it can be published.

    Args:
        summary: the server.
        base_url: its public URL without the path.
    """
    return [
        *_of_identity(summary, base_url),
        *_of_headers(summary.card.headers),
        *_of_urls(summary, base_url),
    ]


def is_internal(host: str) -> bool:
    """Whether a host means something on its own network only."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        # Names without a dot, such as `localhost`, are looked up in the network's own domain. Addresses that
        # are written in other ways, such as 127.1, are nobody's public name.
        name = host.strip(".")
        return "." not in name or name.endswith(_INTERNAL_SUFFIXES) or name.rpartition(".")[2].isdigit()


def _of_identity(summary: ServerSummary, base_url: str | None) -> Iterator[str]:
    name, version = card_name(summary, base_url), summary.info.version
    if not NAME.fullmatch(name) or len(name) > _NAME_LIMIT:
        yield f"the name {name!r} is not in reverse DNS format, such as com.example/orders: set a namespace"
    if not version or len(version) > _VERSION_LIMIT or _RANGE.search(version):
        yield f"{version!r} is not one version, such as 1.0.2"


def _of_headers(headers: list[CardHeader] | None) -> Iterator[str]:
    for header in headers or ():
        shown = header.default or header.choices or _FILLED_IN.sub("", header.value or "").strip()
        if header.is_secret and shown:
            yield f"the header {header.name} is secret, but the card would show its value"


def _of_urls(summary: ServerSummary, base_url: str | None) -> Iterator[str]:
    if base_url is None:
        yield "nobody can reach the server without a URL: set LAMBENT_PUBLIC_URL"
    info, repository = summary.info, summary.card.repository
    icons = {f"icon {number}": icon.src for number, icon in enumerate(info.icons or (), 1)}
    named = {
        "the public URL": base_url,
        "the website": info.website_url,
        "the repository": repository.url if repository is not None else None,
        **{what: url for what, url in icons.items() if not url.startswith("data:image/")},
    }
    for what, url in named.items():
        if url is None:
            continue
        if not url.startswith("https://"):
            yield f"{what} is {url!r}: it must begin with https://"
        elif _has_credentials(url):
            yield f"{what} holds credentials"
        elif is_internal(host_of(url)):
            yield f"{what} is {url!r}, which only its own network can reach"


def _has_credentials(url: str) -> bool:
    try:
        return urlsplit(url).username is not None
    except ValueError:
        return False  # it has no host either, and is refused for that
