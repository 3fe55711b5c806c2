"""Something that a handler waits for: ``await`` it in ``async def``, ask for its ``result()`` in ``def``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from lambent.execution.ports import AsyncRunner

T = TypeVar("T")


class Pending(Generic[T]):
    """A value that is there when it is waited for; waiting may suspend the handler.

    Args:
        settle: gives the value, or raises.
        known: the value is there.

    Attributes:
        known: waiting for it does not suspend.
    """

    __slots__ = ("_settle", "known")

    def __init__(self, settle: Callable[[], T], *, known: bool = True) -> None:
        self._settle = settle
        self.known = known

    def result(self) -> T:
        """The value. In a round in which it is not known yet, the handler ends here and runs again later."""
        return self._settle()

    def __await__(self) -> Generator[Any, None, T]:
        """The same, for ``await``."""
        return self._settle()
        yield  # type: ignore[unreachable]  # makes this a generator, as awaiting wants one


class PendingStep(Pending[T]):
    """A step whose function is a coroutine function: it runs when it is waited for.

    Args:
        coroutine: runs the step.
        run: runs a coroutine where the handler is a plain function.
    """

    __slots__ = ("_coroutine", "_run")

    def __init__(self, coroutine: Coroutine[Any, Any, T], run: AsyncRunner) -> None:
        super().__init__(self._block)
        self._coroutine = coroutine
        self._run = run

    def _block(self) -> T:
        return self._run(self._coroutine)

    def __await__(self) -> Generator[Any, None, T]:
        """Run the step on the handler's own loop."""
        return self._coroutine.__await__()


def _nothing() -> None:
    return None


DONE: Pending[None] = Pending(_nothing)
"""What methods return that have nothing to wait for, so that awaiting them works too."""
