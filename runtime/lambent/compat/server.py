"""``MCPServer`` with the constructor and methods of the official SDK; ``FastMCP``, its name in 1.x."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn

import msgspec

from lambent.compat.current_call import current_call, current_context, remember, remember_context
from lambent.compat.declaring import Declaring
from lambent.compat.errors import NotHereError
from lambent.compat.hosting import NO_EVENT_STORE
from lambent.compat.middleware_argument import WithMiddleware
from lambent.compat.queries import Queries
from lambent.compat.settings import ServerSettings

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from lambent.compat.context import Context
    from lambent.compat.internals import LowLevelServer, ToolManager
    from lambent.execution.call import Call, Handler
    from lambent.execution.rounds.journal import Journal
    from lambent.hosts.entry_points import ServerParts
    from lambent.wire.values import CacheHint, Icon

    StateT = TypeVar("StateT", default=Any)
else:
    from typing import TypeVar

    StateT = TypeVar("StateT")

_LISTEN = "subscriptions/listen"
"""Its response is a stream in any case."""

_PRIVATE = {
    "_resource_manager": "write await mcp.list_resources() or mcp.add_resource(...)",
    "_prompt_manager": "write await mcp.list_prompts() or mcp.add_prompt(...)",
    "_session_manager": "write mcp.session_manager, whose run() enters the lifespan",
}


class MCPServer(Declaring, Queries, WithMiddleware, Generic[StateT]):
    """A server that is declared with the names of the official SDK, and served as every other one.

    Args:
        name: identifies the server; default: ``mcp-server``.
        title: its name for people.
        description: what it is for, for people.
        instructions: how a model should use it.
        website_url: where to read more.
        icons: images for user interfaces.
        version: the server's own version; default: ``0.0.0``.
        auth_server_provider: an authorization server of the official SDK, which has to be installed.
        token_verifier: verifies access tokens: has ``async def verify_token(token)``.
        tools: made by ``Tool.from_function``.
        resources: such as ``TextResource``.
        auth: who issues tokens, and for whom they are.
        lifespan: entered once an execution environment, before the first call.
        resource_security: what values of template variables are refused.
        request_state_security: the keys and the lifetime of request states, in place of the settings'.
        cache_hints: how long clients may keep what a method returns, by method.
        transport_security: which hosts and origins ``streamable_http_app`` answers.
        event_store: not used: what a client has missed is not kept.
        retry_interval: not used, for the same reason.
        options: further arguments: those of ``lambent.MCPServer``, and those that ``settings`` keeps, such as
            ``host`` and ``log_level``; see ``ServerSettings``.

    Raises:
        ValueError: arguments contradict each other.
    """

    _default_name: ClassVar[str] = "mcp-server"

    def __init__(
        self,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: Sequence[Icon] | None = None,
        version: str | None = None,
        auth_server_provider: Any = None,
        token_verifier: Any = None,
        *,
        tools: Sequence[Any] | None = None,
        resources: Sequence[Any] | None = None,
        auth: Any = None,
        lifespan: Callable[[Any], AbstractAsyncContextManager[StateT]] | None = None,
        resource_security: Any = None,
        request_state_security: Any = None,
        cache_hints: Mapping[Any, CacheHint] | None = None,
        transport_security: Any = None,
        event_store: Any = None,
        retry_interval: int | None = None,
        **options: Any,
    ) -> None:
        kept = {field: options.pop(field) for field in ServerSettings.__struct_fields__ if field in options}
        self.settings = ServerSettings(
            **kept, auth=auth, lifespan=lifespan, transport_security=transport_security
        )
        self.settings.dependencies = list(self.settings.dependencies or ())
        self._resource_security = resource_security
        if request_state_security is not None and not name and request_state_security.audience is None:
            raise ValueError(
                "request_state_security needs a name for the server, or an audience: it keeps the states of "
                "servers with the same keys apart"
            )
        self._state_security = request_state_security
        self._routes = []
        self._functions = {}
        if event_store is not None:
            self._log.warning(NO_EVENT_STORE)
        super().__init__(
            name or self._default_name,
            title=title,
            description=description,
            instructions=instructions,
            website_url=website_url,
            icons=icons,
            version=version or "0.0.0",
            cache_hints=cache_hints,
            lifespan=lifespan,
            auth=self._authentication_of(auth, token_verifier, auth_server_provider),
            **options,
        )
        for tool in tools or ():
            tool.add_to(self)
        for resource in resources or ():
            self.add_resource(resource)

    @property
    def title(self) -> str | None:
        """The server's name for people."""
        return self._empty.info.title

    @property
    def description(self) -> str | None:
        """What the server is for, for people."""
        return self._empty.info.description

    @property
    def icons(self) -> Sequence[Icon] | None:
        """Images for user interfaces."""
        return self._empty.info.icons

    @property
    def dependencies(self) -> list[str]:
        """What the constructor was given; not used."""
        return self.settings.dependencies

    def _authentication_of(self, auth: Any, verifier: Any, provider: Any) -> Any:
        if auth is None and verifier is None and provider is None:
            return ()
        from lambent.compat.auth import declare  # loaded where callers are identified

        return declare(auth, verifier, provider)

    def _parts(self) -> ServerParts:
        """As every server's, with what the official SDK does around its handlers."""
        parts = super()._parts()
        # Innermost: other middleware may find out who is calling.
        middleware = (*parts.middleware, remember, self._drop_messages)
        if self._resources:
            from lambent.compat.resource_errors import name_unknown  # loaded where there are resources

            middleware = (*middleware, name_unknown)
        return msgspec.structs.replace(parts, middleware=middleware)

    def _drop_messages(self, call: Call, following: Handler) -> Any:
        """Middleware: send nothing before the response, where responses are JSON alone."""
        invocation = call.invocation
        if not self.settings.json_response or not call.request.method or call.method == _LISTEN:
            return following(call)
        invocation.may_stream = False
        try:
            return following(call)
        finally:
            invocation.notifications.clear()

    def _make_context(self, call: Call, journal: Journal) -> Context[Any, Any]:
        from lambent.compat.context import Context

        return remember_context(Context(call, journal, self))

    def get_context(self) -> Context[StateT, Any]:
        """The context of the handler that runs. A handler that does not take it itself cannot ask the client.

        Raises:
            ValueError: no handler runs.
        """
        found, call = current_context(), current_call()
        if found is not None:
            return found
        if call is None:
            raise ValueError("There is a context only while a handler runs")
        from lambent.compat.requests import SilentJournal

        return self._make_context(call, SilentJournal("take ctx: Context as a parameter of the handler"))

    @property
    def _mcp_server(self) -> LowLevelServer:
        """What servers change that cannot give the constructor a version."""
        from lambent.compat.internals import LowLevelServer  # loaded where a server reaches into it

        return LowLevelServer(self)

    _lowlevel_server = _mcp_server

    @property
    def _tool_manager(self) -> ToolManager:
        """What servers read that look for the functions of tools."""
        from lambent.compat.internals import ToolManager  # as above

        return ToolManager(self._tools, self._functions)

    def __getattr__(self, name: str) -> NoReturn:
        """Say what replaces a private attribute that servers use."""
        if name in _PRIVATE:
            raise NotHereError(f"mcp.{name}", _PRIVATE[name])
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class FastMCP(MCPServer[StateT]):
    """``MCPServer`` by its name of version 1.x, and with the order of arguments of that version.

    That version has taken any other argument too, without an effect. So does this one, and logs it.
    """

    _default_name = "FastMCP"

    def __init__(
        self,
        name: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: Sequence[Icon] | None = None,
        auth_server_provider: Any = None,
        token_verifier: Any = None,
        event_store: Any = None,
        retry_interval: int | None = None,
        **options: Any,
    ) -> None:
        for argument in sorted(options.keys() - self._known_arguments()):
            del options[argument]
            self._log.warning("FastMCP(%s=...) has no effect", argument)
        super().__init__(
            name,
            instructions=instructions,
            website_url=website_url,
            icons=icons,
            auth_server_provider=auth_server_provider,
            token_verifier=token_verifier,
            event_store=event_store,
            retry_interval=retry_interval,
            **options,
        )

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any] | None = None, context: Any = None
    ) -> Any:
        """See ``MCPServer.call_tool``.

        Returns:
            The content, or the content and the structured content, as version 1 has it.
        """
        result = await super().call_tool(name, arguments, context)
        structured = result.structuredContent
        return result.content if structured is None else (result.content, structured)

    @classmethod
    def _known_arguments(cls) -> set[str]:
        """The arguments of all the constructors, and the settings."""
        found = set(ServerSettings.__struct_fields__)
        for base in cls.__mro__:
            code = getattr(vars(base).get("__init__"), "__code__", None)
            if code is not None:
                found |= set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        return found
