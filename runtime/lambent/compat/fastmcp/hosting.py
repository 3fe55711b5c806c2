"""Serving with the methods of FastMCP: ``run``, ``http_app`` and ``custom_route``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lambent.compat.hosting import Hosting
from lambent.errors import ConfigurationError

if TYPE_CHECKING:
    from starlette.applications import Starlette

_HTTP = ("http", "streamable-http")
_NO_SSE = (
    "HTTP+SSE needs one process that keeps a connection for each client, so it is not served: its clients "
    "reach the same server by http_app() or lambda_handler() (docs/fastmcp.md)"
)


class Serving(Hosting):
    """The part of ``FastMCP`` that makes the entry points of hosts."""

    def http_app(
        self,
        path: str | None = None,
        middleware: Sequence[Any] | None = None,
        json_response: bool | None = None,
        stateless_http: bool | None = None,
        transport: str = "http",
        event_store: Any = None,
        retry_interval: int | None = None,
        host_origin_protection: Any = None,
        allowed_hosts: Sequence[str] | None = None,
        allowed_origins: Sequence[str] | None = None,
        session_idle_timeout: Any = None,
        host: str = "",
    ) -> Starlette:
        """Make a Starlette application with the endpoint, the documents beside it and the custom routes.

        ``app.lifespan`` enters the lifespan of the server, where the application is mounted in another one.

        Args:
            path: of the endpoint; default: ``/mcp``.
            middleware: of Starlette.
            json_response: not used: a response is JSON, and a stream where something is sent before it.
            stateless_http: not used: every request is independent.
            transport: ``"http"`` or ``"streamable-http"``.
            event_store: not used: what a client has missed is not kept.
            retry_interval: not used, for the same reason.
            host_origin_protection: ``Host`` and ``Origin`` have to be among those below; False: any will do.
                Default: as the settings of the deployment say, unless hosts or origins are given.
            allowed_hosts: such as ``mcp.example.com``.
            allowed_origins: such as ``https://app.example.com``.
            session_idle_timeout: not used: no session is kept in the process.
            host: the address that will be bound.

        Raises:
            ConfigurationError: the transport is HTTP+SSE, a setting cannot be used, or Starlette is not
                installed.
        """
        if transport not in _HTTP:
            raise ConfigurationError(_NO_SSE if transport == "sse" else f"Unknown transport: {transport}")
        security = None
        if host_origin_protection is not None or allowed_hosts is not None or allowed_origins is not None:
            from lambent.compat.settings import LOCAL_SECURITY, TransportSecuritySettings

            security = TransportSecuritySettings(
                enable_dns_rebinding_protection=host_origin_protection is not False,
                allowed_hosts=[*LOCAL_SECURITY.allowed_hosts, *(allowed_hosts or ())],
                allowed_origins=[*LOCAL_SECURITY.allowed_origins, *(allowed_origins or ())],
            )
        app = self.streamable_http_app(
            # No host of this machine is assumed: the application may be behind any.
            streamable_http_path=path,
            transport_security=security,
            host=host or "0.0.0.0",  # noqa: S104 - nothing is bound here
        )
        for one in reversed(middleware or ()):
            app.user_middleware.insert(0, one)
        made: Any = app  # what servers read of it
        made.lifespan = app.router.lifespan_context
        app.state.fastmcp_server = self
        return app

    def run(  # type: ignore[override]
        self, transport: str | None = None, show_banner: bool | None = None, **options: Any
    ) -> None:
        """Serve until the process ends.

        Args:
            transport: ``"stdio"``, the default; or ``"http"`` with uvicorn, which has to be installed.
            show_banner: not used: there is none.
            options: ``host``, ``port``, ``log_level``, ``uvicorn_config`` and what ``http_app`` takes.

        Raises:
            ConfigurationError: the transport is HTTP+SSE, or uvicorn is not installed.
        """
        import asyncio

        if transport in (None, "stdio"):
            self._configure(options)
            self.run_stdio()
        else:
            asyncio.run(self.run_http_async(transport=str(transport), **options))

    async def run_async(
        self, transport: str | None = None, show_banner: bool | None = None, **options: Any
    ) -> None:
        """See ``run``."""
        if transport in (None, "stdio"):
            await self.run_stdio_async(**options)
        else:
            await self.run_http_async(transport=str(transport), **options)

    async def run_stdio_async(
        self, show_banner: bool | None = None, log_level: str | None = None, stateless: bool = False
    ) -> None:
        """Serve standard input and output; see ``run``."""
        import asyncio

        self._configure({"log_level": log_level})
        await asyncio.to_thread(self.run_stdio)

    async def run_http_async(
        self,
        show_banner: bool | None = None,
        transport: str = "http",
        host: str | None = None,
        port: int | None = None,
        log_level: str | None = None,
        uvicorn_config: dict[str, Any] | None = None,
        stateless: bool | None = None,
        **options: Any,
    ) -> None:
        """Serve HTTP with uvicorn.

        Args:
            show_banner: not used: there is none.
            transport: ``"http"`` or ``"streamable-http"``.
            host: the address to bind; default: 127.0.0.1.
            port: the port to bind; default: 8000.
            log_level: of the root logger and of uvicorn.
            uvicorn_config: further arguments of ``uvicorn.Config``.
            stateless: not used: every request is independent.
            options: what ``http_app`` takes.

        Raises:
            ConfigurationError: uvicorn or Starlette is not installed, or a setting cannot be used.
        """
        self._configure({"log_level": log_level})
        host = host or self.settings.host
        app = self.http_app(transport=transport, host=host, **options)
        await self._serve(app, **{"host": host, "port": port, **(uvicorn_config or {})})

    run_streamable_http_async = run_http_async

    def _configure(self, options: dict[str, Any]) -> None:
        """Set up the log.

        Raises:
            TypeError: there is another option.
        """
        if unknown := sorted(options.keys() - {"log_level", "stateless"}):
            raise TypeError(f"stdio has no option {', '.join(unknown)}")
        if options.get("log_level"):
            self.settings.log_level = options["log_level"].upper()
        self.settings.configure_logging()
