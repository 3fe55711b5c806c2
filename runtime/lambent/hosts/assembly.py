"""Putting together the parts of a server and of its deployment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.execution.call import Services
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.execution.middleware import Middleware, Observer
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.hosts.settings import Settings
from lambent.wire.payloads import LAMBDA_LIMIT, ResponseLimit, Write

if TYPE_CHECKING:
    from lambent.execution.audit.recorder import Recorder
    from lambent.execution.durable.tasks.service import Tasks
    from lambent.execution.events.service import Events
    from lambent.execution.ports import AsyncRunner, Changes, Clock
    from lambent.hosts.authentication import Authentication
    from lambent.hosts.entry_points import ServerParts
    from lambent.hosts.event_ports import EventPorts
    from lambent.hosts.events import Deliverer
    from lambent.hosts.ports import Ports
    from lambent.hosts.shared_queue import SharedQueue
    from lambent.hosts.shared_work import SharedWork

D = TypeVar("D", bound=DiscoveryDocuments)
E = TypeVar("E", bound=Endpoint)

_BUFFERED_LISTEN_SECONDS = 0.25
"""A buffered host delivers nothing before the invocation ends, and every moment of it is billed."""

_LIVE_LISTEN_SECONDS = 600.0

_MEMORY_INLINE_BYTES = 1024
"""In memory, arguments and results go when their task expires, and only its record stays for a while."""


class Assembly:
    """A server and what its host gives it.

    Args:
        parts: what the server declares and was given.
        settings: of the deployment.
        write: writes responses as the host does.
        in_lambda: the process is one of many execution environments.
        is_local: the caller is the user of this machine.
        streams: responses may leave in parts, although it is in Lambda.

    Attributes:
        executor: executes the calls.
        streams: see above.
        deliver: does as a message says that the queue of deliveries brings; None where nothing is delivered.
        shared: queues that this process works together with others.

    Raises:
        ConfigurationError: a setting is missing or cannot be used.
    """

    executor: Executor
    deliver: Deliverer | None = None
    shared: tuple[SharedQueue, ...] = ()
    _runner: AsyncRunner | None = None
    _deliveries: SharedWork | None = None
    _executor_type: type[Executor] = Executor

    def __init__(
        self,
        parts: ServerParts,
        settings: Settings,
        write: Write,
        *,
        in_lambda: bool,
        is_local: bool = False,
        streams: bool = False,
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._in_lambda = in_lambda
        self._is_local = is_local
        self.streams = streams
        self._authentication = None if is_local else self._authentication_of()
        self._recorder = self._recorder_of()
        ports = self._ports()
        if ports is not None and ports.shared is not None:
            self.shared = (ports.shared,)
        services = self._services(write, ports)
        if self._deliveries is not None and services.events is not None and services.events.is_checked:
            from lambent.hosts.shared_checks import share_checks  # loaded where something is checked

            share_checks(self._deliveries, services)
        if settings.snap_start:
            from lambent.hosts.aws_lambda.snapstart import register

            register(services, settings)
        self.executor = self._executor_type(services, self._middleware(services), self._observers())
        if ports is not None and ports.runner is not None and services.tasks is not None:
            from lambent.execution.durable.tasks.worker import Worker

            ports.runner.set_worker(Worker(self.executor, services.tasks))

    def endpoint(self) -> Endpoint:
        """What answers requests."""
        return self.endpoint_of(Endpoint)

    def endpoint_of(self, kind: type[E]) -> E:
        """What answers requests, of another kind."""
        policy, recorder = self._settings.http_policy, self._recorder
        if self._authentication is not None:
            policy = self._authentication.http_policy(policy)
        on_refusal = None if recorder is None else recorder.record_refusal
        return kind(self.executor, policy, self.executor.services.guard, on_refusal)

    def documents(self, *, is_strict: bool = False) -> DiscoveryDocuments:
        """What answers requests for other paths."""
        return self.documents_of(DiscoveryDocuments, is_strict=is_strict)

    def documents_of(self, kind: type[D], *, is_strict: bool = False) -> D:
        """What answers requests for other paths, of another kind."""
        limit, catalog = self.executor.services.response_limit, self._parts.catalog
        return kind(catalog, self._settings, limit, self._authentication, is_strict=is_strict)

    def _authentication_of(self) -> Authentication | None:
        """How callers are identified; None where nobody is."""
        parts, auth = self._parts, self._settings.auth
        declared = parts.authenticators or (auth.declared() if auth is not None else ())
        if not declared:
            if self._settings.anonymous is False or (auth is not None and self._settings.anonymous is None):
                from lambent.hosts.required import raise_unidentified  # loaded where something is missing

                raise_unidentified(self._settings)
            return None
        from lambent.hosts.authentication import Authentication  # loaded where callers are identified

        return Authentication(
            declared, parts.catalog, self._settings, in_lambda=self._in_lambda, clock=self._clock
        )

    def _recorder_of(self) -> Recorder | None:
        """What records calls; None where the audit is off."""
        audit, settings = self._parts.audit, self._settings
        if audit is False or (audit is None and not settings.audit):
            return None
        from lambent.hosts.audit import make_recorder  # loaded where the audit is on

        declared = None if isinstance(audit, bool) else audit
        return make_recorder(self._parts.catalog.info.name, declared, settings, self._clock)

    def _middleware(self, services: Services) -> tuple[Middleware, ...]:
        given, parts, settings = self._parts.middleware, self._parts, self._settings
        if parts.lifespan is not None:
            given = (parts.lifespan.around, *given)
        if parts.limits is None and settings.limit_calls is None and not parts.catalog.has_limits:
            return given
        from lambent.hosts.limits import rate_limiter  # loaded where a limit is set

        limiter = rate_limiter(services, parts.limits, settings)
        return given if limiter is None else (*given, limiter)

    def _observers(self) -> tuple[Observer, ...]:
        settings, found = self._settings, self._parts.observers
        if self._recorder is not None:
            found = (self._recorder.record_call, *found)
        if settings.has_telemetry:
            from lambent.hosts.telemetry import observers_of  # loaded where a setting turns something on

            found = (*observers_of(settings, self._parts.catalog.info.name), *found)
        return found

    @property
    def _clock(self) -> Clock:
        """The time."""
        return time.time

    def _ports(self) -> Ports | None:
        """What the deployment has for state, tasks and changes; None where it has nothing."""
        settings = self._settings
        if self._in_lambda and not settings.has_store and not settings.in_memory:
            return None
        from lambent.hosts.ports import make_ports  # loaded where there is something

        return make_ports(self._parts.catalog, settings, self._server, self._clock, in_lambda=self._in_lambda)

    @property
    def _server(self) -> str:
        """By which the server is known in its store."""
        return self._settings.audience or self._parts.catalog.info.name

    def _services(self, write: Write, ports: Ports | None) -> Services:
        """What calls share."""
        catalog, settings, in_lambda = self._parts.catalog, self._settings, self._in_lambda
        server, clock = self._server, self._clock
        store, changes = (None, None) if ports is None else (ports.store, ports.changes)
        if self._parts.bus is not None:
            from lambent.execution.subscription_bus import BusChanges  # loaded where there is one
            from lambent.stores.memory import MemoryChanges

            changes = BusChanges(self._parts.bus, changes or MemoryChanges())
        tasks = None if ports is None else self._tasks(ports, changes)
        live = None
        if not in_lambda or (self.streams and settings.has_store):
            from lambent.execution.rounds.live_calls import LiveCalls

            live = LiveCalls(shared=settings.has_store)
        if (
            settings.in_lambda
            and tasks is None
            and not settings.in_memory
            and not all(tool.is_plain for tool in catalog.tools.values())
        ):
            from lambent.hosts.required import require_table  # loaded where something may be missing

            require_table(catalog, settings)
        seconds = _BUFFERED_LISTEN_SECONDS if in_lambda else _LIVE_LISTEN_SECONDS
        if settings.listen_seconds is not None and not self.streams:  # else it is for streams alone
            seconds = settings.listen_seconds
        return Services(
            catalog=catalog,
            audience=server,
            keys=settings.keys,
            state_ttl=settings.state_ttl,
            changes=changes,
            listen_seconds=seconds,
            clock=clock,
            store=store,
            tasks=tasks,
            response_limit=self._response_limit(write),
            live=live,
            guard=self._authentication.guard if self._authentication is not None else None,
            is_local=self._is_local,
            lifespan=self._parts.lifespan,
            context=self._parts.context,
            events=self._events(server, store) if catalog.events else None,
        )

    def _tasks(self, ports: Ports, changes: Changes | None) -> Tasks | None:
        """Tasks, where a queue brings them to workers."""
        if ports.queue is None:
            return None
        from lambent.execution.durable.tasks.service import Tasks

        server, settings, limits, clock = self._server, self._settings, self._parts.limits, self._clock
        in_memory = ports.runner is not None and not settings.has_store
        inline = {"inline_bytes": _MEMORY_INLINE_BYTES} if in_memory else {}
        tasks = Tasks(ports.store, ports.queue, ports.blobs, clock, changes, server, **inline)
        if limits is not None or settings.limit_tasks is not None:
            from lambent.hosts.limits import task_slots

            tasks.slots = task_slots(ports.store, server, limits, settings, clock)
        return tasks

    def _events(self, server: str, store: Any) -> Events:
        """What happened and who is told, in the table, or in the memory of a process that stays."""
        from lambent.hosts.events import make_deliverer, make_events  # loaded where a server declares some

        catalog, settings, clock = self._parts.catalog, self._settings, self._clock
        ports = self._event_ports(store)
        events = make_events(catalog, server, settings, clock, ports)
        self.deliver = make_deliverer(events, ports, clock, settings, catalog.info.name, self._runner)
        if ports.shared is not None:
            self.shared, self._deliveries = (*self.shared, ports.shared), ports.shared
        if not self._in_lambda or self.streams:
            from lambent.execution.events.watching import Watches  # loaded where streams stay open

            events.watches, events.modes = Watches(events), (*events.modes, "push")
        return events

    def _event_ports(self, store: Any) -> EventPorts:
        """What events need from outside."""
        from lambent.hosts.event_ports import event_ports

        # The user of this machine is nobody that a subscription could belong to.
        place = None if self._is_local else store
        return event_ports(self._parts.catalog, self._settings, self._clock, place, in_lambda=self._in_lambda)

    def _response_limit(self, write: Write) -> ResponseLimit | None:
        size, settings = self._settings.response_limit, self._settings
        if size is None:
            size = LAMBDA_LIMIT if self._in_lambda else 0
        if self.streams and settings.response_limit is None:
            from lambent.hosts.aws_lambda.streaming import StreamingLimit  # as above

            return StreamingLimit(write, size, settings.is_escaped)
        return ResponseLimit(write, size, settings.is_escaped) if size > 0 else None
