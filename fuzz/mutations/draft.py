"""What mutations work on, where they take chance from, and how they are registered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from fuzz import oddities
from fuzz.states import Issued


@dataclass(slots=True)
class Draft:
    """A request in the making.

    Attributes:
        kind: of the event.
        message: the JSON-RPC message, until there is a body.
        headers: names and values, from their stage on.
        body: what goes over the wire.
        http_method: of the request.
        event: the finished event.
        applied: the names of the mutations so far.
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
    applied: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """Where mutations take chance, states and strings from.

    Attributes:
        random: chance.
        tokens: states that are around, recent ones only.
        states: what each of them holds.
        handles: of sessions.
    """

    random: Random
    tokens: Sequence[str]
    states: Mapping[str, Issued]
    handles: Sequence[str] = ()


Mutation = Callable[[Draft, Source], None]


def into(stage: dict[str, Mutation], name: str) -> Callable[[Mutation], Mutation]:
    """Register a mutation in a stage, under a name."""

    def register(mutation: Mutation) -> Mutation:
        stage[name] = mutation
        return mutation

    return register


def clone(value: Any) -> Any:
    """A copy that shares nothing: what is spoilt once is not to be spoilt for good."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    return [clone(item) for item in value] if isinstance(value, list) else value


def params_of(draft: Draft) -> dict[str, Any]:
    """The parameters of the message; of no use to change where it has none any more."""
    params = draft.message.get("params") if isinstance(draft.message, dict) else None
    return params if isinstance(params, dict) else {}


def odd_value(random: Random) -> Any:
    """A value that hardly anything expects."""
    return clone(random.choice(oddities.ODD))
