"""A server on stores in memory: everything that the product does, with a clock that tests move."""

from __future__ import annotations

import functools
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.principal import Principal
from lambent.errors import DeadlineReached, LambentError
from lambent.execution.call import Services
from lambent.execution.durable.tasks.worker import Worker
from lambent.execution.endpoint import Endpoint
from lambent.execution.event_loop import CallerLoop
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.live_calls import LiveCalls
from lambent.hosts.assembly import Assembly
from lambent.hosts.aws_lambda.events import write_v2
from lambent.hosts.entry_points import ServerParts
from lambent.hosts.ports import Ports
from lambent.hosts.settings import Settings
from lambent.stores.event_logs import MemoryLog
from lambent.stores.memory import MemoryBlobs, MemoryChanges, MemoryStore
from lambent.testing.clock import Clock
from lambent.testing.endpoints import MemoryEndpoints
from lambent.testing.http import OnMessage, close_with
from lambent.wire.http import HttpResponse, Request
from lambent.wire.payloads import Write

if TYPE_CHECKING:
    from lambent.execution.events.service import Events
    from lambent.execution.lifespan import Lifespan
    from lambent.execution.rounds.journal import Journal
    from lambent.hosts.event_ports import EventPorts

PUBLIC_URL = "https://mcp.example.com"
"""Where the server says that it is, unless its settings say otherwise."""


class TestedRequest(Request, frozen=True):
    """A request of a client that the test has given a principal.

    Attributes:
        principal: who calls; None: the server finds out as it does for everybody.
    """

    principal: Principal | None = None


class GivenPrincipals:
    """Identifies callers by what the test says: an authenticator."""

    def authenticate(self, request: Request) -> Principal | None:
        """See ``Authenticator``."""
        return request.principal if isinstance(request, TestedRequest) else None


class DueMessage(msgspec.Struct, frozen=True):
    """A message of a queue.

    Attributes:
        task_id: what it brings to a worker: the id of a task, or what there is to deliver.
        due: when, in seconds since the epoch.
    """

    task_id: str
    due: float


class DueQueue:
    """A queue that delivers what is taken out of it.

    Attributes:
        messages: what waits to be delivered.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.messages: list[DueMessage] = []

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``."""
        self.messages.append(DueMessage(task_id, self._clock() + delay))

    def send_all(self, messages: Sequence[str]) -> None:
        """See ``MessageQueue.send_all``."""
        for message in messages:
            self.send(message)

    def take(self, until: float = math.inf) -> DueMessage | None:
        """The message that is due next, for which the clock is moved if need be, but not beyond ``until``.

        None where there is none.
        """
        message = min(self.messages, key=lambda one: one.due, default=None)
        if message is None or message.due > until:
            return None
        self.messages.remove(message)
        self._clock.now = max(self._clock.now, message.due)
        return message


class MemoryInvocation(Invocation):
    """An invocation whose time passes by the clock of the test.

    Args:
        runner: runs coroutines.
        clock: the clock of the test.
        seconds: that it has; None for any time.
        on_message: takes requests of the server at once, as a client of an open stream does; None: they are
            kept for the response.
    """

    def __init__(
        self,
        runner: CallerLoop,
        clock: Clock,
        seconds: float | None = None,
        on_message: OnMessage | None = None,
    ) -> None:
        super().__init__(runner)
        self._clock = clock
        self._on_message = on_message
        self._over_at = None if seconds is None else clock() + seconds
        self._ends_at: float | None = None

    def remaining_ms(self) -> int | None:
        """See ``Invocation.remaining_ms``."""
        return None if self._over_at is None else max(0, int((self._over_at - self._clock()) * 1000))

    def emit(self, notification: bytes) -> None:
        """See ``Invocation.emit``."""
        message: dict[str, Any] = msgspec.json.decode(notification)
        if self._on_message is not None and "id" in message:
            self._on_message(message)
        else:
            self.notifications.append(notification)

    def sleep(self, seconds: float) -> None:
        """See ``Invocation.sleep``: the clock is moved, nobody waits."""
        self._clock.advance(seconds)

    def check(self) -> None:
        """See ``Invocation.check``."""
        super().check()
        if self._ends_at is not None and self._clock() >= self._ends_at:
            self.expired = True
            raise DeadlineReached

    def call(
        self,
        function: Callable[..., Any],
        kwargs: dict[str, Any],
        limit: float | None = None,
        journal: Journal | None = None,
    ) -> Any:
        """See ``Invocation.call``."""
        self._ends_at = None if limit is None else self._clock() + limit
        return function(**kwargs)


class MemoryAssembly(Assembly):
    """A server with the stores of a `MemoryHost`; see ``Assembly``."""

    def __init__(self, host: MemoryHost, parts: ServerParts, settings: Settings, *, is_live: bool) -> None:
        self._host = host
        self._is_live = is_live
        self._runner = host.run
        super().__init__(parts, settings, write_v2, in_lambda=True)

    @property
    def _clock(self) -> Clock:
        return self._host.clock

    def _ports(self) -> Ports:
        host = self._host
        return Ports(store=host.store, changes=host.changes, queue=host.queue, blobs=host.blobs)

    def _event_ports(self, store: Any) -> EventPorts:
        from lambent.hosts.event_ports import EventPorts  # loaded where events are declared

        host = self._host
        if not any("webhook" in event.definition.delivery for event in self._parts.catalog.events.values()):
            return EventPorts(log=host.log)
        return EventPorts(log=host.log, queue=host.deliveries, store=store, callbacks=host.endpoints)

    def _services(self, write: Write, ports: Ports | None) -> Services:
        live, services = LiveCalls(shared=False) if self._is_live else None, super()._services(write, ports)
        if services.events is not None:
            services.events.has_schedule = True  # tests are the schedule
        return msgspec.structs.replace(services, live=live, listen_seconds=0.0)


def _close(run: CallerLoop, lifespan: Lifespan | None) -> None:
    if lifespan is not None:
        run(lifespan.leave())
    run.close()


class MemoryHost:
    """One server and everything that its execution environments share.

    Args:
        parts: the server's.
        settings: of the deployment; those that name AWS resources for state, tasks and keys do not count.
        clock: the time.

    Attributes:
        clock: the same.
        store: the table.
        queue: the queue of tasks.
        blobs: the bucket.
        changes: what subscribers would be told.
        log: what happened.
        deliveries: the queue of deliveries.
        endpoints: to which they are made.
        run: runs coroutine functions.
    """

    def __init__(self, parts: ServerParts, settings: Settings, clock: Clock) -> None:
        self.clock = clock
        self.store = MemoryStore()
        self.queue = DueQueue(clock)
        self.blobs = MemoryBlobs()
        self.changes = MemoryChanges()
        self.log = MemoryLog(clock)
        self.deliveries = DueQueue(clock)
        self.endpoints = MemoryEndpoints()
        self._parts = parts
        self._settings = msgspec.structs.replace(
            settings,
            table=None,
            state_secret=None,
            state_keys=settings.state_keys or (secrets.token_hex(32),),
            public_url=settings.public_url or PUBLIC_URL,
        )
        self._assemblies: dict[tuple[bool, bool], MemoryAssembly] = {}
        self._endpoints: dict[tuple[bool, bool], Endpoint] = {}
        self.run = CallerLoop()
        self._close = close_with(self, functools.partial(_close, self.run, parts.lifespan))

    def close(self) -> None:
        """Close the event loop of ``async def`` features, as happens when nobody uses the host any more."""
        self._close()

    def handle(
        self, request: TestedRequest, *, seconds: float | None = None, on_message: OnMessage | None = None
    ) -> HttpResponse:
        """Answer a request; with ``on_message`` as a host does that keeps streams open."""
        self.log.purge(self.clock())
        kind = request.principal is not None, on_message is not None
        if kind not in self._endpoints:
            self._endpoints[kind] = self._assembly(kind).endpoint()
        invocation = MemoryInvocation(self.run, self.clock, seconds, on_message)
        return self._endpoints[kind].handle(request, invocation)

    def run_next_task(self, seconds: float | None = None) -> bool:
        """Deliver the message that is due next to a worker; False where there is none."""
        message = self.queue.take()
        if message is None:
            return False
        assembly = self._assembly((False, False))
        tasks = assembly.executor.services.tasks
        if tasks is not None:
            worker = Worker(assembly.executor, tasks)
            worker.run(message.task_id, MemoryInvocation(self.run, self.clock, seconds), Request())
        return True

    @property
    def events(self) -> Events:
        """What happened, and who is told of it.

        Raises:
            LambentError: the server declares no events.
        """
        events = self._services.events
        if events is None:
            raise LambentError("The server declares no events")
        return events

    def take(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """What sources answer to an event of AWS.

        Raises:
            SourceFailedError: no function is for it, or one has failed.
            UnknownEventError: it is no event of AWS that sources are for.
        """
        from lambent.execution.events.sourcing import SourceRunner  # loaded where there are some
        from lambent.hosts.aws_lambda.events import UnknownEventError
        from lambent.hosts.aws_lambda.source_events import SourceEvents

        services = self._services
        sources = SourceEvents(services.catalog.sources, SourceRunner(services, self.events))
        answer = sources.answer(event, None, MemoryInvocation(self.run, self.clock))
        if answer is None:
            raise UnknownEventError("No source of the server is for events of this kind, or of this queue")
        return answer

    def check(self, name: str | None) -> dict[str, int | None]:
        """What the checks that a schedule runs have found: those of all event types, or of one."""
        from lambent.hosts.aws_lambda.check_events import run_checks

        event = {} if name is None else {"event": name}
        found: dict[str, int | None] = run_checks(
            event, self._services, MemoryInvocation(self.run, self.clock)
        )["found"]
        return found

    @property
    def _services(self) -> Services:
        return self._assembly((False, False)).executor.services

    def deliver(self, seconds: float | None) -> None:
        """Do what there is to deliver and is due within so many seconds; None: whenever it is due."""
        until = math.inf if seconds is None else self.clock() + seconds
        while (message := self.deliveries.take(until)) is not None:
            self.log.purge(self.clock())
            deliver = self._assembly((False, False)).deliver
            if deliver is not None:
                deliver(message.task_id)

    def published(self) -> list[str]:
        """The topics that were published: notification methods and URIs of resources."""
        return self.changes.wait(0, 0.0)[0]

    def _assembly(self, kind: tuple[bool, bool]) -> MemoryAssembly:
        if kind not in self._assemblies:
            has_principal, is_live = kind
            parts, settings, auth = self._parts, self._settings, self._settings.auth
            declared = parts.authenticators or (auth.declared() if auth is not None else ())
            if declared or has_principal:
                parts = msgspec.structs.replace(parts, authenticators=(GivenPrincipals(), *declared))
            self._assemblies[kind] = MemoryAssembly(self, parts, settings, is_live=is_live)
        return self._assemblies[kind]
