"""``Context`` with the members of FastMCP's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

from lambent.compat.errors import NotHereError
from lambent.errors import ConfigurationError
from lambent.execution.context import Context as NativeContext
from lambent.execution.rounds.questions import AcceptedElicitation

if TYPE_CHECKING:
    from lambent.compat.fastmcp.results import PromptResult, ResourceResult
    from lambent.compat.fastmcp.server import FastMCP
    from lambent.execution.call import Call
    from lambent.execution.rounds.journal import Journal
    from lambent.wire.values import LogLevel

PAGE = "docs/fastmcp.md"

_INSTEAD = {
    "session": "what it asks and tells is on ctx itself, such as ctx.elicit and ctx.info",
    "session_id": "annotate a parameter as lambent.Session[…] (docs/sessions.md)",
    "enable_components": "what a server offers is the same for every request: use tags with mcp.enable(…)",
    "disable_components": "what a server offers is the same for every request: use tags with mcp.disable(…)",
    "reset_visibility": "what a server offers is the same for every request",
    "send_notification": "use ctx.info, ctx.report_progress or ctx.notify_tools_changed and its like",
}

_log = logging.getLogger("lambent.compat")
_state: ContextVar[dict[str, Any] | None] = ContextVar("lambent_compat_fastmcp_state", default=None)


class Context(NativeContext):
    """What a handler knows of its call: all that ``lambent.Context`` has, and the names of FastMCP.

    What FastMCP has as coroutines are coroutines here. ``set_state`` keeps values for one call: nothing is
    kept in the process from one request to the next.
    """

    __slots__ = ("_server",)

    def __init__(self, call: Call, journal: Journal, server: FastMCP) -> None:
        super().__init__(call, journal)
        self._server = server

    def __getattr__(self, name: str) -> NoReturn:
        """Say what replaces something that is not there."""
        if name in _INSTEAD:
            raise NotHereError(f"ctx.{name}", _INSTEAD[name], PAGE)
        raise AttributeError(f"Context has no attribute {name!r}")

    @property
    def fastmcp(self) -> FastMCP:
        """The server."""
        return self._server

    @property
    def request_context(self) -> Context:
        """The context itself, which has ``lifespan_context``, ``request_id`` and ``meta``."""
        return self

    @property
    def request_id(self) -> str:
        """The id of the JSON-RPC request, as text."""
        return str(super().request_id)

    origin_request_id = request_id

    @property
    def client_id(self) -> str | None:
        """The application that calls, where callers are identified; else ``client_id`` of ``_meta``."""
        if self.principal is not None and self.principal.client_id:
            return self.principal.client_id
        return self.meta.get("client_id")

    @property
    def transport(self) -> str:
        """``"streamable-http"``, or ``"stdio"``."""
        return "streamable-http" if self._call.request.method else "stdio"

    @property
    def is_background_task(self) -> bool:
        """The call is an attempt at a task."""
        return self._call.is_task

    @property
    def task_id(self) -> None:
        """None: a handler does not know the id of its task."""
        return None

    def client_supports_extension(self, extension_id: str) -> bool:
        """Whether the client has declared an extension."""
        return extension_id in (self.client_capabilities.extensions or {})

    def client_extension_settings(self, identifier: str) -> dict[str, Any] | None:
        """The client's settings of an extension; None where it has not declared it."""
        found: dict[str, Any] | None = (self.client_capabilities.extensions or {}).get(identifier)
        return found

    @property
    def http_request(self) -> Any:
        """The HTTP request, as Starlette has it; None on stdio."""
        request = self._call.request
        if not request.method:
            return None
        try:
            from starlette.requests import Request  # loaded where it is used
        except ImportError as error:
            raise ConfigurationError("The HTTP request needs Starlette: install it") from error
        from lambent.hosts.app_scopes import scope_of

        return Request(scope_of(request))

    async def report_progress(  # type: ignore[override]
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """See ``lambent.Context.report_progress``."""
        await super().report_progress(float(progress), None if total is None else float(total), message)

    async def log(  # type: ignore[override]
        self,
        message: str,
        level: LogLevel | None = None,
        logger_name: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Send a log message to a client that asked for this level; default: info."""
        data = {"msg": message, "extra": None if extra is None else dict(extra)}
        await super().log(level or "info", data, logger_name=logger_name)

    async def debug(  # type: ignore[override]
        self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        """``log`` at level debug."""
        await self.log(message, "debug", logger_name, extra)

    async def info(  # type: ignore[override]
        self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        """``log`` at level info."""
        await self.log(message, "info", logger_name, extra)

    async def warning(  # type: ignore[override]
        self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        """``log`` at level warning."""
        await self.log(message, "warning", logger_name, extra)

    async def error(  # type: ignore[override]
        self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        """``log`` at level error."""
        await self.log(message, "error", logger_name, extra)

    async def elicit(  # type: ignore[override]
        self,
        message: str,
        response_type: Any = None,
        *,
        response_title: str | None = None,
        response_description: str | None = None,
        key: str | None = None,
    ) -> Any:
        """Ask the user; see ``lambent.Context.elicit``.

        Args:
            message: why it is asked, for people.
            response_type: a record type; a type of one value; a list of choices, or a dict with their titles;
                a list with one of these in it, where any number may be chosen; None: nothing but consent.
            response_title: the title of a single value.
            response_description: what a single value is.
            key: names the question.

        Raises:
            MissingCapabilityError: the client cannot show forms.
            TypeError: such a form cannot be shown.
        """
        from lambent.compat.fastmcp.forms import form_of

        form = form_of(response_type, response_title, response_description)
        answer = await super().elicit(message, form.schema, key=key)
        return AcceptedElicitation(form.read(answer.data)) if answer.action == "accept" else answer

    async def read_resource(self, uri: Any) -> ResourceResult:  # type: ignore[override]
        """Read a resource of this server.

        Raises:
            ResourceNotFoundError: there is none of this URI.
        """
        from lambent.compat.fastmcp.lookups import read_resource

        return await read_resource(self._call, str(uri))

    async def get_prompt(self, name: str, arguments: dict[str, Any] | None = None) -> PromptResult:
        """Fill in a prompt of this server.

        Raises:
            NotFoundError: there is none of this name.
        """
        from lambent.compat.fastmcp.lookups import get_prompt

        return await get_prompt(self._call, name, arguments or {})

    async def list_resources(self) -> list[Any]:
        """The definitions of the resources of this server."""
        return [one.definition for one in self._call.services.catalog.resources.values()]

    async def list_prompts(self) -> list[Any]:
        """The definitions of the prompts of this server."""
        return [one.definition for one in self._call.services.catalog.prompts.values()]

    async def set_state(self, key: str, value: Any, *, serializable: bool = True) -> None:
        """Keep a value until the call ends: for middleware, dependencies and the function."""
        state = _state.get()
        if state is None or state.get("") is not self._call.invocation:
            state = {"": self._call.invocation}
            _state.set(state)
        state[f"={key}"] = value

    async def get_state(self, key: str) -> Any:
        """A value that ``set_state`` keeps for this call; else None."""
        state = _state.get()
        if state is None or state.get("") is not self._call.invocation:
            return None
        return state.get(f"={key}")

    async def delete_state(self, key: str) -> None:
        """Forget a value."""
        await self.set_state(key, None)
