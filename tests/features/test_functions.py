"""Functions are read as ``inspect`` reads them."""

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, Optional

import fastapi
import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, Field

from lambent.errors import DeclarationError
from lambent.features.functions import (
    Parameter,
    check_callable,
    doc_of,
    hints_of,
    is_coroutine_function,
    name_of,
    parameters_of,
    wraps_coroutine_function,
)


def nothing() -> None: ...


def defaults(a: int, b: str = "b", *, c: float, d: list[int] = []) -> None: ...  # noqa: B006


def every_kind(a: int, b: int = 1, /, c: int = 2, *rest: int, d: int, e: int = 3, **more: int) -> None:
    local = a
    print(local)  # noqa: T201 - a local variable is no parameter


def variable(*rest: int, **more: int) -> None: ...


async def coroutine(a: int) -> int:
    return a


async def generator(a: int) -> Any:
    yield a


def decorated(a: int) -> int:
    return a


@functools.wraps(coroutine)
def wrapper(*args: Any, **kwargs: Any) -> Any:
    return coroutine(*args, **kwargs)


def with_signature(**arguments: Any) -> None: ...


with_signature.__signature__ = inspect.signature(defaults)  # type: ignore[attr-defined]


class Called:
    """A class."""

    def __call__(self, a: int, b: int = 2) -> int:
        """Called."""
        return a + b

    async def method(self, a: int) -> int:
        """A method."""
        return a


FUNCTIONS = [
    nothing,
    defaults,
    every_kind,
    variable,
    coroutine,
    generator,
    decorated,
    wrapper,
    with_signature,
]
FUNCTIONS += [Called(), Called().method, functools.partial(defaults, 1), functools.partial(defaults, c=1.0)]
FUNCTIONS += [functools.partial(coroutine, 1), lambda a, b=1: a]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: type(function).__name__)
def test_parameters_are_those_of_inspect(function: Callable[..., Any]) -> None:
    empty = inspect.Parameter.empty
    assert [(item.name, item.default, item.kind) for item in parameters_of(function, hints_of(function))] == [
        (item.name, msgspec.NODEFAULT if item.default is empty else item.default, item.kind)
        for item in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: type(function).__name__)
def test_coroutine_functions_are_those_of_inspect(function: Callable[..., Any]) -> None:
    assert is_coroutine_function(function) is inspect.iscoroutinefunction(function)


def test_wrappers_of_coroutine_functions_are_known() -> None:
    assert not is_coroutine_function(wrapper)
    assert wraps_coroutine_function(wrapper)
    assert wraps_coroutine_function(functools.partial(wrapper, 1))
    assert not wraps_coroutine_function(decorated)


@pytest.mark.parametrize(
    ("function", "name", "doc"),
    [
        (nothing, "nothing", None),
        (Called(), "Called", None),
        (Called().method, "method", "A method."),
        (functools.partial(decorated, 1), "decorated", None),
    ],
)
def test_names_and_docstrings(function: Callable[..., Any], name: str, doc: str | None) -> None:
    assert (name_of(function), doc_of(function)) == (name, doc)


@hypothesis.given(st.text(alphabet=" \t\nab", max_size=60))
def test_docstrings_are_cleaned_like_inspect_does(doc: str) -> None:
    def function() -> None: ...

    function.__doc__ = doc
    assert doc_of(function) == inspect.cleandoc(doc)


# Functions that cannot be called with named arguments, or give no value


class Methods:
    def method(self, a: int) -> int:
        return a

    def of_class(cls, a: int) -> int:  # noqa: N805 - as in a metaclass
        return a

    @classmethod
    def made(cls) -> int:
        return 1


def plain_generator(a: int) -> Any:
    yield a


class Yields:
    def __call__(self) -> Any:
        yield 1

    async def many(self) -> Any:
        yield 1


def around(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@around
def yields_itself(a: int) -> Any:
    return a


@functools.wraps(decorated)
def yields_around(*args: Any) -> Any:
    yield decorated(*args)


NO_OBJECT = (
    "f: it is a method without its object: register the method of an object, as in mcp.tool()(thing.{})"
)
GENERATOR = "f: it is a generator function: return a list instead of using yield"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (Methods.method, NO_OBJECT.format("method")),
        (Methods.of_class, NO_OBJECT.format("of_class")),
        (around(Methods.method), NO_OBJECT.format("method")),
        (plain_generator, GENERATOR),
        (generator, GENERATOR),
        (around(plain_generator), GENERATOR),
        (around(around(generator)), GENERATOR),
        (yields_around, GENERATOR),
        (functools.partial(plain_generator, 1), GENERATOR),
        (functools.partial(functools.partial(generator), 1), GENERATOR),
        (Yields(), GENERATOR),
        (Yields().many, GENERATOR),
        (functools.partial(Yields()), GENERATOR),
        (5, "f: write a function; this is 5"),
        (None, "f: write a function; this is None"),
        (property(decorated), "f: write a function; this is <property object at 0x"),
        (vars(Methods)["made"], "f: a classmethod has no class yet: register it behind the class"),
    ],
)
def test_what_cannot_be_called_is_refused(function: Any, reason: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        check_callable(function, "f")
    said = str(caught.value)
    assert said.startswith(reason) if reason[-1] in "(x" else said == reason


def annotated_self(self: str) -> str:
    return self


@pytest.mark.parametrize(
    "function",
    [
        Methods().method,
        Methods.made,
        Methods().of_class,
        functools.partial(Methods.method, Methods()),
        annotated_self,
        lambda a, self: a,
        nothing,
        yields_itself,
    ],
)
def test_what_looks_like_one_and_is_none_is_taken(function: Any) -> None:
    check_callable(function, "f")


# Defaults that say more than their value


def parameter_of(function: Callable[..., Any]) -> Parameter:
    (parameter,) = parameters_of(function, hints_of(function))
    return parameter


def needed(x: int = Field()) -> None: ...
def needed_too(x: int = Field(..., ge=1)) -> None: ...
def given(x: int = Field(5)) -> None: ...
def given_in_the_hint(x: Annotated[int, Field(default=5)]) -> None: ...
def given_twice(x: Annotated[int, Field(default=5)] = 6) -> None: ...
def nullable(x: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013
def nullable_field(x: int = Field(None)) -> None: ...
def nullable_already(x: int | None = None) -> None: ...
def nullable_literal(x: Literal["a", None] = None) -> None: ...
def nullable_anyway(x: Any = None) -> None: ...
def nullable_in_annotated(x: Annotated[Optional[int], "x"] = None) -> None: ...  # noqa: UP045
def nullable_annotated(x: Annotated[int, "x"] = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013


@pytest.mark.parametrize(
    ("function", "default", "plain"),
    [
        (needed, msgspec.NODEFAULT, int),
        (needed_too, msgspec.NODEFAULT, int),
        (given, 5, int),
        (given_in_the_hint, 5, int),
        (given_twice, 6, int),
        (nullable, None, int | None),
        (nullable_field, None, int | None),
        (nullable_already, None, int | None),
        (nullable_literal, None, Literal["a", None]),
        (nullable_anyway, None, Any),
        (nullable_in_annotated, None, int | None),
        (nullable_annotated, None, int | None),
    ],
)
def test_defaults_are_read(function: Callable[..., Any], default: Any, plain: Any) -> None:
    parameter = parameter_of(function)
    assert parameter.default == default
    holder = type("Holder", (), {"__annotations__": {"x": parameter.hint}})
    assert typing.get_type_hints(holder)["x"] == plain


def made(x: list[int] = Field(default_factory=list)) -> None: ...  # noqa: B008


def test_a_field_with_a_factory_is_the_default_itself() -> None:
    assert parameter_of(made).default is made.__defaults__[0]  # type: ignore[index]


def aliased(x: int = Field(alias="X")) -> None: ...
def aliased_for_reading(x: int = Field(alias="no", validation_alias="X")) -> None: ...
def chosen(x: int = Field(validation_alias=AliasChoices("X", "y"))) -> None: ...
def aliased_in_the_hint(x: Annotated[int, Field(alias="X")]) -> None: ...
def aliased_with_a_default(x: Annotated[int, Field(alias="X")] = 5) -> None: ...
def aliased_for_writing(x: int = Field(serialization_alias="no")) -> None: ...


@pytest.mark.parametrize(
    ("function", "wire"),
    [
        (given, "x"),
        (aliased, "X"),
        (aliased_for_reading, "X"),
        (chosen, "X"),
        (aliased_in_the_hint, "X"),
        (aliased_with_a_default, "X"),
        (aliased_for_writing, "x"),
    ],
)
def test_names_that_clients_use(function: Callable[..., Any], wire: str) -> None:
    parameter = parameter_of(function)
    assert (parameter.name, parameter.wire) == ("x", wire)


def in_a_list(x: int = Field(validation_alias=AliasPath("a", 0))) -> None: ...
def only_in_lists(x: int = Field(validation_alias=AliasChoices(AliasPath("a", 0)))) -> None: ...


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (in_a_list, "AliasPath(path=['a', 0])"),
        (only_in_lists, "AliasChoices(choices=[AliasPath(path=['a', 0])])"),
    ],
)
def test_aliases_that_are_no_name_are_refused(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parameter_of(function)
    assert str(caught.value) == f"x: an alias is one name or a choice of names, not {reason}"


def depends(x: Any = fastapi.Depends(nothing)) -> None: ...  # noqa: B008
def secured(x: Any = fastapi.Security(nothing)) -> None: ...  # noqa: B008
def queried(x: int = fastapi.Query(5, ge=1)) -> None: ...
def queried_by_alias(x: int = fastapi.Query(alias="X")) -> None: ...


@pytest.mark.parametrize(("function", "kind"), [(depends, "Depends"), (secured, "Security")])
def test_defaults_of_fastapi_are_refused(function: Callable[..., Any], kind: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parameter_of(function)
    assert str(caught.value) == f"x: {kind}(…) works in FastAPI only; see Resolve"


def test_fields_of_fastapi_are_taken() -> None:
    assert (parameter_of(queried).default, parameter_of(queried).wire) == (5, "x")
    assert (parameter_of(queried_by_alias).default, parameter_of(queried_by_alias).wire) == (
        msgspec.NODEFAULT,
        "X",
    )


# Signatures that replace a function's own


def replaced(annotation: Any, returns: Any = inspect.Signature.empty) -> Callable[..., Any]:
    def function(**arguments: Any) -> None: ...

    given = [inspect.Parameter("x", inspect.Parameter.KEYWORD_ONLY, annotation=annotation)]
    function.__signature__ = inspect.Signature(given, return_annotation=returns)  # type: ignore[attr-defined]
    return function


@pytest.mark.parametrize(
    ("function", "hints"),
    [
        (replaced(int, str), {"x": int, "return": str}),
        (replaced("int", "list[Parameter]"), {"x": int, "return": list[Parameter]}),
        (replaced(Annotated[int, "x"]), {"x": Annotated[int, "x"], "return": type(None)}),
        (around(replaced("int")), {"x": int, "return": type(None)}),
    ],
)
def test_hints_of_a_signature_come_first(function: Callable[..., Any], hints: dict[str, Any]) -> None:
    found = hints_of(function)
    assert {name: found[name] for name in hints} == hints
    assert parameter_of(function).hint == hints["x"]


def test_a_hint_of_a_signature_that_cannot_be_resolved_is_refused() -> None:
    with pytest.raises(DeclarationError, match="function: a type hint cannot be resolved: name 'Nowhere'"):
        hints_of(replaced("Nowhere"))
