"""Putting together how callers are identified: what the server declares, or else what the settings say."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.authenticator import AuthDeclaration, AuthPorts, Declared
from lambent.auth.challenges import ALGORITHMS
from lambent.auth.oauth import OAuth, with_prefix
from lambent.auth.resource_metadata import resource_metadata
from lambent.auth.resource_server import ResourceServer
from lambent.auth.urls import is_secure
from lambent.errors import ConfigurationError
from lambent.hosts.public_urls import PublicUrls
from lambent.hosts.settings import Settings
from lambent.stores.web import fetch
from lambent.wire.http import HttpPolicy, Request

if TYPE_CHECKING:
    from lambent.execution.ports import Clock, Store
    from lambent.features.catalog import Catalog
    from lambent.hosts.registration import RegistrationFacade


class Authentication:
    """How the callers of a server are identified.

    Attributes:
        guard: identifies them, and challenges those that may not call.
        headers: the headers in which credentials come, in lower case.
        facade: gives clients that register one that the issuer knows already; None without a declaration.

    Raises:
        ConfigurationError: nobody says for which server tokens have to be, two declarations have a
            registration, or what verifies tokens is missing.
    """

    def __init__(
        self,
        declared: Sequence[AuthDeclaration],
        catalog: Catalog,
        settings: Settings,
        *,
        in_lambda: bool,
        clock: Clock,
    ) -> None:
        self._info = catalog.info
        self._oauths = [one for one in declared if isinstance(one, OAuth)]
        audiences = [audience for oauth in self._oauths for audience in oauth.audiences]
        needs_library = any(oauth.verifies_signatures for oauth in self._oauths)
        if needs_library and importlib.util.find_spec("joserfc") is None:  # a cold start does not import it
            raise ConfigurationError("Tokens are verified by joserfc: install the extra lambent[auth]")
        self._urls = PublicUrls(settings, next(filter(is_secure, audiences), None))
        knows_url = in_lambda or settings.public_url is not None  # in Lambda, the platform tells it
        if not knows_url and any(not (oauth.audiences or oauth.client_ids) for oauth in self._oauths):
            raise ConfigurationError(
                "Tokens have to be for the URL of this endpoint, which this host does not know: set "
                "LAMBENT_PUBLIC_URL to the URL without its path, such as https://mcp.example.com, "
                "or LAMBENT_AUTH_AUDIENCE to what tokens say in aud"
            )
        # Clients get tokens from these; those in other headers are of a gateway, or of the company.
        self._usual = [oauth for oauth in self._oauths if oauth.header.lower() == "authorization"]
        ports = AuthPorts(fetch, clock, self._urls.endpoint)
        self.guard = ResourceServer(
            [one.connect(ports) if isinstance(one, Declared) else one for one in declared],
            self._urls.metadata,
            _base_scopes(self._oauths),
            [issuer for oauth in self._usual for issuer in oauth.issuers],
            {issuer: oauth.scope_prefix for oauth in self._oauths for issuer in oauth.issuers},
            takes_anonymous=settings.anonymous is True,
            requires_dpop=bool(self._usual) and all(oauth.requires_dpop for oauth in self._usual),
        )
        self._scopes = _supported(self._usual, catalog)
        found = (getattr(one, "header", None) for one in declared)
        self.headers = frozenset(header.lower() for header in found if isinstance(header, str))
        self.facade = self._facade(settings, clock)

    def _facade(self, settings: Settings, clock: Clock) -> RegistrationFacade | None:
        found = [oauth for oauth in self._usual if oauth.registration is not None]
        if not found:
            return None
        if len(found) > 1:
            raise ConfigurationError("A server has one registration: clients would not know which one to use")
        from lambent.hosts.registration import RegistrationFacade  # loaded where clients register

        table = settings.table
        make_store: Callable[[], Store] | None = None
        if table is not None:
            from lambent.stores.dynamodb import DynamoStore

            make_store = functools.cache(lambda: DynamoStore(table))
        elif (url := settings.redis) is not None:
            from lambent.stores.redis_store import RedisStore

            make_store = functools.cache(lambda: RedisStore(url))
        server = settings.audience or self._info.name
        registration = found[0].registration
        assert registration is not None  # noqa: S101 - looked for above
        issuer = found[0].issuers[0]
        return RegistrationFacade(issuer, registration, self._urls, server, make_store, fetch, clock)

    def http_policy(self, policy: HttpPolicy) -> HttpPolicy:
        """A policy that also lets pages send the headers in which credentials come."""
        return msgspec.structs.replace(policy, allowed_headers=self.headers)

    def metadata(self, request: Request) -> dict[str, Any] | None:
        """The metadata of the endpoint that a request is about (RFC 9728); None where there is none."""
        issuers = [issuer for oauth in self._usual for issuer in oauth.issuers]
        resource = self._urls.endpoint(request)
        if not issuers or resource is None or not self._urls.is_metadata_of_endpoint(request):
            return None
        if self.facade is not None:
            issuers = [resource if issuer == self.facade.issuer else issuer for issuer in issuers]
        name = self._info.title or self._info.name
        document = resource_metadata(resource, issuers, self._scopes, name, self._info.website_url)
        if any(oauth.requires_dpop for oauth in self._usual):
            document["dpop_bound_access_tokens_required"] = True
            document["dpop_signing_alg_values_supported"] = list(ALGORITHMS)
        return document


def _base_scopes(oauths: Sequence[OAuth]) -> dict[str, tuple[str, ...]]:
    """The scopes that every call needs, by issuer: where two declarations name one, those of both."""
    found: dict[str, dict[str, None]] = {}
    for oauth in oauths:
        for issuer in oauth.issuers:
            found.setdefault(issuer, {}).update(dict.fromkeys(oauth.scopes))
    return {issuer: tuple(scopes) for issuer, scopes in found.items()}


def _supported(oauths: Sequence[OAuth], catalog: Catalog) -> list[str]:
    """The scopes that clients should ask for at first."""
    chosen = [oauth.scopes if oauth.scopes_supported is None else oauth.scopes_supported for oauth in oauths]
    if not any(chosen) and all(oauth.scopes_supported is None for oauth in oauths):
        chosen = [catalog.scopes] * len(oauths)
    prefixes = [oauth.scope_prefix for oauth in oauths]
    shown = [scope for one in map(with_prefix, chosen, prefixes) for scope in one]
    return list(dict.fromkeys(shown))
