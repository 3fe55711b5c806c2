"""Tasks and deliveries of processes that share a Redis: two applications stand for two processes."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.execution.durable.tasks.harness import TaskClient
from tests.hooks import SECONDS, Hook, hooks
from tests.hosts.asgi.driving import running_loop
from tests.hosts.test_events import params, shop
from tests.hosts.test_task_threads import Ok, end_of, text
from tests.hosts.test_task_threads import client_of as client_of_endpoint
from tests.redis_server import RedisProcess, shared_redis
from tests.support import SECRET, accept, make_server

from lambent import Context, MCPServer, Session, Settings
from lambent.execution.durable import records
from lambent.hosts import live, shared_queue
from lambent.hosts.asgi import AsgiApp
from lambent.hosts.asgi_workers import WorkingApp
from lambent.hosts.events_settings import EventSettings
from lambent.hosts.lease_renewal import LeaseRenewal
from lambent.hosts.shared_queue import SharedQueue
from lambent.stores.redis import close_clients

redis = pytest.fixture(shared_redis)
hook = pytest.fixture(hooks)

Start = Callable[[MCPServer], TaskClient]

QUICK = """
from lambent.execution.durable import records
from lambent.hosts import lease_renewal, live, shared_queue

records.SKEW_SECONDS = 0.2
live.LiveInvocation.lease_seconds = shared_queue.LEASE_SECONDS = 0.6
lease_renewal.leases._seconds = 0.2
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of moments."""
    monkeypatch.setattr(records, "SKEW_SECONDS", 0.2)
    monkeypatch.setattr(live.LiveInvocation, "lease_seconds", 0.6)
    monkeypatch.setattr(live, "leases", LeaseRenewal(0.2))
    monkeypatch.setattr(shared_queue, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(shared_queue, "_LOOK_SECONDS", 0.2)


@pytest.fixture
def url(redis: RedisProcess) -> Iterator[str]:
    yield redis.url()
    close_clients()


loop = pytest.fixture(running_loop)


@pytest.fixture
def apps() -> Iterator[list[AsgiApp]]:
    made: list[AsgiApp] = []
    yield made
    for app in made:
        end(app)


@pytest.fixture
def start(url: str, loop: asyncio.AbstractEventLoop, apps: list[AsgiApp]) -> Start:
    """Starts a server as a process would; gives a client of it."""

    def one(server: MCPServer) -> TaskClient:
        given = EventSettings(local_callbacks=True)
        app = server.asgi(Settings(redis=url, state_keys=(SECRET,), events=given))
        assert isinstance(app, WorkingApp)
        apps.append(app)
        for queue in queues(app):
            queue.start()
        return client_of_endpoint(server, loop, app._endpoint)

    return one


def queues(app: AsgiApp) -> tuple[SharedQueue, ...]:
    assert isinstance(app, WorkingApp)
    return tuple(app._queues)


def end(app: AsgiApp, seconds: float = SECONDS) -> None:
    for queue in queues(app):
        assert queue.close(seconds)


def test_tasks_run_in_any_process(start: Start) -> None:
    together = threading.Barrier(40)

    def server() -> MCPServer:
        mcp = make_server()

        @mcp.tool(task=True)
        def work() -> int:
            return together.wait(SECONDS)

        return mcp

    here, there = start(server()), start(server())
    tasks = [here.start("work") for _ in range(40)]  # more than run in a process
    assert {text(end_of(there, task_id)) for task_id in tasks} == set(map(str, range(40)))


def test_a_question_is_answered_at_another_process(start: Start) -> None:
    def server() -> MCPServer:
        mcp = make_server()

        @mcp.tool(task=True)
        async def ask(ctx: Context) -> str:
            return (await ctx.elicit("ok?", Ok)).action

        return mcp

    here, there = start(server()), start(server())
    task_id = here.start("ask")
    ((key, _),) = end_of(here, task_id, "input_required")["inputRequests"].items()
    there.update(task_id, {key: accept(ok=True)})
    assert text(end_of(here, task_id)) == "accept"


def test_a_large_result_needs_no_bucket(start: Start) -> None:
    mcp = make_server()

    @mcp.tool(task=True)
    def work(said: str) -> str:
        return said * 2

    here = start(mcp)
    said = "x" * 300_000
    assert text(end_of(here, here.start("work", {"said": said}))) == said * 2


def test_sessions_are_everywhere(start: Start) -> None:
    def server() -> MCPServer:
        mcp = make_server()

        @mcp.tool(task=True)
        def idle() -> None:
            """There is a queue."""

        @mcp.tool()
        def create(ctx: Context) -> str:
            return ctx.sessions.create({"n": 1})

        @mcp.tool()
        def count(session: Session[dict[str, int]]) -> str:
            session["n"] += 1
            return str(session["n"])

        return mcp

    here, there = start(server()), start(server())
    handle = here.call("create").text
    found = [client.call("count", {"session": handle}).text for client in (there, here, there)]
    assert found == ["2", "3", "4"]


def test_a_task_that_takes_longer_than_its_lease_runs_once(start: Start) -> None:
    begun: list[int] = []

    def server() -> MCPServer:
        mcp = make_server()

        @mcp.tool(task=True)
        def work() -> None:
            begun.append(1)
            time.sleep(2.5)

        return mcp

    here, _ = start(server()), start(server())
    assert end_of(here, here.start("work"))["status"] == "completed"
    assert begun == [1]


@pytest.mark.parametrize("is_async", [True, False])
def test_a_process_that_ends_hands_its_tasks_on(start: Start, apps: list[AsgiApp], is_async: bool) -> None:
    begun = threading.Semaphore(0)
    steps: list[str] = []
    names = iter(["first", "second"])

    def server() -> MCPServer:
        mcp, name = make_server(), next(names)

        if is_async:

            @mcp.tool(task=True)
            async def work(ctx: Context) -> str:
                await ctx.step("pay", lambda: steps.append("pay"))
                begun.release()
                if name == "first":
                    await asyncio.Event().wait()
                return name

        else:

            @mcp.tool(task=True, name="work")
            def plain(ctx: Context) -> str:
                ctx.step("pay", lambda: steps.append("pay")).result()
                begun.release()
                while name == "first":
                    time.sleep(0.01)
                    ctx.report_progress(1)
                return name

        return mcp

    first = start(server())
    task_id = first.start("work")
    assert begun.acquire(timeout=SECONDS)
    second = start(server())
    end(apps[0], 0.0)
    shown = end_of(second, task_id)
    assert text(shown) == "second"
    assert steps == ["pay"]


CHILD = """
import time
from lambent import Context, MCPServer, Settings

mcp = MCPServer("shop", version="1.2.3")

@mcp.tool(task=True)
def work(ctx: Context) -> str:
    ctx.step("pay", lambda: 1).result()
    print("paid", flush=True)
    time.sleep(60)
    return "there"

for queue in mcp.asgi(Settings(redis=URL))._queues:
    queue.start()
time.sleep(60)
"""


def test_a_process_that_dies_gives_its_tasks_back(
    start: Start, url: str, loop: asyncio.AbstractEventLoop
) -> None:
    """After its lease; the steps that it has finished are not run again."""
    steps: list[str] = []

    def server() -> MCPServer:
        mcp = make_server()

        @mcp.tool(task=True)
        def work(ctx: Context) -> str:
            ctx.step("pay", lambda: steps.append("paid")).result()
            return "here"

        return mcp

    asking = server()
    app = asking.asgi(Settings(redis=url, state_keys=(SECRET,)))
    for queue in queues(app):
        queue.leave()  # it only asks
    client = client_of_endpoint(asking, loop, app._endpoint)
    command = [sys.executable, "-c", QUICK + CHILD.replace("URL", repr(url))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        task_id = client.start("work")
        said = process.stdout.readline()
        process.kill()
    assert said == b"paid\n"
    assert client.status(task_id) == "working"
    start(server())
    assert text(end_of(client, task_id)) == "here"
    assert steps == []


def test_deliveries_are_made_by_any_process(start: Start, apps: list[AsgiApp], hook: Hook) -> None:
    here, there = start(shop()), start(shop())
    here.request("events/subscribe", params(hook.url))
    for number in "abc":
        there.call("send", {"number": number})
    assert sorted(one.json["eventId"] for one in hook.wait(3)) == ["a", "b", "c"]
    end(apps[0])
    there.call("send", {"number": "d"})
    assert sorted(one.json["eventId"] for one in hook.wait(4)) == ["a", "b", "c", "d"]
