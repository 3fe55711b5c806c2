"""Measurement of time and memory that does not depend on the load of the machine."""

import gc
import signal
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise AssertionError("too much processor time")


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Interrupt a block that takes more processor time of this process, also within a regular expression."""
    before = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def cpu_seconds(work: Callable[[], object], times: int = 3) -> float:
    """The smallest processor time of some runs."""
    best = float("inf")
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            began = time.thread_time()
            work()
            best = min(best, time.thread_time() - began)
    finally:
        gc.enable()
    return best


def peak_memory(work: Callable[[], object]) -> int:
    """The largest memory allocated at a time, in bytes."""
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before
