"""What Python knows of a function: its parameters, type hints and docstring.

A plain function is read from its code object. Methods, partial functions, callable objects and decorated
functions are read by ``inspect``, which is imported for them only, because it loads slowly.
"""

from __future__ import annotations

import functools
import sys
import types
import typing
from collections.abc import Callable
from types import FunctionType
from typing import Annotated, Any, TypeGuard

import msgspec

from lambent.errors import DeclarationError

POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = range(5)
"""Kinds of parameters: the numbers of ``inspect.Parameter.kind``."""

# Flags of code objects, as ``inspect`` documents them.
_VAR_POSITIONAL_FLAG, _VAR_KEYWORD_FLAG, _COROUTINE_FLAG = 0x04, 0x08, 0x80
_GENERATOR_FLAGS = 0x20 | 0x200


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a function.

    Attributes:
        default: ``NODEFAULT`` if it has none; a ``Field`` of pydantic if that makes it.
        kind: a constant from above.
        alias: the name that clients use, if it is another one.
    """

    name: str
    hint: Any
    default: Any
    kind: int = POSITIONAL_OR_KEYWORD
    alias: str | None = None

    @property
    def wire(self) -> str:
        """The name that clients use."""
        return self.name if self.alias is None else self.alias

    @property
    def wires(self) -> list[str]:
        """Every name that clients may use."""
        fields = filter(_is_field, getattr(self.hint, "__metadata__", ()))
        choices = [name for field in fields for name in getattr(field.validation_alias, "choices", ())]
        return [self.wire, *(name for name in choices if isinstance(name, str))]


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
    inner = _unwrapped(function)
    try:
        hints = typing.get_type_hints(inner, include_extras=True)
        signature = getattr(inner, "__signature__", getattr(function, "__signature__", None))
        if signature is not None:
            hints |= _hints_of_signature(signature, getattr(inner, "__globals__", {}))
        return hints
    except (NameError, TypeError, SyntaxError) as error:
        text = f"{name_of(function)}: a type hint cannot be resolved: {error}"
        if isinstance(error, NameError):
            text += "; where annotations are text, their classes have to be at the level of the module"
        raise DeclarationError(text) from error


def parameters_of(function: Callable[..., Any], hints: dict[str, Any]) -> list[Parameter]:
    """A function's parameters in their order, with the hints that ``hints_of`` gave for it.

    ``x: str = None`` takes None too, and ``x: int = Field(…)`` is read as ``x: Annotated[int, Field(…)]``.

    Raises:
        DeclarationError: they are not known, or a default means something in another framework only.
    """
    if _is_plain(function):
        found = _plain_parameters(function)
    else:
        import inspect

        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError) as error:  # such as one that is written in C
            raise DeclarationError(f"{name_of(function)}: its parameters are not known: {error}") from error
        empty = inspect.Parameter.empty
        found = [
            (item.name, msgspec.NODEFAULT if item.default is empty else item.default, int(item.kind))
            for item in signature.parameters.values()
        ]
    return [_parameter(name, hints.get(name, Any), default, kind) for name, default, kind in found]


def check_callable(function: Any, name: str, *, may_yield: bool = False) -> None:
    """Refuse what cannot be called with named arguments and return a value, or yield some where it may.

    Raises:
        DeclarationError: it is a method without its object, a generator function, or no function.
    """
    if isinstance(function, classmethod):
        raise DeclarationError(f"{name}: a classmethod has no class yet: register it behind the class")
    if not callable(function):
        raise DeclarationError(f"{name}: write a function; this is {function!r}")
    for inner in (_routine(function), _unwrapped(function)):
        code = getattr(inner, "__code__", None)
        if code is not None and code.co_flags & _GENERATOR_FLAGS and not may_yield:
            raise DeclarationError(
                f"{name}: it is a generator function: return a list instead of using yield"
            )
    inner = _unwrapped(function)
    if isinstance(function, FunctionType) and isinstance(inner, FunctionType):
        first = inner.__code__.co_varnames[: min(1, inner.__code__.co_argcount)]
        if first in (("self",), ("cls",)) and first[0] not in inner.__annotations__:
            raise DeclarationError(
                f"{name}: it is a method without its object: register the method of an object, as in "
                f"mcp.tool()(thing.{inner.__name__})"
            )


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
    """What runs when the function is called: the function itself, ``__call__`` or ``__init__``."""
    inner = _without_partials(function)
    if not _is_plain(inner):
        import inspect

        if not inspect.isroutine(inner):
            inner = inner.__init__ if isinstance(inner, type) else type(inner).__call__  # type: ignore[misc]
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


def _parameter(name: str, hint: Any, default: Any, kind: int) -> Parameter:
    fields = list(filter(_is_field, getattr(hint, "__metadata__", ())))
    if _is_field(default):
        hint = Annotated[hint, default]
        fields.append(default)
    elif type(default).__module__.partition(".")[0] == "fastapi":
        raise DeclarationError(f"{name}: {type(default).__name__}(…) works in FastAPI only; see Resolve")
    if fields and (default is msgspec.NODEFAULT or default is fields[-1]):
        given = next((field for field in reversed(fields) if not field.is_required()), None)
        default = msgspec.NODEFAULT if given is None else given if given.default_factory else given.default
    if default is None and not _takes_none(hint):
        base, *metadata = typing.get_args(hint) if fields else (hint,)
        hint = typing.Optional[base]  # noqa: UP045 - the hint is only known now
        hint = Annotated[(hint, *metadata)] if metadata else hint
    return Parameter(name, hint, default, kind, _alias_of(name, fields))


def _hints_of_signature(signature: Any, names: dict[str, Any]) -> dict[str, Any]:
    """The hints in a signature that replaces a function's own."""
    written = {item.name: item.annotation for item in signature.parameters.values()}
    written["return"] = signature.return_annotation
    found = {name: hint for name, hint in written.items() if hint is not signature.empty}
    holder = types.SimpleNamespace(__annotations__=found)
    return typing.get_type_hints(holder, names, include_extras=True)


def _is_field(value: Any) -> bool:
    """Whether a value is a ``Field`` of pydantic, which is imported then."""
    fields = sys.modules.get("pydantic.fields")
    return fields is not None and isinstance(value, fields.FieldInfo)


def _alias_of(name: str, fields: list[Any]) -> str | None:
    aliases = [
        field.validation_alias if field.validation_alias is not None else field.alias for field in fields
    ]
    alias = next((alias for alias in reversed(aliases) if alias is not None), None)
    choices = getattr(alias, "choices", (alias,))
    if alias is None or all(isinstance(choice, str) for choice in choices):
        return choices[0]
    raise DeclarationError(f"{name}: an alias is one name or a choice of names, not {alias!r}")


def _takes_none(hint: Any) -> bool:
    if typing.get_origin(hint) is Annotated:
        return _takes_none(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(map(_takes_none, typing.get_args(hint)))
    is_none = typing.get_origin(hint) is typing.Literal and None in typing.get_args(hint)
    return is_none or hint in (Any, None, type(None), object) or isinstance(hint, typing.TypeVar)


def _dedented(doc: str) -> str:
    """The text that ``inspect.cleandoc`` gives."""
    first, *rest = doc.expandtabs().split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join([first.lstrip(), *(line[margin:] for line in rest)]).strip("\n")
