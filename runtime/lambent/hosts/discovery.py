"""The paths beside the endpoint: discovery documents, health checks, and those with nothing there."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lambent.errors import ConfigurationError
from lambent.features.catalog import Catalog
from lambent.hosts.settings import Settings
from lambent.wire.http import JSON_TYPE, HttpResponse, Request, not_found

if TYPE_CHECKING:
    from lambent.hosts.authentication import Authentication
    from lambent.wire.discovery_documents import Document
    from lambent.wire.payloads import ResponseLimit
    from lambent.wire.server_card import ServerSummary

_OAUTH_NAMES = ("/authorize", "/introspect", "/register", "/revoke", "/token")
_OAUTH_PATHS = (*_OAUTH_NAMES, *(f"{name}/" for name in _OAUTH_NAMES))
"""Ends of paths at which clients look for an authorization server (basic/authorization, earlier versions)."""

_KEPT = 8
"""Sets of documents that are cached: one for each public URL."""


class DiscoveryDocuments:
    """The documents of a server, or of all servers that are deployed together.

    They are made at the first request for one of them: most execution environments never get such a request.
    With ``is_strict`` there is nothing at paths that contradict the setting ``mcp_path``. A document that is
    larger than ``limit`` is not sent.
    """

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        limit: ResponseLimit | None = None,
        authentication: Authentication | None = None,
        *,
        is_strict: bool = False,
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._limit = limit
        self._authentication = authentication
        self._is_strict = is_strict
        self._made = functools.lru_cache(_KEPT)(self._make)

    @property
    def has_registration(self) -> bool:
        """Clients can register here; see ``RegistrationFacade``."""
        return self._authentication is not None and self._authentication.facade is not None

    def health(self, method: str, path: str) -> HttpResponse | None:
        """Tell a load balancer that the host is well; None if this is not what the request is for."""
        if method not in ("GET", "HEAD") or (path.rstrip("/") or "/") != self._settings.health_path:
            return None
        headers = {"content-type": JSON_TYPE, "cache-control": "no-store"}
        return HttpResponse(200, headers, b'{"status":"ok"}' if method == "GET" else b"")

    def answer(self, request: Request) -> HttpResponse | None:
        """Answer a request that is not for the endpoint; None if it may be for the endpoint.

        A POST is for the endpoint, unless there is nothing at its path. A browser gets a page for people at
        that path, unless the settings say otherwise. Host and scheme in the documents come from the settings
        or from the platform, never from the request's headers, which the client chooses.
        """
        if request.method == "POST":
            return self._elsewhere(request) if self.is_elsewhere(request) else None
        response = self._document(request)
        if not self._settings.page or "text/html" not in request.headers.get("accept", ""):
            return response
        from lambent.hosts.page import for_browser  # loaded where a browser asks

        return for_browser(request, response)

    def _document(self, request: Request) -> HttpResponse | None:
        """Answer a request that is no POST, and not for the endpoint; None if it may be for the endpoint."""
        from lambent.hosts.public_urls import platform_url
        from lambent.wire.discovery_paths import CARD_SUFFIX, METADATA_PATH, REGISTRY_SUFFIX, WELL_KNOWN

        path = request.path
        is_own = path.endswith((CARD_SUFFIX, REGISTRY_SUFFIX))
        if not is_own and WELL_KNOWN not in f"{path}/":
            return self._elsewhere(request) if self.is_elsewhere(request) else None
        from lambent.wire.discovery_documents import answer

        if METADATA_PATH in path:
            return self._resource_metadata(request)
        if (response := self._of_facade(request)) is not None:
            return response
        base_url = self._settings.public_url or platform_url(request)
        document = self._made(None, base_url).get(path)
        if document is None and is_own:
            # The platform has routed the request to this server, so this is another path of its endpoint.
            endpoint, _, name = path.rpartition("/")
            endpoint = self._settings.mcp_path or endpoint
            document = self._made(endpoint, base_url).get(f"{endpoint}/{name}")
        if document is None:
            return not_found(request)
        response = answer(document, request)
        return response if self._limit is None else _fitting(response, request, self._limit)

    def _resource_metadata(self, request: Request) -> HttpResponse:
        """Tell a client who issues tokens for the server (RFC 9728)."""
        document = None if self._authentication is None else self._authentication.metadata(request)
        if document is None:
            return not_found(request)
        from lambent.wire.discovery_documents import answer, json_document

        return answer(json_document(document), request)

    def _of_facade(self, request: Request) -> HttpResponse | None:
        """The answer of the registration facade; None where there is none, or the request is not for it."""
        facade = None if self._authentication is None else self._authentication.facade
        return None if facade is None else facade.answer(request)

    def _elsewhere(self, request: Request) -> HttpResponse:
        if _is_of_metadata(request.path):
            return self._resource_metadata(request)
        return self._of_facade(request) or not_found(request)

    def is_elsewhere(self, request: Request) -> bool:
        """Whether the path of a request is none of the endpoint: ``answer`` then has the whole answer."""
        path, endpoint = request.path, self._settings.mcp_path
        if self._authentication is not None and "/.well-known/" in path and _is_of_metadata(path):
            # As the endpoint it would take tokens for whatever its path says that the metadata is of.
            return True
        if endpoint is not None:
            # Only the end counts: a front end may have removed the beginning of the path, or have put a stage
            # or the path of an API mapping in front of it.
            short = path.rstrip("/")
            if endpoint.endswith(short) or short.endswith(endpoint):
                return False
            if self._is_strict:
                return True
        if not path.endswith(_OAUTH_PATHS):
            return False
        body = request.body
        return '"jsonrpc"' not in (body if isinstance(body, str) else body.decode(errors="replace"))

    def by_path(self, base_url: str | None) -> dict[str, Document]:
        """All documents by path, for a public URL other than that of the settings.

        Raises:
            ConfigurationError: the file of the other servers cannot be read.
        """
        return self._made(None, base_url or self._settings.public_url)

    def problems(self, base_url: str | None) -> list[str]:
        """What prevents publication at such a URL; see ``server_card.problems``."""
        from lambent.wire.server_card import problems

        base_url = base_url or self._settings.public_url
        return [
            f"{summary.info.name}: {problem}"
            for summary in self._summaries(None)
            for problem in problems(summary, base_url)
        ]

    def _make(self, endpoint: str | None, base_url: str | None) -> dict[str, Document]:
        from lambent.wire.discovery_documents import make_documents

        return make_documents(self._summaries(endpoint), base_url)

    def _summaries(self, endpoint: str | None) -> list[ServerSummary]:
        """The servers of the deployment, or with an endpoint only this server."""
        if endpoint is None and self._settings.cards is not None:
            return read_bundle(self._settings.cards)
        if endpoint is None:
            endpoint = self._settings.mcp_path or "/mcp"
        from lambent.features.summary import summarize

        return [summarize(self._catalog, endpoint)]


def _is_of_metadata(path: str) -> bool:
    from lambent.wire.discovery_paths import METADATA_PATH  # loaded where callers are identified

    return METADATA_PATH in path


def read_bundle(file: str) -> list[ServerSummary]:
    """Read the servers of a deployment from the file that ``lambent card --bundle`` has written.

    Raises:
        ConfigurationError: it cannot be read, or is not such a file.
    """
    import msgspec

    from lambent.wire.server_card import ServerSummary

    try:
        with open(file, "rb") as opened:
            return msgspec.json.decode(opened.read(), type=list[ServerSummary])
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(
            f"LAMBENT_CARDS must name a file that `lambent card --bundle` has written: {error}"
        ) from error


def _fitting(response: HttpResponse, request: Request, limit: ResponseLimit) -> HttpResponse:
    # Mangum writes the media types of cards as Base64.
    size, most = limit.measure(request, response) + len(response.body) // 3, limit.of(request)
    if size <= most:
        return response
    instead = "let CardDetails have lists_features=False"
    text = f"The document would take {size} bytes, the limit is {most}: {instead}"
    return HttpResponse(500, {"content-type": "text/plain"}, text.encode())
