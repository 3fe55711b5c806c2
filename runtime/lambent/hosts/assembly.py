"""Putting a server's parts together for a host: which store, which queue, which endpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.errors import ConfigurationError
from lambent.execution.call import Services
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.execution.middleware import Middleware
from lambent.features.catalog import Catalog
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.hosts.settings import Settings
from lambent.wire.http import HttpResponse
from lambent.wire.payloads import LAMBDA_LIMIT, ResponseLimit, Write

if TYPE_CHECKING:
    from lambent.auth.authenticator import AuthDeclaration
    from lambent.execution.limits import RateLimiter
    from lambent.execution.ports import Blobs, Changes, Queue, Store
    from lambent.features.limits import Limits, RateLimit
    from lambent.hosts.asgi import AsgiApp
    from lambent.hosts.authentication import Authentication
    from lambent.hosts.aws_lambda.handler import LambdaHandler
    from lambent.hosts.live import ThreadQueue

_BUFFERED_LISTEN_SECONDS = 0.25
"""A buffered host delivers nothing before the invocation ends, and every moment of it is billed."""

_LIVE_LISTEN_SECONDS = 600.0

_ADDED_BYTES = 4096
"""Of headers and cookies that an application around the endpoint adds to its responses."""

_MEMORY_INLINE_BYTES = 1024
"""In memory, arguments and results go when their task expires, and only its record stays for a while."""


class ServerParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server declares and was given, of which a host makes its entry point.

    Attributes:
        catalog: the declarations.
        middleware: around every call, outermost first.
        authenticators: how callers are identified, in this order; none: as the settings say.
        limits: what one caller may do, unless the settings say otherwise.
    """

    catalog: Catalog
    middleware: tuple[Middleware, ...] = ()
    authenticators: tuple[AuthDeclaration, ...] = ()
    limits: Limits | None = None


def lambda_handler(parts: ServerParts, settings: Settings) -> LambdaHandler:
    """The function that Lambda calls, with a worker for tasks where there can be any."""
    from lambent.hosts.aws_lambda.events import write
    from lambent.hosts.aws_lambda.handler import LambdaHandler

    authentication = authentication_of(parts, settings)
    executor, worker = _executor(parts, settings, write, authentication, in_lambda=True), None
    if (tasks := executor.services.tasks) is not None:
        from lambent.execution.durable.tasks.worker import Worker

        worker = Worker(executor, tasks)
    limit = executor.services.response_limit
    documents = DiscoveryDocuments(parts.catalog, settings, limit, authentication, is_strict=True)
    endpoint = Endpoint(executor, settings.http_policy, executor.services.guard)
    return LambdaHandler(endpoint, worker, settings.task_queue_url or "", documents)


def asgi_app(parts: ServerParts, settings: Settings) -> AsgiApp:
    """The ASGI application: its process stays, or shares a table with others, as in Lambda behind Mangum."""
    from lambent.hosts.asgi import AsgiApp

    authentication = authentication_of(parts, settings)
    executor = _executor(parts, settings, _write_around, authentication, in_lambda=settings.in_lambda)
    limit = executor.services.response_limit
    documents = DiscoveryDocuments(parts.catalog, settings, limit, authentication)
    endpoint = Endpoint(executor, settings.http_policy, executor.services.guard)
    return AsgiApp(endpoint, documents, settings.body_limit)


def local_endpoint(parts: ServerParts, settings: Settings) -> Endpoint:
    """The endpoint of stdio, whose only client is the user of this machine."""
    in_lambda = settings.in_lambda
    executor = _executor(parts, settings, _write_around, None, in_lambda=in_lambda, is_local=True)
    return Endpoint(executor, settings.http_policy)


def authentication_of(parts: ServerParts, settings: Settings) -> Authentication | None:
    """How callers are identified; None where nobody is.

    Raises:
        ConfigurationError: the settings are not complete, or contradict each other.
    """
    declared = parts.authenticators or (settings.auth.declared() if settings.auth is not None else ())
    if not declared:
        return None
    from lambent.hosts.authentication import Authentication  # loaded where callers are identified

    return Authentication(declared, parts.catalog, settings)


def _write_around(event: Any, response: HttpResponse) -> Any:
    """What Mangum returns for a response, its body apart, with room for what the application adds."""
    written = {"statusCode": response.status, "headers": response.headers, "isBase64Encoded": False}
    return {**written, "body": "", "multiValueHeaders": {}, "cookies": [" " * _ADDED_BYTES]}


def _response_limit(settings: Settings, write: Write, *, in_lambda: bool) -> ResponseLimit | None:
    size = settings.response_limit
    if size is None:
        size = LAMBDA_LIMIT if in_lambda else 0
    return ResponseLimit(write, size, settings.is_escaped) if size > 0 else None


def _limits_of(parts: ServerParts, settings: Settings) -> tuple[RateLimit | None, int | None]:
    """The limit of one caller's requests, and of its running tasks."""
    rate, most, limits = settings.limit_calls, settings.limit_tasks, parts.limits
    if limits is not None:
        rate = limits.rate if rate is None else rate
        most = limits.tasks if most is None else most
    return rate, most


def _rate_limiter(store: Store | None, server: str, rate: RateLimit | None) -> RateLimiter:
    from lambent.execution.limits import RateLimiter  # loaded where a limit is set

    if store is None:
        raise ConfigurationError(
            "A limit is set, so this function needs a table to count in: set LAMBENT_TABLE"
        )
    return RateLimiter(store, server, rate)


def _executor(
    parts: ServerParts,
    settings: Settings,
    write: Write,
    authentication: Authentication | None,
    *,
    in_lambda: bool,
    is_local: bool = False,
) -> Executor:
    """An executor on the table, queue and bucket that the deployment names; boto3 waits for first use.

    Without a table, a process that stays keeps everything in its memory, and its threads are the workers.
    """
    catalog = parts.catalog
    server = settings.audience or catalog.info.name
    store: Store | None = None
    changes: Changes | None = None
    queue: Queue | None = None
    threads: ThreadQueue | None = None
    blobs: Blobs | None = None
    if settings.table is not None:
        from lambent.stores.dynamodb import DynamoStore

        store = DynamoStore(settings.table)
        if catalog.has_tasks and settings.task_queue_url is not None:
            from lambent.stores.aws import S3Blobs, SqsQueue

            queue = SqsQueue(settings.task_queue_url)
            blobs = S3Blobs(settings.bucket) if settings.bucket is not None else None
    elif not in_lambda:
        from lambent.stores.memory import MemoryBlobs, MemoryChanges, MemoryStore

        store, changes = MemoryStore(time.time), MemoryChanges()
        if catalog.has_tasks:
            from lambent.hosts.live import ThreadQueue

            queue = threads = ThreadQueue()
            blobs = MemoryBlobs(time.time)
    rate, most = _limits_of(parts, settings)
    tasks, live = None, None
    if not in_lambda:
        from lambent.execution.rounds.live_calls import LiveCalls

        live = LiveCalls(shared=settings.table is not None)
    if store is not None and queue is not None:
        from lambent.execution.durable.tasks.service import Tasks

        inline = {} if threads is None else {"inline_bytes": _MEMORY_INLINE_BYTES}
        tasks = Tasks(store, queue, blobs, time.time, changes, server, **inline)
        if most is not None:
            from lambent.execution.durable.tasks.slots import TaskSlots

            tasks.slots = TaskSlots(store, time.time, server, most)
    seconds = _BUFFERED_LISTEN_SECONDS if in_lambda else _LIVE_LISTEN_SECONDS
    services = Services(
        catalog=catalog,
        audience=server,
        keys=settings.keys,
        state_ttl=settings.state_ttl,
        changes=changes,
        listen_seconds=seconds if settings.listen_seconds is None else settings.listen_seconds,
        clock=time.time,
        store=store,
        tasks=tasks,
        response_limit=_response_limit(settings, write, in_lambda=in_lambda),
        live=live,
        guard=authentication.guard if authentication is not None else None,
        is_local=is_local,
    )
    if settings.snap_start:
        from lambent.hosts.aws_lambda.snapstart import register

        register(services, settings)
    middleware = parts.middleware
    if rate is not None or catalog.has_limits:
        middleware = (*middleware, _rate_limiter(store, server, rate))
    executor = Executor(services, middleware)
    if threads is not None and tasks is not None:
        from lambent.execution.durable.tasks.worker import Worker

        threads.worker = Worker(executor, tasks)
    return executor
