"""A server with tasks on ports in memory. Time passes and messages arrive when the test says so."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tests.support import EVERYTHING, SETTINGS, Client, Reply, make_server

from lambent.auth.principal import Principal
from lambent.execution.call import Call, Services
from lambent.execution.durable.tasks.record import TaskRecord
from lambent.execution.durable.tasks.service import Tasks
from lambent.execution.durable.tasks.slots import TaskSlots
from lambent.execution.durable.tasks.worker import Worker
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.execution.limits import RateLimiter
from lambent.execution.middleware import Observer
from lambent.execution.ports import Item
from lambent.features.limits import Limits
from lambent.hosts.aws_lambda.events import write
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.server import MCPServer
from lambent.stores.memory import MemoryBlobs, MemoryStore
from lambent.testing import Clock
from lambent.wire.http import HttpPolicy
from lambent.wire.payloads import ResponseLimit

EXTENSION = "io.modelcontextprotocol/tasks"
TASKS: dict[str, Any] = {**EVERYTHING, "extensions": {EXTENSION: {}}}
"""Capabilities of a client that can do everything, tasks included."""

QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks"
QUEUE_ARN = "arn:aws:sqs:eu-west-1:123456789012:tasks"
DEAD_ARN = "arn:aws:sqs:eu-west-1:123456789012:dead-tasks"

START = 1_700_000_000.0
"""2023-11-14T22:13:20Z"""

INVOCATION = 60.0
"""Seconds that an invocation of a worker lasts, unless a test says otherwise."""

TERMINAL = frozenset({"completed", "failed", "cancelled"})

_decode = msgspec.json.Decoder(TaskRecord).decode


class Died(KeyboardInterrupt):
    """The process is gone: nothing that it was about to do happens any more."""


class Deadline:
    """Lambda's context object, by a clock of the test."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._at - self._clock()) * 1000))


class Store:
    """A store in memory that tells of everything that is done with it, and does as it is told.

    Attributes:
        calls: what was done, such as ``"insert TASK"``.
        before: called with that before it is done; may raise.
        after: called when it is done.
        written: called with a task's record before and after it was written.
    """

    def __init__(self) -> None:
        self.kept = MemoryStore()
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None
        self.written: Callable[[Item | None, Item], None] = lambda _, __: None

    @contextlib.contextmanager
    def _told(self, what: str, key: str) -> Iterator[None]:
        call = f"{what} {key.partition('#')[0]}"
        self.before(call)
        self.calls.append(call)
        yield
        self.after(call)

    def insert(self, item: Item) -> bool:
        with self._told("insert", item.key):
            done = self.kept.insert(item)
            if done:
                self.written(None, item)
        return done

    def read(self, key: str) -> Item | None:
        with self._told("read", key):
            return self.kept.read(key)

    def replace(self, item: Item) -> bool:
        with self._told("replace", item.key):
            old = self.kept.read(item.key)
            done = self.kept.replace(item)
            if done:
                self.written(old, item)
        return done

    def remove(self, key: str, version: int) -> bool:
        with self._told("remove", key):
            return self.kept.remove(key, version)

    def advance(self, key: str, now: int, step: int, most: int, purge_at: int) -> int:
        with self._told("advance", key):
            return self.kept.advance(key, now, step, most, purge_at)


@dataclass
class Sent:
    """A message in the queue."""

    task_id: str
    due: float
    delay: float
    receives: int = 0


class Queue:
    """A queue that delivers what the test takes out of it.

    Attributes:
        messages: what waits to be delivered.
        sent: every message there ever was.
        before: called before a message is sent; may raise.
        after: called when it is sent; may raise.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.messages: list[Sent] = []
        self.sent: list[Sent] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def send(self, task_id: str, delay: float = 0.0) -> None:
        self.before()
        message = Sent(task_id, self._clock() + delay, delay)
        self.messages.append(message)
        self.sent.append(message)
        self.after()


class TaskClient(Client):
    """A client that knows tasks, as a user."""

    def __init__(self, handler: Any, user: str | None = None) -> None:
        super().__init__(handler)
        self.user = user

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        capabilities: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Reply:
        also = {"x-user": self.user} if self.user is not None else {}
        if method.startswith("tasks/"):
            also["mcp-name"] = (params or {}).get("taskId", "")
        able = TASKS if capabilities is None else capabilities
        return super().request(method, params, headers={**also, **(headers or {})}, capabilities=able, **more)

    def start(self, tool: str, arguments: Any = None, **more: Any) -> str:
        """Call a tool that becomes a task; the task's id."""
        result = self.call(tool, arguments, **more).result
        assert result["resultType"] == "task", result
        task_id: str = result["taskId"]
        return task_id

    def get(self, task_id: str, **more: Any) -> Reply:
        return self.request("tasks/get", {"taskId": task_id}, **more)

    def update(self, task_id: str, answers: Mapping[str, Any], **more: Any) -> Reply:
        return self.request("tasks/update", {"taskId": task_id, "inputResponses": dict(answers)}, **more)

    def cancel(self, task_id: str, **more: Any) -> Reply:
        return self.request("tasks/cancel", {"taskId": task_id}, **more)

    def status(self, task_id: str) -> str:
        status: str = self.get(task_id).result["status"]
        return status


class Environment:
    """One execution environment: a server of its own on the ports that all share."""

    def __init__(self, world: "World", skew: float = 0.0) -> None:
        self.world = world

        def clock() -> float:
            return world.clock() + skew

        blobs = world.blobs if world.has_bucket else None
        tasks = Tasks(world.store, world.queue, blobs, clock, world.changes, world.server.name)
        self.services = Services(
            catalog=world.server.freeze(),
            audience=world.server.name,
            keys=SETTINGS.keys,
            state_ttl=900,
            changes=world.changes,
            listen_seconds=0.0,
            clock=clock,
            store=world.store,
            tasks=tasks,
            response_limit=ResponseLimit(write),
        )
        self.tasks = tasks
        limits, middleware = world.server._limits or Limits(), world.server._middleware
        if limits.tasks is not None:
            tasks.slots = TaskSlots(world.store, clock, world.server.name, limits.tasks)
        if limits.rate is not None or self.services.catalog.has_limits:
            middleware = (*middleware, RateLimiter(world.store, world.server.name, limits.rate))
        observers = (*world.observers, *world.server._observers)
        executor = Executor(self.services, middleware, observers)
        self.worker = Worker(executor, tasks)
        self.handler = LambdaHandler(Endpoint(executor, HttpPolicy()), self.worker, QUEUE_URL)
        self.client = self.client_of(None)

    def client_of(self, user: str | None) -> TaskClient:
        return TaskClient(self.handler, user)

    def invoke(self, *task_ids: str, arn: str = QUEUE_ARN, seconds: float = INVOCATION) -> list[str]:
        """Deliver messages in one event; the ids of those that failed."""
        event = queue_event([(f"m{number}", task_id) for number, task_id in enumerate(task_ids)], arn)
        answer = self.handler(event, Deadline(self.world.clock, seconds))
        failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        return [task_id for number, task_id in enumerate(task_ids) if f"m{number}" in failed]


@dataclass
class World:
    """Everything there is: one server, its ports, its environments."""

    server: MCPServer
    clock: Clock = field(default_factory=lambda: Clock(START))
    store: Store = field(default_factory=Store)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    changes: Any = None
    has_bucket: bool = True
    observers: Sequence[Observer] = ()
    environments: list[Environment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = Queue(self.clock)

    def environment(self, skew: float = 0.0) -> Environment:
        """Another environment, whose clock is wrong by some seconds."""
        made = Environment(self, skew)
        self.environments.append(made)
        return made

    @property
    def here(self) -> Environment:
        """The environment that the test means when it does not care which."""
        return self.environments[0] if self.environments else self.environment()

    @property
    def client(self) -> TaskClient:
        return self.here.client

    def close(self) -> None:
        for each in self.environments:
            each.handler.close()

    def deliver(self, environment: Environment | None = None, *, seconds: float = INVOCATION) -> Sent:
        """Deliver the message that is due next, waiting for it if need be."""
        message = min(self.queue.messages, key=lambda sent: sent.due)
        self.clock.now = max(self.clock.now, message.due)
        self.queue.messages.remove(message)
        message.receives += 1
        try:
            failed = (environment or self.here).invoke(message.task_id, seconds=seconds)
        except BaseException:
            self.queue.messages.append(message)  # nobody has said that it is done
            raise
        if failed:
            self.queue.messages.append(message)
        return message

    def run_all(self, limit: int = 100) -> None:
        """Deliver until there is nothing left to deliver."""
        for _ in range(limit):
            if not self.queue.messages:
                return
            self.deliver()
        raise AssertionError(f"still busy after {limit} deliveries")

    def record(self, task_id: str) -> TaskRecord:
        """A task as it is kept."""
        return _decode(self.item(task_id).body)

    def item(self, task_id: str) -> Item:
        """The item that a task is kept in."""
        (item,) = (item for item in self.store.kept._items.values() if item.key.endswith(f"#{task_id}"))
        return item

    def version(self, task_id: str) -> int:
        return self.item(task_id).version


class Watch:
    """Watches every write of a world, and what its steps do: what must never happen, never happens.

    Attributes:
        wrong: what happened all the same. A tool or a worker may catch what is raised, so look here.
        effects: what steps did, as task, step and how often.
        ended: the items of the tasks that have ended.
        alive: tells whether the worker that has a lease, by its owner, may still be at work.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, set[str]] = {}
        self.wrong: list[str] = []
        self.effects: Counter[tuple[str, str]] = Counter()
        self.ended: dict[str, Item] = {}
        self.alive: Callable[[str], bool] = lambda _: False
        world.store.written = self.write

    def effect(self, task_id: str, step: str) -> None:
        """A step takes effect: nobody may have kept a result of it."""
        if step in self._known.get(task_id, ()):
            self.wrong.append(f"{step} was finished, and is run again")
        self.effects[task_id, step] += 1

    def write(self, old: Item | None, new: Item) -> None:
        """A task was written."""
        if not new.key.startswith("TASK#"):
            return
        record = stored(new)
        if new.version != (old.version + 1 if old is not None else 1):
            self.wrong.append(f"version {new.version} follows {old and old.version}")
        if old is not None:
            self._compare(stored(old), record)
        if record.status in TERMINAL:
            if record.lease is not None:
                self.wrong.append(f"{record.status}, and leased")
            self.ended[record.id] = new
        self._known.setdefault(record.id, set()).update(record.state.steps)

    def _compare(self, before: TaskRecord, record: TaskRecord) -> None:
        if record.status not in MAY_FOLLOW[before.status]:
            self.wrong.append(f"{before.status} became {record.status}")
        taken = None not in (before.lease, record.lease) and before.lease != record.lease
        if taken and before.lease is not None and self.alive(before.lease.owner):
            self.wrong.append("two workers hold one lease")
        if record.status == "working" and set(before.state.steps) - set(record.state.steps):
            self.wrong.append("a finished step is forgotten")
        if record.status == "working" and set(before.state.answers) - set(record.state.answers):
            self.wrong.append("an answer is forgotten")
        if set(before.used_keys) - set(record.used_keys):
            self.wrong.append("a used key is forgotten")

    def check(self) -> None:
        """Nothing wrong has happened, and what has ended is as it was when it ended."""
        assert self.wrong == []
        for item in self.ended.values():
            assert self._world.store.kept.read(item.key) == item


MAY_FOLLOW = {
    "working": {"working", "input_required", "completed", "failed", "cancelled"},
    "input_required": {"input_required", "working", "cancelled"},
    "completed": set(),
    "failed": set(),
    "cancelled": set(),
}
"""DESIGN's table."""


def queue_event(messages: list[tuple[str, str]], arn: str = QUEUE_ARN) -> dict[str, Any]:
    """An SQS event, from message ids and bodies."""
    return {
        "Records": [
            {
                "messageId": message_id,
                "receiptHandle": f"handle of {message_id}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1700000000000",
                    "SenderId": "AIDAEXAMPLE",
                    "ApproximateFirstReceiveTimestamp": "1700000000001",
                },
                "messageAttributes": {},
                "md5OfBody": "0" * 32,
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": "eu-west-1",
            }
            for message_id, body in messages
        ]
    }


def by_header(call: Call, following: Callable[[Call], Any]) -> Any:
    """Middleware that believes whatever a header says of the caller."""
    user = call.headers.get("x-user")
    if user is not None:
        call = call.as_principal(Principal(user))
    return following(call)


def task_server(**options: Any) -> MCPServer:
    """A server without tools, whose callers are who they say they are."""
    return make_server(middleware=[by_header], **options)


def stored(item: Item) -> TaskRecord:
    """The record in an item."""
    return _decode(item.body)


def worlds() -> Iterator[Callable[..., World]]:
    """A fixture: makes worlds of servers, which end with the test."""
    with contextlib.ExitStack() as stack:

        def make(server: MCPServer, **options: Any) -> World:
            made = World(server, **options)
            stack.callback(made.close)
            return made

        yield make
