"""The server that is fuzzed, and how an event is sent to it."""

import logging
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

from fuzz.features import plain, questions, resources, stateful, typed
from fuzz.recorder import EffectRecorder, FailureLogHandler, RequestRecord
from lambent import Call, Handler, MCPServer, Settings
from lambent.auth.principal import Principal
from lambent.execution.call import Services
from lambent.execution.durable.tasks.service import Tasks
from lambent.execution.durable.tasks.worker import Worker
from lambent.execution.endpoint import Endpoint
from lambent.execution.event_loop import CallerLoop
from lambent.execution.execute import Executor
from lambent.execution.invocation import Invocation
from lambent.hosts.aws_lambda.events import write
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.stores.memory import MemoryBlobs, MemoryQueue, MemoryStore
from lambent.wire.payloads import ResponseLimit

NAME = "fuzz-target"
SECRETS = ("first secret of the ring, 32 characters", "second secret of the ring, 32 characters")
FOREVER = 10**9
"""Seconds: states in written findings must still be valid when a finding is replayed."""

SETTINGS = Settings(
    state_keys=SECRETS, state_ttl=FOREVER, allowed_origins=frozenset({"https://app.example.com"})
)
CPU_SECONDS = 5.0
"""Limit of processor time for one request: about ten thousand times what one takes."""

_log = logging.getLogger("lambent")


@dataclass(frozen=True)
class Exchange:
    """One event, the response, and what happened meanwhile.

    Attributes:
        event: what the handler was called with.
        response: what it returned; None where it raised.
        raised: what it raised.
        record: what its features did.
        seconds: processor time.
    """

    event: Mapping[str, Any]
    response: Any
    raised: BaseException | None
    record: RequestRecord
    seconds: float


class TimeLimitExceeded(BaseException):
    """A request took more than ``CPU_SECONDS`` of processor time."""


@contextmanager
def _time_limit(record: RequestRecord) -> Iterator[None]:
    """Interrupt a request that takes too much processor time, also within a regular expression."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        record.timed_out = True
        raise TimeLimitExceeded

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


class Target:
    """A server, its handler, and a record of each request; as a context manager, it closes itself.

    Args:
        name: the server's name, which is also the audience of its states.
        settings: of the deployment.
        store: with tasks, sessions and idempotent calls, kept in memory; else what ``lambda_handler`` makes.

    Attributes:
        recorder: records what features do.
        queue: brings tasks to workers.
        loop: runs what is ``async`` in workers.
        with_store: whether there is a store.
    """

    def __init__(self, name: str = NAME, settings: Settings = SETTINGS, *, store: bool = False) -> None:
        self.recorder = EffectRecorder()
        self.with_store = store
        self.queue = MemoryQueue()
        self.loop = CallerLoop()
        self._failures = FailureLogHandler(self.recorder)
        self._worker: Worker | None = None
        self.mcp = make_server(self.recorder, name, store=store)
        self.handler = self._stateful_handler(settings) if store else self.mcp.lambda_handler(settings)

    def _stateful_handler(self, settings: Settings) -> LambdaHandler:
        """The handler that ``lambda_handler`` makes, but with a table, a queue and a bucket in memory."""
        store = MemoryStore()
        tasks = Tasks(store, self.queue, MemoryBlobs(), time.time, None, self.mcp.name)
        services = Services(
            catalog=self.mcp.freeze(),
            audience=settings.audience or self.mcp.name,
            keys=settings.keys,
            state_ttl=settings.state_ttl,
            changes=None,
            listen_seconds=0.0,
            clock=time.time,
            store=store,
            tasks=tasks,
            response_limit=ResponseLimit(write),
        )
        executor = Executor(services, MIDDLEWARE)
        self._worker = Worker(executor, tasks)
        return LambdaHandler(Endpoint(executor, settings.http_policy))

    def send(self, event: Mapping[str, Any], context: Any = None) -> Exchange:
        """Call the handler with an event, for as long as ``CPU_SECONDS`` allow."""
        self.recorder.current = record = RequestRecord()
        response: Any = None
        raised: BaseException | None = None
        with self._captured_log(), _time_limit(record):
            began = time.thread_time()
            try:
                response = self.handler(event, context)
            except (Exception, SystemExit, TimeLimitExceeded) as error:
                raised = error
            seconds = time.thread_time() - began
        return Exchange(event, response, raised, record, seconds)

    def work(self, invocation: Invocation | None = None) -> RequestRecord:
        """Have a worker process every message of the queue, repeated ones repeatedly."""
        self.recorder.current = record = RequestRecord()
        messages, self.queue.messages = self.queue.messages, []
        with self._captured_log():
            for task_id, _ in messages:
                self.recorder.task = task_id
                try:
                    if self._worker is not None:
                        self._worker.run(task_id, invocation or Invocation(self.loop))
                finally:
                    self.recorder.task = None
        return record

    @contextmanager
    def _captured_log(self) -> Iterator[None]:
        """Record what the library logs, and keep it from other log handlers: failures are expected here."""
        propagated, _log.propagate = _log.propagate, False
        _log.addHandler(self._failures)
        try:
            yield
        finally:
            _log.removeHandler(self._failures)
            _log.propagate = propagated

    def close(self) -> None:
        """Close the event loops."""
        self.handler.close()
        self.loop.close()

    def __enter__(self) -> "Target":
        """Return the target itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def _identify(call: Call, following: Handler) -> Any:
    """Replaces token verification: the header ``X-User`` names the principal."""
    user = call.headers.get("x-user")
    if user:
        call = call.as_principal(Principal(subject=user, issuer="https://id.example"))
    return following(call)


MIDDLEWARE = (_identify,)


def make_server(recorder: EffectRecorder, name: str = NAME, *, store: bool = False) -> MCPServer:
    """Declare the server; its features record what they do."""
    mcp = MCPServer(
        name,
        version="1.0.0",
        instructions="A server to be fuzzed.",
        page_size=4,
        middleware=MIDDLEWARE,
        compact_results=True,  # what is sent is compared with the text that comes back
    )
    plain.add(mcp, recorder)
    typed.add(mcp)
    questions.add(mcp, recorder)
    resources.add(mcp, recorder)
    if store:
        stateful.add(mcp, recorder)
    return mcp
