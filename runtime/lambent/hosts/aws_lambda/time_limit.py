"""Interrupting a plain function at its time limit, in the thread in which Lambda runs handlers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from lambent.errors import DeadlineReached

T = TypeVar("T")


def call_with_time_limit(function: Callable[..., T], kwargs: dict[str, Any], seconds: float) -> T:
    """Call a function, and interrupt it when the time limit is reached.

    The limit is a timer that sends ``SIGALRM``. Python handles signals in the main thread, between two
    bytecode instructions; a system call that waits, such as a socket's or ``time.sleep``, is interrupted too.
    In any other thread the function is called without a limit.

    Args:
        function: to call.
        kwargs: its arguments.
        seconds: the limit.

    Raises:
        DeadlineReached: the function was interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(**kwargs)
    may_interrupt = False

    def on_alarm(number: int, frame: FrameType | None) -> None:
        if may_interrupt:
            raise DeadlineReached

    handler_before = signal.getsignal(signal.SIGALRM)
    try:
        signal.signal(signal.SIGALRM, on_alarm)
        try:
            may_interrupt = True  # only from here
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
            return function(**kwargs)
        finally:
            may_interrupt = False  # to here: the timer and the handler are always restored
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler_before)
