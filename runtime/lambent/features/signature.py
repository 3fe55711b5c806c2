"""What a function's signature and docstring say: read once, when it is registered."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.codecs import Field
from lambent.features.resolvers import Plan, hides_resolve, make_plan, resolve_of
from lambent.features.sessions import SessionParam, handle_field, hides_session, session_param


class Signature(msgspec.Struct, frozen=True):
    """A function as a feature sees it.

    Attributes:
        name: the function's name.
        doc: its docstring, dedented, or None.
        fields: the parameters that the client fills in.
        context: the name of the parameter that takes the context, if any.
        catches_all: it takes every argument there is, as ``**arguments``.
        session: the parameter that takes a session's object, if any.
        plan: what its resolvers are and what they fill in, if any.
        returns: the hint of its result, or ``inspect.Signature.empty``.
        is_async: calling it gives an awaitable.
    """

    name: str
    doc: str | None
    fields: list[Field]
    context: str | None
    catches_all: bool
    session: SessionParam | None
    plan: Plan | None
    returns: Any
    is_async: bool


class Injected(msgspec.Struct, frozen=True):
    """The types that mark what a running call provides; execution defines them, features only know them.

    Attributes:
        context: parameters annotated with this class take the context.
        outcomes: parameters annotated with one of these take an elicitation's whole outcome.
    """

    context: type
    outcomes: tuple[type, ...] = ()


def read_signature(function: Callable[..., Any], injected: Injected) -> Signature:
    """Read a function's signature.

    Args:
        function: a function, a method or a callable object.
        injected: which hints ask for what only a running call has.

    Raises:
        DeclarationError: a hint cannot be resolved, a parameter is positional-only or ``*args``, or the
            resolvers cannot work.
    """
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    name = getattr(inner, "__name__", type(inner).__name__)
    hints = _hints(inner, name)
    fields: list[Field] = []
    resolved: dict[str, Any] = {}
    session: SessionParam | None = None
    context: str | None = None
    catches_all = False
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name, Any)
        if resolve_of(hint) is None and hides_resolve(hint):
            raise DeclarationError(f"{name}: write {parameter.name!r} as Annotated[…, Resolve(…)] at the top")
        if hides_session(hint):
            raise DeclarationError(f"{name}: write {parameter.name!r} as Session[…], with nothing around it")
        if resolve_of(hint) is not None:
            resolved[parameter.name] = hint
        elif (param := session_param(parameter.name, hint)) is not None:
            if session is not None:
                raise DeclarationError(f"{name}: a call changes one session; put what belongs together in it")
            session = param
            fields.append(handle_field(param))
        elif _is_context(hint, injected.context):
            if context is not None:
                raise DeclarationError(f"{name}: only one parameter can take the context")
            context = parameter.name
        elif parameter.kind is parameter.VAR_KEYWORD:
            catches_all = True
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            raise DeclarationError(
                f"{name}: parameter {parameter.name!r} must be one that can be named in a call"
            )
        else:
            default = msgspec.NODEFAULT if parameter.default is parameter.empty else parameter.default
            fields.append(Field(parameter.name, hint, default))
    return Signature(
        name=name,
        doc=inspect.getdoc(inner) if inspect.isroutine(inner) else None,
        fields=fields,
        context=context,
        catches_all=catches_all,
        session=session,
        plan=make_plan(
            name,
            resolved,
            [field.name for field in fields],
            lambda hint: _is_context(hint, injected.context),
            injected.outcomes,
        ),
        returns=hints.get("return", inspect.Signature.empty),
        is_async=is_coroutine_function(inner),
    )


def describe(hint: Any) -> str | None:
    """The description that ``Annotated`` gives a parameter, in any of the usual spellings."""
    if typing.get_origin(hint) is Annotated:
        for item in hint.__metadata__:
            text = item if isinstance(item, str) else getattr(item, "description", None)
            text = text or getattr(item, "documentation", None)
            if isinstance(text, str):
                return text
    return None


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calling a function gives a coroutine, as far as its wrappers tell."""
    while isinstance(function, functools.partial):
        function = function.func
    outer = _call_of(function)
    return inspect.iscoroutinefunction(outer) or inspect.iscoroutinefunction(inspect.unwrap(outer))


def _call_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return function if inspect.isroutine(function) else type(function).__call__


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(_call_of(function)), include_extras=True)
    except (NameError, TypeError) as error:
        raise DeclarationError(f"{name}: a type hint cannot be resolved: {error}") from error


def _is_context(hint: Any, context_type: type) -> bool:
    candidates = typing.get_args(hint) if typing.get_origin(hint) is not Annotated else (hint.__origin__,)
    return any(
        isinstance(candidate, type) and issubclass(candidate, context_type)
        for candidate in (hint, *candidates)
    )
