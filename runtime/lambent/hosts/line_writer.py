"""Writing the lines of stdio, whatever its client reads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import BinaryIO

from lambent.hosts.live import LiveInvocation


class LineWriter:
    """Writes lines on a thread of its own, so that a client that does not read blocks nothing else.

    ``broken`` is called once nothing can be written any more.
    """

    def __init__(self, lines_out: BinaryIO, broken: Callable[[], None]) -> None:
        self._out = lines_out
        self._broken = broken
        self._lines: queue.SimpleQueue[tuple[bytes, LiveInvocation | None] | None] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self.unread = 0
        self._thread = threading.Thread(target=self._write, name="lambent-stdout", daemon=True)
        self._thread.start()

    def put(self, message: bytes, sender: LiveInvocation | None = None) -> None:
        """Write an encoded message as a line, some time soon; ``sender`` counts how much is not written."""
        self._count(len(message), sender)
        self._lines.put((message, sender))

    def close(self, seconds: float) -> bool:
        """Write what is left; False where the client does not read it in time."""
        self._lines.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _write(self) -> None:
        is_broken = False
        while (taken := self._lines.get()) is not None:
            message, sender = taken
            try:
                if not is_broken:
                    self._out.write(message + b"\n")
                    self._out.flush()
            except (OSError, ValueError):  # nobody reads it, or it is closed
                is_broken = True
                self._broken()
            self._count(-len(message), sender)

    def _count(self, size: int, sender: LiveInvocation | None) -> None:
        with self._counting:
            self.unread += size
        if sender is not None:
            sender.count_unread(size)
