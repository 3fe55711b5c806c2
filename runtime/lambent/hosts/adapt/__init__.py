"""Servers of the official SDK, of FastMCP, and other ASGI applications, served from Lambda unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.declared import checked
from lambent.errors import ConfigurationError
from lambent.execution.middleware import Middleware, Observer
from lambent.features.catalog import DEFAULT_HINTS, Catalog
from lambent.hosts.adapt.calls import Calls
from lambent.hosts.adapt.documents import AppDocuments
from lambent.hosts.adapt.forwarding import AppEndpoint, AppExecutor
from lambent.hosts.adapt.handler import AdaptedHandler
from lambent.hosts.adapt.principals import with_access_tokens
from lambent.hosts.adapt.running_app import RunningApp
from lambent.hosts.adapt.scopes import Site
from lambent.hosts.adapt.servers import recognize
from lambent.hosts.adapt.state_keys import share_keys
from lambent.hosts.assembly import Assembly
from lambent.hosts.aws_lambda.events import write
from lambent.hosts.aws_lambda.shutdown import leave_at_end
from lambent.hosts.entry_points import ServerParts
from lambent.hosts.settings import Settings
from lambent.wire.values import CardDetails, Implementation

if TYPE_CHECKING:
    from lambent.auth.authenticator import AuthDeclaration
    from lambent.execution.audit.config import Audit
    from lambent.features.limits import Limits


def adapt(
    app: Any,
    *,
    path: str | None = None,
    name: str | None = None,
    card: CardDetails | None = None,
    middleware: Sequence[Middleware] = (),
    auth: AuthDeclaration | Sequence[AuthDeclaration] = (),
    limits: Limits | None = None,
    audit: Audit | bool | None = None,
    observers: Sequence[Observer] = (),
    settings: Settings | None = None,
) -> AdaptedHandler:
    """Make the function that Lambda calls, of a server that was not written for it.

    The server itself is not changed: what it answers, its clients get. Its lifespan is entered once an
    environment. In front of it are authorization, limits, middleware, audit and telemetry, as with Lambent's
    own servers, and the settings are the same.

    Args:
        app: a server of the official SDK (``MCPServer``, ``FastMCP``, low-level ``Server``), a server of
            FastMCP, or an ASGI application.
        path: of the MCP endpoint within the application; default: ``LAMBENT_MCP_PATH``, else what the server
            says, else ``/mcp``.
        name: what audit and request states call it; default: the server's own name.
        card: see ``MCPServer``, as those that follow.
        middleware: around every message for the endpoint.
        auth: how callers are identified, of other paths too.
        limits: what one caller may do.
        audit: what is recorded of every call.
        observers: around every call and its middleware.
        settings: of the deployment; default: those of the environment.

    Raises:
        DeclarationError: this cannot be adapted, or ``auth`` identifies nobody.
        ConfigurationError: a setting cannot be used.
    """
    settings = settings or Settings.from_env()
    if settings.response_mode != "buffered":
        raise ConfigurationError(
            "An adapted application cannot stream in Lambda: set no LAMBENT_RESPONSE_MODE"
        )
    if settings.agentcore:
        raise ConfigurationError("LAMBENT_AGENTCORE is set: an adapted application takes HTTP requests only")
    adapted = recognize(app, path or settings.mcp_path)
    settings = msgspec.structs.replace(settings, mcp_path=adapted.path, page=False)
    parts = ServerParts(
        catalog=_catalog(name or adapted.name or "app"),
        middleware=tuple(middleware),
        authenticators=checked(auth),
        limits=limits,
        audit=audit,
        observers=tuple(observers),
    )
    made = _AppAssembly(parts, settings, write, in_lambda=True)
    services = made.executor.services
    if adapted.seals and (settings.state_keys or settings.state_secret is not None):
        share_keys(adapted.seals, services.sealer)
    site = Site(RunningApp(lambda: with_access_tokens(adapted.make()), adapted.around), adapted.path)
    made.executor.calls = Calls(site)
    documents = made.documents_of(AppDocuments, is_strict=True)
    documents.card = card or CardDetails()
    handler = AdaptedHandler(made.endpoint_of(AppEndpoint), documents, site, adapted)
    if settings.in_lambda:
        leave_at_end(handler)
    return handler


class _AppAssembly(Assembly):
    executor: AppExecutor
    _executor_type = AppExecutor


def _catalog(name: str) -> Catalog:
    """The catalog of an application: its features are its own."""
    return Catalog(
        info=Implementation(name=name, version="0"),
        card=CardDetails(),
        instructions=None,
        extensions=MappingProxyType({}),
        hints=DEFAULT_HINTS,
        page_size=1,
    )
