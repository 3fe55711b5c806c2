"""Dependencies: parameters that the server's own functions fill in, never the client.

``stock: Annotated[Stock, Resolve(check_stock)]`` runs ``check_stock`` before the tool. A resolver's
parameters are the tool's arguments by name, the context, or what other resolvers give; it returns a value, or
one of the markers below to have the client asked. The graph is compiled when the feature is registered.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

import msgspec

from lambent.errors import DeclarationError
from lambent.wire.values import SamplingMessage

T = TypeVar("T")


class Resolve(msgspec.Struct, frozen=True):
    """Marks a parameter that a resolver fills in.

    Attributes:
        function: the resolver, plain or ``async``.
    """

    function: Callable[..., Any]


class Elicit(Generic[T]):
    """A resolver's request to ask the user.

    Args:
        message: why it is asked, for people.
        schema: a record type with primitive fields; the parameter gets an instance of it.
    """

    def __init__(self, message: str, schema: type[T]) -> None:
        self.message = message
        self.schema = schema


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


class Need(msgspec.Struct, frozen=True):
    """What one parameter takes from a resolver.

    Attributes:
        resolver: the resolver's position in the plan.
        outcome: it wants the whole ``ElicitationResult``, declined and cancelled ones included.
    """

    resolver: int
    outcome: bool


class Resolver(msgspec.Struct, frozen=True):
    """One resolver of a plan.

    Attributes:
        key: names its question.
        function: what runs.
        needs: parameters that other resolvers fill in.
        arguments: parameters that are arguments of the feature.
        context: the parameter that takes the context, if any.
    """

    key: str
    function: Callable[..., Any]
    needs: Mapping[str, Need]
    arguments: Sequence[str]
    context: str | None


class Plan(msgspec.Struct, frozen=True):
    """The resolvers of a feature, each behind those that it needs.

    Attributes:
        resolvers: in the order in which they run.
        needs: the feature's own parameters that resolvers fill in.
    """

    resolvers: Sequence[Resolver]
    needs: Mapping[str, Need]


def resolve_of(hint: Any) -> Resolve | None:
    """The marker of a parameter, if it has one."""
    if get_origin(hint) is not Annotated:
        return None
    return next((item for item in hint.__metadata__ if isinstance(item, Resolve)), None)


def hides_resolve(hint: Any) -> bool:
    """Whether there is a marker inside of another type, such as a union, where nobody would look for it."""
    return resolve_of(hint) is not None or any(hides_resolve(arg) for arg in get_args(hint))


def make_plan(
    name: str,
    marked: Mapping[str, Any],
    arguments: Sequence[str],
    is_context: Callable[[Any], bool],
    outcomes: tuple[type, ...],
) -> Plan | None:
    """Compile the dependencies of a feature.

    Args:
        name: the feature, for errors.
        marked: the hints of its parameters that carry ``Resolve``.
        arguments: the names of its arguments.
        is_context: whether a hint asks for the context.
        outcomes: the classes that an elicitation's outcome may have.

    Raises:
        DeclarationError: resolvers need each other in a circle, or have a parameter that nothing fills in.
    """
    if not marked:
        return None
    compiler = _Compiler(name, set(arguments), is_context, outcomes)
    needs = {parameter: compiler.need(hint, ()) for parameter, hint in marked.items()}
    return Plan(compiler.resolvers, needs)


class _Compiler:
    def __init__(
        self,
        name: str,
        arguments: set[str],
        is_context: Callable[[Any], bool],
        outcomes: tuple[type, ...],
    ) -> None:
        self._name = name
        self._arguments = arguments
        self._is_context = is_context
        self._outcomes = outcomes
        self._positions: dict[Any, int] = {}
        self._keys: set[str] = set()
        self.resolvers: list[Resolver] = []

    def need(self, hint: Any, path: tuple[Any, ...]) -> Need:
        marker = resolve_of(hint)
        assert marker is not None  # noqa: S101 - callers pass marked hints only
        wanted = get_args(hint)[0]
        members = get_args(wanted) if get_origin(wanted) is not None else ()
        outcome = any(_class_of(member) in self._outcomes for member in (wanted, *members))
        return Need(self._add(marker.function, path), outcome)

    def _add(self, function: Callable[..., Any], path: tuple[Any, ...]) -> int:
        label = getattr(function, "__name__", type(function).__name__)
        identity = _identity(function)
        if identity in path:
            raise DeclarationError(f"{self._name}: the resolver {label} needs itself")
        if identity in self._positions:
            return self._positions[identity]
        needs: dict[str, Need] = {}
        arguments: list[str] = []
        context: str | None = None
        for parameter, hint, optional in _parameters(function):
            if resolve_of(hint) is not None:
                needs[parameter] = self.need(hint, (*path, identity))
            elif self._is_context(hint):
                context = parameter
            elif parameter in self._arguments:
                arguments.append(parameter)
            elif hides_resolve(hint):
                raise DeclarationError(
                    f"{self._name}: write {parameter!r} of {label} as Annotated[…, Resolve(…)] at the top"
                )
            elif not optional:
                raise DeclarationError(
                    f"{self._name}: nothing fills in the parameter {parameter!r} of the resolver {label}"
                )
        self.resolvers.append(Resolver(self._key(label), function, needs, arguments, context))
        self._positions[identity] = len(self.resolvers) - 1
        return self._positions[identity]

    def _key(self, label: str) -> str:
        key, count = label, 1
        while key in self._keys:
            count += 1
            key = f"{label}-{count}"
        self._keys.add(key)
        return key


def _identity(function: Callable[..., Any]) -> Any:
    """What makes two mentions of a resolver the same one: bound methods are made anew at each."""
    bound_to = getattr(function, "__self__", None)
    return (id(bound_to), function.__name__) if inspect.ismethod(function) else id(function)


def _class_of(hint: Any) -> Any:
    return get_origin(hint) or hint


def _parameters(function: Callable[..., Any]) -> list[tuple[str, Any, bool]]:
    routine = function if inspect.isroutine(function) else type(function).__call__
    try:
        hints = typing.get_type_hints(inspect.unwrap(routine), include_extras=True)
    except (NameError, TypeError) as error:
        raise DeclarationError(f"{routine.__qualname__}: a type hint cannot be resolved: {error}") from error
    return [
        (parameter.name, hints.get(parameter.name, Any), parameter.default is not parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
    ]
