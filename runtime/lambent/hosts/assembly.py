"""Putting a server's parts together for a host: which store, which queue, which endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lambent.errors import ConfigurationError
from lambent.execution.call import Call, Services
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.execution.middleware import Middleware, Observer
from lambent.features.catalog import Catalog
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.hosts.settings import Settings
from lambent.wire.http import HttpResponse
from lambent.wire.payloads import LAMBDA_LIMIT, ResponseLimit, Write

if TYPE_CHECKING:
    from lambent.auth.authenticator import AuthDeclaration
    from lambent.execution.audit.config import Audit
    from lambent.execution.audit.recorder import Recorder
    from lambent.execution.context import Context
    from lambent.execution.events.service import Events
    from lambent.execution.lifespan import Lifespan
    from lambent.execution.ports import AsyncRunner, Blobs, Changes, Clock, Queue, Store
    from lambent.execution.rounds.journal import Journal
    from lambent.execution.subscription_bus import SubscriptionBus
    from lambent.features.limits import Limits
    from lambent.hosts.asgi import AsgiApp
    from lambent.hosts.authentication import Authentication
    from lambent.hosts.aws_lambda.handler import LambdaHandler
    from lambent.hosts.events import Deliverer, EventPorts
    from lambent.hosts.live import TaskRunner
    from lambent.hosts.shared_queue import SharedQueue

D = TypeVar("D", bound=DiscoveryDocuments)
E = TypeVar("E", bound=Endpoint)

_BUFFERED_LISTEN_SECONDS = 0.25
"""A buffered host delivers nothing before the invocation ends, and every moment of it is billed."""

_LIVE_LISTEN_SECONDS = 600.0
_ADDED_BYTES = 4096
"""Of headers and cookies that an application around the endpoint adds to its responses."""

_MEMORY_INLINE_BYTES = 1024
"""In memory, arguments and results go when their task expires, and only its record stays for a while."""


_IN_MEMORY = (
    "Tasks, sessions, idempotent calls and events are in the memory of this process: gone when it ends or "
    "reloads, and unknown to other environments"
)


class ServerParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server declares and was given, of which a host makes its entry point.

    Attributes:
        catalog: the declarations.
        middleware: around every call, outermost first.
        observers: around every call and its middleware, outermost first.
        authenticators: how callers are identified, in this order; none: as the settings say.
        limits: what one caller may do, unless the settings say otherwise.
        audit: what is recorded of calls; None: as the settings say; False: nothing.
        lifespan: entered by the first call, or by the host.
        context: makes the contexts of handlers; None: as usual.
        bus: brings changes that other processes publish; None: there are those of this process.
    """

    catalog: Catalog
    middleware: tuple[Middleware, ...] = ()
    observers: tuple[Observer, ...] = ()
    authenticators: tuple[AuthDeclaration, ...] = ()
    limits: Limits | None = None
    audit: Audit | bool | None = None
    lifespan: Lifespan | None = None
    context: Callable[[Call, Journal], Context] | None = None
    bus: SubscriptionBus | None = None


def lambda_handler(parts: ServerParts, settings: Settings) -> LambdaHandler:
    """The function that Lambda calls, with a worker for tasks where there can be any."""
    from lambent.hosts.aws_lambda.events import write

    streams = settings.response_mode == "stream"
    made = Assembly(parts, settings, write, in_lambda=True, streams=streams)
    worker = None
    if (tasks := made.executor.services.tasks) is not None:
        from lambent.execution.durable.tasks.worker import Worker

        worker = Worker(made.executor, tasks)
    queue_url = settings.task_queue_url or ""
    deliveries = None
    if made.deliver is not None:
        # loaded where occurrences are delivered to endpoints
        from lambent.hosts.aws_lambda.delivery_events import DeliveryEvents

        deliveries_url = "" if settings.events is None else settings.events.queue_url or ""
        deliveries = DeliveryEvents(made.deliver, deliveries_url, made.deliver.close)
    sources = None
    if parts.catalog.sources:
        from lambent.hosts.aws_lambda.source_events import make_sources  # loaded where there are some

        sources = make_sources(made.executor.services)
    documents = made.documents(is_strict=True)
    handler = _handler_type(settings)(made.endpoint(), worker, queue_url, documents, deliveries, sources)
    if parts.lifespan is not None and settings.in_lambda:
        from lambent.hosts.aws_lambda.shutdown import leave_at_end  # loaded where something is to be left

        leave_at_end(handler)
    return handler


def _handler_type(settings: Settings) -> type[LambdaHandler]:
    """The type of the function's handler, with what settings ask for."""
    from lambent.hosts.aws_lambda.handler import LambdaHandler

    kinds: tuple[type[LambdaHandler], ...] = ()
    members = {}
    if settings.agentcore:
        from lambent.hosts.aws_lambda.agentcore import AgentCoreHandler  # loaded where a gateway calls

        kinds += (AgentCoreHandler,)
    if settings.response_mode == "stream":
        # loaded where a setting wants streams; not in artifacts that are not built for them
        from lambent.hosts.aws_lambda.streaming import StreamingHandler

        kinds += (StreamingHandler,)
        if settings.listen_seconds is not None:
            members["listen_seconds"] = settings.listen_seconds
    return type("Handler", kinds, members) if kinds else LambdaHandler


def asgi_app(parts: ServerParts, settings: Settings) -> AsgiApp:
    """The ASGI application: its process stays, or shares a table with others, as in Lambda behind Mangum."""
    from lambent.hosts.asgi import AsgiApp
    from lambent.hosts.readiness import Readiness

    made = Assembly(parts, settings, _write_around, in_lambda=settings.in_lambda)
    readiness = Readiness(settings.ready_path, settings.shutdown_delay)
    given = made.endpoint(), made.documents(), settings.body_limit, readiness, settings.drain_seconds
    if made.shared:
        from lambent.hosts.asgi_workers import WorkingApp  # loaded where processes share their work

        return WorkingApp(*given, made.shared)
    return AsgiApp(*given)


def local_endpoint(parts: ServerParts, settings: Settings) -> Endpoint:
    """The endpoint of stdio, whose only client is the user of this machine."""
    return Assembly(parts, settings, _write_around, in_lambda=settings.in_lambda, is_local=True).endpoint()


def _write_around(event: Any, response: HttpResponse) -> Any:
    """What Mangum returns for a response, its body apart, with room for what the application adds."""
    written = {"statusCode": response.status, "headers": response.headers, "isBase64Encoded": False}
    return {**written, "body": "", "multiValueHeaders": {}, "cookies": [" " * _ADDED_BYTES]}


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
    _executor_type: type[Executor] = Executor
    _threads: TaskRunner | None = None

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
        services = self._services(write)
        if settings.snap_start:
            from lambent.hosts.aws_lambda.snapstart import register

            register(services, settings)
        self.executor = self._executor_type(services, self._middleware(services), self._observers())
        if self._threads is not None and services.tasks is not None:
            from lambent.execution.durable.tasks.worker import Worker

            self._threads.set_worker(Worker(self.executor, services.tasks))

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
            if self._settings.anonymous is False:
                raise ConfigurationError(
                    "LAMBENT_AUTH_ANONYMOUS is false and nothing says who may call: set LAMBENT_AUTH_ISSUER"
                )
            if auth is not None and self._settings.anonymous is None:
                raise ConfigurationError(
                    "Variables LAMBENT_AUTH_… are set, and none of them says who may call: set "
                    "LAMBENT_AUTH_ISSUER, or LAMBENT_AUTH_ANONYMOUS=true to let everybody call"
                )
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

    def _ports(self) -> tuple[Store | None, Changes | None, Queue | None, Blobs | None]:
        """The table, queue and bucket of the deployment; boto3 waits for first use.

        Without a table, a process that stays keeps everything in its memory, and its threads are the workers.
        """
        catalog, settings = self._parts.catalog, self._settings
        if settings.table is not None:
            from lambent.stores.dynamodb import DynamoStore

            store = DynamoStore(settings.table)
            if not catalog.has_tasks or settings.task_queue_url is None:
                return store, None, None, None
            from lambent.stores.aws import S3Blobs, SqsQueue

            blobs = S3Blobs(settings.bucket) if settings.bucket is not None else None
            return store, None, SqsQueue(settings.task_queue_url), blobs
        if settings.redis is not None:
            from lambent.hosts.redis_ports import redis_ports  # loaded where there is one

            found = redis_ports(
                settings.redis, self._server, settings, has_tasks=catalog.has_tasks, in_lambda=self._in_lambda
            )
            if (shared := found[-1]) is not None:
                self._threads, self.shared = shared, (shared,)
            return found[:-1]
        if self._in_lambda and not settings.in_memory:
            return None, None, None, None
        from lambent.stores.memory import MemoryBlobs, MemoryChanges, MemoryStore

        if settings.in_memory and (
            catalog.has_tasks or catalog.events or any(one.needs_table for one in catalog.tools.values())
        ):
            from lambent.execution.log_records import logger

            logger("lambent").warning(_IN_MEMORY)
        if not catalog.has_tasks:
            return MemoryStore(self._clock), MemoryChanges(), None, None
        from lambent.hosts.live import ThreadQueue

        self._threads = ThreadQueue()
        return MemoryStore(self._clock), MemoryChanges(), self._threads, MemoryBlobs(self._clock)

    @property
    def _server(self) -> str:
        """By which the server is known in its store."""
        return self._settings.audience or self._parts.catalog.info.name

    def _services(self, write: Write) -> Services:
        """What calls share."""
        catalog, settings, in_lambda = self._parts.catalog, self._settings, self._in_lambda
        server, clock = self._server, self._clock
        store, changes, queue, blobs = self._ports()
        if self._parts.bus is not None:
            from lambent.execution.subscription_bus import BusChanges  # loaded where there is one
            from lambent.stores.memory import MemoryChanges

            changes = BusChanges(self._parts.bus, changes or MemoryChanges())
        tasks, live = None, None
        if not in_lambda or (self.streams and settings.has_store):
            from lambent.execution.rounds.live_calls import LiveCalls

            live = LiveCalls(shared=settings.has_store)
        if store is not None and queue is not None:
            from lambent.execution.durable.tasks.service import Tasks

            in_memory = self._threads is not None and not settings.has_store
            inline = {"inline_bytes": _MEMORY_INLINE_BYTES} if in_memory else {}
            tasks = Tasks(store, queue, blobs, clock, changes, server, **inline)
            if self._parts.limits is not None or settings.limit_tasks is not None:
                from lambent.hosts.limits import task_slots

                tasks.slots = task_slots(store, server, self._parts.limits, settings, clock)
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

    def _events(self, server: str, store: Any) -> Events:
        """What happened and who is told, in the table, or in the memory of a process that stays."""
        from lambent.hosts.events import Deliverer, make_events  # loaded where a server declares some

        catalog, settings, clock = self._parts.catalog, self._settings, self._clock
        ports = self._event_ports(store)
        events = make_events(catalog, server, settings, clock, ports)
        if events.subscriptions is not None:
            self.deliver = Deliverer(events, ports, clock, settings, catalog.info.name, self._runner)
            if ports.threads is not None:
                ports.threads.work, ports.threads.at_end = self.deliver, self.deliver.close
            if ports.shared is not None:
                ports.shared.work, ports.shared.at_end = self.deliver, self.deliver.close
                self.shared = (*self.shared, ports.shared)
        if not self._in_lambda or self.streams:
            from lambent.execution.events.watching import Watches  # loaded where streams stay open

            events.watches, events.modes = Watches(events), (*events.modes, "push")
        return events

    def _event_ports(self, store: Any) -> EventPorts:
        """What events need from outside."""
        from lambent.hosts.events import event_ports

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
