"""Interrupting a plain function at its time limit. Signals reach the main thread, where the tests run too."""

import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from lambent.errors import DeadlineReached
from lambent.hosts.aws_lambda.time_limit import call_with_time_limit

SOON = 0.02
NEVER = 60.0


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    """Afterwards no timer runs, and the signal has the handler that it had before."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_is_quick_returns() -> None:
    assert call_with_time_limit(lambda a, b: a + b, {"a": 1, "b": 2}, NEVER) == 3


def test_what_fails_fails() -> None:
    with pytest.raises(ZeroDivisionError):
        call_with_time_limit(lambda: 1 // 0, {}, NEVER)


def test_sleep_is_interrupted() -> None:
    with pytest.raises(DeadlineReached):
        call_with_time_limit(lambda: time.sleep(NEVER), {}, SOON)


def test_a_busy_loop_is_interrupted() -> None:
    def spin() -> None:
        while True:
            pass

    with pytest.raises(DeadlineReached):
        call_with_time_limit(spin, {}, SOON)


def test_waiting_for_the_network_is_interrupted() -> None:
    mine, theirs = socket.socketpair()
    with mine, theirs, pytest.raises(DeadlineReached):
        call_with_time_limit(lambda: mine.recv(1), {}, SOON)


def test_waiting_for_a_lock_is_interrupted() -> None:
    with pytest.raises(DeadlineReached):
        call_with_time_limit(lambda: threading.Event().wait(NEVER), {}, SOON)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_at_all_is_little_time(seconds: float) -> None:
    with pytest.raises(DeadlineReached):
        call_with_time_limit(lambda: time.sleep(NEVER), {}, seconds)


def test_it_cleans_up() -> None:
    cleaned: list[str] = []

    def work() -> None:
        try:
            time.sleep(NEVER)
        finally:
            cleaned.append("up")

    with pytest.raises(DeadlineReached):
        call_with_time_limit(work, {}, SOON)
    assert cleaned == ["up"]


def test_cleaning_up_is_not_interrupted_again() -> None:
    cleaned: list[str] = []

    def work() -> None:
        try:
            time.sleep(NEVER)
        finally:
            time.sleep(2 * SOON)
            cleaned.append("up")

    with pytest.raises(DeadlineReached):
        call_with_time_limit(work, {}, SOON)
    assert cleaned == ["up"]


def test_what_swallows_everything_goes_on() -> None:
    def stubborn() -> str:
        with contextlib.suppress(BaseException):
            time.sleep(NEVER)
        return "went on"

    assert call_with_time_limit(stubborn, {}, SOON) == "went on"


def test_no_signal_arrives_after_the_call() -> None:
    call_with_time_limit(lambda: None, {}, SOON)
    time.sleep(2 * SOON)


def test_one_after_the_other() -> None:
    for _ in range(20):
        assert call_with_time_limit(lambda: "quick", {}, NEVER) == "quick"
        with pytest.raises(DeadlineReached):
            call_with_time_limit(lambda: time.sleep(NEVER), {}, 0.001)


def test_other_threads_have_no_limit() -> None:
    outcome: list[Any] = []

    def work() -> None:
        outcome.append(call_with_time_limit(lambda: time.sleep(2 * SOON) or "done", {}, SOON))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert outcome == ["done"]


def test_other_threads_are_not_interrupted() -> None:
    counted: list[int] = []
    stop = threading.Event()

    def count() -> None:
        while not stop.wait(0.001):
            counted.append(1)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        with pytest.raises(DeadlineReached):
            call_with_time_limit(lambda: time.sleep(NEVER), {}, SOON)
        seen = len(counted)
        while len(counted) <= seen:
            time.sleep(0.001)
    finally:
        stop.set()
        thread.join(30)


def test_the_handler_of_before_is_restored() -> None:
    signals: list[int] = []
    mine = signal.signal(signal.SIGALRM, lambda number, frame: signals.append(number))
    try:
        with pytest.raises(DeadlineReached):
            call_with_time_limit(lambda: time.sleep(NEVER), {}, SOON)
        signal.raise_signal(signal.SIGALRM)
        assert signals == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, mine)


def test_nested_limits_end_with_the_shorter_one() -> None:
    def inner() -> str:
        with pytest.raises(DeadlineReached):
            call_with_time_limit(lambda: time.sleep(NEVER), {}, SOON)
        return "outer went on"

    assert call_with_time_limit(inner, {}, NEVER) == "outer went on"


def signal_at(line: int) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that sends the signal before a line of the function, once it has a handler."""

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code is not call_with_time_limit.__code__:
            return None
        if event == "line" and frame.f_lineno == line and callable(signal.getsignal(signal.SIGALRM)):
            signal.raise_signal(signal.SIGALRM)
        return trace

    return trace


@pytest.mark.parametrize(
    "line", sorted({line for _, _, line in call_with_time_limit.__code__.co_lines() if line})
)
def test_a_signal_at_any_line_leaves_everything_restored(line: int) -> None:
    """Also while the function returns: then its result is lost, and nothing else."""
    outcome = "interrupted"
    traced = sys.gettrace()
    sys.settrace(signal_at(line))
    try:
        with contextlib.suppress(DeadlineReached):
            outcome = call_with_time_limit(lambda: "done", {}, NEVER)
    finally:
        sys.settrace(traced)
    left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert outcome in ("done", "interrupted")
    assert left == (signal.SIG_DFL, (0.0, 0.0))
