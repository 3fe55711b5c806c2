"""What mutations change, and what they draw their values from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from fuzz import values
from fuzz.states import IssuedStates


@dataclass(slots=True)
class RequestDraft:
    """A request that is being built.

    Attributes:
        kind: of the event.
        message: the JSON-RPC message, until there is a body.
        headers: names and values, from their stage on.
        body: what goes over the wire.
        http_method: of the request.
        event: the finished event.
    """

    kind: str
    message: Any
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | bytes = ""
    http_method: str = "POST"
    path: str = "/mcp"
    query: str = ""
    stage: str = "$default"
    event: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class MutationContext:
    """What mutations draw their values from.

    Attributes:
        random: the generator; seeded anew for each mutation.
        tokens: recent request states and task ids.
        states: what each of them holds.
        handles: of sessions of tools.
        sessions: ids of sessions of the legacy era.
    """

    random: Random
    tokens: Sequence[str]
    states: IssuedStates
    handles: Sequence[str] = ()
    sessions: Sequence[str] = ()


Mutation = Callable[[RequestDraft, MutationContext], None]


def clone(value: Any) -> Any:
    """A deep copy of a JSON value: a mutation must not change the corpus."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    return [clone(item) for item in value] if isinstance(value, list) else value


def params_of(draft: RequestDraft) -> dict[str, Any]:
    """The parameters of the message; an unattached, empty object where it has none."""
    params = draft.message.get("params") if isinstance(draft.message, dict) else None
    return params if isinstance(params, dict) else {}


def hostile_value(random: Random) -> Any:
    """A JSON value that parsers and validators often handle wrongly."""
    return clone(random.choice(values.JSON_VALUES))
