"""The call that runs: the context that functions find without a parameter, and what its tools raise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.compat.fastmcp.context import Context

_current: ContextVar[Context] = ContextVar("lambent_compat_fastmcp")
_failures: ContextVar[list[Exception] | None] = ContextVar("lambent_compat_fastmcp_failures", default=None)


@contextmanager
def entered(context: Context) -> Iterator[None]:
    """Make a context the one that is found."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def get_context() -> Context:
    """The context of the call that runs.

    Raises:
        RuntimeError: none runs here.
    """
    context = find_context()
    if context is None:
        raise RuntimeError("No call runs here: get_context() works within tools, resources and prompts")
    return context


def find_context() -> Context | None:
    """The context of the call that runs; None where none does."""
    return _current.get(None)


@contextmanager
def collected() -> Iterator[list[Exception]]:
    """Collect what tools raise meanwhile: clients get results of it, which say less."""
    failures: list[Exception] = []
    token = _failures.set(failures)
    try:
        yield failures
    finally:
        _failures.reset(token)


def note_failure(error: Exception) -> None:
    """Let middleware see what a tool has raised."""
    failures = _failures.get()
    if failures is not None:
        failures.append(error)
