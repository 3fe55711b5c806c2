"""``Context`` with the members of the official SDK, and what ``ctx.request_context`` is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn

import msgspec

from lambent.compat.errors import NotHereError, ResourceNotFoundError
from lambent.compat.mapped import Mapped
from lambent.compat.members import Members
from lambent.errors import ResourceNotFoundError as NativeNotFoundError
from lambent.execution.context import Context as NativeContext
from lambent.execution.rounds.pending import DONE, Pending

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from lambent.compat.server import MCPServer
    from lambent.compat.session import ServerSession
    from lambent.execution.call import Call
    from lambent.execution.rounds.journal import Journal
    from lambent.execution.rounds.questions import ElicitationResult
    from lambent.wire.content import Contents
    from lambent.wire.values import LogLevel

    StateT = TypeVar("StateT", default=Any)
    RequestT = TypeVar("RequestT", default=Any)
    AnyT = TypeVar("AnyT", default=Any)
else:
    from typing import TypeVar

    StateT, RequestT, AnyT = TypeVar("StateT"), TypeVar("RequestT"), TypeVar("AnyT")


class ResourceContent(msgspec.Struct, frozen=True):
    """What ``ctx.read_resource`` gives: text or bytes, with the media type."""

    content: str | bytes
    mime_type: str | None = None
    meta: dict[str, Any] | None = None


ReadResourceContents = ResourceContent


class Headers(dict[str, str]):
    """HTTP headers: names in any case."""

    def __getitem__(self, name: str) -> str:
        """The value of a header."""
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        """Whether there is such a header."""
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a header, or else the default."""
        return super().get(name.lower(), default)


class Context(NativeContext, Generic[StateT, RequestT, AnyT]):
    """What a handler knows of its call: all of ``lambent.Context``, by the names of the official SDK too.

    What is a coroutine there can be awaited here, and works without that in plain functions.
    """

    __slots__ = ("_server", "_session")

    def __init__(self, call: Call, journal: Journal, server: MCPServer[Any]) -> None:
        super().__init__(call, journal)
        self._server = server
        self._session: ServerSession | None = None

    def __getattr__(self, name: str) -> NoReturn:
        """Say that something is not there."""
        raise NotHereError(f"ctx.{name}", "the members of ctx are those of Context")

    @property
    def mcp_server(self) -> MCPServer[StateT]:
        """The server."""
        return self._server

    fastmcp = mcp_server

    @property
    def session(self) -> ServerSession:
        """Asks the client, and tells it things."""
        if self._session is None:
            from lambent.compat.session import ServerSession  # loaded where it is used

            self._session = ServerSession(self)
        return self._session

    @property
    def request_context(self) -> RequestContext:
        """The same as the context itself knows, by other names."""
        return RequestContext(self)

    @property
    def request_id(self) -> str:
        """The id of the JSON-RPC request, as text."""
        return str(super().request_id)

    @property
    def client_id(self) -> str | None:
        """The application that calls, where callers are identified; else ``client_id`` of ``_meta``."""
        if self.principal is not None and self.principal.client_id:
            return self.principal.client_id
        found: str | None = Members(self.meta).client_id
        return found

    @property
    def headers(self) -> Any:
        """The HTTP headers, names in any case; None on stdio."""
        return Headers(super().headers) if self._call.request.method else None

    @property
    def input_responses(self) -> Mapping[str, Any] | None:
        """The client's answers to the questions of an ``InputRequiredResult``; None before there are any."""
        from lambent.compat.answers import input_responses  # loaded where a handler asks by its result

        return input_responses(self._journal)

    @property
    def request_state(self) -> str | None:
        """What the ``InputRequiredResult`` of the round before had as its state; None in the first round."""
        return self._journal.note

    def read_resource(self, uri: Any) -> Any:
        """Read a resource of this server; see ``lambent.Context.read_resource``."""
        reading = super().read_resource(str(uri))
        return Mapped(reading, lambda contents: [content_of(one) for one in contents], _not_found)

    def list_roots(self, *, key: str | None = None) -> Any:
        """Ask which folders the server may work on; the result has them as ``roots``, too."""
        from lambent.compat.answers import ListRootsResult  # loaded where it is asked

        return Mapped(super().list_roots(key=key), ListRootsResult)

    def elicit_url(
        self, message: str, url: str, elicitation_id: str | None = None, *, key: str | None = None
    ) -> Pending[ElicitationResult[None]]:
        """Ask the user to visit a page; the id is not sent: nothing needs one."""
        return super().elicit_url(message, url, key=key)

    def log(
        self,
        level: LogLevel,
        data: Any = None,
        *,
        message: Any = None,
        logger_name: str | None = None,
        **extra: Any,
    ) -> Pending[None]:
        """Send a log message; ``message`` and ``extra`` are those of version 1.x."""
        data = message if data is None else data
        if isinstance(extra.get("extra"), Mapping):
            extra |= extra.pop("extra")
        return super().log(level, {"message": data, **extra} if extra else data, logger_name=logger_name)

    def debug(self, data: Any = None, **options: Any) -> Pending[None]:
        """``log`` at level debug."""
        return self.log("debug", data, **options)

    def info(self, data: Any = None, **options: Any) -> Pending[None]:
        """``log`` at level info."""
        return self.log("info", data, **options)

    def warning(self, data: Any = None, **options: Any) -> Pending[None]:
        """``log`` at level warning."""
        return self.log("warning", data, **options)

    def error(self, data: Any = None, **options: Any) -> Pending[None]:
        """``log`` at level error."""
        return self.log("error", data, **options)

    def notify_resource_updated(self, uri: Any) -> Pending[None]:
        """Tell subscribers of a resource that it changed."""
        return super().notify_resource_updated(str(uri))

    def close_sse_stream(self) -> Pending[None]:
        """Nothing: a stream is closed by the result of its call."""
        return DONE

    close_standalone_sse_stream = close_sse_stream


def _not_found(error: Exception) -> Exception:
    """The error that handlers catch where there is no resource."""
    if not isinstance(error, NativeNotFoundError):
        return error
    return ResourceNotFoundError(f"Unknown resource: {error.data['uri']}")


def content_of(contents: Contents) -> ResourceContent:
    """Contents of the wire as handlers read them."""
    from lambent.wire.content import data_of  # loaded where handlers read resources

    return ResourceContent(data_of(contents), contents.mime_type, contents.meta)


class RequestContext:
    """``ctx.request_context``: what the context itself has, by the names of the official SDK."""

    close_sse_stream = None
    close_standalone_sse_stream = None

    def __init__(self, context: Context[Any, Any, Any]) -> None:
        self._context = context

    def __getattr__(self, name: str) -> NoReturn:
        """Say that something is not there."""
        raise NotHereError(f"ctx.request_context.{name}", "see what ctx has")

    @property
    def session(self) -> ServerSession:
        """``ctx.session``."""
        return self._context.session

    @property
    def lifespan_context(self) -> Any:
        """``ctx.lifespan_context``."""
        return self._context.lifespan_context

    @property
    def protocol_version(self) -> str:
        """``ctx.protocol_version``."""
        return self._context.protocol_version

    @property
    def request_id(self) -> str | int:
        """The id of the JSON-RPC request."""
        return self._context._call.rpc.id

    @property
    def meta(self) -> Members:
        """``ctx.meta``, whose members are attributes too, with ``progress_token`` by both its names."""
        found = Members(self._context.meta)
        if "progressToken" in found:
            found["progress_token"] = found["progressToken"]
        return found

    @property
    def method(self) -> str:
        """The JSON-RPC method."""
        return self._context._call.method

    @property
    def params(self) -> Any:
        """The parameters of the request, by their names on the wire."""
        return msgspec.json.decode(msgspec.json.encode(self._context._call.rpc.params))

    @property
    def request(self) -> Any:
        """The HTTP request as Starlette has it, which has to be installed; None on stdio."""
        request = self._context.request
        if not request.method:
            return None
        from lambent.compat.starlette_requests import starlette_request  # loaded where it is used

        return starlette_request(request)
