"""Calling a feature's function, once a round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import Cancelled, Suspend
from lambent.execution.call import Call
from lambent.execution.context import Context
from lambent.execution.replay import Replay
from lambent.execution.resolving import resolve
from lambent.execution.sealing import Binding, Sealer, State, digest
from lambent.features.resolvers import Plan
from lambent.wire.results import InputRequiredResult


class Runnable(Protocol):
    """A feature with a function to call."""

    @property
    def function(self) -> Callable[..., Any]:
        """What to call."""

    @property
    def context(self) -> str | None:
        """The name of the parameter that takes the context, if any."""

    @property
    def is_async(self) -> bool:
        """It is a coroutine function."""

    @property
    def plan(self) -> Plan | None:
        """Its dependencies, if any."""


class Target(msgspec.Struct, frozen=True):
    """What a call is aimed at: its request state belongs to it.

    Attributes:
        name: the tool's or prompt's name, or the resource's URI.
        arguments: the arguments as they came, decoded or not.
    """

    name: str
    arguments: Any


def run(feature: Runnable, target: Target, kwargs: dict[str, Any], call: Call) -> Any:
    """Run a feature's function for one round.

    Args:
        feature: what to run.
        target: what its request state is bound to.
        kwargs: the function's arguments but the context.
        call: the call.

    Returns:
        What the function returned, or an ``InputRequiredResult`` where it waits for answers.

    Raises:
        InvalidParamsError: the request state or an answer is not valid.
    """
    asks = feature.context is not None or feature.plan is not None
    if not asks and isinstance(call.request.params.request_state, UnsetType):
        return _invoke(feature, kwargs, call)
    sealer = call.services.sealer

    def bind() -> Binding:
        arguments = target.arguments
        return Binding(
            method=call.method,
            target=target.name,
            arguments=digest(msgspec.json.decode(arguments) if isinstance(arguments, Raw) else arguments),
            principal=call.principal.key if call.principal is not None else "",
            audience=sealer.audience,
        )

    replay = _replay(call, sealer, bind)
    context = Context(call, replay)
    try:
        if feature.plan is not None:
            kwargs |= resolve(feature.plan, kwargs, context, call)
        if feature.context is not None:
            kwargs[feature.context] = context
        return _invoke(feature, kwargs, call)
    except Suspend:
        pass
    except BaseExceptionGroup as group:
        # A task group wraps what its tasks raise; anything besides suspensions is a failure like any other.
        if group.subgroup(Cancelled) is not None:
            raise Cancelled from None
        _, failures = group.split(Suspend)
        if failures is not None:
            raise failures from None
    return InputRequiredResult(
        input_requests=replay.questions or UNSET, request_state=sealer.seal(bind(), replay.state)
    )


def _invoke(feature: Runnable, kwargs: dict[str, Any], call: Call) -> Any:
    if feature.is_async:
        return call.invocation.run(feature.function(**kwargs))
    return feature.function(**kwargs)


def _replay(call: Call, sealer: Sealer, bind: Callable[[], Binding]) -> Replay:
    params = call.request.params
    responses = {} if isinstance(params.input_responses, UnsetType) else params.input_responses
    if isinstance(params.request_state, UnsetType):
        return Replay(State(), responses, first=True)
    return Replay(sealer.open(params.request_state, bind()), responses, first=False)
