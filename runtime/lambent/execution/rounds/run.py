"""Running a feature's function for one round: ``run`` until it ends or waits, ``invoke`` to call it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from lambent.errors import Cancelled, DeadlineReached, Signal, Suspend
from lambent.execution.call import Call
from lambent.execution.context import Context
from lambent.execution.failures import most_important
from lambent.execution.log_records import logger
from lambent.execution.rounds.pending import Pending
from lambent.features.signature import Signature
from lambent.wire.results import InputRequiredResult

if TYPE_CHECKING:
    from lambent.execution.rounds.journal import Journal

Render = Callable[[Any], Any]
"""Turns what a function returned into a result; raises where that cannot go out."""

_ASKS = "InputRequiredResult"
"""The class by its name: it may be that of another library."""

_log = logger("lambent")


def run(
    signature: Signature,
    kwargs: dict[str, Any],
    call: Call,
    journal: Journal,
    render: Render,
    limit: float | None = None,
) -> Any:
    """Run a feature's function from the top, with what its journal holds.

    Args:
        signature: of the function.
        kwargs: its arguments without the context, the session's object and what resolvers give.
        call: the call.
        journal: what is known, asked and done.
        render: makes the result; called before a session is kept.
        limit: seconds that the function may take.

    Returns:
        The result, or an ``InputRequiredResult`` without a state.

    Raises:
        DeadlineReached: it took longer; the journal has what it had finished.
    """
    run_handler = functools.partial(_run_handler, signature, call, journal, render, limit)
    if signature.session is None:
        return run_handler(kwargs)
    from lambent.execution.durable.sessions import run_with_session

    return run_with_session(signature.session, kwargs, call, journal, run_handler)


def _run_handler(
    signature: Signature,
    call: Call,
    journal: Journal,
    render: Render,
    limit: float | None,
    given: dict[str, Any],
) -> Any:
    kwargs = given
    journal.restart()  # a session has changed, or middleware runs a call a second time
    if signature.homes:
        context = _context_of(signature, call, journal)
    else:  # the usual way, without a call
        context = (call.services.context or Context)(call, journal)
    try:
        if signature.plan is not None:
            from lambent.execution.rounds.resolving import resolve  # loaded where there are resolvers

            kwargs = kwargs | resolve(signature.plan, kwargs, context, call, journal)
        if signature.context is not None:
            kwargs = {**kwargs, signature.context: context}
        value = invoke(signature, kwargs, call, journal, limit)
    except Suspend:
        pass
    else:
        if not journal.asked and not journal.suspended:
            if isinstance(value, Pending):
                raise TypeError(
                    f"{signature.name} returned a Pending: return await ..., or ... .result() in def"
                )
            if type(value).__name__ == _ASKS:
                from lambent.execution.rounds import asked_by_result  # few handlers ask by what they return

                if asked_by_result.ask(value, call, journal):
                    return _run_handler(signature, call, journal, render, limit, given)
                return _input_required(journal)
            if forgotten := journal.forgotten():
                text = "%s ended without waiting for %s: await it in async def, or call .result() in def"
                _log.warning(text, signature.name, ", ".join(forgotten))
            return render(value)
        _log.warning(
            "%s went on without the answers that it has asked for (%s): its call asks for them now; "
            "await each question in async def, or call .result() in def",
            signature.name,
            ", ".join(sorted(journal.asked)),
        )
    return _input_required(journal)


def _input_required(journal: Journal) -> InputRequiredResult:
    requests = {key: question.request for key, (_, question) in journal.asked.items()}
    return InputRequiredResult(input_requests=requests or UNSET)


def _context_of(signature: Signature, call: Call, journal: Journal) -> Context:
    if signature.homes:
        from lambent.execution.mounting import inside  # loaded where servers are mounted

        call = inside(call, signature.homes[-1])
    return (call.services.context or Context)(call, journal)


def gather(
    signature: Signature, kwargs: dict[str, Any], call: Call, journal: Journal
) -> InputRequiredResult | None:
    """Run only the resolvers: the questions to ask before anything else is done, or None."""
    if signature.plan is not None:
        from lambent.execution.rounds.resolving import resolve

        try:
            resolve(signature.plan, kwargs, _context_of(signature, call, journal), call, journal)
        except Suspend:
            return _input_required(journal)
    return None


def invoke(
    signature: Signature,
    kwargs: dict[str, Any],
    call: Call,
    journal: Journal | None = None,
    limit: float | None = None,
) -> Any:
    """Call a feature's function, and run the coroutine that it may return.

    Raises:
        RuntimeError: it has raised one of the library's signals by itself.
    """
    try:
        if limit is None or signature.is_async:
            result = signature.function(**kwargs)
        else:
            result = call.invocation.call(signature.function, kwargs, limit, journal)
        # The result decides, not the signature: wrappers change what a function seems to be.
        if type(result) is not CoroutineType:
            return result
        return call.invocation.finish(result, journal, limit, closes=True)
    except (Suspend, Cancelled, DeadlineReached) as signal:
        _check_sender(signal, call, journal)
        raise
    except BaseExceptionGroup as group:
        cause = most_important(group)
        if isinstance(cause, Signal):
            _check_sender(cause, call, journal)
        raise cause from (None if isinstance(cause, BaseExceptionGroup | Signal) else group)
    finally:
        if journal is not None:
            journal.closed = True


def _check_sender(signal: Signal, call: Call, journal: Journal | None) -> None:
    is_asking = journal is not None and journal.suspended
    if not (is_asking if isinstance(signal, Suspend) else call.invocation.has_sent(signal)):
        raise RuntimeError(f"{type(signal).__name__} was raised by the function itself") from signal
