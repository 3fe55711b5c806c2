"""A queue of deliveries that threads of its process work."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from tests.hooks import SECONDS

from lambent.hosts import delivery_threads
from lambent.hosts.delivery_threads import DeliveryThreads


@pytest.fixture
def queue() -> Iterator[DeliveryThreads]:
    made = DeliveryThreads()
    yield made
    assert made.close(SECONDS)


def test_messages_are_worked_by_other_threads(queue: DeliveryThreads) -> None:
    done: list[tuple[str, str]] = []
    queue.work = lambda message: done.append((message, threading.current_thread().name))
    for message in ("a", "b"):
        queue.send(message)
    assert queue.wait(SECONDS)
    assert sorted(message for message, _ in done) == ["a", "b"]
    assert all(name.startswith("lambent-delivery") for _, name in done)


def test_one_that_takes_its_time_delays_no_other(queue: DeliveryThreads) -> None:
    over, others = threading.Event(), threading.Semaphore(0)
    queue.work = lambda message: over.wait(SECONDS) if message == "slow" else others.release()  # type: ignore[assignment,return-value]
    queue.send("slow")
    queue.send("fast")
    assert others.acquire(timeout=SECONDS)
    assert not queue.wait(0)
    over.set()
    assert queue.wait(SECONDS)


def test_a_delay_and_the_order_of_time(queue: DeliveryThreads) -> None:
    done: list[str] = []
    queue.work = done.append
    queue.send("later", 0.2)
    queue.send("now")
    assert queue.wait(SECONDS)
    assert done == ["now", "later"]


def test_messages_may_bring_others(queue: DeliveryThreads) -> None:
    done: list[str] = []

    def work(message: str) -> None:
        done.append(message)
        if len(message) < 5:
            queue.send(message + "x")

    queue.work = work
    queue.send("x")
    assert queue.wait(SECONDS)
    assert done == ["x", "xx", "xxx", "xxxx", "xxxxx"]


def test_what_fails_is_tried_again_and_then_told_of(
    queue: DeliveryThreads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(delivery_threads, "_PAUSE_SECONDS", 0.001)
    tried: list[str] = []

    def work(message: str) -> None:
        tried.append(message)
        if message == "deliver secret 1" or len(tried) == 1:
            raise OSError("down")

    queue.work = work
    with caplog.at_level(logging.ERROR):
        queue.send("advance once")
        assert queue.wait(SECONDS)
        queue.send("deliver secret 1")
        assert queue.wait(SECONDS)
    assert tried == ["advance once"] * 2 + ["deliver secret 1"] * 5
    assert caplog.records[-1].getMessage() == "A message 'deliver' failed 5 times: it is lost"


def test_the_end(queue: DeliveryThreads) -> None:
    """What runs ends, what waits is forgotten, and what runs sends nothing any more."""
    began, over, done = threading.Event(), threading.Event(), list[str]()

    def work(message: str) -> None:
        began.set()
        over.wait(SECONDS)
        queue.send("next")
        done.append(message)

    queue.work = work
    queue.send("runs")
    queue.send("waits", 600.0)
    assert began.wait(SECONDS)
    assert not queue.close(0.01)
    over.set()
    queue.work = done.append
    queue.send("anew")  # the application is started again
    assert queue.wait(SECONDS)
    assert set(done) <= {"runs", "anew", "next"}
    assert "anew" in done
    assert queue.close(SECONDS)
    assert queue.wait(0)


def test_an_interpreter_that_ends_does_not_wait_for_what_has_not_begun() -> None:
    code = """
import os, threading, time
from lambent.hosts import delivery_threads
delivery_threads._THREADS = 2
began = threading.Semaphore(0)
queue = delivery_threads.DeliveryThreads()
def work(message):
    os.write(1, f"{message}\\n".encode())
    began.release()
    time.sleep(0.2)
    queue.send("later")
queue.work = work
for number in range(100):
    queue.send(f"m{number}")
queue.send("next week", 7 * 86_400)
began.acquire()
began.acquire()
"""
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()[:2]) == {"m0", "m1"}
    assert len(done.stdout.split()) < 10


def test_a_queue_that_nothing_was_sent_to_has_no_threads() -> None:
    assert DeliveryThreads().close(0)
