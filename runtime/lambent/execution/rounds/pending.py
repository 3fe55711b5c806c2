"""Something that a handler waits for: ``await`` it in ``async def``, ask for its ``result()`` in ``def``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

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
    """A step that is a coroutine: it runs when it is first waited for.

    Args:
        start: makes the coroutine that runs the step.
        run: runs that coroutine where the handler is a plain function.
    """

    __slots__ = ("_run", "_start", "_value")

    def __init__(
        self,
        start: Callable[[], Coroutine[Any, Any, T]],
        run: Callable[[Coroutine[Any, Any, T]], T],
    ) -> None:
        super().__init__(self._block)
        self._start: Callable[[], Coroutine[Any, Any, T]] | None = start
        self._run = run

    def _block(self) -> T:
        if self._start is not None:
            start, self._start = self._start, None
            self._value = self._run(start())
        return self._value

    def __await__(self) -> Generator[Any, None, T]:
        """Run the step on the handler's own loop."""
        if self._start is not None:
            start, self._start = self._start, None
            self._value = yield from start().__await__()
        return self._value


def _nothing() -> None:
    return None


DONE: Pending[None] = Pending(_nothing)
"""What methods return that have nothing to wait for, so that awaiting them works too."""
