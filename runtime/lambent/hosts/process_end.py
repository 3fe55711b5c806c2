"""Streams that end when their process is told to, so that its server need not wait for them.

uvicorn tells an application only when all its responses are over. So signals are looked at in front of what
handles them: the handler that was there is called as ever, after a delay where there is one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

Handler = Callable[[int, FrameType | None], object]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_ends: dict[object, Callable[[], None]] = {}
_delays: list[DelayedEnd] = []
_installed: dict[int, tuple[Handler, Handler]] = {}
"""By signal the handler that looks at it, and the one behind it."""


@contextlib.contextmanager
def told_of_the_end(end: Callable[[], None]) -> Iterator[None]:
    """Within this, ``end`` is called when the process is told to end.

    Nothing is told where the event loop is not that of the main thread: others get no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    mark = object()
    _ends[mark] = end
    for number in _SIGNALS:
        _install(number)
    try:
        yield
    finally:
        del _ends[mark]
        if not _ends and not _delays:
            _restore()


class DelayedEnd:
    """The first SIGTERM is passed on after ``seconds`` only, to streams and to what handles it.

    Attributes:
        is_told: the process is to end, and serves on meanwhile.
    """

    def __init__(self, seconds: float) -> None:
        self.is_told = False
        self._seconds = seconds

    def begin(self) -> None:
        """Take note of the signal from now on, unless the event loop is not that of the main thread."""
        if threading.current_thread() is threading.main_thread() and self not in _delays:
            _delays.append(self)
            _install(signal.SIGTERM)

    def forget(self) -> None:
        """Take no more note of it."""
        if self in _delays:
            _delays.remove(self)
            if not _ends and not _delays:
                _restore()

    def tell(self) -> bool:
        """Tell of the signal; whether it has to wait."""
        is_first, self.is_told = not self.is_told, True
        if is_first:
            timer = threading.Timer(self._seconds, os.kill, (os.getpid(), signal.SIGTERM))
            timer.daemon = True
            timer.start()
        return is_first


def _install(number: int) -> None:
    behind = signal.getsignal(number)
    # One that is no function ends the process at once, or never.
    if not callable(behind) or (number in _installed and behind is _installed[number][0]):
        return

    def tell(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            has_to_wait = [delay.tell() for delay in _delays]  # all of them are told
            if any(has_to_wait):
                return
        for end in list(_ends.values()):
            end()
        behind(number, frame)

    _installed[number] = tell, behind
    signal.signal(number, tell)


def _restore() -> None:
    for number, (tell, behind) in _installed.items():
        if signal.getsignal(number) is tell:  # else somebody else has put another one there
            signal.signal(number, behind)
    _installed.clear()
