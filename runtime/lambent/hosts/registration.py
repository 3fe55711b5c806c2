"""The registration facade: the server as the authorization server of clients that insist on registering.

============================================================  =============================================
path                                                          answer
============================================================  =============================================
``/.well-known/oauth-authorization-server<endpoint>``         metadata (RFC 8414)
``/.well-known/openid-configuration<endpoint>``               the same
``<endpoint>/.well-known/openid-configuration``               the same: clients behind a stage reach this
``<endpoint>/register``                                       the client of the declaration (RFC 7591)
============================================================  =============================================
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.fetching import Fetch, FetchError
from lambent.auth.issuer_keys import read_metadata
from lambent.auth.registration import Registration, RegistrationError, line_of
from lambent.errors import LambentError
from lambent.execution.durable.records import Record, Records
from lambent.execution.failures import report
from lambent.execution.log_records import logger
from lambent.hosts.public_urls import PublicUrls
from lambent.wire.discovery_paths import SERVER_METADATA_PATHS
from lambent.wire.http import JSON_TYPE, HttpResponse, Request, not_found, open_preflight

if TYPE_CHECKING:
    from lambent.execution.ports import Store

_log = logger("lambent")

REGISTER_SUFFIX = "/register"

MOST_RECORDS = 1000
"""Registrations that are kept: anybody can register, so a new one takes the place of another."""

KEPT_SECONDS = 90 * 86400

_MOST_BYTES = 16 * 1024
_METADATA_SECONDS, _RETRY_SECONDS = 3600.0, 30.0


class RegistrationRecord(Record, frozen=True):
    """Who has registered, as the client says of itself.

    Attributes:
        client_name: for people.
        software: ``software_id`` and ``software_version``.
        redirect_uris: where its users are sent back to.
        client_address: the IP address that the platform received the request from.
        registered: when, in seconds since the epoch.
    """

    client_name: str
    software: str
    redirect_uris: tuple[str, ...]
    client_address: str
    registered: float

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.registered + KEPT_SECONDS


class RegistrationFacade:
    """Answers what clients ask of an authorization server before they go to the real one.

    Args:
        issuer: the real one.
        registration: the declaration.
        urls: of the endpoint.
        server: the name of the server, under which registrations are kept.
        make_store: makes the store for them; None for none.
        fetch: sends requests.
        clock: the time in seconds since the epoch.
    """

    def __init__(
        self,
        issuer: str,
        registration: Registration,
        urls: PublicUrls,
        server: str,
        make_store: Callable[[], Store] | None,
        fetch: Fetch,
        clock: Callable[[], float],
    ) -> None:
        self.issuer = issuer
        self._registration = registration
        self._urls = urls
        self._server = server
        self._make_store = make_store
        self._fetch = fetch
        self._clock = clock
        self._own: dict[str, Any] | None = None
        self._fresh_until = 0.0
        self._reading = threading.Lock()

    def answer(self, request: Request) -> HttpResponse | None:
        """Answer a request that is for the facade; None if it is not."""
        path = request.path.rstrip("/")
        if path.endswith(REGISTER_SUFFIX):
            return self._register(request)
        for known in SERVER_METADATA_PATHS:
            before, is_known, after = path.partition(known)
            if is_known:
                return self._metadata(request, request.mount + after if after else before)
        return None

    def _metadata(self, request: Request, endpoint: str) -> HttpResponse:
        if not self._urls.is_endpoint(endpoint):
            return not_found(request)
        url = self._urls.endpoint(msgspec.structs.replace(request, path=endpoint))
        document = None if url is None else self._registration.metadata(self._read_own(), url)
        if document is None:
            headers = {"retry-after": "30", "access-control-allow-origin": "*"}
            return HttpResponse(503, headers)
        from lambent.wire.discovery_documents import answer, json_document

        return answer(json_document(document), request)

    def _read_own(self) -> dict[str, Any] | None:
        """The issuer's metadata; the last ones while it does not answer."""
        with self._reading:  # anybody can ask, so one thread at a time asks the issuer
            if self._clock() >= self._fresh_until:
                try:
                    self._own = self._fetch_own()
                    self._fresh_until = self._clock() + _METADATA_SECONDS
                except FetchError as error:
                    report(error)
                    self._fresh_until = self._clock() + _RETRY_SECONDS
            return self._own

    def _fetch_own(self) -> dict[str, Any]:
        metadata = next(read_metadata(self.issuer, self._fetch, []), None)
        if metadata is None:
            raise FetchError(f"{self.issuer} has no metadata with its name")
        if metadata.get("authorization_response_iss_parameter_supported"):
            _log.warning("%s names itself in redirects (RFC 9207), which clients refuse", self.issuer)
        return metadata

    def _register(self, request: Request) -> HttpResponse:
        if request.method == "OPTIONS":
            return open_preflight(request, "POST, OPTIONS")
        if request.method != "POST":
            return HttpResponse(405, {"allow": "POST, OPTIONS", "access-control-allow-origin": "*"})
        try:
            if len(request.body) > _MOST_BYTES:
                raise RegistrationError("invalid_client_metadata", "The request is too large")
            try:
                asked = msgspec.json.decode(request.body)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                raise RegistrationError("invalid_client_metadata", "The request is no JSON") from None
            given = self._registration.register(asked, self._clock())
        except RegistrationError as error:
            return _json(400, {"error": error.error, "error_description": str(error)})
        self._keep(asked, given, request)
        return _json(201, given)

    def _keep(self, asked: dict[str, Any], given: dict[str, Any], request: Request) -> None:
        """Keep who has registered; the client has its answer whether or not that succeeds."""
        if self._make_store is None:
            return
        software = " ".join(filter(None, (line_of(asked, "software_id"), line_of(asked, "software_version"))))
        record = RegistrationRecord(
            given.get("client_name", ""),
            software,
            tuple(given["redirect_uris"]),
            request.client_address or "",
            self._clock(),
        )
        try:
            records = Records(
                self._make_store(), self._clock, "REGISTRATION", self._server, RegistrationRecord
            )
            key = records.key(_slot(record))
            if records.insert(key, record) is None and (held := records.read(key)) is not None:
                held.replace(record)
        except (LambentError, msgspec.MsgspecError) as error:
            report(error)


def _slot(record: RegistrationRecord) -> str:
    """Where a registration is kept: the same client has the same place."""
    parts = (record.client_name, record.software, record.redirect_uris)
    number = int.from_bytes(hashlib.sha256(msgspec.json.encode(parts)).digest()[:8])
    return str(number % MOST_RECORDS)


def _json(status: int, document: dict[str, Any]) -> HttpResponse:
    headers = {"content-type": JSON_TYPE, "cache-control": "no-store", "access-control-allow-origin": "*"}
    return HttpResponse(status, headers, msgspec.json.encode(document))
