"""Stopping a plain function when its time is up. Signals reach the main thread, where the tests run too."""

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
from lambent.hosts.aws_lambda.alarm import call_until

SOON = 0.02
NEVER = 60.0


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    """Whatever happens, no alarm is left behind, and whoever had the signal has it again."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_is_quick_returns() -> None:
    assert call_until(lambda a, b: a + b, {"a": 1, "b": 2}, NEVER) == 3


def test_what_fails_fails() -> None:
    with pytest.raises(ZeroDivisionError):
        call_until(lambda: 1 // 0, {}, NEVER)


def test_sleep_is_interrupted() -> None:
    with pytest.raises(DeadlineReached):
        call_until(lambda: time.sleep(NEVER), {}, SOON)


def test_a_busy_loop_is_interrupted() -> None:
    def spin() -> None:
        while True:
            pass

    with pytest.raises(DeadlineReached):
        call_until(spin, {}, SOON)


def test_waiting_for_the_network_is_interrupted() -> None:
    mine, theirs = socket.socketpair()
    with mine, theirs, pytest.raises(DeadlineReached):
        call_until(lambda: mine.recv(1), {}, SOON)


def test_waiting_for_a_lock_is_interrupted() -> None:
    with pytest.raises(DeadlineReached):
        call_until(lambda: threading.Event().wait(NEVER), {}, SOON)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_at_all_is_little_time(seconds: float) -> None:
    with pytest.raises(DeadlineReached):
        call_until(lambda: time.sleep(NEVER), {}, seconds)


def test_it_cleans_up() -> None:
    cleaned: list[str] = []

    def work() -> None:
        try:
            time.sleep(NEVER)
        finally:
            cleaned.append("up")

    with pytest.raises(DeadlineReached):
        call_until(work, {}, SOON)
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
        call_until(work, {}, SOON)
    assert cleaned == ["up"]


def test_what_swallows_everything_goes_on() -> None:
    def stubborn() -> str:
        with contextlib.suppress(BaseException):
            time.sleep(NEVER)
        return "went on"

    assert call_until(stubborn, {}, SOON) == "went on"


def test_nothing_rings_when_it_is_over() -> None:
    call_until(lambda: None, {}, SOON)
    time.sleep(2 * SOON)


def test_one_after_the_other() -> None:
    for _ in range(20):
        assert call_until(lambda: "quick", {}, NEVER) == "quick"
        with pytest.raises(DeadlineReached):
            call_until(lambda: time.sleep(NEVER), {}, 0.001)


def test_elsewhere_than_in_the_main_thread_nothing_rings() -> None:
    outcome: list[Any] = []

    def work() -> None:
        outcome.append(call_until(lambda: time.sleep(2 * SOON) or "done", {}, SOON))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert outcome == ["done"]


def test_other_threads_go_on() -> None:
    counted: list[int] = []
    stop = threading.Event()

    def count() -> None:
        while not stop.wait(0.001):
            counted.append(1)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        with pytest.raises(DeadlineReached):
            call_until(lambda: time.sleep(NEVER), {}, SOON)
        seen = len(counted)
        while len(counted) <= seen:
            time.sleep(0.001)
    finally:
        stop.set()
        thread.join(30)


def test_whoever_had_the_signal_has_it_again() -> None:
    rung: list[int] = []
    mine = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        with pytest.raises(DeadlineReached):
            call_until(lambda: time.sleep(NEVER), {}, SOON)
        signal.raise_signal(signal.SIGALRM)
        assert rung == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, mine)


def test_one_within_another_stops_with_the_one_that_rings_first() -> None:
    def inner() -> str:
        with pytest.raises(DeadlineReached):
            call_until(lambda: time.sleep(NEVER), {}, SOON)
        return "outer went on"

    assert call_until(inner, {}, NEVER) == "outer went on"


def ringing_at(line: int) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that rings before a line of ``call_until``, once it has the signal."""

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code is not call_until.__code__:
            return None
        if event == "line" and frame.f_lineno == line and callable(signal.getsignal(signal.SIGALRM)):
            signal.raise_signal(signal.SIGALRM)
        return trace

    return trace


@pytest.mark.parametrize("line", sorted({line for _, _, line in call_until.__code__.co_lines() if line}))
def test_whenever_it_rings_everything_is_as_it_was_afterwards(line: int) -> None:
    """Also at the very moment at which the function returns, where all that can be lost is its result."""
    outcome = "rung"
    traced = sys.gettrace()
    sys.settrace(ringing_at(line))
    try:
        with contextlib.suppress(DeadlineReached):
            outcome = call_until(lambda: "done", {}, NEVER)
    finally:
        sys.settrace(traced)
    left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert outcome in ("done", "rung")
    assert left == (signal.SIG_DFL, (0.0, 0.0))
