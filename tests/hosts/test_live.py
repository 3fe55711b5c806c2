"""Invocations of hosts that stay: coroutines on a shared loop, and how they are stopped."""

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lambent.errors import Cancelled, OverloadedError
from lambent.execution.event_loop import LoopTask, LoopThread
from lambent.hosts import live
from lambent.hosts.live import LiveInvocation
from lambent.hosts.threads import CallThreads


def settle(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[Any]]:
    """Let the loop do what is there to do; gives the tasks that are left."""

    async def turns() -> set[asyncio.Task[Any]]:
        for _ in range(20):
            await asyncio.sleep(0)
        return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    return asyncio.run_coroutine_threadsafe(turns(), loop).result(20)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread of its own, and is empty in the end."""
    thread = LoopThread()
    complaints: list[dict[str, Any]] = []
    thread.loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield thread.loop

    left = settle(thread.loop)
    thread.close()
    gc.collect(1)  # what was never awaited says so now
    assert not left
    assert not complaints, complaints


class Caller(threading.Thread):
    """Runs a coroutine on a worker thread, as hosts do, and keeps what became of it."""

    def __init__(self, invocation: LiveInvocation, coroutine: Any, seen: list[str] | None = None) -> None:
        super().__init__()
        self._seen = [] if seen is None else seen
        self.result: Any = None
        self.error: BaseException | None = None
        self._run = invocation.run
        self._coroutine = coroutine
        self.start()

    def run(self) -> None:
        try:
            self.result = self._run(self._coroutine)
        except BaseException as error:
            self.error = error
        self._seen.append("returned")

    def over(self) -> None:
        self.join(20)
        assert not self.is_alive()


def test_a_coroutine_runs_on_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    async def work() -> Any:
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    assert LiveInvocation(loop).run(work()) is loop


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), Cancelled()])
def test_what_it_raises_comes_out_and_the_loop_goes_on(
    loop: asyncio.AbstractEventLoop, error: BaseException
) -> None:
    async def work() -> None:
        raise error

    async def after() -> str:
        return "still running"

    invocation = LiveInvocation(loop)
    with pytest.raises(type(error)) as caught:
        invocation.run(work())
    assert caught.value is error
    assert invocation.run(after()) == "still running"


def test_many_invocations_share_a_loop(loop: asyncio.AbstractEventLoop) -> None:
    together = asyncio.Barrier(20)

    async def meet(number: int) -> int:
        await together.wait()
        return number

    callers = [Caller(LiveInvocation(loop), meet(number)) for number in range(20)]
    for caller in callers:
        caller.over()
    assert [caller.result for caller in callers] == list(range(20))


def test_cancelling_stops_a_coroutine_where_it_waits(loop: asyncio.AbstractEventLoop) -> None:
    waiting, cleaned = threading.Event(), threading.Event()
    seen: list[str] = []

    async def work() -> None:
        try:
            waiting.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            cleaned.set()

    invocation = LiveInvocation(loop)
    caller = Caller(invocation, work())
    assert waiting.wait(20)
    invocation.cancel()
    caller.over()
    assert isinstance(caller.error, Cancelled)
    assert cleaned.wait(20)
    assert seen == ["cancelled"]


def test_cancelling_stops_one_invocation_and_no_other(loop: asyncio.AbstractEventLoop) -> None:
    go = asyncio.Event()
    waiting = threading.Semaphore(0)

    async def work() -> str:
        waiting.release()
        await go.wait()
        return "done"

    stopped, other = LiveInvocation(loop), LiveInvocation(loop)
    callers = [Caller(stopped, work()), Caller(other, work())]
    for _ in callers:
        assert waiting.acquire(timeout=20)
    stopped.cancel()
    callers[0].over()
    loop.call_soon_threadsafe(go.set)
    callers[1].over()
    assert isinstance(callers[0].error, Cancelled)
    assert callers[1].result == "done"


def test_what_is_cancelled_before_it_begins_never_begins(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("began")

    invocation = LiveInvocation(loop)
    invocation.cancel()
    with pytest.raises(Cancelled):
        invocation.run(work())
    settle(loop)
    assert seen == []


def test_what_is_cancelled_before_the_loop_gets_to_it_leaves_nothing(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    busy, go = threading.Event(), threading.Event()

    def block() -> None:
        busy.set()
        go.wait(20)

    async def work() -> None:
        seen.append("began")

    loop.call_soon_threadsafe(block)
    assert busy.wait(20)
    handed_over = threading.Event()
    hand_over = loop.call_soon_threadsafe

    def call_soon_threadsafe(*args: Any, **kwargs: Any) -> Any:
        handle = hand_over(*args, **kwargs)
        handed_over.set()
        return handle

    monkeypatch.setattr(loop, "call_soon_threadsafe", call_soon_threadsafe)
    invocation = LiveInvocation(loop)
    caller = Caller(invocation, work())
    assert handed_over.wait(20)
    invocation.cancel()
    go.set()
    caller.over()
    settle(loop)
    assert isinstance(caller.error, Cancelled)
    assert seen == []


def test_what_is_cancelled_while_it_is_begun_ends(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    create_task, there = loop.create_task, threading.Event()

    def create_cancelled_task(*args: Any, **kwargs: Any) -> Any:
        assert there.wait(20)
        started.cancel()  # from another thread it may come at this very moment as well
        return create_task(*args, **kwargs)

    async def work() -> None:
        seen.append("began")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "create_task", create_cancelled_task)
        started = LoopTask(work(), loop)
        there.set()
        errors: list[BaseException] = []

        def wait() -> None:
            try:
                started.result()
            except BaseException as error:
                errors.append(error)

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        waiting.join(5)
    assert not waiting.is_alive(), "whoever waits for it waits for ever"
    assert [type(error) for error in errors] == [asyncio.CancelledError]
    settle(loop)
    assert seen == []


def test_cancelling_what_is_over_changes_nothing(loop: asyncio.AbstractEventLoop) -> None:
    async def work() -> str:
        return "done"

    invocation = LiveInvocation(loop)
    assert invocation.run(work()) == "done"
    invocation.cancel()
    invocation.cancel()
    with pytest.raises(Cancelled):
        invocation.check()


def test_a_plain_function_is_stopped_where_it_looks(loop: asyncio.AbstractEventLoop) -> None:
    invocation = LiveInvocation(loop)
    invocation.check()
    invocation.cancel()
    with pytest.raises(Cancelled):
        invocation.check()


def test_a_coroutine_that_was_cancelled_from_within_has_failed(loop: asyncio.AbstractEventLoop) -> None:
    async def work() -> None:
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task

    # An Exception, so that the call fails as any other does: nobody has cancelled it.
    with pytest.raises(Exception, match="cancel"):
        LiveInvocation(loop).run(work())


def test_cancelling_waits_until_a_coroutine_has_cleaned_up(loop: asyncio.AbstractEventLoop) -> None:
    waiting, go = threading.Event(), asyncio.Event()
    seen: list[str] = []

    async def work() -> None:
        try:
            waiting.set()
            await asyncio.Event().wait()
        finally:
            await go.wait()
            seen.append("cleaned up")

    invocation = LiveInvocation(loop)
    caller = Caller(invocation, work(), seen)
    assert waiting.wait(20)
    invocation.cancel()
    settle(loop)
    settle(loop)
    loop.call_soon_threadsafe(go.set)
    caller.over()
    assert isinstance(caller.error, Cancelled)
    assert seen == ["cleaned up", "returned"]


def test_a_coroutine_that_goes_on_when_cancelled_ends_in_its_own_time(
    loop: asyncio.AbstractEventLoop,
) -> None:
    waiting, over = threading.Event(), threading.Event()

    async def stubborn() -> str:
        waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        over.set()
        return "all the same"

    invocation = LiveInvocation(loop)
    caller = Caller(invocation, stubborn())
    assert waiting.wait(20)
    invocation.cancel()
    caller.over()
    assert isinstance(caller.error, Cancelled)
    assert over.wait(20)


def test_a_call_that_goes_on_without_its_client_waits_as_long_as_it_says(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    invocation = LiveInvocation(loop)
    invocation.cancel()
    invocation.sleep(60)  # nobody wants the result: it does not wait
    invocation.detached = True
    invocation.sleep(60)
    assert slept == [60]


# Threads.


def test_so_many_calls_run_at_a_time_and_the_others_wait_for_their_turn() -> None:
    threads, running, most = CallThreads(2, 10), [0], [0]
    lock = threading.Lock()

    def work() -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.01)
        with lock:
            running[0] -= 1
        return 1

    assert sum(future.result(20) for future in [threads.submit(work) for _ in range(10)]) == 10
    assert most == [2]
    threads.close()


def test_who_waits_makes_room_and_gets_its_turn_back() -> None:
    threads, gone_on = CallThreads(1, 10), threading.Event()

    def wait() -> str:
        with threads.idle():
            assert gone_on.wait(20)
        return "waited"

    waiting = [threads.submit(wait) for _ in range(3)]
    assert threads.submit(lambda: "worked").result(20) == "worked"
    gone_on.set()
    assert [future.result(20) for future in waiting] == ["waited"] * 3
    assert threads.submit(lambda: "worked").result(20) == "worked"
    threads.close()


def test_beyond_the_limit_who_would_wait_is_refused() -> None:
    threads, gone_on = CallThreads(2, 1), threading.Event()
    waits = threading.Event()

    def wait() -> str:
        with threads.idle():
            waits.set()
            assert gone_on.wait(20)
        return "waited"

    first = threads.submit(wait)
    assert waits.wait(20)
    for _ in range(5):
        with pytest.raises(OverloadedError, match="try again later") as refused:
            threads.submit(wait).result(20)
        assert (refused.value.status, refused.value.headers) == (503, {"retry-after": "5"})
    assert threads.submit(lambda: "worked").result(20) == "worked"
    gone_on.set()
    assert first.result(20) == "waited"
    assert threads.submit(wait).result(20) == "waited"
    threads.close()


def test_what_is_withdrawn_before_its_turn_is_forgotten() -> None:
    threads, go = CallThreads(1, 0), threading.Event()
    ran: list[str] = []
    first = threads.submit(lambda: go.wait(20))
    second, third = threads.submit(lambda: ran.append("second")), threads.submit(lambda: ran.append("third"))
    threads.withdraw(first)
    threads.withdraw(second)
    assert second.cancelled()
    assert len(threads._queue) == 1
    assert not threads.wait(0.001)
    go.set()
    assert first.result(20)
    third.result(20)
    assert threads.wait(20)
    assert ran == ["third"]
    threads.close()


# Clients that read slowly.


class Reader(LiveInvocation):
    """An invocation of a client that reads when the test says so."""

    backlog = live._SLOW_BYTES

    def unread(self) -> int:
        return self.backlog


def test_a_thread_waits_until_its_client_reads(loop: asyncio.AbstractEventLoop) -> None:
    threads = CallThreads(1, 1)
    invocation = Reader(loop, threads)
    slowed = threads.submit(invocation.slow_down)
    assert threads.submit(lambda: "worked").result(20) == "worked"  # it takes no place of calls that work
    assert not slowed.done()
    invocation.backlog -= 1
    assert slowed.result(20) is None
    threads.close()


def test_a_thread_goes_on_when_its_client_leaves(loop: asyncio.AbstractEventLoop) -> None:
    threads = CallThreads(1, 1)
    invocation = Reader(loop, threads)
    slowed = threads.submit(invocation.slow_down)
    invocation.cancel()
    assert slowed.result(20) is None
    threads.close()


def test_where_too_many_wait_nobody_is_slowed(loop: asyncio.AbstractEventLoop) -> None:
    threads = CallThreads(1, 0)
    assert threads.submit(Reader(loop, threads).slow_down).result(20) is None
    threads.close()


def test_a_coroutine_waits_without_blocking_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    invocation = Reader(loop)

    async def work() -> str:
        pending = invocation.slow_down()
        assert pending is not None
        asyncio.get_running_loop().call_soon(setattr, invocation, "backlog", 0)
        await pending
        assert invocation.slow_down() is None
        return "went on"

    assert invocation.run(work()) == "went on"


def test_what_comes_on_top_is_dropped_and_the_log_says_so_once(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    invocation = LiveInvocation(loop)
    invocation.count_unread(live._DROP_BYTES - 1)
    assert not invocation.drops()
    invocation.count_unread(1)
    assert [invocation.drops() for _ in range(3)] == [True] * 3
    assert [record.message for record in caplog.records] == [
        "Notifications of a call are dropped: its client does not read them"
    ]
    invocation.count_unread(-1)
    assert not invocation.drops()


def test_what_holds_a_claim_is_stopped_only_when_the_process_ends(loop: asyncio.AbstractEventLoop) -> None:
    waiting = threading.Event()

    async def work() -> None:
        waiting.set()
        await asyncio.Event().wait()

    invocation = LiveInvocation(loop)
    caller = Caller(invocation, work())
    assert waiting.wait(20)
    invocation.detached = True
    invocation.cancel()
    settle(loop)
    assert caller.is_alive()
    invocation.stop()
    caller.over()
    assert isinstance(caller.error, Cancelled)


def test_what_a_call_raises_reaches_whoever_submitted_it() -> None:
    threads = CallThreads(1, 1)

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        threads.submit(fail).result(20)
    assert threads.submit(lambda: 1).result(20) == 1
    threads.close()


def test_no_turn_is_lost_while_others_wait_for_theirs() -> None:
    threads, release = CallThreads(2, 10), threading.Event()
    running: list[int] = []

    def wait() -> None:
        with threads.idle():
            assert release.wait(20)

    def work(number: int) -> None:
        running.append(number)
        assert done.wait(20)

    done = threading.Event()
    waiting = [threads.submit(wait) for _ in range(2)]
    working = [threads.submit(lambda number=number: work(number)) for number in range(4)]
    release.set()  # both wait for their turns now, behind two calls that work
    time.sleep(0.02)
    done.set()
    for future in (*waiting, *working):
        future.result(20)
    done.clear()
    again = [threads.submit(lambda number=number: work(number)) for number in range(4, 7)]
    for _ in range(2000):
        if {4, 5} <= set(running):
            break
        time.sleep(0.001)
    assert {4, 5} <= set(running)
    done.set()
    for future in again:
        future.result(20)
    threads.close()


def test_a_call_that_waits_for_several_things_waits_until_the_last_is_there() -> None:
    threads = CallThreads(1, 10)
    loop = LoopThread()
    first, last = threading.Event(), threading.Event()

    async def wait(invocation: LiveInvocation, event: threading.Event) -> None:
        with invocation.idle(at_once=True):
            await asyncio.to_thread(event.wait, 20)

    def work() -> str:
        invocation = LiveInvocation(loop.loop, threads)

        async def both() -> None:
            await asyncio.gather(wait(invocation, first), wait(invocation, last))

        invocation.run(both())
        return "waited"

    waiting = threads.submit(work)
    first.set()
    time.sleep(0.1)
    assert threads.submit(lambda: "worked").result(5) == "worked"
    last.set()
    assert waiting.result(20) == "waited"
    threads.close()
    loop.close(5)
