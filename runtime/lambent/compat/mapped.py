"""Something that a handler waits for, converted when it is there."""

from __future__ import annotations

from typing import Any

from lambent.execution.rounds.pending import Pending


class Mapped(Pending[Any]):
    """What becomes of a value that is waited for."""

    __slots__ = ("_convert", "_pending")

    def __init__(self, pending: Pending[Any], convert: Any) -> None:
        super().__init__(lambda: convert(pending.result()), known=pending.known)
        self._pending = pending
        self._convert = convert

    def __await__(self) -> Any:
        """See ``Pending``."""
        return self._convert((yield from self._pending.__await__()))
