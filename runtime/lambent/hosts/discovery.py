"""Serving the discovery documents of a deployment, and making them for publication."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lambent.errors import ConfigurationError
from lambent.features.catalog import Catalog, summarize
from lambent.hosts.settings import Settings
from lambent.wire.http import LOCAL_HOSTS, HttpResponse, Request

if TYPE_CHECKING:
    from lambent.wire.discovery_documents import Document
    from lambent.wire.payloads import ResponseLimit
    from lambent.wire.server_card import ServerSummary

_DEFAULT_PATH = "/mcp"
_KEPT = 8
"""Sets of documents that are cached: one for each public URL."""


class DiscoveryDocuments:
    """The documents of a server, or of all servers that are deployed together.

    They are made at the first request for one of them: most execution environments never get such a request.
    One that is larger than ``limit`` is not sent.
    """

    def __init__(self, catalog: Catalog, settings: Settings, limit: ResponseLimit | None = None) -> None:
        self._catalog = catalog
        self._settings = settings
        self._limit = limit
        self._made = functools.lru_cache(_KEPT)(self._make)

    def answer(self, request: Request) -> HttpResponse | None:
        """Answer any request but a POST; None if its path is not one of a document.

        Host and scheme in the documents come from the settings or from the platform, never from the request's
        headers, which the client chooses.
        """
        from lambent.wire.discovery_paths import CARD_SUFFIX, REGISTRY_SUFFIX, WELL_KNOWN

        path = request.path
        is_own = path.endswith((CARD_SUFFIX, REGISTRY_SUFFIX))
        if not is_own and not path.startswith(WELL_KNOWN):
            return None
        from lambent.wire.discovery_documents import answer

        base_url = self._settings.public_url or _platform_url(request)
        document = self._made(None, base_url).get(path)
        if document is None and is_own:
            # The platform has routed the request to this server, so this is another path of its endpoint.
            endpoint, _, name = path.rpartition("/")
            endpoint = self._settings.mcp_path or endpoint
            document = self._made(endpoint, base_url).get(f"{endpoint}/{name}")
        if document is None:
            return HttpResponse(404, {"content-type": "text/plain"}, b"There is no such document here.")
        response = answer(document, request)
        return response if self._limit is None else _fitting(response, request, self._limit)

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
            endpoint = self._settings.mcp_path or _DEFAULT_PATH
        return [summarize(self._catalog, endpoint)]


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


def _platform_url(request: Request) -> str | None:
    if request.domain is None:
        return None
    from lambent.wire.server_card import host_of

    url = f"https://{request.domain}{request.root}"
    return url.replace("https", "http", 1) if host_of(url) in LOCAL_HOSTS else url
