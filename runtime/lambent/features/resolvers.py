"""Dependencies: parameters that functions of the server fill in, not the client.

``stock: Annotated[Stock, Resolve(check_stock)]`` runs ``check_stock`` before the tool. A resolver's
parameters are the tool's arguments by name, the context, or what other resolvers give; it returns a value, or
one of the markers below to have the client asked. The graph is compiled when the feature is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import Any, Generic, TypeVar, get_args, get_origin

import msgspec

from lambent.errors import DeclarationError
from lambent.features.functions import hints_of, name_of, parameters_of
from lambent.features.hints import has_mark, mark_of, mentions, walk
from lambent.wire.values import SamplingMessage

T = TypeVar("T")


class Resolve(msgspec.Struct, frozen=True):
    """Marks a parameter that a resolver fills in: a function, plain or ``async``."""

    function: Callable[..., Any]


class Elicit(msgspec.Struct, Generic[T], frozen=True):
    """A resolver's request to ask the user.

    Attributes:
        message: why it is asked, for people.
        schema: a record type with primitive fields; the parameter gets an instance of it.
    """

    message: str
    schema: type[T]


class Sample:
    """A resolver's request to ask the client's model; the parameter gets a ``SamplingResult``.

    Args:
        messages: the conversation, or what the user says in it.
        max_tokens: the longest answer wanted.
        options: the further arguments of ``Context.sample``.
    """

    def __init__(
        self, messages: str | Sequence[SamplingMessage], *, max_tokens: int = 1024, **options: Any
    ) -> None:
        self.messages = messages
        self.options = {"max_tokens": max_tokens, **options}


class ListRoots:
    """A resolver's request for the client's roots; the parameter gets a list of ``Root``."""


class Injected(msgspec.Struct, frozen=True):
    """The classes, defined by ``execution``, of the context and of what becomes of an elicitation."""

    context: type
    outcomes: tuple[type, ...] = ()


class Need(msgspec.Struct, frozen=True):
    """What a parameter takes from the resolver at a position of the plan: its value, or the whole outcome."""

    resolver: int
    outcome: bool


class Resolver(msgspec.Struct, frozen=True):
    """A resolver, the key of its question, and what fills in its parameters."""

    key: str
    function: Callable[..., Any]
    needs: Mapping[str, Need]
    arguments: Sequence[str]
    context: str | None


class Plan(msgspec.Struct, frozen=True):
    """The resolvers of a feature, each after those that it needs, and the parameters that they fill in."""

    resolvers: Sequence[Resolver]
    needs: Mapping[str, Need]


def make_plan(
    name: str, marked: Mapping[str, Any], arguments: Sequence[str], injected: Injected
) -> Plan | None:
    """Compile the dependencies of a feature from its marked parameters and the names of its arguments.

    Raises:
        DeclarationError: resolvers need each other in a circle, or have a parameter that nothing fills in.
    """
    if not marked:
        return None
    compiler = _Compiler(name, arguments, injected)
    needs = {parameter: compiler.need(hint, ()) for parameter, hint in marked.items()}
    return Plan(compiler.resolvers, needs)


class _Compiler(msgspec.Struct):
    name: str
    arguments: Sequence[str]
    injected: Injected
    positions: dict[Any, int] = {}
    resolvers: list[Resolver] = []

    def need(self, hint: Any, path: tuple[Any, ...]) -> Need:
        marker = mark_of(hint, Resolve)
        assert marker is not None  # noqa: S101 - callers pass marked hints only
        wanted = get_args(hint)[0]
        members = [get_origin(member) or member for member in (wanted, *get_args(wanted))]
        outcome = any(member in self.injected.outcomes for member in members)
        return Need(self._add(marker.function, path), outcome)

    def _add(self, function: Callable[..., Any], path: tuple[Any, ...]) -> int:
        label = name_of(function)
        identity = _identity(function)
        if identity in path:
            raise DeclarationError(f"{self.name}: the resolver {label} needs itself")
        if identity in self.positions:
            return self.positions[identity]
        needs: dict[str, Need] = {}
        arguments: list[str] = []
        context: str | None = None
        hints = hints_of(function)
        self._check_forms(label, hints.get("return"))
        for parameter in parameters_of(function, hints):
            name, hint = parameter.name, parameter.hint
            if mark_of(hint, Resolve) is not None:
                needs[name] = self.need(hint, (*path, identity))
            elif mentions(hint, self.injected.context):
                context = name
            elif name in self.arguments:
                arguments.append(name)
            elif has_mark(hint, Resolve):
                raise DeclarationError(
                    f"{self.name}: write {name!r} of {label} as Annotated[…, Resolve(…)] at the top"
                )
            elif parameter.default is msgspec.NODEFAULT:
                raise DeclarationError(
                    f"{self.name}: nothing fills in the parameter {name!r} of the resolver {label}"
                )
        taken = {resolver.key for resolver in self.resolvers}
        key, count = label, 1
        while key in taken:
            count += 1
            key = f"{label}-{count}"
        self.positions[identity] = len(self.resolvers)
        self.resolvers.append(Resolver(key, function, needs, arguments, context))
        return self.positions[identity]

    def _check_forms(self, label: str, returned: Any) -> None:
        """Refuse a question that the hint of a resolver's result names, if no client can show its form."""
        for hint in walk([returned]):
            if get_origin(hint) is Elicit and not isinstance(record := get_args(hint)[0], TypeVar):
                from lambent.features.forms import form_of  # loaded where there are forms

                try:
                    form_of(record)
                except DeclarationError as error:
                    raise DeclarationError(f"{self.name}, question of {label}: {error}") from None


def _identity(function: Callable[..., Any]) -> Any:
    """The same for every mention of a resolver. A bound method is a new object at each access."""
    bound_to = getattr(function, "__self__", None)
    return (id(bound_to), function.__name__) if isinstance(function, MethodType) else id(function)
