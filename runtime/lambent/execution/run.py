"""Calling a feature's function, once a round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CoroutineType
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import SIGNALS, InvalidParamsError, Suspend, ToolError
from lambent.execution.call import Call
from lambent.execution.context import Context
from lambent.execution.replay import Replay
from lambent.execution.resolving import resolve
from lambent.execution.sealing import Binding, State, digest
from lambent.features.signature import Signature
from lambent.wire.results import InputRequiredResult
from lambent.wire.values import ToolResult

_SESSION_TRIES = 8
"""How often a handler runs when others keep changing its session: each try means that another one got on."""


Check = Callable[[Any], object]


class Target(msgspec.Struct, frozen=True):
    """What a call is aimed at: its request state belongs to it.

    Attributes:
        name: the tool's or prompt's name, or the resource's URI.
        arguments: the arguments as they came, decoded or not.
    """

    name: str
    arguments: Any


def run(
    signature: Signature, target: Target, kwargs: dict[str, Any], call: Call, check: Check | None = None
) -> Any:
    """Run a feature's function for one round.

    Args:
        signature: the function to run.
        target: what its request state is bound to.
        kwargs: the function's arguments but the context and what resolvers give.
        call: the call.
        check: raises where what the function returned cannot go out; called before a session is kept.

    Returns:
        What the function returned, or an ``InputRequiredResult`` where it waits for answers.

    Raises:
        InvalidParamsError: the request state or an answer is not valid.
    """
    asks = signature.context is not None or signature.plan is not None or signature.session is not None
    if not asks and isinstance(call.request.params.request_state, UnsetType):
        return _invoke(signature, kwargs, call, None, None)
    return Round(signature, target, call).run(kwargs, check=check)


class Round:
    """One round of a call that may ask: what came back with the request, and what goes out.

    Args:
        signature: the function to run.
        target: what its request state is bound to.
        call: the call.

    Raises:
        InvalidParamsError: the request state is not valid.
    """

    def __init__(self, signature: Signature, target: Target, call: Call) -> None:
        self._signature = signature
        self._target = target
        self._call = call
        # Before anything has taken effect: what the state is bound to must be JSON throughout.
        self._arguments = plain_arguments(target.arguments)
        params = call.request.params
        responses = {} if isinstance(params.input_responses, UnsetType) else params.input_responses
        state, first = State(), True
        if not isinstance(params.request_state, UnsetType):
            state, first = call.services.sealer.open(params.request_state, self._bind()), False
        self.replay = Replay(state, responses, first=first)

    def run(self, kwargs: dict[str, Any], limit: float | None = None, check: Check | None = None) -> Any:
        """Run the feature; see ``run``.

        Args:
            kwargs: its arguments.
            limit: seconds that it may take.
            check: see ``run``.

        Raises:
            DeadlineReached: it took longer; ``replay`` has what it had finished.
        """
        return self._sealed(run_replay(self._signature, kwargs, self._call, self.replay, limit, check))

    def gather(self, kwargs: dict[str, Any]) -> InputRequiredResult | None:
        """Run only the resolvers: the questions to ask before anything else is done, or None."""
        plan = self._signature.plan
        if plan is None:
            return None
        context = Context(self._call, self.replay)
        outcome = _until_suspended(lambda: resolve(plan, dict(kwargs), context, self._call), self.replay)
        return self._sealed(outcome) if isinstance(outcome, InputRequiredResult) else None

    def _sealed(self, outcome: Any) -> Any:
        if isinstance(outcome, InputRequiredResult):
            outcome.request_state = self._call.services.sealer.seal(self._bind(), self.replay.state)
        return outcome

    def _bind(self) -> Binding:
        principal = self._call.principal
        return Binding(
            method=self._call.method,
            target=self._target.name,
            arguments=digest(self._arguments),
            principal=principal.key if principal is not None else "",
            audience=self._call.services.sealer.audience,
        )


def plain_arguments(arguments: Any) -> Any:
    """Arguments as decoded JSON.

    Raises:
        InvalidParamsError: there is something in them that cannot be read, such as a number out of range.
    """
    if not isinstance(arguments, Raw):
        return arguments
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise InvalidParamsError(f"Invalid params: {error} - at `$.params.arguments`") from None


def run_replay(
    signature: Signature,
    kwargs: dict[str, Any],
    call: Call,
    replay: Replay,
    limit: float | None,
    check: Check | None = None,
) -> Any:
    """Run a feature with what a replay knows.

    Args:
        signature: the function to run.
        kwargs: its arguments.
        call: the call.
        replay: what is known, asked and done.
        limit: seconds that it may take.
        check: see ``run``.

    Returns:
        What the function returned, or an ``InputRequiredResult`` without a state.

    Raises:
        DeadlineReached: it took longer.
    """

    def from_the_top(loaded: dict[str, Any]) -> Any:
        context = Context(call, replay)
        given = {**kwargs, **loaded}
        if signature.plan is not None:
            given |= resolve(signature.plan, given, context, call)
        if signature.context is not None:
            given[signature.context] = context
        return _invoke(signature, given, call, limit, replay)

    param = signature.session
    if param is None:
        return _until_suspended(lambda: from_the_top({}), replay)
    from lambent.execution.sessions import sessions_of

    sessions = sessions_of(call.services)
    for _ in range(_SESSION_TRIES):
        held = sessions.load(param, kwargs[param.name], call.principal)
        loaded = {param.name: held.value}
        outcome = _until_suspended(lambda: from_the_top(loaded), replay)  # noqa: B023 - called at once
        if _comes_to_nothing(outcome):
            return outcome
        if check is not None:
            check(outcome)
        if sessions.save(held):
            return outcome
        replay.restart()
    raise ToolError("Others keep changing the same session: try again in a moment")


def _comes_to_nothing(outcome: Any) -> bool:
    """Whether an outcome leaves a session as it was: a question, or a failure that the tool spells out."""
    return isinstance(outcome, InputRequiredResult) or (isinstance(outcome, ToolResult) and outcome.is_error)


def _until_suspended(work: Callable[[], Any], replay: Replay) -> Any:
    try:
        return work()
    except Suspend:
        pass
    except BaseExceptionGroup as group:
        # A task group wraps what its tasks raise: signals count as themselves, then failures, then questions.
        signals, failures = group.split(SIGNALS)
        for signal in _leaves(signals):
            if not isinstance(signal, Suspend):
                raise signal from None
        if failures is not None:
            raise failures from None
    return InputRequiredResult(input_requests=replay.questions or UNSET)


def _leaves(group: BaseExceptionGroup[Any] | None) -> Iterator[BaseException]:
    for error in group.exceptions if group is not None else ():
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _invoke(
    signature: Signature, kwargs: dict[str, Any], call: Call, limit: float | None, replay: Replay | None
) -> Any:
    if signature.is_async or limit is None:
        result = signature.function(**kwargs)
    else:
        result = call.invocation.call(signature.function, kwargs, limit)
    # The result decides, not the signature: wrappers change what a function seems to be.
    if type(result) is not CoroutineType:
        return result
    try:
        return call.invocation.run(result if replay is None else replay.settle(result), limit)
    finally:
        result.close()  # where it never began; else it has ended
