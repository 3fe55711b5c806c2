"""Putting a server's parts together for a host: which store, which queue, which endpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lambent.execution.call import Services
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.execution.middleware import Middleware
from lambent.execution.rounds.sealing import Sealer
from lambent.features.catalog import Catalog
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.hosts.settings import Settings

if TYPE_CHECKING:
    from lambent.execution.durable.tasks.service import Tasks
    from lambent.execution.ports import Changes, Store
    from lambent.hosts.aws_lambda import LambdaHandler

_BUFFERED_LISTEN_SECONDS = 0.25
"""A buffered host delivers nothing before the invocation ends, and every moment of it is billed."""

_LIVE_LISTEN_SECONDS = 600.0


def lambda_handler(catalog: Catalog, middleware: Sequence[Middleware], settings: Settings) -> LambdaHandler:
    """The function that Lambda calls, with a worker for tasks where there can be any."""
    from lambent.hosts.aws_lambda import LambdaHandler

    services = _aws_services(catalog, settings)
    _watch_snapshots(services, settings)
    executor = Executor(services, middleware)
    endpoint = Endpoint(executor, settings.http_policy)
    documents = DiscoveryDocuments(catalog, settings)
    if services.tasks is None:
        return LambdaHandler(endpoint, documents=documents)
    from lambent.execution.durable.tasks.worker import Worker

    worker = Worker(executor, services.tasks)
    return LambdaHandler(endpoint, worker, settings.task_queue_url or "", documents)


def live_endpoint(catalog: Catalog, middleware: Sequence[Middleware], settings: Settings) -> Endpoint:
    """The endpoint of a host that stays, or that shares a table with others, as in Lambda behind Mangum."""
    if settings.in_lambda:
        services = _aws_services(catalog, settings)
    elif settings.table is not None:
        services = _aws_services(catalog, settings, _LIVE_LISTEN_SECONDS)
    else:
        return Endpoint(_live_executor(catalog, settings, middleware), settings.http_policy)
    _watch_snapshots(services, settings)
    return Endpoint(Executor(services, middleware), settings.http_policy)


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
        from lambent.execution.durable.tasks.service import Tasks
        from lambent.stores.s3 import S3Blobs
        from lambent.stores.sqs import SqsQueue

        blobs = S3Blobs(settings.bucket) if settings.bucket is not None else None
        server = settings.audience or catalog.info.name
        tasks = Tasks(store, SqsQueue(settings.task_queue_url), blobs, time.time, None, server)
    return _services(catalog, settings, listen_seconds, store=store, tasks=tasks)


def _live_executor(catalog: Catalog, settings: Settings, middleware: Sequence[Middleware]) -> Executor:
    """An executor on services within the process, whose threads are the workers."""
    from lambent.stores.memory import MemoryBlobs, MemoryChanges, MemoryStore

    store, changes = MemoryStore(time.time), MemoryChanges()
    if not catalog.has_tasks:
        services = _services(catalog, settings, _LIVE_LISTEN_SECONDS, store=store, changes=changes)
        return Executor(services, middleware)
    from lambent.execution.durable.tasks.service import Tasks
    from lambent.execution.durable.tasks.worker import Worker
    from lambent.hosts.task_threads import ThreadQueue

    queue = ThreadQueue()
    tasks = Tasks(store, queue, MemoryBlobs(), time.time, changes, settings.audience or catalog.info.name)
    services = _services(catalog, settings, _LIVE_LISTEN_SECONDS, store=store, tasks=tasks, changes=changes)
    executor = Executor(services, middleware)
    queue.worker = Worker(executor, tasks)
    return executor


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
