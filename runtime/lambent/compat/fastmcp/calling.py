"""Functions as the server calls them: with their dependencies, their results and their errors converted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from lambent.compat.fastmcp.current import entered
from lambent.compat.threads import on_worker_thread
from lambent.features.functions import hints_of, parameters_of, wraps_coroutine_function

if TYPE_CHECKING:
    from lambent.compat.fastmcp.dependencies import Dependency

HIDDEN = "lambent context"
"""The parameter by which a function gets the context that does not declare one; no name of Python's."""

Convert = Callable[[Any], Any]
Failed = Callable[[Exception, Any], Any]


def dependencies_of(function: Callable[..., Any]) -> dict[str, Dependency]:
    """The parameters of a function that the server fills in, by the markers that are their defaults."""
    from lambent.compat.fastmcp.dependencies import Dependency

    return {
        one.name: one.default for one in parameters_of(function, {}) if isinstance(one.default, Dependency)
    }


def without(function: Callable[..., Any], names: frozenset[str]) -> Callable[..., Any]:
    """A stand-in for a function, to read its signature from, that has fewer parameters."""
    import inspect  # loaded where parameters are left out

    signature = inspect.signature(function)
    kept = [one for one in signature.parameters.values() if one.name not in names]
    hints = hints_of(function)

    @functools.wraps(function)
    def shown(**_: Any) -> None:
        raise NotImplementedError

    del shown.__wrapped__
    shown.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    shown.__annotations__ = {name: hint for name, hint in hints.items() if name not in names}
    return shown


def prepare(
    function: Callable[..., Any],
    context_name: str | None,
    dependencies: Mapping[str, Dependency],
    timeout: float | None,
    convert: Convert,
    failed: Failed,
    *,
    in_thread: bool = True,
) -> tuple[Callable[..., Any], bool]:
    """What the server calls in place of a function, and whether that gives a coroutine.

    Args:
        function: of a tool, a resource or a prompt.
        context_name: of the parameter that takes the context; None: it has none.
        dependencies: fills in further parameters.
        timeout: seconds that the function may take.
        convert: makes the result of what it has returned.
        failed: makes a result of what it has raised, or raises something else.
        in_thread: where anyio is in use, a plain function runs on one of its worker threads.
    """
    is_async = wraps_coroutine_function(function)
    if in_thread and not is_async and timeout is None:
        function = on_worker_thread(function)

    def take(kwargs: dict[str, Any]) -> Any:
        return kwargs[context_name] if context_name is not None else kwargs.pop(HIDDEN)

    if not dependencies and timeout is None and not is_async:

        def call(**kwargs: Any) -> Any:
            context = take(kwargs)
            with entered(context):
                try:
                    value = function(**kwargs)
                    if not hasattr(type(value), "__await__"):
                        return convert(value)
                except Exception as error:
                    return failed(error, context)
            return awaited(value, context)

        async def awaited(value: Any, context: Any) -> Any:
            with entered(context):
                try:
                    return convert(await value)
                except Exception as error:
                    return failed(error, context)

        return call, False

    async def call_async(**kwargs: Any) -> Any:
        context = take(kwargs)
        with entered(context):
            try:
                async with AsyncExitStack() as stack:
                    if dependencies:
                        from lambent.compat.fastmcp.dependencies import resolve

                        kwargs |= await resolve(dependencies, stack)
                    return convert(await _within(timeout, function, kwargs))
            except Exception as error:
                return failed(error, context)

    return call_async, True


async def _within(timeout: float | None, function: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
    import asyncio

    if timeout is None:
        value = function(**kwargs)
        return await value if hasattr(type(value), "__await__") else value
    try:
        async with asyncio.timeout(timeout):
            if wraps_coroutine_function(function):
                return await function(**kwargs)
            return await asyncio.to_thread(function, **kwargs)
    except TimeoutError:
        raise TimeoutError(f"It took longer than {timeout:g} s") from None
