"""``FastMCP``: a server that is declared as with FastMCP 4, and served as every other one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, NoReturn, Self

import msgspec

from lambent.compat.errors import NotHereError
from lambent.compat.fastmcp.adding import Adding
from lambent.compat.fastmcp.context import PAGE
from lambent.compat.fastmcp.hosting import Serving
from lambent.compat.fastmcp.options import take
from lambent.compat.fastmcp.queries import Asking
from lambent.compat.fastmcp.replaced import INSTEAD
from lambent.compat.fastmcp.visibility import Visibility
from lambent.features.catalog import DEFAULT_HINTS, Catalog
from lambent.server import MCPServer as NativeServer
from lambent.wire.values import CacheHint, Icon

if TYPE_CHECKING:
    from lambent.compat.fastmcp.context import Context
    from lambent.execution.call import Call
    from lambent.execution.rounds.journal import Journal


class FastMCP(Adding, Asking, Serving):
    """A server, declared with the names of FastMCP.

    Args:
        name: identifies the server; default: ``FastMCP``.
        instructions: how a model should use it.
        version: the server's own version; default: ``0.0.0``.
        website_url: where to read more.
        icons: images for user interfaces.
        auth: who may call.
        middleware: around calls, outermost first: objects of ``Middleware``, and functions of ``lambent``.
        lifespan: called with the server, gives an asynchronous context manager that is entered once an
            execution environment.
        tools: functions, and tools that are made by ``Tool.from_function``.
        on_duplicate: what a second feature of one name does: it replaces the first one (``"replace"``, or
            with a line in the log ``"warn"``, the default), is ignored (``"ignore"``) or an ``"error"``.
        mask_error_details: only messages of ``ToolError``, ``ResourceError`` and ``PromptError`` are shown.
        list_page_size: items on a page of a list.
        cache_ttl: seconds for which clients may keep lists.
        cache_scope: whether what they keep is for one caller.
        request_state_security: the keys and the lifetime of request states, in place of the settings'.
        resource_security: which values of the variables of templates are refused; None: none.
        options: further arguments of ``lambent.MCPServer``; those of FastMCP 2; and those that have no effect
            here, which docs/fastmcp.md lists.

    Raises:
        DeclarationError: an argument cannot have an effect here.
    """

    _page = PAGE

    def __class_getitem__(cls, _: Any) -> type[FastMCP]:
        """``FastMCP[…]`` is ``FastMCP``: what its lifespan gives is not checked."""
        return cls

    def __init__(
        self,
        name: str | None = None,
        instructions: str | None = None,
        *,
        version: str | float | None = None,
        website_url: str | None = None,
        icons: Sequence[Icon] | None = None,
        auth: Any = None,
        middleware: Sequence[Any] | None = None,
        lifespan: Callable[[Any], AbstractAsyncContextManager[Any]] | None = None,
        tools: Sequence[Any] | None = None,
        on_duplicate: str | None = None,
        mask_error_details: bool | None = None,
        list_page_size: int | None = None,
        cache_ttl: int | None = None,
        cache_scope: Any = None,
        request_state_security: Any = None,
        resource_security: Any = ...,
        **options: Any,
    ) -> None:
        older = take(options, on_duplicate)
        hints: Mapping[str, CacheHint] = options.pop("cache_hints", None) or {}
        if cache_ttl is not None or cache_scope is not None:
            hint = CacheHint(ttl_ms=1000 * (cache_ttl or 0), scope=cache_scope or "private")
            hints = {**dict.fromkeys(DEFAULT_HINTS, hint), **hints}
        # Extensions declare their features while the base is made.
        self._on_duplicate = older.on_duplicate or "warn"
        self._serializer = older.serializer
        self._resource_security = resource_security
        self._masks_errors = bool(mask_error_details)
        self._visibility = Visibility()
        if older.include_tags is not None:
            self._visibility.change(True, tags=older.include_tags, only=True)
        if older.exclude_tags is not None:
            self._visibility.change(False, tags=older.exclude_tags)
        super().__init__(
            name or "FastMCP",
            instructions=instructions,
            version="0.0.0" if version is None else str(version),
            website_url=website_url,
            icons=icons,
            auth=() if auth is None else _declared(auth),
            lifespan=lifespan,
            page_size=list_page_size or 100,
            cache_hints=hints,
            **{"hides_forbidden": True, **options},
        )
        self.settings = older.settings
        self._routes = []
        self._state_security = request_state_security
        for one in middleware or ():
            self.add_middleware(one)
        for tool in tools or ():
            self.add_tool(tool)

    @classmethod
    def from_openapi(
        cls, openapi_spec: dict[str, Any], client: Any = None, name: str = "OpenAPI Server", **options: Any
    ) -> Self:
        """Make a server of an OpenAPI document; FastMCP itself, which has to be installed, reads it.

        Args:
            openapi_spec: the document.
            client: sends the requests, such as ``httpx.AsyncClient(base_url=…)``.
            name: of the server.
            options: ``route_maps`` and the other arguments of FastMCP's ``from_openapi``; and those of this
                class.

        Raises:
            ConfigurationError: FastMCP is not installed.
        """
        from lambent.compat.fastmcp.openapi import imported  # loaded where it is used

        given = options if client is None else {"client": client, **options}
        made: Self = imported(cls, "from_openapi", openapi_spec, name, given)
        return made

    @classmethod
    def from_fastapi(cls, app: Any, name: str | None = None, **options: Any) -> Self:
        """Make a server of a FastAPI application, which is called in this process; see ``from_openapi``.

        Args:
            app: the application.
            name: of the server; default: the application's title.
            options: ``route_maps`` and the other arguments of FastMCP's ``from_fastapi``; and those of this
                class.

        Raises:
            ConfigurationError: FastMCP is not installed.
        """
        from lambent.compat.fastmcp.openapi import imported  # loaded where it is used

        made: Self = imported(cls, "from_fastapi", app, name, options)
        return made

    @property
    def icons(self) -> Sequence[Icon]:
        """Images for user interfaces."""
        return self._empty.info.icons or []

    def add_middleware(self, middleware: Any) -> None:
        """Add middleware, which is within that which is there.

        Raises:
            TooLateError: requests are answered.
        """
        from lambent.compat.fastmcp.middleware import adapted  # loaded where there is some

        self._not_frozen("Middleware")
        self._middleware = (*self._middleware, adapted(middleware))

    def mount(  # type: ignore[override]
        self,
        server: NativeServer,
        namespace: str | None = None,
        as_proxy: bool | None = None,
        tool_names: Mapping[str, str] | None = None,
        prefix: str | None = None,
    ) -> None:
        """Serve the features of another server behind this endpoint; see ``lambent.MCPServer.mount``.

        Of several features of one name, this server's is served, or that of the one that was mounted first.

        Args:
            server: a ``FastMCP``, or a server of ``lambent``.
            namespace: in front of names.
            as_proxy: not used: features are served as they are.
            tool_names: other names for tools.
            prefix: the same as ``namespace``, by its name of 2.x.

        Raises:
            DeclarationError: see ``lambent.MCPServer.mount``.
            TypeError: it is a server of another library.
        """
        if not isinstance(server, NativeServer):
            raise TypeError(f"mount takes servers of lambent, not {type(server).__name__} ({PAGE})")
        super().mount(server, namespace or prefix, tool_names=tool_names)
        self._mounts[-1] = msgspec.structs.replace(self._mounts[-1], keeps_first=True)

    async def import_server(self, server: NativeServer, prefix: str | None = None, **_: Any) -> None:
        """Serve the features of another server; the same as ``mount``."""
        self.mount(server, prefix)

    def enable(
        self,
        *,
        names: Set[str] | None = None,
        keys: Set[str] | None = None,
        version: Any = None,
        tags: Set[str] | None = None,
        components: Set[str] | None = None,
        only: bool = False,
    ) -> Self:
        """Tell clients of features; see ``Visibility.change``. What is called last decides."""
        self._not_frozen("enable")
        self._visibility.change(
            True, names=names, keys=keys, version=version, tags=tags, components=components, only=only
        )
        return self

    def disable(
        self,
        *,
        names: Set[str] | None = None,
        keys: Set[str] | None = None,
        version: Any = None,
        tags: Set[str] | None = None,
        components: Set[str] | None = None,
    ) -> Self:
        """Do not tell clients of features, and refuse calls of them."""
        self._not_frozen("disable")
        self._visibility.change(
            False, names=names, keys=keys, version=version, tags=tags, components=components
        )
        return self

    def freeze(self) -> Catalog:
        """See ``Declarations.freeze``; without what is switched off."""
        if self._catalog is None:
            self._catalog = self._visibility.apply(super().freeze())
        return self._catalog

    def _make_context(self, call: Call, journal: Journal) -> Context:
        from lambent.compat.fastmcp.context import Context

        return Context(call, journal, self)

    def __getattr__(self, name: str) -> NoReturn:
        """Say what replaces something that is not there."""
        if name in INSTEAD:
            raise NotHereError(f"FastMCP.{name}", INSTEAD[name], PAGE)
        raise AttributeError(f"FastMCP has no attribute {name!r}")


def _declared(auth: Any) -> Any:
    from lambent.compat.fastmcp.auth import declared  # loaded where callers are identified

    return declared(auth)
