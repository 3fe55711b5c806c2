"""Failures that nobody anticipated: the log gets everything, the client a reference to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

from lambent.errors import LambentError, Signal, Suspend
from lambent.execution.log_records import logger
from lambent.wire.eras import RpcRequest
from lambent.wire.jsonrpc import RpcMessage

_log = logger("lambent")
_shown: tuple[type[BaseException], ...] = ()


def show(*kinds: type[BaseException]) -> None:
    """Let clients of this process read what exceptions of these classes say, for developers.

    The process of ``lambent dev`` calls it. No setting does, so it cannot happen in Lambda.
    """
    global _shown  # noqa: PLW0603 - of the process, as the log is
    _shown = kinds


def report(error: BaseException, request: RpcRequest | RpcMessage | None = None) -> str:
    """Log an exception with its traceback and, if it is known, the request that failed.

    Returns:
        A reference that stands in the log and may be shown to the client; see also ``show``.
    """
    reference = os.urandom(6).hex()
    what = f"{request.method} (id {request.id!r})" if request is not None else "A request"
    try:
        _log.error("%s failed, reference %s", what, reference, exc_info=error)
    except (Exception, SystemExit):  # the exception itself raises this, when it is described
        kind = type(error).__qualname__
        _log.error("%s failed, reference %s, with a %s that cannot be described", what, reference, kind)
    if isinstance(error, _shown):
        return f"{reference}, {type(error).__qualname__}: {message_of(error)}"
    return reference


def report_unavailable(cause: BaseException) -> None:
    """Log why callers cannot be identified now. The client is told only that it may try again."""
    if isinstance(cause, LambentError):  # what others say might quote credentials
        _log.warning("Callers cannot be identified: %s", cause)


def message_of(error: BaseException) -> str:
    """What an exception says; the name of its class where that fails."""
    try:
        return str(error)
    except BaseException as failed:
        if is_interrupt(failed):
            raise
        return type(error).__name__


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception means that the process is to end.

    Python interrupts the main thread only: in any other thread a handler has raised ``KeyboardInterrupt``
    itself, which is a failure like any other.
    """
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def most_important(group: BaseExceptionGroup[Any]) -> BaseException:
    """What counts of the exceptions of a task group.

    A signal that ends the run, else the failure, or all of them if there are several, else a question.
    """
    leaves = list(_leaves(group))
    failures = [error for error in leaves if not isinstance(error, Signal)]
    for error in leaves:
        if isinstance(error, KeyboardInterrupt) or (
            isinstance(error, Signal) and not isinstance(error, Suspend)
        ):
            return error
    if len(failures) == 1:
        return failures[0]
    return group if failures else Suspend()


def _leaves(group: BaseExceptionGroup[Any]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
