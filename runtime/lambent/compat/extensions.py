"""Extensions of the official SDK: classes that say what they contribute to a server."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw

from lambent.compat.mcp_errors import inward, outward
from lambent.compat.requests import CallNext, HandlerResult, ServerRequestContext
from lambent.compat.results import members_of, result_of
from lambent.errors import DeclarationError, InvalidParamsError
from lambent.execution.context import INJECTED, Context
from lambent.execution.rounds.questions import require_extension
from lambent.features.codecs import Codec, ValidationError, codec_of
from lambent.features.extensions import check_identifier
from lambent.features.methods import make_method
from lambent.features.signature import read_signature

if TYPE_CHECKING:
    from lambent.execution.call import Call
    from lambent.features.declarations import Declarations
    from lambent.features.methods import CustomMethod
    from lambent.wire.results import Result

RequestHandler = Callable[[ServerRequestContext[Any, Any], Any], Awaitable[HandlerResult]]
"""Answers a method: a coroutine function of the request and of its parameters."""


@dataclasses.dataclass(frozen=True)
class ToolBinding:
    """A tool of an extension: its function, its ``_meta``, and the other arguments of ``MCPServer.tool``."""

    fn: Callable[..., Any]
    meta: dict[str, Any] | None = None
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ResourceBinding:
    """A resource of an extension, such as a ``TextResource``."""

    resource: Any


@dataclasses.dataclass(frozen=True)
class MethodBinding:
    """A method of an extension.

    Attributes:
        method: as requests have it, such as ``com.example/search``.
        params_type: a model or record of its parameters.
        handler: answers it.
        protocol_versions: the versions of which it is a method; None: of all.

    Raises:
        DeclarationError: the name is the protocol's, or no version has it.
    """

    method: str
    params_type: type[Any]
    handler: RequestHandler
    protocol_versions: Collection[str] | None = None

    def __post_init__(self) -> None:
        """Refuse a method that a server cannot have."""
        self.made()

    def made(self) -> CustomMethod:
        """The method of a server that it stands for."""
        params = codec_of(self.params_type)

        async def answer(context: Context) -> dict[str, Any]:
            call = context._call
            ctx = ServerRequestContext.of(call, context)
            return members_of(await self.handler(ctx, _params(params, call.rpc.raw)))

        signature = read_signature(answer, INJECTED, self.method)
        signature = msgspec.structs.replace(signature, arguments=_Unread(), returns=UNSET)
        return make_method(self.method, signature, None, self.protocol_versions, ())


class Extension:
    """What a server offers beyond the protocol: derive a class, name it, and say what it contributes.

    ``MCPServer(extensions=[…])`` takes its objects.

    Attributes:
        identifier: in reverse DNS format, such as ``com.example/search``.
    """

    identifier: str

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a class whose identifier is none."""
        super().__init_subclass__(**options)
        if "identifier" in cls.__dict__:
            validate_extension_identifier(cls.identifier, owner=cls.__name__)

    def settings(self) -> dict[str, Any]:
        """What clients are told of it."""
        return {}

    def tools(self) -> Sequence[ToolBinding]:
        """Its tools."""
        return ()

    def resources(self) -> Sequence[ResourceBinding]:
        """Its resources."""
        return ()

    def methods(self) -> Sequence[MethodBinding]:
        """Its methods."""
        return ()

    async def intercept_tool_call(
        self, params: Any, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Answer a call of a tool, or pass it on, behind the check of scopes.

        Args:
            params: has ``name``, ``arguments``, ``meta``.
            ctx: the request.
            call_next: gives the result of the tool.
        """
        return await call_next(ctx)

    def declare(self, server: Declarations) -> None:
        """Add what it contributes to a server, as ``MCPServer(extensions=[…])`` does.

        Raises:
            DeclarationError: a contribution cannot work, or has the name of another one.
        """
        for tool in self.tools():
            server.tool(meta=tool.meta, **tool.kwargs)(tool.fn)
        for resource in self.resources():
            resource.resource.add_to(server)
        for method in self.methods():
            server.add_method(method.made())
        if type(self).intercept_tool_call is not Extension.intercept_tool_call:
            server.wrap_tools(self._around_tool)

    async def _around_tool(self, call: Call, following: Callable[[Call], Awaitable[Result]]) -> Result:
        async def call_next(ctx: ServerRequestContext[Any, Any]) -> HandlerResult:
            return await outward(following(call))

        ctx = ServerRequestContext.of(call)
        arguments = msgspec.json.decode(call.rpc.params.arguments)
        params = _ToolParams(call.rpc.params.name, arguments, ctx.meta)
        return result_of("tools/call", await inward(self.intercept_tool_call(params, ctx, call_next)))


@dataclasses.dataclass
class _ToolParams:
    """The parameters of ``tools/call``."""

    name: str
    arguments: dict[str, Any]
    meta: dict[str, Any] | None


def validate_extension_identifier(identifier: Any, *, owner: str) -> None:
    """Refuse an identifier that is none.

    Raises:
        DeclarationError: it is not in reverse DNS format.
    """
    try:
        check_identifier(identifier)
    except DeclarationError as error:
        raise DeclarationError(f"{owner}: {error}") from None


def require_client_extension(ctx: Any, identifier: str) -> None:
    """Go on only where the client has declared an extension.

    Args:
        ctx: the request, or the context of a handler.
        identifier: of the extension.

    Raises:
        MissingCapabilityError: error -32021: it has not declared it.
    """
    require_extension(ctx.client_capabilities, identifier)


class _Unread:
    """A codec that leaves parameters to the handler, which reads them from the request."""

    is_plain = True

    def schema(self) -> dict[str, Any]:
        """Nothing is known of them."""
        return {}

    def decode(self, raw: bytes | Raw) -> dict[str, Any]:
        """No argument."""
        return {}

    convert = decode

    def encode(self, value: Any) -> bytes:
        """Not used."""
        raise NotImplementedError


def _params(codec: Codec, raw: Raw) -> Any:
    try:
        return codec.decode(b"{}" if raw == Raw(b"null") else raw)
    except ValidationError as error:
        raise InvalidParamsError(f"Invalid params: {error}") from None
