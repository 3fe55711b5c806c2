"""Serving with the methods of the official SDK: ``run``, ``streamable_http_app`` and ``custom_route``."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from lambent.compat.errors import PAGE, TooLateError
from lambent.errors import ConfigurationError
from lambent.hosts.settings import Settings
from lambent.server import MCPServer as NativeServer

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from lambent.compat.settings import RequestStateSecurity, ServerSettings, TransportSecuritySettings
    from lambent.execution.call import Call
    from lambent.execution.context import Context
    from lambent.execution.lifespan import Lifespan
    from lambent.execution.rounds.journal import Journal
    from lambent.hosts.asgi import AsgiApp
    from lambent.hosts.aws_lambda.handler import LambdaHandler
    from lambent.hosts.entry_points import ServerParts

F = TypeVar("F", bound=Callable[..., Any])

NO_EVENT_STORE = "event_store has no effect: what a client has missed is not kept"
NO_NAME = (
    "The server has no name of its own, so it takes request states of every other one without a name that "
    "has the same keys: give it a name"
)
_NO_NAMES = ("mcp-server", "FastMCP")
"""The names of servers without one."""
_NO_SSE = (
    "HTTP+SSE needs one process that keeps a connection for each client, so it is not served: clients of it "
    f"reach the same server by streamable_http_app() or lambda_handler() ({PAGE})"
)


class Route(msgspec.Struct, frozen=True):
    """A path beside the endpoint, with a function that takes a Starlette request and gives a response."""

    path: str
    methods: Sequence[str]
    name: str | None
    include_in_schema: bool
    endpoint: Callable[..., Awaitable[Any]]


class Hosting(NativeServer):
    """The part of ``MCPServer`` that makes the entry points of hosts."""

    settings: ServerSettings
    _routes: list[Route]
    _state_security: RequestStateSecurity | None
    _manager: SessionManager | None = None
    _entered: Lifespan | None = None
    _page = PAGE
    _log = logging.getLogger("lambent.compat")

    @property
    def instructions(self) -> str | None:
        """How a model should use the server."""
        return self._empty.instructions

    @property
    def website_url(self) -> str | None:
        """Where to read more."""
        return self._empty.info.website_url

    @property
    def version(self) -> str:
        """The server's own version."""
        return self._empty.info.version

    def _parts(self) -> ServerParts:
        """As every server's; all hosts of this one share its lifespan."""
        parts = super()._parts()
        self._entered = self._entered or parts.lifespan
        return msgspec.structs.replace(parts, lifespan=self._entered, context=self._make_context)

    def _make_context(self, call: Call, journal: Journal) -> Context:
        """Make the context of a handler."""
        raise NotImplementedError

    def _not_frozen(self, what: str) -> None:
        if self._catalog is not None:
            raise TooLateError(what, self._page)

    def custom_route(
        self, path: str, methods: Sequence[str], name: str | None = None, include_in_schema: bool = True
    ) -> Callable[[F], F]:
        """Serve a path with an ``async def`` that takes a Starlette request; nobody is identified there.

        Args:
            path: such as ``/health``, with variables as Starlette has them.
            methods: such as ``["GET"]``.
            name: of the route.
            include_in_schema: as Starlette has it.

        Raises:
            DeclarationError: requests are answered.
        """
        self._not_frozen(f"The route {path}")

        def add(function: F) -> F:
            self._routes.append(Route(path, tuple(methods), name, include_in_schema, function))
            return function

        return add

    def lambda_handler(self, settings: Settings | None = None) -> LambdaHandler:
        """See ``lambent.MCPServer.lambda_handler``; custom routes are served too."""
        settings = self._adjusted(settings)
        keeps_states = settings.state_keys or settings.state_secret is not None
        if settings.in_lambda and keeps_states and settings.audience is None and self.name in _NO_NAMES:
            self._log.warning(NO_NAME)
        handler = super().lambda_handler(settings)
        if self._routes:
            from lambent.compat.http_app import own_paths  # loaded where there are some
            from lambent.compat.routes import RoutedHandler

            own = own_paths(settings.mcp_path or self.settings.streamable_http_path, settings.health_path)
            return RoutedHandler(handler, self._routes, own, debug=self.settings.debug)
        return handler

    def asgi(self, settings: Settings | None = None) -> AsgiApp:
        """See ``lambent.MCPServer.asgi``; custom routes are in ``streamable_http_app`` alone."""
        if self._routes:
            self._log.warning(
                "asgi() is the endpoint alone: use streamable_http_app() to serve custom routes"
            )
        return self._endpoint(settings)

    def _endpoint(self, settings: Settings | None) -> AsgiApp:
        return super().asgi(self._adjusted(settings))

    def run_stdio(self, settings: Settings | None = None) -> None:
        """See ``lambent.MCPServer.run_stdio``."""
        super().run_stdio(self._adjusted(settings))

    def streamable_http_app(
        self,
        *,
        streamable_http_path: str | None = None,
        json_response: bool = False,
        stateless_http: bool = False,
        event_store: Any = None,
        retry_interval: int | None = None,
        max_request_body_size: int | None = None,
        session_idle_timeout: float | None = None,
        max_sessions: int | None = None,
        transport_security: TransportSecuritySettings | None = None,
        host: str | None = None,
    ) -> Starlette:
        """Make a Starlette application with the endpoint, the documents beside it and the custom routes.

        Args:
            streamable_http_path: of the endpoint; default: as ``settings`` says.
            json_response: responses are JSON alone, on every host of this server; see ``ServerSettings``.
            stateless_http: not used: every request is independent.
            event_store: not used: what a client has missed is not kept.
            retry_interval: not used, for the same reason.
            max_request_body_size: bytes; default: as ``settings`` says.
            session_idle_timeout: not used: no session is kept in the process.
            max_sessions: not used, as above.
            transport_security: default: as ``settings`` says, else this machine alone where ``host`` is an
                address of it. In Lambda, where that is no address of anybody, everybody.
            host: the address that will be bound; default: as ``settings`` says.

        Raises:
            ConfigurationError: a setting cannot be used, or Starlette is not installed.
        """
        from lambent.compat.http_app import make_app  # loaded where it is served

        self.settings.json_response = json_response or self.settings.json_response
        if event_store is not None:
            self._log.warning(NO_EVENT_STORE)
        app, self._manager = make_app(
            self,
            self._routes,
            path=streamable_http_path or self.settings.streamable_http_path,
            body_limit=max_request_body_size,
            security=transport_security or self.settings.transport_security,
            host=host or self.settings.host,
        )
        return app

    def sse_app(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: HTTP+SSE is not served.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(_NO_SSE)

    @property
    def session_manager(self) -> SessionManager:
        """Enters and leaves the lifespan, where ``streamable_http_app`` is mounted in another application.

        Raises:
            RuntimeError: there is no ``streamable_http_app`` yet.
        """
        if self._manager is None:
            raise RuntimeError("Call streamable_http_app() first: it makes the session manager")
        return self._manager

    def run(self, transport: str = "stdio", mount_path: str | None = None, **options: Any) -> None:
        """Serve until the process ends.

        Args:
            transport: ``"stdio"``, or ``"streamable-http"`` with uvicorn, which has to be installed.
            mount_path: not used: an application is mounted by ``Mount``.
            options: ``host``, ``port`` and what ``streamable_http_app`` takes.

        Raises:
            ConfigurationError: the transport is HTTP+SSE, or uvicorn is not installed.
            ValueError: there is no such transport.
        """
        import asyncio

        if transport == "stdio":
            self.settings.configure_logging()
            self.run_stdio()
        elif transport in ("streamable-http", "http"):
            asyncio.run(self.run_streamable_http_async(**options))
        elif transport == "sse":
            raise ConfigurationError(_NO_SSE)
        else:
            raise ValueError(f"Unknown transport: {transport}")

    async def run_stdio_async(self) -> None:
        """Serve standard input and output; see ``lambent.MCPServer.run_stdio``."""
        import asyncio

        self.settings.configure_logging()
        await asyncio.to_thread(self.run_stdio)

    async def run_streamable_http_async(
        self, *, host: str | None = None, port: int | None = None, **options: Any
    ) -> None:
        """Serve HTTP with uvicorn.

        Args:
            host: the address to bind; default: as ``settings`` says.
            port: the port to bind; default: as ``settings`` says.
            options: what ``streamable_http_app`` takes.

        Raises:
            ConfigurationError: uvicorn or Starlette is not installed, or a setting cannot be used.
        """
        self.settings.configure_logging()
        host = host or self.settings.host
        await self._serve(self.streamable_http_app(host=host, **options), host=host, port=port)

    async def _serve(self, app: Starlette, *, host: str, port: int | None, **options: Any) -> None:
        """Serve an application with uvicorn; ``options`` are those of ``uvicorn.Config``."""
        try:
            import uvicorn
        except ImportError as error:
            raise ConfigurationError("Serving HTTP from this process needs uvicorn: install it") from error
        given = {"host": host, "port": port or self.settings.port, **options}
        config = uvicorn.Config(app, **{"log_level": self.settings.log_level.lower(), **given})
        await uvicorn.Server(config).serve()

    async def run_sse_async(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: HTTP+SSE is not served.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(_NO_SSE)

    def _adjusted(self, settings: Settings | None) -> Settings:
        """The settings of the deployment, and what the constructor was given in place of them."""
        settings = settings or Settings.from_env()
        changes: dict[str, Any] = {}
        if self.settings.max_request_body_size is not None:
            changes["body_limit"] = self.settings.max_request_body_size
        if self._state_security is not None:
            changes |= self._state_security.as_settings()
        if (security := self.settings.transport_security) is not None:
            changes["allowed_origins"] = settings.allowed_origins | set(security.allowed_origins)
        url = getattr(self.settings.auth, "resource_server_url", None)
        if url is not None and settings.public_url is None:
            from lambent.compat.auth import origin_of  # loaded where callers are identified

            changes["public_url"] = origin_of(str(url), in_lambda=settings.in_lambda)
        return msgspec.structs.replace(settings, **changes) if changes else settings


class SessionManager:
    """``MCPServer.session_manager``: there are no sessions to manage, only the lifespan."""

    def __init__(self, endpoint: AsgiApp, app: Callable[..., Awaitable[None]]) -> None:
        self._endpoint = endpoint
        self._app = app

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Enter the lifespan of the server, and leave it at the end."""
        await self._endpoint.startup()
        try:
            yield
        finally:
            await self._endpoint.shutdown()

    async def handle_request(
        self, scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        """Answer a request, as an ASGI application."""
        await self._app(scope, receive, send)
