"""The call that runs: the context that functions without a context parameter find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.compat.fastmcp.context import Context

_current: ContextVar[Context] = ContextVar("lambent_compat_fastmcp")


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
