"""The funnel: every call enters ``Executor.execute``, whichever host or queue brought it.

It is the one place where middleware wraps a call, and the one boundary where exceptions end. A call that
is run as a task shows the same errors.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from lambent.errors import (
    Cancelled,
    InternalError,
    ItemTooLargeError,
    ProtocolError,
    Signal,
    Suspend,
    ToolError,
)
from lambent.execution.call import Call, Handler, Services
from lambent.execution.failures import is_interrupt, message_of, report
from lambent.execution.handlers import handlers_of
from lambent.execution.handlers.tools import failed
from lambent.execution.middleware import Middleware, Observer, chain, forget, in_thread, note
from lambent.features.tools import is_foreign_type
from lambent.wire.eras import RpcRequest, method_not_found
from lambent.wire.jsonrpc import RpcMessage
from lambent.wire.results import Outcome, Result


class AttemptFailed(Signal):
    """An attempt at a task failed for a reason that may pass, its cause; the worker decides what follows."""


class Executor:
    """Executes calls with what a catalog declares; the first middleware is the outermost one.

    Observers are around all of it, and find the call as it was passed on last in ``Invocation.latest``.
    ``execute`` is ``_execute`` in them, and without any the method itself.
    """

    def __init__(
        self, services: Services, middleware: Sequence[Middleware] = (), observers: Sequence[Observer] = ()
    ) -> None:
        self.services = services
        self._handlers = handlers_of(services)
        middleware = in_thread(middleware)
        if observers:
            middleware = [wrap for one in middleware for wrap in (one, note)]
            observers = [forget, *observers, note]
        if not services.is_local and (services.guard is not None or services.catalog.scopes):
            from lambent.execution.authorization import authorize  # loaded where something is protected

            middleware = [*middleware, authorize]
        self._handle = chain(middleware, self._dispatch)
        self.execute = chain(observers, self._execute)

    def _execute(self, call: Call) -> Outcome:
        """Execute a call; that its client is gone is an error with status 499.

        Raises:
            DeadlineReached: the time of a task's attempt is up.
            AttemptFailed: a task's attempt failed for a reason that may pass.
            LeaseLost: another worker has the task.
            KeyboardInterrupt: the process is told to end.
        """
        try:
            call.invocation.check()
            result = self._handle(call)
            if not isinstance(result, Result):
                raise TypeError(f"Middleware returned {type(result).__name__}, which is no result")
            return Outcome(result)
        except BaseException as error:
            if call.invocation.may_retry(error):
                raise AttemptFailed(error) from error
            if is_interrupt(error):
                raise
            return _ended(call, error)

    @functools.cached_property
    def _legacy_handlers(self) -> Mapping[str, Handler]:
        from lambent.execution.handlers.legacy import legacy_handlers  # loaded by a first legacy client

        return legacy_handlers(self._handlers)

    def _dispatch(self, call: Call) -> Any:
        handlers = self._handlers if call.handshake is None else self._legacy_handlers
        handler = handlers.get(call.rpc.method)
        if handler is None:
            raise method_not_found(call.rpc.method)
        return handler(call)


def _ended(call: Call, error: BaseException) -> Outcome:
    """The outcome of a call that has raised: the one place that decides it."""
    if is_foreign_type(type(error)):
        from lambent.features.foreign import read_error  # loaded where there is another library

        error = read_error(error)
    if isinstance(error, ProtocolError):
        return Outcome(error=error)
    if isinstance(error, ToolError):
        return shown(call.method, message_of(error))
    if isinstance(error, ItemTooLargeError):
        return Outcome(error=InternalError(message_of(error)))
    if isinstance(error, Signal) and call.invocation.has_sent(error):
        if isinstance(error, Cancelled):
            return Outcome(error=ProtocolError("The client is gone", status=499))
        if call.journal is not None and not isinstance(error, Suspend):
            raise error  # the worker decides what follows
    return failure(error, call.rpc)


def shown(method: str, text: str) -> Outcome:
    """The outcome of a failure that is explained: to the model if it called a tool, else to the client."""
    return Outcome(failed(text)) if method == "tools/call" else Outcome(error=InternalError(text))


def too_large(method: str, size: int, limit: int, *, is_in_batch: bool = False) -> Outcome:
    """The outcome of a result whose response would have more bytes than the host allows.

    ``is_in_batch``: it does so only together with the others of its batch.
    """
    instead = "return less, or a ResourceLink"
    if is_in_batch:
        text = f"The results of this batch would take more than {limit} bytes: send the request on its own"
        return shown(method, text)
    if method.endswith("/list"):
        instead = "give MCPServer a lower page_size"
    elif method == "server/discover":
        instead = "shorten the instructions"
    return shown(method, f"The result would take {size} bytes, the limit is {limit}: {instead}")


def failure(error: BaseException, request: RpcRequest | RpcMessage) -> Outcome:
    """The outcome of a failure that nobody anticipated: the log gets everything, the client a reference."""
    return Outcome(error=InternalError(f"Internal error (reference {report(error, request)})"))
