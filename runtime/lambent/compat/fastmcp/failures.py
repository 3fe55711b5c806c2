"""What tools raise, for middleware: clients get results of it, which say less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_failures: ContextVar[list[Exception] | None] = ContextVar("lambent_compat_fastmcp_failures", default=None)


@contextmanager
def collected() -> Iterator[list[Exception]]:
    """Collect what tools raise meanwhile."""
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
