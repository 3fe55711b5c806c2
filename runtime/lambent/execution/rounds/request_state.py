"""Journals that travel in the request state: opened when a call begins, sealed when it asks."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from msgspec import Raw, UnsetType

from lambent.auth.principal import key_of
from lambent.errors import InvalidParamsError
from lambent.execution.call import Call
from lambent.execution.rounds.digests import decode_exactly, digest, to_base64url
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.run import Render, invoke, run
from lambent.execution.rounds.sealing import Binding
from lambent.features.signature import Signature
from lambent.wire.results import InputRequiredResult


def open_journal(call: Call) -> Journal:
    """The journal of a call, from its request state and the answers that came with it.

    Raises:
        InvalidParamsError: the request state is not valid, or the call is another one's.
    """
    journal = _read_journal(call)
    if (trail := call.invocation.trail) is not None:
        trail.follow(journal, is_retry=call.resumed is not None or call.rpc.params.has_retry)
    return journal


def _read_journal(call: Call) -> Journal:
    if call.resumed is not None:
        if call.resumed.principal != key_of(call.principal):
            call.resumed.is_foreign = True
            raise InvalidParamsError("Unknown Last-Event-ID: send the request again")
        return Journal(call.resumed.state, call.resumed.responses)
    params = call.rpc.params
    responses = {} if isinstance(params.input_responses, UnsetType) else params.input_responses
    if isinstance(params.request_state, UnsetType):
        return Journal(responses=responses)
    state = call.services.sealer.open(params.request_state, _binding(call))
    return Journal(state, responses)


def seal_journal(result: Any, journal: Journal, call: Call, *, single_use: bool = False) -> Any:
    """Give a result that asks for input its request state; any other result is left as it is.

    With ``single_use`` the state names the call's flow, so that its rounds complete the call only once.
    """
    if isinstance(result, InputRequiredResult):
        if call.handshake is not None:
            from lambent.execution.durable.resumption import suspend  # loaded by a first legacy client

            return suspend(result, journal, call)
        if single_use and not journal.flow:
            journal.flow = to_base64url(os.urandom(18))
        try:
            result.request_state = call.services.sealer.seal(_binding(call), journal.state)
        except BaseException:
            if journal.abandon is not None:
                journal.abandon()
            raise
    return result


def run_sealed(signature: Signature, kwargs: dict[str, Any], call: Call, render: Render) -> Any:
    """Run a feature whose journal, if it needs one, travels in the request state; see ``run``.

    Raises:
        InvalidParamsError: the request state or an answer is not valid.
    """
    if not signature.needs_journal and isinstance(call.rpc.params.request_state, UnsetType):
        return render(invoke(signature, kwargs, call))
    journal = open_journal(call)
    return seal_journal(run(signature, kwargs, call, journal, render), journal, call)


def _binding(call: Call) -> Binding:
    arguments = getattr(call.rpc.params, "arguments", {})
    return Binding(
        method=call.method,
        target=call.name or "",
        arguments=digest(plain_arguments(arguments)),
        principal=key_of(call.principal),
        audience=call.services.audience,
    )


def plain_arguments(arguments: Any) -> Any:
    """Arguments as decoded JSON; see ``decode_exactly``.

    Raises:
        InvalidParamsError: they cannot be read, for example because a number is out of range.
    """
    if not isinstance(arguments, Raw):
        return arguments
    try:
        return decode_exactly(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise InvalidParamsError(f"Invalid params: {error} - at `$.params.arguments`") from None
