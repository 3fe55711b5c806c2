"""Running a feature's resolvers, once a round, and asking what they want asked."""

from __future__ import annotations

from types import CoroutineType
from typing import Any

from lambent.errors import Suspend, ToolError
from lambent.execution.call import Call
from lambent.execution.context import Context
from lambent.execution.failures import most_important
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.pending import Pending
from lambent.execution.rounds.questions import AcceptedElicitation, CancelledElicitation, DeclinedElicitation
from lambent.features.resolvers import Elicit, ListRoots, Need, Plan, Resolver, Sample

_UNKNOWN = object()
_OUTCOMES = (AcceptedElicitation, DeclinedElicitation, CancelledElicitation)


def resolve(
    plan: Plan, arguments: dict[str, Any], context: Context, call: Call, journal: Journal
) -> dict[str, Any]:
    """Fill in the parameters that resolvers give.

    A resolver that needs an answer which is not there yet is left for a later round. The others run, so that
    independent questions go out together.

    Raises:
        Suspend: some answers are not there yet.
        ToolError: the user declined or dismissed a question that the feature needs an answer to.
    """
    values: list[Any] = []
    for resolver in plan.resolvers:
        if any(values[need.resolver] is _UNKNOWN for need in resolver.needs.values()):
            values.append(_UNKNOWN)
            continue
        asked = len(journal.asked)
        try:
            kwargs = {name: _take(name, need, values) for name, need in resolver.needs.items()}
            kwargs |= {name: arguments[name] for name in resolver.arguments}
            if resolver.context is not None:
                kwargs[resolver.context] = context
            result = resolver.function(**kwargs)
            if isinstance(result, CoroutineType):
                result = call.invocation.finish(result, journal)
            value = _value(result, resolver, context)
        except Suspend:
            if not journal.suspended:
                raise RuntimeError(f"Suspend was raised by the resolver {resolver.key} itself") from None
            value = _UNKNOWN
        except BaseExceptionGroup as group:
            if not isinstance(cause := most_important(group), Suspend):
                raise cause from group
            value = _UNKNOWN
        # It may have asked through the context: the other resolvers need not wait for that answer.
        journal.suspended = False
        values.append(value if len(journal.asked) == asked else _UNKNOWN)
    known = {name: need for name, need in plan.needs.items() if values[need.resolver] is not _UNKNOWN}
    given = {name: _take(name, need, values) for name, need in known.items()}
    if any(value is _UNKNOWN for value in values):  # but a no ends the call, whatever else is open
        raise Suspend
    return given


def _value(result: Any, resolver: Resolver, context: Context) -> Any:
    """A resolver's value: what it returned, or the answer to what it wants asked."""
    pending: Pending[Any]
    if isinstance(result, Elicit):
        pending = context.elicit(result.message, result.schema, key=resolver.key)
    elif isinstance(result, Sample):
        pending = context.sample(result.messages, **result.options, key=resolver.key)
    elif isinstance(result, ListRoots):
        pending = context.list_roots(key=resolver.key)
    else:
        return result
    return pending.result() if pending.known else _UNKNOWN


def _take(name: str, need: Need, values: list[Any]) -> Any:
    value = values[need.resolver]
    if not isinstance(value, _OUTCOMES):
        return AcceptedElicitation(value) if need.outcome else value
    if need.outcome:
        return value
    if isinstance(value, AcceptedElicitation):
        return value.data
    verb = "declined" if isinstance(value, DeclinedElicitation) else "dismissed"
    raise ToolError(f"The user {verb} the question about {name!r}, which this needs an answer to")
