"""Stopping a plain function when its time is up, in the one thread that Lambda runs handlers in."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from lambent.errors import DeadlineReached

T = TypeVar("T")


def call_until(function: Callable[..., T], kwargs: dict[str, Any], seconds: float) -> T:
    """Call a function, and interrupt it wherever it is when the time is up.

    Python delivers the interruption between two instructions of the main thread; a system call that waits,
    such as a socket's or ``time.sleep``, is interrupted too. Elsewhere than in the main thread nothing is.

    Args:
        function: to call.
        kwargs: its arguments.
        seconds: how long it may take.

    Raises:
        DeadlineReached: it took longer.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(**kwargs)
    armed = False

    def ring(number: int, frame: FrameType | None) -> None:
        if armed:
            raise DeadlineReached

    before = signal.getsignal(signal.SIGALRM)
    try:
        signal.signal(signal.SIGALRM, ring)
        try:
            armed = True  # the first place where it may ring
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
            return function(**kwargs)
        finally:
            armed = False  # and the last
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
