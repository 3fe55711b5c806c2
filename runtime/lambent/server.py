"""``MCPServer``: declares a server's features and makes the entry points of its hosts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from lambent.errors import ConfigurationError, DeclarationError
from lambent.execution.context import INJECTED
from lambent.execution.middleware import Middleware, Observer, in_thread
from lambent.features.catalog import DEFAULT_HINTS, Catalog
from lambent.features.declarations import Declarations
from lambent.hosts.settings import Settings
from lambent.wire.values import CacheHint, CardDetails, Icon, Implementation

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from fastapi import APIRouter

    from lambent.auth.authenticator import AuthDeclaration
    from lambent.execution.audit.config import Audit
    from lambent.execution.events.emitting import Emitter
    from lambent.execution.lifespan import Lifespan
    from lambent.execution.subscription_bus import SubscriptionBus
    from lambent.features.extensions import Bundle
    from lambent.features.limits import Limits
    from lambent.features.mounts import Inner
    from lambent.hosts.asgi import AsgiApp
    from lambent.hosts.aws_lambda.handler import LambdaHandler
    from lambent.hosts.entry_points import ServerParts


class MCPServer(Declarations):
    """An MCP server: declare its features with decorators, then make the entry point of a host.

    The server is frozen once a host is made. A host reads its settings from the environment by default.

    Args:
        name: identifies the server.
        version: the server's own version.
        title: its name for people.
        description: what it is for, for people.
        instructions: how a model should use it.
        website_url: where to read more.
        icons: images for user interfaces.
        page_size: items on a page of a list.
        cache_hints: how long clients may keep what a method returns, by method. Defaults: lists for a minute,
            public; ``resources/read`` not at all.
        extensions: what the server offers beyond the protocol: ``Extension`` and ``Apps`` objects; or the
            settings of extensions that clients are told of, by identifier.
        card: what the server card says in addition to the declarations.
        middleware: ``(call, following) -> result`` functions around every call, outermost first.
        observers: ``(call, execute) -> outcome`` functions around every call and its middleware, outermost
            first: they see how each call ends.
        auth: how callers are identified: an authenticator, or several, of which the first one that finds
            credentials of its kind decides. Default: as the settings say, which without any identify nobody.
        hides_forbidden: lists leave out what the caller lacks the scopes for, and are private then.
        limits: what one caller may do; the settings may say otherwise. Default: everything.
        audit: what is recorded of every call, and where; True: into the log; False: nothing, whatever the
            settings say. Default: as the settings say, which without any record nothing.
        lifespan: called with the server, gives an asynchronous context manager that is entered once an
            execution environment, before the first call, on the event loop that all calls share, and left
            where the host ends in order. ``ctx.lifespan_context`` is what it gives.
        subscriptions: a bus that carries changes between the processes that serve this server; False: clients
            cannot subscribe. Default: changes reach the subscribers of the same process.
        strict_arguments: an argument that a tool does not have is an error that names it. Default: it is
            ignored, as by the official SDK; a model that has misspelt an optional argument is not told then.
        compact_results: results of tools are as small as they can be: JSON without spaces, in one block,
            lists too; structured content is the value itself, and text is text only. Default: as the official
            SDK has them.

    Raises:
        DeclarationError: a hint or an extension identifier is malformed, or ``auth`` identifies nobody.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str = "0.0.0",
        title: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: Sequence[Icon] | None = None,
        page_size: int = 100,
        cache_hints: Mapping[str, CacheHint] | None = None,
        extensions: Mapping[str, dict[str, Any]] | Sequence[Bundle] | None = None,
        card: CardDetails | None = None,
        middleware: Sequence[Middleware] = (),
        auth: AuthDeclaration | Sequence[AuthDeclaration] = (),
        hides_forbidden: bool = False,
        limits: Limits | None = None,
        audit: Audit | bool | None = None,
        observers: Sequence[Observer] = (),
        lifespan: Callable[[Any], AbstractAsyncContextManager[Any]] | None = None,
        subscriptions: SubscriptionBus | Literal[False] | None = None,
        strict_arguments: bool = False,
        compact_results: bool = False,
    ) -> None:
        if page_size < 1:
            raise DeclarationError(f"page_size must be 1 or more, not {page_size}")
        if unknown := sorted(set(cache_hints or ()) - set(DEFAULT_HINTS)):
            raise DeclarationError(f"No result of {', '.join(unknown)} can be cached")
        advertised: Mapping[str, dict[str, Any]] = {}
        bundles: Sequence[Bundle] = ()
        if extensions:
            from lambent.features.extensions import read_extensions  # loaded where there are some

            advertised, bundles = read_extensions(extensions)
        info = Implementation(
            name=name,
            version=version,
            title=title,
            description=description,
            website_url=website_url,
            icons=list(icons) if icons else None,
        )
        empty = Catalog(
            info=info,
            card=card or CardDetails(),
            instructions=instructions,
            extensions=MappingProxyType(dict(advertised)),
            hints=MappingProxyType({**DEFAULT_HINTS, **(cache_hints or {})}),
            page_size=page_size,
            hides_forbidden=hides_forbidden,
            takes_subscriptions=subscriptions is not False,
        )
        super().__init__(empty, INJECTED, strict_arguments=strict_arguments, compact_results=compact_results)
        self._middleware = tuple(middleware)
        self._observers = tuple(observers)
        self._authenticators = _checked(auth)
        self._limits = limits
        self._audit = audit
        self._lifespan = lifespan
        self._bus = subscriptions or None
        self._mounted: list[MCPServer] = []
        for bundle in bundles:
            bundle.declare(self)

    @property
    def name(self) -> str:
        """The server's name."""
        return self._empty.info.name

    def mount(
        self, server: MCPServer, prefix: str | None = None, *, tool_names: Mapping[str, str] | None = None
    ) -> None:
        """Serve the features of another server behind the endpoint of this one.

        With a prefix ``shop``, the tool or prompt ``order`` becomes ``shop_order``, and ``notes://today``
        becomes ``notes://shop/today``. What the other server declares until the first request is served too.
        Its middleware and observers are around calls of its features, and see its own names.

        Args:
            server: the other server; it may have servers mounted in it.
            prefix: letters and digits, with ``_``, ``-`` and ``.`` between them; default: names stay.
            tool_names: other names for tools of it; the prefix stands in front of them.

        Raises:
            DeclarationError: the prefix cannot be one, the server is this one, or it says who may call,
                what is recorded or how many tasks may run, and this one does not; and, at the first request,
                two features have one name.
        """
        from lambent.features.mounts import Mount, check_prefix  # loaded where servers are mounted

        self._not_frozen(f"the server {server.name!r}")
        if server is self or server._holds(self):
            raise DeclarationError(f"{server.name!r} cannot be mounted in itself")
        self._check_inner(server)
        prefix = check_prefix(prefix)
        self._mounts.append(Mount(server._inner, prefix, dict(tool_names or {})))
        self._mounted.append(server)

    def _holds(self, server: MCPServer) -> bool:
        return any(one is server or one._holds(server) for one in self._mounted)

    def _check_inner(self, server: MCPServer) -> None:
        """Refuse what would have no effect, though it is there to protect something."""
        tasks = None if server._limits is None else server._limits.tasks
        own_tasks = None if self._limits is None else self._limits.tasks
        declared = {
            "auth": bool(server._authenticators) and not self._authenticators,
            "audit": bool(server._audit) and not self._audit,
            "limits": tasks is not None and own_tasks is None,
            "subscriptions": server._bus is not None and server._bus is not self._bus,
        }
        for name, is_lost in declared.items():
            if is_lost:
                raise DeclarationError(
                    f"The mounted server {server.name!r} has {name}=…, which counts once an endpoint: give "
                    f"{name}=… to {self.name!r}"
                )

    def _inner(self) -> Inner:
        from lambent.features.mounts import Inner

        rate = None if self._limits is None else self._limits.rate
        middleware = tuple(in_thread(self._middleware))
        return Inner(self.freeze(), middleware, self._observers, rate, self._parts().context)

    def _parts(self) -> ServerParts:
        from lambent.hosts.entry_points import ServerParts

        catalog, middleware, observers = self.freeze(), self._middleware, self._observers
        lifespan: Lifespan | None = None
        if self._mounts:
            from lambent.execution.mounting import (
                SharedLifespan,
                wrappers,
            )  # loaded where servers are mounted

            middleware += wrappers(catalog, lambda inner: inner.middleware)
            observers += wrappers(catalog, lambda inner: inner.observers)
            lifespan = SharedLifespan.of(self._lifespans(), catalog)
        elif self._lifespan is not None:
            from lambent.execution.lifespan import Lifespan  # loaded where there is one

            lifespan = Lifespan(functools.partial(self._lifespan, self))
        return ServerParts(
            catalog=catalog,
            middleware=middleware,
            authenticators=self._authenticators,
            limits=self._limits,
            audit=self._audit,
            observers=observers,
            lifespan=lifespan,
            bus=self._bus,
        )

    def _lifespans(self) -> dict[int, Callable[[], AbstractAsyncContextManager[Any]]]:
        """Those of this server and of what is mounted in it, by the ids of catalogs; each once."""
        found: dict[int, Callable[[], AbstractAsyncContextManager[Any]]] = {}
        if self._lifespan is not None:
            found[id(self.freeze())] = functools.partial(self._lifespan, self)
        for server in self._mounted:
            found |= server._lifespans()
        return found

    def events(self, settings: Settings | None = None) -> Emitter:
        """Make what emits the events of this server in code that answers no call: ``mcp.events().emit(...)``.

        Raises:
            ConfigurationError: a setting cannot be used, or no table is set.
        """
        from lambent.hosts.events import make_emitter  # loaded where something is emitted

        return make_emitter(self.freeze(), settings or Settings.from_env())

    def lambda_handler(self, settings: Settings | None = None) -> LambdaHandler:
        """Make the function that Lambda calls.

        Raises:
            ConfigurationError: a setting cannot be used.
        """
        from lambent.hosts.entry_points import lambda_handler

        return lambda_handler(self._parts(), settings or Settings.from_env())

    def asgi(self, settings: Settings | None = None) -> AsgiApp:
        """Make an ASGI application that streams as it goes.

        Mount it anywhere, it needs no lifespan; or give it to an ASGI server as it is. ``async def``
        features run on the server's event loop, plain ones on worker threads.

        Raises:
            ConfigurationError: a setting cannot be used.
        """
        from lambent.hosts.entry_points import asgi_app

        return asgi_app(self._parts(), settings or Settings.from_env())

    def fastapi_router(self, path: str = "/mcp", settings: Settings | None = None) -> APIRouter:
        """Make a FastAPI router with the MCP endpoint at a path, shown on the OpenAPI page.

        Raises:
            ConfigurationError: a setting cannot be used, or FastAPI is not installed.
        """
        try:
            from lambent.hosts.fastapi import make_router
        except ImportError as error:
            raise ConfigurationError("A router needs FastAPI: install the extra lambent[fastapi]") from error

        return make_router(self.asgi(settings), path, self._empty.info.title or self.name)

    def run_stdio(self, settings: Settings | None = None) -> None:
        """Serve standard input and output until the input ends.

        Features see an empty standard input, and what they print goes to standard error. Where a thread does
        not end, the process is ended here.

        Raises:
            ConfigurationError: a setting cannot be used.
        """
        from lambent.hosts.entry_points import local_endpoint
        from lambent.hosts.stdio import serve

        settings = settings or Settings.from_env()
        serve(local_endpoint(self._parts(), settings), settings)

    def run_worker(
        self,
        settings: Settings | None = None,
        *,
        threads: int = 8,
        dead_letters: Sequence[str] = (),
        schedule: float = 60.0,
    ) -> None:
        """Run tasks and deliver events outside of Lambda, until SIGTERM or SIGINT.

        What runs then may go on for ``drain_seconds``. Then it is handed over to another worker. Where a
        thread does not end, the process is ended here.

        Args:
            settings: of the deployment; default: from the environment.
            threads: messages of one queue that are worked at a time.
            dead_letters: the URLs of queues with what the others have given up: tasks are ended as failed.
            schedule: seconds between two looks for deliveries that are overdue, and between two checks of
                event types; 0 for never.

        Raises:
            ConfigurationError: a setting cannot be used, or there is no queue to work.
            StoreError: a Redis cannot be used now.
        """
        from lambent.hosts.queue_work import queue_worker
        from lambent.hosts.queue_worker import serve

        settings = settings or Settings.from_env()
        serve(
            queue_worker(
                self._parts(), settings, threads=threads, dead_letters=dead_letters, schedule=schedule
            )
        )


def _checked(auth: AuthDeclaration | Sequence[AuthDeclaration]) -> tuple[AuthDeclaration, ...]:
    """What ``auth`` has; refuses what would fail with every request."""
    if isinstance(auth, Sequence) and not auth:
        return ()
    from lambent.auth.declared import checked  # loaded where callers are identified

    return checked(auth)
