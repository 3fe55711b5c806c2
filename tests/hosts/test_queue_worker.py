"""A process that works queues: messages, failures, and the end."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.hosts.test_lease_renewal import SECONDS, until

from lambent.errors import DeadlineReached, StoreError
from lambent.hosts import queue_worker
from lambent.hosts.lease_renewal import LeaseRenewal
from lambent.hosts.queue_worker import QueueWorker, Work, WorkerInvocation
from lambent.stores.sqs_inbox import TakenMessage


class Waiting:
    """A queue in memory that notes what is done with its messages."""

    name = "waiting"

    def __init__(self, *bodies: str) -> None:
        self.bodies = list(bodies)
        self.spent: set[str] = set()
        self.deleted: list[str] = []
        self.extended: list[tuple[str, int]] = []
        self.failures: list[Exception] = []
        self.asked: list[int] = []

    def send(self, body: str, delay: float = 0.0) -> None:
        self.bodies.append(body)

    def receive(self, most: int, seconds: int) -> list[TakenMessage]:
        self.asked.append(most)
        if self.failures:
            raise self.failures.pop()
        if not self.bodies:
            time.sleep(0.005)
            return []
        taken, self.bodies = self.bodies[:most], self.bodies[most:]
        return [TakenMessage(body, f"receipt of {body}", body in self.spent) for body in taken]

    def extend(self, message: TakenMessage, seconds: int = 60) -> None:
        self.extended.append((message.body, seconds))

    def delete(self, message: TakenMessage) -> None:
        self.deleted.append(message.body)


@contextlib.contextmanager
def working(inbox: Waiting, work: Work, **options: Any) -> Iterator[tuple[QueueWorker, list[Any]]]:
    """A worker that runs; what its ``run`` gives or raises comes into the list."""
    worker, ends = QueueWorker([(inbox, work)], **options), list[Any]()

    def run() -> None:
        try:
            ends.append(worker.run())
        except Exception as error:
            ends.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield worker, ends
    finally:
        worker.stop()
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_what_is_done_is_deleted_and_what_has_failed_is_left(caplog: pytest.LogCaptureFixture) -> None:
    inbox = Waiting("a", "bad", "b")

    def work(body: str, invocation: WorkerInvocation) -> None:
        if body == "bad":
            raise StoreError("the table")

    with working(inbox, work) as (_, ends):
        until(lambda: sorted(inbox.deleted) == ["a", "b"])
        until(lambda: "A message of waiting failed: the queue delivers it again" in caplog.text)
    assert ends == [True]
    assert inbox.deleted.count("bad") == 0


def test_what_was_taken_too_often_is_given_up() -> None:
    inbox, done, given_up = Waiting("a"), list[str](), list[str]()
    inbox.spent = {"bad"}
    inbox.send("bad")

    def work(body: str, invocation: WorkerInvocation) -> None:
        done.append(body)

    def give_up(body: str, invocation: WorkerInvocation) -> None:
        given_up.append(body)

    with working(inbox, work, give_up=give_up):
        until(lambda: sorted(inbox.deleted) == ["a", "bad"])
    assert (done, given_up) == (["a"], ["bad"])


def test_no_more_are_taken_than_threads_are_free() -> None:
    inbox, go_on, running = Waiting(*"abcde"), threading.Event(), list[str]()

    def work(body: str, invocation: WorkerInvocation) -> None:
        running.append(body)
        go_on.wait(SECONDS)

    with working(inbox, work, threads=2):
        until(lambda: len(running) == 2)
        assert inbox.bodies == ["c", "d", "e"]
        go_on.set()
        until(lambda: len(inbox.deleted) == 5)
    assert max(inbox.asked) == 2


def test_a_message_that_is_worked_is_kept_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_worker, "LeaseRenewal", lambda seconds: LeaseRenewal(0.001))
    inbox = Waiting("a")

    def work(body: str, invocation: WorkerInvocation) -> None:
        until(lambda: len(inbox.extended) > 1)

    with working(inbox, work):
        until(lambda: inbox.deleted)
    assert set(inbox.extended) == {("a", 60)}


def test_a_queue_that_cannot_be_reached_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_worker, "_FIRST_PAUSE", 0.001)
    inbox = Waiting("a")
    inbox.failures = [StoreError("sqs"), StoreError("sqs")]
    with working(inbox, lambda body, invocation: None):
        until(lambda: inbox.deleted == ["a"])


def test_any_other_failure_to_take_messages_ends_the_worker() -> None:
    inbox = Waiting()
    inbox.failures = [RuntimeError("no boto3")]
    with working(inbox, lambda body, invocation: None) as (_, ends):
        until(lambda: ends)
    assert [str(one) for one in ends] == ["no boto3"]


def test_what_runs_may_end_and_what_comes_then_is_given_back() -> None:
    inbox, began, go_on = Waiting("a"), threading.Event(), threading.Event()

    def work(body: str, invocation: WorkerInvocation) -> None:
        began.set()
        assert go_on.wait(SECONDS)
        invocation.check()
        assert 0 < (invocation.remaining_ms() or 0) <= 1000 * (SECONDS + 5)

    def receive(most: int, seconds: int) -> list[TakenMessage]:
        """The second message arrives when the worker has been told to end."""
        if not began.is_set():
            return Waiting.receive(inbox, 1, seconds)
        until(worker._ending.is_set)
        return [TakenMessage("late", "")]

    inbox.receive = receive  # type: ignore[method-assign]
    with working(inbox, work, seconds=SECONDS) as (worker, ends):
        assert began.wait(SECONDS)
        worker.stop()
        until(lambda: ("late", 0) in inbox.extended)
        assert ends == []
        go_on.set()
        until(lambda: ends)
    assert (inbox.deleted, ends) == (["a"], [True])


@pytest.mark.parametrize("stops", [1, 2])
def test_what_does_not_end_is_handed_over(stops: int) -> None:
    """After its time, or at once where the process is told twice."""
    inbox, began = Waiting("plain", "async"), threading.Barrier(3)
    raised, sent = list[type[BaseException]](), list[bool]()

    def work(body: str, invocation: WorkerInvocation) -> None:
        began.wait(SECONDS)
        try:
            if body == "async":
                invocation.run(asyncio.sleep(SECONDS))
            while True:
                invocation.sleep(0.01)
                invocation.check()
        except DeadlineReached as error:
            raised.append(type(error))
            sent.append(invocation.has_sent(error))
            with pytest.raises(DeadlineReached):
                invocation.run(asyncio.sleep(0))

    with working(inbox, work, seconds=0.05 if stops == 1 else SECONDS) as (worker, ends):
        began.wait(SECONDS)
        for _ in range(stops):
            worker.stop()
        until(lambda: ends)
    assert (raised, sent, ends) == ([DeadlineReached] * 2, [True] * 2, [True])
    assert sorted(inbox.deleted) == ["async", "plain"]


def test_what_neither_ends_nor_hands_over_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_worker, "_CLEAN_UP_SECONDS", 0.05)
    inbox, began, go_on = Waiting("a"), threading.Event(), threading.Event()

    def work(body: str, invocation: WorkerInvocation) -> None:
        began.set()
        go_on.wait(SECONDS)

    with working(inbox, work, seconds=0.0) as (worker, ends):
        assert began.wait(SECONDS)
        worker.stop()
        until(lambda: ends)
        go_on.set()
    assert ends == [False]


def test_a_schedule_is_kept_also_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    count = [0]

    def sweep(invocation: WorkerInvocation) -> None:
        count[0] += 1
        raise StoreError("the table")

    with working(Waiting(), lambda body, invocation: None, schedule=[("The sweep", 0.001, sweep)]):
        until(lambda: count[0] > 2)
    assert "The sweep failed: it is done again in 0.001 seconds" in caplog.text
