"""The server under attack, and what comes of sending it an event."""

import logging
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

import msgspec

from fuzz.features import asking, kept, plain, reading, typed
from fuzz.ledger import Book, Failures, Ledger
from lambent import Call, Handler, MCPServer, Settings
from lambent.auth.principal import Principal
from lambent.execution.call import Services
from lambent.execution.endpoint import Engine
from lambent.execution.invocation import Invocation
from lambent.execution.event_loop import CallerLoop
from lambent.execution.rounds.sealing import Sealer
from lambent.execution.durable.tasks.service import Tasks
from lambent.execution.durable.tasks.worker import Worker
from lambent.hosts.aws_lambda import LambdaHandler
from lambent.stores.memory import MemoryBlobs, MemoryQueue, MemoryStore

NAME = "under-fire"
SECRETS = ("first secret of the ring, 32 characters", "second secret of the ring, 32 characters")
FOREVER = 10**9
"""Seconds: states of findings are to be good whenever a finding is replayed."""

SETTINGS = Settings(
    state_keys=SECRETS, state_ttl=FOREVER, allowed_origins=frozenset({"https://app.example.com"})
)
CPU_SECONDS = 5.0
"""Of processor time, for one request: some ten thousand times what one takes. More is a hang."""

_log = logging.getLogger("lambent")


@dataclass(frozen=True)
class Exchange:
    """One event, what came back, and what happened meanwhile.

    Attributes:
        event: what the handler was called with.
        response: what it returned; None where it raised.
        raised: what it raised.
        ledger: what its features did.
        seconds: processor time.
    """

    event: Mapping[str, Any]
    response: Any
    raised: BaseException | None
    ledger: Ledger
    seconds: float


class OutOfTime(BaseException):
    """A request takes more processor time than any request may."""


@contextmanager
def _watching(ledger: Ledger) -> Iterator[None]:
    """Interrupt what takes too much processor time, regular expressions included."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        ledger.is_late = True
        raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


class Target:
    """A server, its handler, and a ledger for each request; a context, to close it in the end.

    Args:
        name: the server's name, which is also the audience of its states.
        settings: of the deployment.
        store: with tasks, sessions and idempotent calls, kept in memory; else what ``lambda_handler`` makes.

    Attributes:
        book: what features do.
        queue: brings tasks to workers.
        loop: runs what is ``async`` in workers.
        with_store: whether there is a store.
    """

    def __init__(self, name: str = NAME, settings: Settings = SETTINGS, *, store: bool = False) -> None:
        self.book = Book()
        self.with_store = store
        self.queue = MemoryQueue()
        self.loop = CallerLoop()
        self._failures = Failures(self.book)
        self._worker: Worker | None = None
        self.mcp = make_server(self.book, name, store=store)
        self.handler = self._kept(settings) if store else self.mcp.lambda_handler(settings)

    def _kept(self, settings: Settings) -> LambdaHandler:
        """What ``lambda_handler`` makes of a table, a queue and a bucket, with those in memory."""
        stored = MemoryStore()
        tasks = Tasks(stored, self.queue, MemoryBlobs(), time.time, None)
        services = Services(
            catalog=self.mcp.freeze(),
            sealer=Sealer(settings.keys, time.time, settings.state_ttl, settings.audience or self.mcp.name),
            changes=None,
            listen_seconds=0.0,
            clock=time.time,
            store=stored,
            tasks=tasks,
        )
        self._worker = Worker(services, tasks)
        return LambdaHandler(Engine(services, settings.http_policy, MIDDLEWARE))

    def send(self, event: Mapping[str, Any], context: Any = None) -> Exchange:
        """Call the handler with an event, for as long as ``CPU_SECONDS`` allow."""
        self.book.now = ledger = Ledger()
        response: Any = None
        raised: BaseException | None = None
        with self._listening(), _watching(ledger):
            began = time.thread_time()
            try:
                response = self.handler(event, context)
            except (Exception, SystemExit, OutOfTime) as error:
                raised = error
            seconds = time.thread_time() - began
        return Exchange(event, response, raised, ledger, seconds)

    def work(self, invocation: Invocation | None = None) -> Ledger:
        """Have a worker look at every message of the queue, as often as each was sent."""
        self.book.now = ledger = Ledger()
        messages, self.queue.messages = self.queue.messages, []
        with self._listening():
            for task_id, _ in messages:
                self.book.task = task_id
                try:
                    if self._worker is not None:
                        self._worker.run(task_id, invocation or Invocation(self.loop))
                finally:
                    self.book.task = None
        return ledger

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Hear what the library logs, and keep it from whoever else listens: failures are expected here."""
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
        """Nothing to do but at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def _identify(call: Call, following: Handler) -> Any:
    """Stands in for token verification: whoever says to be somebody is."""
    user = call.headers.get("x-user")
    if user:
        call = msgspec.structs.replace(call, principal=Principal(subject=user, issuer="https://id.example"))
    return following(call)


MIDDLEWARE = (_identify,)


def make_server(book: Book, name: str = NAME, *, store: bool = False) -> MCPServer:
    """Declare the server; its features write down what they do."""
    mcp = MCPServer(name, version="1.0.0", instructions="Attack me.", page_size=4, middleware=MIDDLEWARE)
    plain.add(mcp, book)
    typed.add(mcp)
    asking.add(mcp, book)
    reading.add(mcp, book)
    if store:
        kept.add(mcp, book)
    return mcp
