"""Which servers can be adapted, and the ASGI application that each is served as.

==================================  ====================================================================
what is given                       what is made of it
==================================  ====================================================================
``MCPServer`` of the SDK 2.x        its own application, with sealed states of the deployment's keys
``Server`` of the SDK 2.x           the same, where it seals states
``FastMCP`` of the SDK 1.x          its own application, with a lifespan that is entered once
``Server`` of the SDK 1.x           an application around its session manager, with the same lifespan
``FastMCP`` of FastMCP              its own application, with sealed states of the deployment's keys
any other callable                  it is an ASGI application
==================================  ====================================================================

Nothing of these packages is imported here: who gives such an object has imported them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from lambent.errors import ConfigurationError, DeclarationError
from lambent.hosts.adapt.running_app import App, Receive, Scope, Send

_DEFAULT_PATH = "/mcp"

_MAX_DEPTH = 8
"""Of applications within applications in which endpoints are looked for."""

_AUTOMATIC_HOSTS = ["127.0.0.1:*", "localhost:*", "[::1]:*"]
"""The hosts that the SDK allows on its own where nobody has named any: those of a developer's machine."""


class Adapted(msgspec.Struct, frozen=True):
    """Something that can be served.

    Attributes:
        make: makes the ASGI application.
        name: what it is called; empty where it does not say.
        path: of its MCP endpoint.
        is_server: it is an MCP server, so that its endpoint may have any path.
        around: what is entered around the application's lifespan.
        seals: the objects that seal its request states.
        is_endpoint: whether messages to a path reach the endpoint too, which is mounted there.
    """

    make: Callable[[], App]
    name: str
    path: str
    is_server: bool = True
    around: Callable[[], AbstractAsyncContextManager[None]] | None = None
    seals: tuple[Any, ...] = ()
    is_endpoint: Callable[[str], bool] = lambda _: False


def recognize(app: Any, path: str | None) -> Adapted:
    """Find out what something is.

    Args:
        app: what ``adapt`` was given.
        path: of the MCP endpoint; default: what the server says, else ``/mcp``.

    Raises:
        DeclarationError: it is nothing that can be served.
    """
    kinds = {(one.__module__.partition(".")[0], one.__name__) for one in type(app).__mro__}
    if ("mcp", "MCPServer") in kinds or (("mcp", "Server") in kinds and hasattr(app, "streamable_http_app")):
        return _of_sdk_2(app, path or _DEFAULT_PATH)
    if ("mcp", "FastMCP") in kinds:
        return _of_sdk_1(app, path)
    if ("mcp", "Server") in kinds:
        return _of_low_level_1(app, path or _DEFAULT_PATH)
    if ("fastmcp", "FastMCP") in kinds:
        return _of_fastmcp(app, path or _DEFAULT_PATH)
    if any(root == "lambent" for root, _ in kinds):
        raise DeclarationError("A server of Lambent needs no adapter: use its lambda_handler()")
    if not callable(app) or isinstance(app, type):
        kind = f"the class {app.__name__}" if isinstance(app, type) else type(app).__name__
        raise DeclarationError(f"adapt takes an MCP server or an ASGI application, not {kind}")
    return _of_application(app, path)


def _of_application(app: Any, path: str | None) -> Adapted:
    endpoints = dict(_endpoints_within(app, "", _MAX_DEPTH))
    if path is None and len(endpoints) > 1:
        found = ", ".join(sorted(endpoints))
        raise DeclarationError(f"The application has several MCP endpoints: say path= which one of {found}")
    path = path or next(iter(endpoints), _DEFAULT_PATH)
    if (manager := endpoints.get(path)) is not None and _is_automatic(manager.security_settings):
        manager.security_settings = None
    title = getattr(app, "title", "")
    return Adapted(
        lambda: app,
        title if isinstance(title, str) else "",
        path,
        is_server=False,
        seals=tuple(seal for one in endpoints.values() for seal in _seals_of(one.app)),
        is_endpoint=functools.partial(_is_mounted_at, app, path.rstrip("/")),
    )


def _is_mounted_at(app: Any, endpoint: str, path: str) -> bool:
    """Whether an application gives messages to a path to the one that it has mounted at the endpoint."""
    mounted, place = _route_of(app, f"{endpoint}/")
    return mounted is not None and place == endpoint and mounted is _route_of(app, path)[0]


def _route_of(app: Any, path: str) -> tuple[Any, str]:
    """The innermost route of Starlette that a message to a path takes, and where it is; None if none does."""
    scope: Scope = {"type": "http", "method": "POST", "path": path, "root_path": "", "headers": []}
    place = ""
    while True:
        for route in getattr(app, "routes", None) or ():
            match, below = route.matches(scope)
            if match.value:
                break
        else:
            return None, place
        place += getattr(route, "path", "")
        if not getattr(route, "routes", None):
            return route, place
        app, scope = route, {**scope, **below}


def _of_sdk_2(server: Any, path: str) -> Adapted:
    def make() -> App:
        # Not localhost: for that, other names of hosts are refused. Origins are checked before.
        app: App = server.streamable_http_app(streamable_http_path=path, host="0.0.0.0")  # noqa: S104
        return app

    return Adapted(make, server.name, path, seals=_seals_of(server))


def _of_sdk_1(server: Any, path: str | None) -> Adapted:
    settings = server.settings
    settings.streamable_http_path = path = path or settings.streamable_http_path
    if _is_automatic(getattr(settings, "transport_security", None)):  # releases before 1.9.3 have none
        settings.transport_security = None

    def make() -> App:
        server._session_manager = None  # one that was used cannot be used again
        app: App = server.streamable_http_app()
        return app

    return Adapted(make, server.name, path, around=_once(server._mcp_server))


def _of_low_level_1(server: Any, path: str) -> Adapted:
    try:
        manager = importlib.import_module("mcp.server.streamable_http_manager").StreamableHTTPSessionManager
    except ImportError as error:
        raise ConfigurationError("This release of the SDK has no Streamable HTTP: update mcp") from error
    return Adapted(lambda: _ManagerApp(manager(app=server), path), server.name, path, around=_once(server))


def _of_fastmcp(server: Any, path: str) -> Adapted:
    def make() -> App:
        # Of FastMCP 3 and later: hosts are refused where the server's own is the developer's machine.
        wants = server.http_app.__kwdefaults__ or {}
        code = getattr(server.http_app, "__func__", server.http_app).__code__
        names = {*wants, *code.co_varnames[: code.co_argcount]}
        options = {"host_origin_protection": False} if "host_origin_protection" in names else {}
        app: App = server.http_app(path=path, **options)
        return app

    inner = getattr(server, "_mcp_server", None)
    return Adapted(make, server.name, path, seals=_seals_of(inner))


def _seals_of(server: Any) -> tuple[Any, ...]:
    """What seals the request states of a server of the SDK 2.x: among its middleware."""
    return tuple(
        one._security
        for one in getattr(server, "middleware", ())
        if type(one).__name__ == "RequestStateBoundary" and hasattr(one, "_security")
    )


def _endpoints_within(app: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The endpoints of the SDK that an application has among its routes, with their session managers."""
    manager = getattr(app, "session_manager", None)
    if manager is not None and hasattr(manager, "app") and hasattr(manager, "security_settings"):
        yield path, manager
        return
    routes = getattr(app, "routes", None)
    if depth and isinstance(routes, list):
        for one in routes:
            below = f"{path}{getattr(one, 'path', '')}"
            yield from _endpoints_within(getattr(one, "app", None), below, depth - 1)
    elif depth and (inner := getattr(app, "app", None)) is not None:
        yield from _endpoints_within(inner, path, depth - 1)


def _is_automatic(security: Any) -> bool:
    """Whether the SDK itself has decided to refuse other hosts; in Lambda the platform routes by host."""
    return security is not None and security.allowed_hosts == _AUTOMATIC_HOSTS


def _once(server: Any) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Enters the lifespan of a low-level server of the SDK 1.x, which it would enter for each session."""
    own = server.lifespan

    @contextlib.asynccontextmanager
    async def around() -> AsyncIterator[None]:
        async with own(server) as value:
            server.lifespan = lambda _: contextlib.nullcontext(value)
            try:
                yield
            finally:
                server.lifespan = own

    return around


class _ManagerApp:
    """The application of a session manager, whose lifespan runs it."""

    def __init__(self, manager: Any, path: str) -> None:
        self._manager = manager
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"] == self._path:
                await self._manager.handle_request(scope, receive, send)
            else:
                await send({"type": "http.response.start", "status": 404, "headers": []})
                await send({"type": "http.response.body"})
            return
        await receive()
        async with self._manager.run():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
