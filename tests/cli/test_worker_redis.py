"""`lambent worker` with a Redis: several processes work its queues, and some of them die."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.execution.durable.tasks.harness import TaskClient
from tests.hooks import Hook, hooks
from tests.hosts.asgi.driving import running_loop
from tests.hosts.test_events import params
from tests.hosts.test_lease_renewal import SECONDS, until
from tests.hosts.test_task_threads import client_of, end_of, text
from tests.redis_server import RedisProcess, binary, free_port, shared_redis
from tests.support import SECRET

from lambent.hosts.asgi_workers import WorkingApp
from lambent.hosts.settings import Settings
from lambent.stores.redis import close_clients

redis = pytest.fixture(shared_redis)
hook = pytest.fixture(hooks)

APP = """
import asyncio, dataclasses, os, pathlib, time
from lambent import Checked, Context, MCPServer, Occurrence, Principal, TaskPolicy


def identify(call, following):
    return following(call.as_principal(Principal("ann", "https://issuer.example")))


mcp = MCPServer("shop", version="1.2.3", middleware=[identify])
here = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Order:
    number: str


@mcp.tool(task=TaskPolicy(support="required"))
async def build(name: str, ctx: Context) -> str:
    first = await ctx.step("first", os.getpid)
    (here / name).write_text("begun")
    while not (here / "go").exists():
        await asyncio.sleep(0.01)
    return f"{first} {os.getpid()}"


@mcp.tool(task=TaskPolicy(support="required"))
def count(number: int) -> str:
    with (here / "counts").open("a") as file:
        file.write(f"{number}\\n")
    time.sleep(0.01)
    return f"{number} {os.getpid()}"


@mcp.event("order.sent", payload=Order, delivery=["poll", "webhook"])
def order_sent() -> None:
    "An order was sent."


@mcp.tool()
def send(ctx: Context, number: str) -> str:
    return ctx.events.emit("order.sent", Order(number), event_id=number).result()


def check(cursor):
    with (here / "checks").open("a") as file:
        file.write(f"{cursor} {os.getpid()}\\n")
    at = int(cursor or 0)
    return Checked(occurrences=[Occurrence(Order(f"p{at}"), f"p{at}")] if at else [], cursor=str(at + 1))


@mcp.event("parcel.sent", payload=Order, check=check, delivery=["poll", "webhook"])
def parcel_sent() -> None:
    "A parcel was sent."
"""

QUICK = """
import sys
from lambent.cli import main
from lambent.execution.durable import records
from lambent.hosts import lease_renewal, leased_inbox, live, queue_worker
from lambent.stores import redis_queue

records.SKEW_SECONDS = 0.2
live.LiveInvocation.lease_seconds = leased_inbox.LEASE_SECONDS = 1.0
redis_queue._LONGEST_WAIT_SECONDS = 0.2
lease_renewal.leases._seconds = queue_worker._EXTEND_SECONDS = 0.25
sys.exit(main(["worker", "app.py", *sys.argv[1:]]))
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def url(redis: RedisProcess) -> Iterator[str]:
    yield redis.url()
    close_clients()


loop = pytest.fixture(running_loop)


@pytest.fixture
def client(tmp_path: Path, url: str, loop: asyncio.AbstractEventLoop) -> TaskClient:
    return _client(tmp_path, url, loop)


@pytest.fixture
def start(tmp_path: Path, url: str) -> Iterator[Start]:
    """Starts workers."""
    made: list[subprocess.Popen[str]] = []

    def one(*options: str, seconds: str = "0.2", at: str = url) -> "subprocess.Popen[str]":
        made.append(
            subprocess.Popen(
                [sys.executable, "-c", QUICK, *options],
                cwd=tmp_path,
                env={
                    **os.environ,
                    **environment(at),
                    "LAMBENT_DRAIN_SECONDS": seconds,
                    "PYTHONPATH": os.pathsep.join(sys.path),
                },
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return made[-1]

    yield one
    for process in made:
        process.kill()
        process.communicate(timeout=SECONDS)


def _client(folder: Path, url: str, loop: asyncio.AbstractEventLoop) -> TaskClient:
    """A client of the same server in this process, which leaves the work to others."""
    file = folder / "app.py"
    file.write_text(APP)
    names: dict[str, Any] = {"__name__": "app", "__file__": str(file)}
    exec(compile(APP, str(file), "exec"), names)
    app = names["mcp"].asgi(Settings.from_env(environment(url) | {"LAMBENT_SEPARATE_WORKERS": "true"}))
    assert not isinstance(app, WorkingApp)
    return client_of(names["mcp"], loop, app._endpoint)


def environment(url: str) -> dict[str, str]:
    return {
        "LAMBENT_STORE": url,
        "LAMBENT_STATE_KEYS": SECRET,
        "LAMBENT_EVENTS_LOCAL_CALLBACKS": "true",
    }


def wait_for(line: str, process: "subprocess.Popen[str]") -> None:
    """Read what a worker says until it says this."""
    assert process.stderr is not None
    said = ""
    while line not in said:
        said = process.stderr.readline()
        assert said, f"it has never said {line!r}"


def end(*processes: "subprocess.Popen[str]") -> None:
    """Have workers end in order."""
    for process in processes:
        wait_for("Taking messages of lambent-task, lambent-delivery\n", process)
        process.send_signal(signal.SIGTERM)
    for process in processes:
        said = process.communicate(timeout=SECONDS)[1]
        assert process.returncode == 0, said


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def test_what_runs_is_handed_on_at_the_end(client: TaskClient, start: Start, tmp_path: Path) -> None:
    first = start()
    task_id = client.start("build", {"name": "a"})
    until((tmp_path / "a").exists)
    end(first)
    assert client.get(task_id).result["status"] == "working"
    (tmp_path / "go").touch()
    second = start()
    assert text(end_of(client, task_id)) == f"{first.pid} {second.pid}"  # its first step is not run again
    end(second)


def test_another_worker_ends_what_a_killed_one_has_begun(
    client: TaskClient, start: Start, tmp_path: Path
) -> None:
    first = start()
    task_id = client.start("build", {"name": "a"})
    until((tmp_path / "a").exists)
    second = start()
    first.kill()
    (tmp_path / "go").touch()
    assert text(end_of(client, task_id)) == f"{first.pid} {second.pid}"


def test_a_task_may_end_when_its_worker_is_told_to(client: TaskClient, start: Start, tmp_path: Path) -> None:
    worker = start(seconds="30")
    task_id = client.start("build", {"name": "a"})
    until((tmp_path / "a").exists)
    worker.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    assert text(end_of(client, task_id)) == f"{worker.pid} {worker.pid}"
    worker.communicate(timeout=SECONDS)
    assert worker.returncode == 0


def test_nothing_is_lost_while_workers_come_and_go(client: TaskClient, start: Start, tmp_path: Path) -> None:
    workers = [start("--threads", "4") for _ in range(3)]
    tasks = {number: client.start("count", {"number": number}) for number in range(60)}
    until(lambda: len(lines(tmp_path / "counts")) > 5)
    workers[0].kill()
    end(workers[1])
    workers.append(start())
    for number, task_id in tasks.items():
        assert text(end_of(client, task_id)).split()[0] == str(number)
    assert {int(one) for one in lines(tmp_path / "counts")} == set(tasks)
    end(*workers[2:])


def test_events_are_delivered(client: TaskClient, start: Start, hook: Hook) -> None:
    client.request("events/subscribe", params(hook.url))
    workers = [start(), start()]
    for number in "abc":
        client.call("send", {"number": number})
    assert sorted(one.json["eventId"] for one in hook.wait(3)) == ["a", "b", "c"]
    end(*workers)


def test_one_of_all_workers_asks_upstreams(
    client: TaskClient, start: Start, hook: Hook, tmp_path: Path
) -> None:
    client.request("events/subscribe", params(hook.url, "parcel.sent"))
    workers = [start("--schedule", "0.3") for _ in range(3)]
    until(lambda: {one.json["data"]["number"] for one in list(hook.deliveries)} >= {"p1", "p2", "p3"})
    # Each cursor once, whoever asks. One that ends while it asks leaves the cursor to the next one.
    asked = [one.split()[0] for one in lines(tmp_path / "checks")]
    assert asked == ["None", *map(str, range(1, len(asked)))]
    end(*workers)


def test_a_server_that_is_away_at_the_start_is_told(client: TaskClient, start: Start) -> None:
    port = free_port()
    worker = start(at=f"redis://:s3cret@127.0.0.1:{port}/2")
    said = worker.communicate(timeout=SECONDS)[1]
    assert worker.returncode == 1
    assert said.startswith(f"lambent worker: redis: connect at '127.0.0.1:{port}/2' failed: ")
    assert "s3cret" not in said
    assert "Traceback" not in said


def test_a_server_that_goes_away_later_is_asked_again(start: Start, tmp_path: Path, loop: Any) -> None:
    binary()
    with contextlib.closing(RedisProcess("--appendonly", "yes", "--appendfsync", "always")) as own:
        url = own.url()
        client = _client(tmp_path, url, loop)
        worker = start(at=url)
        task_id = client.start("count", {"number": 1})
        assert text(end_of(client, task_id)) == f"1 {worker.pid}"
        own.kill()
        wait_for("No messages could be taken: redis: ", worker)
        own.start()
        task_id = client.start("count", {"number": 2})
        assert text(end_of(client, task_id)) == f"2 {worker.pid}"
        close_clients()


def test_without_tasks_and_deliveries_there_is_nothing_to_work(start: Start, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text('from lambent import MCPServer\n\nmcp = MCPServer("shop")\n')
    worker = start()
    said = worker.communicate(timeout=SECONDS)[1]
    assert worker.returncode == 1
    assert said == (
        "lambent worker: There is no queue to work: the server declares no tools with task=, and no events "
        'with delivery=["webhook"]\n'
    )
