"""Functions are read as ``inspect`` reads them."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.features.functions import (
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


@given(st.text(alphabet=" \t\nab", max_size=60))
def test_docstrings_are_cleaned_like_inspect_does(doc: str) -> None:
    def function() -> None: ...

    function.__doc__ = doc
    assert doc_of(function) == inspect.cleandoc(doc)
