"""Putting a server's parts together for a host: which store, which queue, which engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lambent.execution.call import Services
from lambent.execution.engine import Engine
from lambent.execution.middleware import Middleware
from lambent.execution.sealing import Sealer
from lambent.features.catalog import Catalog
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.hosts.settings import Settings

if TYPE_CHECKING:
    from lambent.execution.ports import Changes, Store
    from lambent.execution.tasks.service import Tasks
    from lambent.hosts.aws_lambda import LambdaHandler

_BUFFERED_LISTEN_SECONDS = 0.25
"""A buffered host delivers nothing before the invocation ends, and every moment of it is billed."""

_LIVE_LISTEN_SECONDS = 600.0


def lambda_handler(catalog: Catalog, middleware: Sequence[Middleware], settings: Settings) -> LambdaHandler:
    """The function that Lambda calls, with a worker for tasks where there can be any."""
    from lambent.hosts.aws_lambda import LambdaHandler

    services = _aws_services(catalog, settings)
    _watch_snapshots(services, settings)
    engine = Engine(services, settings.http_policy, middleware)
    documents = DiscoveryDocuments(catalog, settings)
    if services.tasks is None:
        return LambdaHandler(engine, documents=documents)
    from lambent.execution.tasks.worker import Worker

    worker = Worker(services, services.tasks, middleware)
    return LambdaHandler(engine, worker, settings.task_queue_url or "", documents)


def live_engine(catalog: Catalog, middleware: Sequence[Middleware], settings: Settings) -> Engine:
    """The engine of a host that stays, or that shares a table with others, as in Lambda behind Mangum."""
    if settings.in_lambda:
        services = _aws_services(catalog, settings)
    elif settings.table is not None:
        services = _aws_services(catalog, settings, _LIVE_LISTEN_SECONDS)
    else:
        services = _live_services(catalog, settings, middleware)
    _watch_snapshots(services, settings)
    return Engine(services, settings.http_policy, middleware)


def _watch_snapshots(services: Services, settings: Settings) -> None:
    if settings.snap_start:
        from lambent.hosts.aws_lambda.snapstart import register

        register(services, settings)


def _aws_services(
    catalog: Catalog, settings: Settings, listen_seconds: float = _BUFFERED_LISTEN_SECONDS
) -> Services:
    """Services on the table, queue and bucket that the deployment names; boto3 waits for first use."""
    if settings.table is None:
        return _services(catalog, settings, listen_seconds)
    from lambent.stores.dynamodb import DynamoStore

    store, tasks = DynamoStore(settings.table), None
    if catalog.has_tasks and settings.task_queue_url is not None:
        from lambent.execution.tasks.service import Tasks
        from lambent.stores.s3 import S3Blobs
        from lambent.stores.sqs import SqsQueue

        blobs = S3Blobs(settings.bucket) if settings.bucket is not None else None
        tasks = Tasks(store, SqsQueue(settings.task_queue_url), blobs, time.time, None)
    return _services(catalog, settings, listen_seconds, store=store, tasks=tasks)


def _live_services(catalog: Catalog, settings: Settings, middleware: Sequence[Middleware]) -> Services:
    """Services within the process, whose threads are the workers."""
    from lambent.stores.memory import MemoryBlobs, MemoryChanges, MemoryStore

    store, changes = MemoryStore(time.time), MemoryChanges()
    if not catalog.has_tasks:
        return _services(catalog, settings, _LIVE_LISTEN_SECONDS, store=store, changes=changes)
    from lambent.execution.tasks.service import Tasks
    from lambent.execution.tasks.worker import Worker
    from lambent.hosts.task_threads import ThreadQueue

    queue = ThreadQueue()
    tasks = Tasks(store, queue, MemoryBlobs(), time.time, changes)
    services = _services(catalog, settings, _LIVE_LISTEN_SECONDS, store=store, tasks=tasks, changes=changes)
    queue.worker = Worker(services, tasks, middleware)
    return services


def _services(
    catalog: Catalog,
    settings: Settings,
    listen_seconds: float,
    *,
    store: Store | None = None,
    tasks: Tasks | None = None,
    changes: Changes | None = None,
) -> Services:
    return Services(
        catalog=catalog,
        sealer=Sealer(settings.keys, time.time, settings.state_ttl, settings.audience or catalog.info.name),
        changes=changes,
        listen_seconds=listen_seconds if settings.listen_seconds is None else settings.listen_seconds,
        clock=time.time,
        store=store,
        tasks=tasks,
    )
