"""Requests as middleware and extensions of the official SDK see them: ``ServerRequestContext``."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Raw

from lambent.errors import InvalidParamsError, ToolError
from lambent.execution.call import Call
from lambent.execution.context import Context
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.pending import Pending
from lambent.execution.rounds.questions import Question
from lambent.wire.eras import RpcRequest, meta_of
from lambent.wire.eras.modern import read_params
from lambent.wire.methods import ANY_METHOD
from lambent.wire.values import SUBSCRIPTION_ID_KEY

T = TypeVar("T")
StateT = TypeVar("StateT")
RequestT = TypeVar("RequestT")

SUBSCRIPTION_ID_META_KEY = SUBSCRIPTION_ID_KEY
"""The member of ``_meta`` that says of which subscription a notification is."""

HandlerResult = Any
"""What middleware or a method returns: a dict with the names of the wire, a model, or None."""

CallNext = Callable[["ServerRequestContext[Any, Any]"], Awaitable[HandlerResult]]
"""Passes a request on, and gives its result."""


class ServerMiddleware(Protocol[StateT]):
    """Middleware of the official SDK: a coroutine function of a request and of what passes it on."""

    async def __call__(self, ctx: ServerRequestContext[StateT, Any], call_next: CallNext) -> HandlerResult:
        """Answer the request, or pass it on with ``await call_next(ctx)``."""


@dataclasses.dataclass(kw_only=True)
class ServerRequestContext(Generic[StateT, RequestT]):
    """A request: ``call_next(dataclasses.replace(ctx, params=…))`` passes another one on.

    Attributes:
        method: the JSON-RPC method.
        params: its parameters by their names on the wire, ``_meta`` among them; None where there are none.
        request_id: the id of the JSON-RPC request.
        meta: the ``_meta`` of the request.
        protocol_version: the protocol version of the request.
        lifespan_context: what the server's ``lifespan`` gave.
        context: the context of the handler, where there is one already.
    """

    method: str
    params: Mapping[str, Any] | None
    request_id: str | int | None
    meta: dict[str, Any] | None
    protocol_version: str
    lifespan_context: StateT
    call: Call = dataclasses.field(repr=False)
    context: Any = dataclasses.field(repr=False, default=None)
    close_sse_stream: Any = dataclasses.field(repr=False, default=None)
    close_standalone_sse_stream: Any = dataclasses.field(repr=False, default=None)

    @classmethod
    def of(cls, call: Call, context: Any = None) -> ServerRequestContext[Any, Any]:
        """The request of a call, and of the context that its handler has."""
        lifespan = call.services.lifespan
        meta = meta_of(call.rpc)
        if "progressToken" in meta:
            meta["progress_token"] = meta["progressToken"]
        return ServerRequestContext(
            method=call.method,
            params=_params(call.rpc),
            request_id=call.rpc.id,
            meta=meta or None,
            protocol_version=call.rpc.era.version,
            lifespan_context={} if lifespan is None else lifespan.value,
            call=call,
            context=context,
        )

    @property
    def session(self) -> Any:
        """``ctx.session``, as handlers have it."""
        return self.handler_context.session

    @property
    def request(self) -> Any:
        """The HTTP request, as Starlette has it where it is installed; None on stdio."""
        return self.handler_context.request_context.request

    @property
    def client_capabilities(self) -> Any:
        """What the client has declared."""
        return self.call.client

    def passed_on(self) -> Call:
        """The call of this request: with another method and other parameters, where it has others.

        Raises:
            InvalidParamsError: the parameters are none of the method.
        """
        rpc = self.call.rpc
        if self.method == rpc.method and self.params == _params(rpc):
            return self.call
        raw = Raw(msgspec.json.encode(self.params or {}))
        params, raw, problem = read_params(rpc.era.methods.get(self.method, ANY_METHOD).decoder, raw)
        if problem is not None:
            raise InvalidParamsError(problem)
        rpc = msgspec.structs.replace(rpc, method=self.method, params=params, raw=raw)
        return msgspec.structs.replace(self.call, rpc=rpc)

    @property
    def handler_context(self) -> Any:
        """The context of the handler, or one like it, which cannot ask the client."""
        if self.context is None:
            make: Any = self.call.services.context or Context
            self.context = make(self.call, SilentJournal("ask in the tool, or in a resolver"))
        return self.context


class SilentJournal(Journal):
    """The journal of who cannot ask, such as middleware: nothing keeps what it was told.

    Args:
        instead: what to do to ask the client.
    """

    def __init__(self, instead: str) -> None:
        super().__init__()
        self._instead = instead

    def ask(self, question: Question[T], key: str | None = None) -> Pending[T]:
        """Say so."""
        raise ToolError(f"The client cannot be asked here: {self._instead}")


def _params(rpc: RpcRequest) -> dict[str, Any] | None:
    try:
        params: dict[str, Any] | None = msgspec.json.decode(rpc.raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise InvalidParamsError(f"Invalid params: {error}") from None
    for name in ("name", "uri", "ref"):  # a mounted server has other names than its clients know
        if params and hasattr(rpc.params, name):
            params[name] = msgspec.to_builtins(getattr(rpc.params, name))
    return params
