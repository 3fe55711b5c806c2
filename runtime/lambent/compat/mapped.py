"""Something that a handler waits for, converted when it is there."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from lambent.execution.rounds.pending import Pending


class Mapped(Pending[Any]):
    """What becomes of a value that is waited for, and of an error in its place.

    Args:
        pending: what is waited for.
        convert: makes the value of it.
        convert_error: makes the error of its own; default: it stays.
    """

    __slots__ = ("_convert", "_convert_error", "_pending")

    def __init__(
        self,
        pending: Pending[Any],
        convert: Callable[[Any], Any],
        convert_error: Callable[[Exception], Exception] | None = None,
    ) -> None:
        super().__init__(self._result, known=pending.known)
        self._pending = pending
        self._convert = convert
        self._convert_error = convert_error

    def __await__(self) -> Generator[Any, None, Any]:
        """See ``Pending``."""
        try:
            value = yield from self._pending.__await__()
        except Exception as error:
            raise self._error(error) from error
        return self._convert(value)

    def _result(self) -> Any:
        try:
            value = self._pending.result()
        except Exception as error:
            raise self._error(error) from error
        return self._convert(value)

    def _error(self, error: Exception) -> Exception:
        return error if self._convert_error is None else self._convert_error(error)
