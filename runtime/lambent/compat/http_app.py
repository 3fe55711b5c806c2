"""The Starlette application of ``MCPServer.streamable_http_app``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lambent.compat.hosting import SessionManager
from lambent.compat.settings import LOCAL_HOSTS, LOCAL_SECURITY
from lambent.compat.starlette_requests import remember_scope
from lambent.hosts.settings import Settings
from lambent.wire.discovery_paths import CARD_SUFFIX, METADATA_PATH, REGISTRY_SUFFIX

if TYPE_CHECKING:
    from lambent.compat.hosting import Hosting
    from lambent.compat.hosting import Route as Declared
    from lambent.compat.settings import TransportSecuritySettings


class Guarded:
    """An ASGI application that answers only requests with the right ``Host`` and ``Origin`` headers.

    Args:
        app: the application, whose features see the scope of their request.
        security: the headers that are right; None: all are.
    """

    def __init__(self, app: ASGIApp, security: TransportSecuritySettings | None) -> None:
        self._app = app
        is_checked = security is not None and security.enable_dns_rebinding_protection
        self._security = security if is_checked else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it: 421 for the host, 403 for the origin."""
        remember_scope(scope)
        if self._security is not None and scope["type"] == "http":
            headers = Headers(scope=scope)
            if not self._security.takes_host(headers.get("host", "")):
                await PlainTextResponse("Invalid Host header", 421)(scope, receive, send)
                return
            if not self._security.takes_origin(headers.get("origin", "")):
                await PlainTextResponse("Invalid Origin header", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def make_app(
    server: Hosting,
    routes: Sequence[Declared],
    *,
    path: str,
    body_limit: int | None,
    security: TransportSecuritySettings | None,
    host: str,
) -> tuple[Starlette, SessionManager]:
    """Make the application, and what enters its lifespan where it is mounted in another one.

    Args:
        server: the server.
        routes: the custom ones.
        path: of the endpoint.
        body_limit: bytes of a request body; None: as the settings say.
        security: which headers are accepted; None: those of this machine, where ``host`` is one of it.
        host: the address that is bound.
    """
    settings = Settings.from_env()
    if security is None and host in LOCAL_HOSTS and not settings.in_lambda:
        security = LOCAL_SECURITY
    changes: dict[str, Any] = {} if body_limit is None else {"body_limit": body_limit}
    if security is not None:
        # They are checked here, so that the endpoint itself has nothing more to refuse.
        changes["allowed_origins"] = frozenset("*")
    endpoint = server._endpoint(msgspec.structs.replace(settings, **changes))
    app = Guarded(endpoint, security)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    manager = SessionManager(endpoint, app)
    probes = (settings.health_path, settings.ready_path)
    taken = {one.path for one in routes if one.path in probes}
    paths = [one for one in own_paths(path, *probes) if one not in taken]
    found: list[BaseRoute] = [Route(one, app, include_in_schema=False) for one in dict.fromkeys(paths)]
    made = Starlette(
        debug=server.settings.debug, routes=[*found, *starlette_routes(routes)], lifespan=lifespan
    )
    return made, manager


def own_paths(path: str, *probes: str | None) -> Iterator[str]:
    """The paths of an endpoint, of the documents about it, and of what load balancers ask the host."""
    yield path
    path = path.rstrip("/")
    yield from (f"{path}{CARD_SUFFIX}", f"{path}{REGISTRY_SUFFIX}", f"{METADATA_PATH}{path}")
    yield from (one for one in probes if one is not None)


def starlette_routes(routes: Sequence[Declared]) -> list[Route]:
    """The custom routes as Starlette has them."""
    return [
        Route(
            one.path,
            one.endpoint,
            methods=list(one.methods),
            name=one.name,
            include_in_schema=one.include_in_schema,
        )
        for one in routes
    ]
