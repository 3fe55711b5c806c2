"""Something that a handler waits for: ``await`` it in ``async def``, ask for its ``result()`` in ``def``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Pending(Generic[T]):
    """A value that is there when it is waited for; waiting may suspend the handler.

    Args:
        get: gives the value, or raises.
        known: the value is there, so waiting for it does not suspend.
    """

    __slots__ = ("_get", "known")

    def __init__(self, get: Callable[[], T], *, known: bool = True) -> None:
        self._get = get
        self.known = known

    def __getattr__(self, name: str) -> Any:
        """Say what is missing where the value's own attributes are read."""
        text = "of the value, which is not waited for: write await in async def, .result() in def"
        raise AttributeError(f"{name!r} is {text}")

    def result(self) -> T:
        """The value. In a round in which it is not known yet, the handler ends here and runs again later."""
        return self._get()

    def __await__(self) -> Generator[Any, None, T]:
        """The same, for ``await``."""
        return self._get()
        yield  # type: ignore[unreachable]  # makes this a generator, as awaiting wants one


DONE: Pending[None] = Pending(lambda: None)
"""What methods return that have nothing to wait for, so that awaiting them works too."""
