"""The reports function on ports in memory: time stands still, and messages wait for the test."""

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.support import EVERYTHING, SECRET, Client, Reply

from lambent.cli.local_aws.sqs_events import sqs_event
from lambent.execution.call import Services
from lambent.execution.durable.tasks.service import Tasks
from lambent.execution.durable.tasks.worker import Worker
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.hosts.settings import Settings
from lambent.stores.memory import MemoryBlobs, MemoryQueue, MemoryStore

FOLDER = Path(__file__).parents[3] / "functions" / "reports"
MODULES = ("app", "journal", "sales", "stages")

QUEUE = "tasks"
REGION = "eu-west-1"
ARN = f"arn:aws:sqs:{REGION}:123456789012"
WITH_TASKS = {**EVERYTHING, "extensions": {"io.modelcontextprotocol/tasks": {}}}


class Deadline:
    """A Lambda context with so much time left."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


class Desk:
    """The function that answers requests and the one that runs tasks, and everything between them."""

    def __init__(self, modules: Mapping[str, ModuleType], *, has_tasks: bool = True) -> None:
        self.journal = modules["journal"].journal()
        self.now = 1_780_000_000.0
        self.queue = MemoryQueue()
        mcp, settings, store = modules["app"].mcp, Settings(state_keys=(SECRET,)), MemoryStore()
        blobs = MemoryBlobs()
        tasks = Tasks(store, self.queue, blobs, self.clock, None, mcp.name) if has_tasks else None
        services = Services(
            catalog=mcp.freeze(),
            audience=mcp.name,
            keys=settings.keys,
            state_ttl=settings.state_ttl,
            changes=None,
            listen_seconds=0.0,
            clock=self.clock,
            store=store if has_tasks else None,
            tasks=tasks,
        )
        executor = Executor(services)
        worker = Worker(executor, tasks) if tasks is not None else None
        endpoint = Endpoint(executor, settings.http_policy)
        self.handler = LambdaHandler(endpoint, worker, f"http://sqs/1/{QUEUE}")
        self.client = Client(self.handler)

    def clock(self) -> float:
        return self.now

    def call(self, tool: str, capabilities: Any = None, seconds: float = 30, **arguments: Any) -> Reply:
        able = WITH_TASKS if capabilities is None else capabilities
        return self.client.call(tool, arguments, capabilities=able, context=Deadline(seconds))

    def start(self, tool: str, capabilities: Any = None, seconds: float = 30, **arguments: Any) -> str:
        """Call a tool that becomes a task; its id."""
        result = self.call(tool, capabilities, seconds, **arguments).result
        assert result["resultType"] == "task", result
        task_id: str = result["taskId"]
        return task_id

    def get(self, task_id: str) -> dict[str, Any]:
        return self._request("tasks/get", task_id)

    def answer(self, task_id: str, **responses: Any) -> None:
        self._request("tasks/update", task_id, inputResponses=responses)

    def cancel(self, task_id: str) -> None:
        self._request("tasks/cancel", task_id)

    def _request(self, method: str, task_id: str, **params: Any) -> dict[str, Any]:
        headers = {"mcp-name": task_id}
        given = {"taskId": task_id, **params}
        return self.client.request(method, given, headers=headers, capabilities=WITH_TASKS).result

    def deliver(self, queue: str = QUEUE, seconds: float = 300) -> str:
        """Deliver the oldest message, once its delay has passed; its task's id."""
        task_id, delay = self.queue.messages.pop(0)
        self.now += delay
        message = {"MessageId": "1", "ReceiptHandle": "1", "Body": task_id, "MD5OfBody": "1"}
        done = self.handler(sqs_event([message], f"{ARN}:{queue}", REGION), Deadline(seconds))
        assert done == {"batchItemFailures": []}
        return task_id


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The function's modules, imported anew, as a cold start would; its stages take no time."""
    for name in ("LAMBENT_TABLE", "LAMBENT_TASK_QUEUE_URL", "LAMBENT_BUCKET", "REPORT_JOURNAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REPORT_PACE", "0")
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    others = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        for name in MODULES:
            sys.modules.pop(name, None)
        sys.modules.update(others)


@pytest.fixture
def make_desk(modules: dict[str, ModuleType]) -> Iterator[Callable[..., Desk]]:
    """Makes desks; the event loops of their tools are closed in the end."""
    made: list[Desk] = []

    def make(**options: Any) -> Desk:
        made.append(Desk(modules, **options))
        return made[-1]

    yield make
    for desk in made:
        desk.handler.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def stage(modules: dict[str, ModuleType]) -> Callable[..., Any]:
    """Runs a stage of a report."""
    return lambda name, *arguments: asyncio.run(getattr(modules["stages"], name)(*arguments))
