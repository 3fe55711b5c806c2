"""Under which URLs clients reach the server: from the settings or from the platform, never from a header.

The headers ``Host`` and ``X-Forwarded-Host`` are chosen by the client.
"""

from __future__ import annotations

from typing import Any

from lambent.hosts.settings import Settings
from lambent.wire.discovery_paths import METADATA_PATH
from lambent.wire.http import LOCAL_HOSTS, Request

DEFAULT_PATH = "/mcp"


def platform_url(request: Request) -> str | None:
    """The URL of the API, with the name of its stage and no other path; None where nobody says it."""
    if request.domain is None:
        return None
    domain = str(request.domain)
    host = domain.partition("]")[0].removeprefix("[") if domain[:1] == "[" else domain.partition(":")[0]
    scheme = "http" if host.lower() in LOCAL_HOSTS else "https"
    return f"{scheme}://{domain}{request.root}"


_REMEMBERED = 100
"""Endpoints: most servers have one, and every call with a token asks for its URL."""


class PublicUrls:
    """The URLs of an endpoint; ``fallback`` is its URL where neither the settings nor the platform say it."""

    def __init__(self, settings: Settings, fallback: str | None = None) -> None:
        self._public_url = settings.public_url
        self._path = settings.mcp_path
        self._fallback = fallback
        self._endpoints: dict[tuple[Any, ...], str | None] = {}

    def endpoint(self, request: Request) -> str | None:
        """The URL of the endpoint that a request is for: what tokens are issued for (RFC 8707)."""
        key = (request.domain, request.root, request.path, request.mount)
        try:
            return self._endpoints[key]
        except (KeyError, TypeError):  # an event may have anything in the place of a domain
            base = self._base(request)
        found = self._fallback if base is None else base + self._path_of(request)
        if len(self._endpoints) >= _REMEMBERED:
            self._endpoints.clear()
        if isinstance(request.domain, str | None):
            self._endpoints[key] = found
        return found

    def metadata(self, request: Request) -> str | None:
        """Where the metadata of the endpoint is.

        RFC 9728, section 3.1, has it at the root of the host. Behind a stage, or the path of an API mapping,
        requests for the root do not reach the server: there it is behind that path, and challenges say so.
        The same is true below the mount of another application, unless the setting says the path.
        """
        base = self._base(request)
        if base is not None:
            path = self._path_of(request)
        elif self._fallback is not None:
            base, path = _split(self._fallback)
        else:
            return None
        mount = request.mount if self._path is None and path.startswith(request.mount) else ""
        return base + mount + METADATA_PATH + path.removeprefix(mount)

    def _base(self, request: Request) -> str | None:
        """What is in front of the path; the setting may end with the mount, with which the path begins."""
        if self._public_url is None:
            return platform_url(request)
        return self._public_url if self._path is not None else self._public_url.removesuffix(request.mount)

    def _path_of(self, request: Request) -> str:
        if self._path is not None:
            return self._path
        found = _metadata_of(request.path)
        path = (request.path if found is None else request.mount + found).rstrip("/")
        # What follows the host must begin a path: with another character it would be of the host's name.
        return path if path.startswith("/") else DEFAULT_PATH

    def is_metadata_of_endpoint(self, request: Request) -> bool:
        """Whether a request for metadata is about this endpoint, or about the server as a whole."""
        path = _metadata_of(request.path)
        return path is not None and self.is_endpoint(path)

    def is_endpoint(self, path: str) -> bool:
        """Whether a path in the location of metadata means this endpoint, as it does where there is none."""
        path = path.rstrip("/")
        return not path or self._path is None or path.endswith(self._path)


def _metadata_of(path: str) -> str | None:
    """The path, such as ``/mcp``, of what the metadata at a path is of; None where it is no metadata's."""
    _, found, rest = path.partition(METADATA_PATH)
    return rest if found and rest[:1] in ("", "/") else None


def _split(url: str) -> tuple[str, str]:
    """The origin of a URL, and its path without a slash at the end."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", f"{slash}{path}".rstrip("/")
