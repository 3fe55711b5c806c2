"""`lambent worker`: processes that work the queues of a deployment."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.cloud import CREDENTIALS, REGION, Cloud, shared_cloud
from tests.execution.durable.tasks.harness import TaskClient
from tests.hosts.test_lease_renewal import SECONDS, until

from lambent.cli import main
from lambent.hosts.settings import Settings

cloud = pytest.fixture(shared_cloud)

APP = """
import asyncio, os, pathlib
from lambent import Context, MCPServer, TaskPolicy

mcp = MCPServer("shop", version="1.2.3")
here = pathlib.Path(__file__).parent


@mcp.tool(task=TaskPolicy(support="required"))
async def build(name: str, ctx: Context) -> str:
    first = await ctx.step("first", os.getpid)
    (here / name).write_text("begun")
    while not (here / "go").exists():
        await asyncio.sleep(0.01)
    return f"{first} {os.getpid()}"
"""


QUICK = """
import sys
from lambent.cli import main
from lambent.hosts import queue_worker

queue_worker._RECEIVE_SECONDS = 1
sys.exit(main(["worker", "app.py", *sys.argv[1:]]))
"""
"""A queue is not asked for so long that the end has to wait for it."""


def worker(folder: Path, environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", QUICK, *options],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_tasks_are_run_and_handed_over_at_the_end(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    dead = cloud.queue()
    environment = {
        "LAMBENT_TABLE": cloud.table(),
        "LAMBENT_TASK_QUEUE_URL": cloud.queue(),
        "LAMBENT_DRAIN_SECONDS": "0.2",
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
    }
    client = client_of(tmp_path, environment, cloud)
    processes = [worker(tmp_path, environment, "--dead-letters", dead)]
    try:
        task_id = client.start("build", {"name": "a"})
        until((tmp_path / "a").exists)
        processes[0].send_signal(signal.SIGTERM)
        output = processes[0].communicate(timeout=SECONDS)[1]
        assert processes[0].returncode == 0, output
        assert client.get(task_id).result["status"] == "working"
        (tmp_path / "go").touch()
        processes.append(worker(tmp_path, environment, "--dead-letters", dead))
        until(lambda: client.get(task_id).result["status"] != "working")
        # The finished step is not run again, and the rest is run by the other process.
        said = client.get(task_id).result["result"]["content"][0]["text"]
        assert said == f"{processes[0].pid} {processes[1].pid}"
    finally:
        for process in processes:
            process.kill()
            process.communicate(timeout=SECONDS)


def client_of(folder: Path, environment: dict[str, str], cloud: Cloud) -> TaskClient:
    """A client of the same server on the resources of these workers, in this process."""
    names: dict[str, Any] = {}
    exec(compile(APP, str(folder / "app.py"), "exec"), {"__name__": "app", "__file__": "app.py"}, names)
    settings = Settings.from_env(environment)
    handler = names["mcp"].lambda_handler(settings)
    services = handler._endpoint.executor.services
    services.store._table._given = cloud.dynamodb
    services.tasks.queue._queue._given = cloud.sqs
    return TaskClient(handler)


def test_without_a_queue_it_says_what_to_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    assert main(["worker", "app.py"]) == 1
    assert capsys.readouterr().err == (
        "lambent worker: There is no queue to work: set LAMBENT_TABLE, and LAMBENT_TASK_QUEUE_URL for tools "
        'with task= or LAMBENT_EVENTS_QUEUE_URL for events with delivery=["webhook"]; or set '
        "LAMBENT_STORE to a Redis, which has both queues\n"
    )


NO_URL = (
    "lambent worker: There is no queue to work: set LAMBENT_TASK_QUEUE_URL for tools with task= or "
    'LAMBENT_EVENTS_QUEUE_URL for events with delivery=["webhook"]\n'
)
NOT_DECLARED = (
    "lambent worker: There is no queue to work: the server declares no tools with task=, and no events with "
    'delivery=["webhook"]\n'
)
PLAIN = 'from lambent import MCPServer\nmcp = MCPServer("plain")\n'


@pytest.mark.parametrize(
    ("name", "app", "variables", "said"),
    [
        ("with_a_table", APP, {"LAMBENT_TABLE": "t"}, NO_URL),
        ("with_a_store", APP, {"LAMBENT_STORE": "dynamodb://t"}, NO_URL),
        ("plain", PLAIN, {"LAMBENT_TABLE": "t", "LAMBENT_TASK_QUEUE_URL": "https://sqs/q"}, NOT_DECLARED),
    ],
)
def test_with_a_table_it_says_what_is_missing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    app: str,
    variables: dict[str, str],
    said: str,
) -> None:
    (tmp_path / f"worker_{name}.py").write_text(app)
    monkeypatch.chdir(tmp_path)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert main(["worker", f"worker_{name}.py"]) == 1
    assert capsys.readouterr().err == said
