"""What Python knows of a function: its parameters, type hints and docstring.

A plain function is read from its code object. Methods, partial functions, callable objects and decorated
functions are read by ``inspect``, which is imported for them only, because it loads slowly.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeGuard

import msgspec

from lambent.errors import DeclarationError

POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = range(5)
"""Kinds of parameters: the numbers of ``inspect.Parameter.kind``."""

# Flags of code objects, as ``inspect`` documents them.
_VAR_POSITIONAL_FLAG, _VAR_KEYWORD_FLAG, _COROUTINE_FLAG = 0x04, 0x08, 0x80


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a function; its default may be ``NODEFAULT``, its kind is a constant from above."""

    name: str
    hint: Any
    default: Any
    kind: int = POSITIONAL_OR_KEYWORD


def name_of(function: Callable[..., Any]) -> str:
    """A function's name; of a callable object, its class's."""
    inner = _without_partials(function)
    return str(getattr(inner, "__name__", type(inner).__name__))


def doc_of(function: Callable[..., Any]) -> str | None:
    """A function's docstring without its indentation; None where there is none."""
    inner = _without_partials(function)
    if _is_plain(inner):
        return None if inner.__doc__ is None else _dedented(inner.__doc__)
    import inspect

    return inspect.getdoc(inner) if inspect.isroutine(inner) else None


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The type hints of a function's parameters by name, and that of its result as ``return``.

    Raises:
        DeclarationError: a hint cannot be resolved.
    """
    try:
        return typing.get_type_hints(_unwrapped(function), include_extras=True)
    except (NameError, TypeError) as error:
        raise DeclarationError(f"{name_of(function)}: a type hint cannot be resolved: {error}") from error


def parameters_of(function: Callable[..., Any], hints: dict[str, Any]) -> list[Parameter]:
    """A function's parameters in their order, with the hints that ``hints_of`` gave for it."""
    if _is_plain(function):
        found = _plain_parameters(function)
    else:
        import inspect

        empty = inspect.Parameter.empty
        found = [
            (item.name, msgspec.NODEFAULT if item.default is empty else item.default, int(item.kind))
            for item in inspect.signature(function).parameters.values()
        ]
    return [Parameter(name, hints.get(name, Any), default, kind) for name, default, kind in found]


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calling a function gives a coroutine, as ``inspect.iscoroutinefunction`` says."""
    if _is_plain(function):
        return bool(function.__code__.co_flags & _COROUTINE_FLAG)
    import inspect

    return inspect.iscoroutinefunction(function)


def wraps_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calling a function gives a coroutine, as far as its wrappers tell."""
    return any(is_coroutine_function(inner) for inner in (_routine(function), _unwrapped(function)))


def _is_plain(function: Any) -> TypeGuard[FunctionType]:
    # Attributes such as ``__wrapped__`` and ``__signature__`` change what ``inspect`` says of a function.
    return type(function) is FunctionType and not function.__dict__


def _without_partials(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _routine(function: Callable[..., Any]) -> Callable[..., Any]:
    """What runs when the function is called: the function itself, or a callable object's ``__call__``."""
    inner = _without_partials(function)
    if not _is_plain(inner):
        import inspect

        if not inspect.isroutine(inner):
            inner = type(inner).__call__
    return inner


def _unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a function's decorators wrap."""
    routine = _routine(function)
    if not _is_plain(routine):
        import inspect

        routine = inspect.unwrap(routine)
    return routine


def _plain_parameters(function: FunctionType) -> list[tuple[str, Any, int]]:
    code = function.__code__
    count, named = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    positional, variable = code.co_varnames[:count], iter(code.co_varnames[named:])
    kinds = dict.fromkeys(positional, POSITIONAL_OR_KEYWORD)
    kinds |= dict.fromkeys(positional[: code.co_posonlyargcount], POSITIONAL_ONLY)
    if code.co_flags & _VAR_POSITIONAL_FLAG:
        kinds[next(variable)] = VAR_POSITIONAL
    kinds |= dict.fromkeys(code.co_varnames[count:named], KEYWORD_ONLY)
    if code.co_flags & _VAR_KEYWORD_FLAG:
        kinds[next(variable)] = VAR_KEYWORD
    defaults = dict(zip(reversed(positional), reversed(function.__defaults__ or ()), strict=False))
    defaults |= function.__kwdefaults__ or {}
    return [(name, defaults.get(name, msgspec.NODEFAULT), kind) for name, kind in kinds.items()]


def _dedented(doc: str) -> str:
    """The text that ``inspect.cleandoc`` gives."""
    first, *rest = doc.expandtabs().split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join([first.lstrip(), *(line[margin:] for line in rest)]).strip("\n")
