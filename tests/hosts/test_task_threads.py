"""Workers in threads of the process that answers requests."""

import asyncio
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.execution.durable.tasks.harness import TASKS, TaskClient
from tests.hosts.asgi.driving import running_loop
from tests.support import SETTINGS, accept, make_server

from lambent import Context, MCPServer, RetryableError, TaskPolicy
from lambent.execution.durable.tasks.worker import Worker
from lambent.execution.endpoint import Endpoint
from lambent.hosts.entry_points import local_endpoint
from lambent.hosts.live import LiveInvocation, ThreadQueue
from lambent.stores.memory import MemoryBlobs
from lambent.wire.http import Request

TIMEOUT_SECONDS = 30.0


@dataclass
class Ok:
    ok: bool


loop = pytest.fixture(running_loop)


def client_of(
    server: MCPServer, loop: asyncio.AbstractEventLoop, endpoint: Endpoint | None = None
) -> TaskClient:
    """A client of what hosts that stay make of a server."""
    endpoint = endpoint or local_endpoint(server._parts(), SETTINGS)

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        request = Request("POST", "/", event["headers"], event["body"].encode())
        response = endpoint.handle(request, LiveInvocation(loop))
        return {"statusCode": response.status, "headers": response.headers, "body": response.body.decode()}

    return TaskClient(handle)


def end_of(client: TaskClient, task_id: str, *statuses: str) -> dict[str, Any]:
    """Ask until a task has one of some statuses; by default, has ended."""
    wanted = statuses or ("completed", "failed", "cancelled")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (shown := client.get(task_id).result)["status"] not in wanted:
        assert time.monotonic() < deadline, shown
        time.sleep(0.002)
    return shown


def text(shown: dict[str, Any]) -> str:
    said: str = shown["result"]["content"][0]["text"]
    return said


def test_tasks_run_beside_their_requests(loop: asyncio.AbstractEventLoop) -> None:
    mcp = make_server()

    @mcp.tool(task=True)
    def plain(ctx: Context) -> str:
        return ctx.step("thread", lambda: threading.current_thread().name).result()

    @mcp.tool(task=True)
    async def asynchronous(ctx: Context) -> str:
        await asyncio.sleep(0)
        return await ctx.step("thread", lambda: threading.current_thread().name)

    client = client_of(mcp, loop)
    assert text(end_of(client, client.start("plain"))).startswith("lambent-task")
    assert end_of(client, client.start("asynchronous"))["status"] == "completed"


def test_tasks_run_at_the_same_time(loop: asyncio.AbstractEventLoop) -> None:
    mcp = make_server()
    meet = threading.Barrier(4)

    @mcp.tool(task=True)
    def work() -> int:
        return meet.wait(TIMEOUT_SECONDS)

    client = client_of(mcp, loop)
    tasks = [client.start("work") for _ in range(4)]
    assert {text(end_of(client, task_id)) for task_id in tasks} == {"0", "1", "2", "3"}


def test_a_question_and_its_answer(loop: asyncio.AbstractEventLoop) -> None:
    mcp = make_server()

    @mcp.tool(task=True)
    async def ask(ctx: Context) -> str:
        return (await ctx.elicit("ok?", Ok)).action

    client = client_of(mcp, loop)
    task_id = client.start("ask")
    ((key, _),) = end_of(client, task_id, "input_required")["inputRequests"].items()
    client.update(task_id, {key: accept(ok=True)})
    assert text(end_of(client, task_id)) == "accept"


def test_another_attempt_comes_by_itself(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: 0.001)
    mcp = make_server()
    tries: list[int] = []

    @mcp.tool(task=True)
    def flaky() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise RetryableError("later")
        return "done"

    client = client_of(mcp, loop)
    assert text(end_of(client, client.start("flaky"))) == "done"
    assert len(tries) == 3


@pytest.mark.parametrize("is_async", [False, True])
def test_a_cancellation_is_noticed(loop: asyncio.AbstractEventLoop, is_async: bool) -> None:
    mcp = make_server()
    begun, cancelled = threading.Event(), threading.Event()

    @mcp.tool("work", task=True)
    def plain(ctx: Context) -> None:
        begun.set()
        assert cancelled.wait(TIMEOUT_SECONDS)
        ctx.step("one", str, 1).result()
        ctx.step("two", str, 2).result()
        raise AssertionError("went on")

    @mcp.tool("async", task=True)
    async def asynchronous(ctx: Context) -> None:
        begun.set()
        await asyncio.to_thread(cancelled.wait, TIMEOUT_SECONDS)
        await ctx.step("one", str, 1)
        await ctx.step("two", str, 2)
        raise AssertionError("went on")

    client = client_of(mcp, loop)
    task_id = client.start("async" if is_async else "work")
    assert begun.wait(TIMEOUT_SECONDS)
    client.cancel(task_id)
    cancelled.set()
    assert end_of(client, task_id)["status"] == "cancelled"


def test_a_slow_call_is_handed_over_and_goes_on(loop: asyncio.AbstractEventLoop) -> None:
    mcp = make_server()
    ran: list[str] = []

    @mcp.tool(task=TaskPolicy(support="auto", inline=timedelta(milliseconds=20)))
    async def slow(ctx: Context) -> str:
        await ctx.step("once", ran.append, "once")
        if len(ran) == 1:
            ran.append("slow")
            await asyncio.sleep(60)
        return ",".join(ran)

    client = client_of(mcp, loop)
    assert text(end_of(client, client.start("slow"))) == "once,slow"


def test_a_worker_that_cannot_is_tried_again(loop: asyncio.AbstractEventLoop) -> None:
    looked: list[str] = []
    done = threading.Event()

    class Broken:
        def run(self, task_id: str, host: Any) -> None:
            looked.append(task_id)
            if len(looked) == 1:
                raise ConnectionError("no table")
            done.set()

    queue = ThreadQueue()
    queue.worker = Broken()  # type: ignore[assignment]
    queue.send("t")
    assert done.wait(TIMEOUT_SECONDS)
    assert looked == ["t", "t"]


def test_messages_wait_as_long_as_they_are_told() -> None:
    looked: list[str] = []
    done = threading.Event()

    class Noting:
        def run(self, task_id: str, host: Any) -> None:
            looked.append(task_id)
            if task_id == "last":
                done.set()

    queue = ThreadQueue()
    queue.worker = Noting()  # type: ignore[assignment]
    before = threading.active_count()
    for number in range(50):
        queue.send(str(number), 900)
    queue.send("last", 0.001)
    assert done.wait(TIMEOUT_SECONDS)
    assert looked == ["last"]
    assert threading.active_count() <= before + 2  # one for the loop, one for the task
    assert queue.wait(TIMEOUT_SECONDS)
    assert queue.close(TIMEOUT_SECONDS)


def test_a_task_that_runs_is_cancelled_when_the_process_ends(loop: asyncio.AbstractEventLoop) -> None:
    mcp = make_server()
    begun = threading.Event()
    seen: list[str] = []

    @mcp.tool(task=True)
    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")

    endpoint = local_endpoint(mcp._parts(), SETTINGS)
    client = client_of(mcp, loop, endpoint)
    tasks = endpoint.executor.services.tasks
    assert tasks is not None
    queue = tasks.queue
    assert isinstance(queue, ThreadQueue)
    task_id = client.start("work")
    assert begun.wait(TIMEOUT_SECONDS)
    assert not queue.wait(0.001)
    queue.stop()
    assert queue.wait(TIMEOUT_SECONDS)
    assert queue.close(TIMEOUT_SECONDS)
    assert client.status(task_id) == "cancelled"
    assert seen == ["cleaned up"]


def test_what_an_expired_task_returned_goes(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambent.stores.memory._PURGE_SECONDS", 0.005)
    mcp = make_server()

    @mcp.tool(task=TaskPolicy(ttl=timedelta(seconds=0.05)))
    def large(text: str) -> str:
        return text

    endpoint = local_endpoint(mcp._parts(), SETTINGS)
    client = client_of(mcp, loop, endpoint)
    tasks = endpoint.executor.services.tasks
    assert tasks is not None
    assert isinstance(tasks.queue, ThreadQueue)
    assert isinstance(tasks._blobs, MemoryBlobs)
    for _ in range(5):
        client.start("large", {"text": "x" * 2000})
    assert tasks._blobs._items
    assert tasks.queue.wait(TIMEOUT_SECONDS)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while tasks._blobs._items:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_server_without_tasks_has_no_workers(loop: asyncio.AbstractEventLoop) -> None:
    mcp = make_server()
    mcp.tool("plain")(lambda: None)
    client = client_of(mcp, loop)
    assert client.get("x").error["code"] == -32601
    assert client.call("plain", capabilities=TASKS).status == 200


def test_a_queue_does_nothing_before_its_first_message() -> None:
    before = threading.active_count()
    queue = ThreadQueue()
    assert queue.worker is None
    assert threading.active_count() == before
    assert issubclass(Worker, object)
