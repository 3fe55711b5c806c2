"""What a deployment has with a Redis, by its settings and its host; only the last ones need a server."""

import contextlib
import importlib.util
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from tests.hosts.asgi.driving import on_loop
from tests.hosts.test_events import shop
from tests.redis_server import SECONDS, RedisProcess, client_of, shared_redis
from tests.support import SECRET, make_server, message

from lambent import ConfigurationError, Idempotency, MCPServer, Session, Settings, StoreError
from lambent.hosts import shared_queue
from lambent.hosts.asgi import AsgiApp
from lambent.hosts.asgi_workers import WorkingApp
from lambent.hosts.assembly import Assembly
from lambent.hosts.events_settings import EventSettings
from lambent.hosts.shared_queue import SharedQueue
from lambent.hosts.shared_tasks import SharedTaskQueue
from lambent.stores.aws import SqsQueue
from lambent.stores.redis import close_clients
from lambent.stores.redis_changes import RedisChanges
from lambent.stores.redis_logs import RedisLog
from lambent.stores.redis_store import RedisBlobs, RedisStore

redis = pytest.fixture(shared_redis)

URL = "redis://127.0.0.1:1/0"
SQS = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait for messages look soon whether they are to end."""
    monkeypatch.setattr(shared_queue, "_LOOK_SECONDS", 0.2)


needs_library = pytest.mark.skipif(
    importlib.util.find_spec("redis") is None, reason="redis-py is not installed: the extra lambent[redis]"
)


def tasks() -> MCPServer:
    mcp = make_server()

    @mcp.tool(task=True)
    def work() -> str:
        return "done"

    return mcp


def assembly_of(server: MCPServer, *, in_lambda: bool, **more: Any) -> Assembly:
    settings = Settings(redis=URL, state_keys=(SECRET,), in_lambda=in_lambda, **more)
    return Assembly(server._parts(), settings, lambda event, response: {}, in_lambda=in_lambda)


@needs_library
def test_a_process_that_stays_works_the_queues() -> None:
    made = assembly_of(tasks(), in_lambda=False)
    services = made.executor.services
    assert isinstance(services.store, RedisStore)
    assert isinstance(services.changes, RedisChanges)
    assert services.live is not None
    assert services.live.shared
    assert services.tasks is not None
    assert isinstance(services.tasks.queue, SharedTaskQueue)
    assert isinstance(services.tasks._blobs, RedisBlobs)
    assert made.shared == (services.tasks.queue,)


@needs_library
def test_messages_go_to_sqs_where_it_is_set() -> None:
    events = EventSettings(queue_url=SQS)
    for in_lambda in (True, False):
        made = assembly_of(tasks(), in_lambda=in_lambda, task_queue_url=SQS)
        assert made.executor.services.tasks is not None
        assert isinstance(made.executor.services.tasks.queue, SqsQueue)
        assert made.shared == ()
        made = assembly_of(shop(), in_lambda=in_lambda, events=events)
        assert made.executor.services.events is not None
        assert isinstance(made.executor.services.events.queue, SqsQueue)
        assert made.shared == ()


@needs_library
def test_deliveries_are_shared_where_processes_stay() -> None:
    made = assembly_of(shop(), in_lambda=False)
    events = made.executor.services.events
    assert events is not None
    assert isinstance(events.log, RedisLog)
    assert isinstance(events.queue, SharedQueue)
    assert made.shared == (events.queue,)
    assert (events.modes, events.has_schedule) == (("poll", "webhook", "push"), True)


@needs_library
def test_nothing_runs_between_invocations() -> None:
    services = assembly_of(shop(), in_lambda=True).executor.services
    assert services.changes is None
    assert services.events is not None
    assert isinstance(services.events.log, RedisLog)
    assert (services.events.queue, services.events.modes, services.events.has_schedule) == (
        None,
        ("poll",),
        True,
    )


@needs_library
def test_in_lambda_tasks_need_a_queue_and_all_else_is_there() -> None:
    mcp = make_server()

    @mcp.tool(task=True, idempotency=Idempotency(key="name"))
    def work(name: str) -> str:
        return "done"

    with pytest.raises(
        ConfigurationError, match=r"so this function needs a queue: set LAMBENT_TASK_QUEUE_URL$"
    ):
        assembly_of(mcp, in_lambda=True)
    other = make_server()

    @other.tool()
    def count(session: Session[dict[str, int]]) -> str:
        return str(session["n"])

    assert isinstance(assembly_of(other, in_lambda=True).executor.services.store, RedisStore)


@needs_library
def test_a_server_without_shared_work_is_the_plain_application() -> None:
    settings = Settings(redis=URL)
    assert type(make_server().asgi(settings)) is AsgiApp
    assert type(tasks().asgi(settings)) is WorkingApp


def test_nothing_of_it_is_loaded_without_the_setting() -> None:
    code = """
import sys
from lambent import MCPServer, Settings

mcp = MCPServer("shop")

@mcp.tool(task=True)
def work() -> str:
    return "done"

mcp.asgi(Settings.from_env({}))
mcp.lambda_handler(Settings.from_env({"LAMBENT_TABLE": "shop", "LAMBENT_TASK_QUEUE_URL": "https://sqs/q"}))
words = ("redis", "shared_", "leased_", "store_settings", "asgi_workers")
print([name for name in sys.modules if any(word in name for word in words)])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_what_answers_no_call_emits_into_the_same_log(
    redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = redis.url()
    monkeypatch.setenv("LAMBENT_STORE", url)
    mcp = make_server()

    @mcp.event("order.sent", payload=dict)
    def order_sent() -> None:
        """An order was sent."""

    mcp.events().emit("order.sent", {"n": 1}).result()
    client = client_of(url)
    (log,) = client.keys("lambent:log:*")
    assert client.hget(log, "number") == b"1"
    client.close()
    close_clients()


def test_what_answers_no_call_leaves_deliveries_to_others(
    redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has nothing that delivers: a message that it took would be lost in the end."""
    url = redis.url()
    monkeypatch.setenv("LAMBENT_STORE", url)
    before = set(threading.enumerate())
    shop().events().emit("order.sent", {"number": "a"}).result()
    assert [one.name for one in set(threading.enumerate()) - before if "delivery" in one.name] == []
    client = client_of(url)
    assert client.hvals("lambent:queue:shop:deliveries:bodies") == [b"wake order.sent"]
    client.close()
    close_clients()


@on_loop
async def lifespan_of(app: AsgiApp, states: list[int]) -> None:
    """The lifespan of an application, and how many threads help its queues, before and within."""
    assert isinstance(app, WorkingApp)
    (queue,) = app._queues
    states.append(len(queue._helpers))
    told = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))
    sent: list[Any] = []

    async def receive() -> Any:
        return next(told)

    async def send(answer: Any) -> None:
        states.append(len(queue._helpers))
        sent.append(answer["type"])

    await app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert not any(helper.is_alive() for helper in queue._helpers)


def test_threads_begin_with_the_lifespan_and_end_with_it(redis: RedisProcess) -> None:
    states: list[int] = []
    lifespan_of(tasks().asgi(Settings(redis=redis.url())), states)
    assert states == [0, 2, 2]
    close_clients()


class Broken:
    """A queue that does not end."""

    def close(self, seconds: float) -> None:
        raise StoreError("redis: no answer")


@on_loop
async def begun_and_ended(app: WorkingApp) -> None:
    await app.startup()
    with pytest.raises(StoreError, match="no answer"):
        await app.shutdown()


def test_what_the_lifespan_holds_is_let_go_though_a_queue_does_not_end() -> None:
    left: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(server: MCPServer) -> AsyncIterator[None]:
        yield
        left.append("left")

    server = MCPServer("shop", lifespan=lifespan)
    server.tool("export", task=True)(lambda: "done")
    app = server.asgi(Settings(redis=URL))
    assert isinstance(app, WorkingApp)
    app._queues = (Broken(),)  # type: ignore[assignment]
    begun_and_ended(app)
    assert left == ["left"]


@on_loop
async def within_fastapi(settings: Settings) -> None:
    application = FastAPI()
    router = tasks().fastapi_router("/mcp", settings=settings)
    application.include_router(router)
    before = set(threading.enumerate())  # other tests may have left some that are ending

    def names() -> list[str]:
        threads = set(threading.enumerate()) - before
        return [one.name for one in threads if one.name.startswith("lambent-task")]

    async with application.router.lifespan_context(application):
        assert names() == ["lambent-task-queue"] * 2
    assert names() == []


def test_a_router_of_fastapi_passes_the_lifespan_on(redis: RedisProcess) -> None:
    within_fastapi(Settings(redis=redis.url()))
    close_clients()


def test_a_task_of_stdio_is_run_in_its_own_process(redis: RedisProcess) -> None:
    url = redis.url()
    code = f"""
from lambent import MCPServer, Settings
from lambent.hosts import shared_queue

shared_queue._LOOK_SECONDS = 0.2
mcp = MCPServer("shop")

@mcp.tool(task=True)
def work() -> str:
    return "done"

mcp.run_stdio(Settings(redis={url!r}, state_keys=({SECRET!r},)))
"""
    capabilities = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    call = message("tools/call", {"name": "work", "arguments": {}})
    call["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities
    client = client_of(url)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(call).encode() + b"\n")
        process.stdin.flush()
        task_id = json.loads(process.stdout.readline())["result"]["taskId"]
        (key,) = client.keys(f"*{task_id}")
        name = key.decode().removeprefix("lambent:item:")

        store, deadline = RedisStore(url, client), time.monotonic() + SECONDS
        while (item := store.read(name)) is None or b'"completed"' not in item.body:
            assert time.monotonic() < deadline, item
            time.sleep(0.02)
        process.stdin.close()
        assert process.wait(SECONDS) == 0
    assert client.zcard("lambent:queue:shop:tasks") == 0
    client.close()
