"""Something that a handler waits for: ``await`` it in ``async def``, ask for its ``result()`` in ``def``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T")

_ADVICE = "await it in async def, or call .result() in def"


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
        text = f"{name!r} is an attribute of the value, and this is a Pending: {_ADVICE}"
        raise AttributeError(text)

    def _refuse(self, *_: Any) -> NoReturn:
        """Refuse to be used as the value: its truth or its text would be that of any other object."""
        raise TypeError(f"A Pending is not the value itself: {_ADVICE}")

    __bool__ = __str__ = __format__ = __len__ = __contains__ = __iter__ = __getitem__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __int__ = __float__ = __index__ = _refuse
    __hash__ = object.__hash__  # so that it can be gathered

    def __eq__(self, other: object) -> bool:
        """Compare with another ``Pending`` only, as ``in`` does where several are kept in a list."""
        return self is other if isinstance(other, Pending) else self._refuse()

    def __repr__(self) -> str:
        """For debuggers and logs, which must not fail."""
        return f"<Pending: {_ADVICE}>"

    def result(self) -> T:
        """The value. In a round in which it is not known yet, the handler ends here and runs again later."""
        return self._get()

    def __await__(self) -> Generator[Any, None, T]:
        """The same, for ``await``."""
        return self._get()
        yield  # type: ignore[unreachable]  # makes this a generator, as awaiting wants one


DONE: Pending[None] = Pending(lambda: None)
"""What methods return that have nothing to wait for, so that awaiting them works too."""
