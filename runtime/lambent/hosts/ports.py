"""What a server uses of its deployment for state, tasks and changes.

================================  ===========================  =========================================
settings                          state and blobs              tasks
================================  ===========================  =========================================
``LAMBENT_TABLE``                 DynamoDB and S3              SQS, where ``LAMBENT_TASK_QUEUE_URL`` is set
``LAMBENT_STORE``: a Redis        Redis                        the same; else threads of all processes that
                                                               stay
``memory:``; none, in a process   the process                  its threads
that stays
================================  ===========================  =========================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from lambent.execution.ports import Blobs, Changes, Clock, Queue, Store
    from lambent.features.catalog import Catalog
    from lambent.hosts.live import TaskRunner
    from lambent.hosts.settings import Settings
    from lambent.hosts.shared_queue import SharedQueue

_IN_MEMORY = (
    "Tasks, sessions, idempotent calls and events are in the memory of this process: gone when it ends or "
    "reloads, and unknown to other environments"
)


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What a server uses of its deployment.

    Attributes:
        store: keeps records.
        changes: brings changes to subscribers; None where nothing runs between invocations.
        queue: brings tasks to workers; None where there are none.
        blobs: keeps arguments and results of tasks that are too large for a record.
        runner: the queue, where threads of this process take from it.
        shared: the queue, where those of other processes do so too.
    """

    store: Store
    changes: Changes | None = None
    queue: Queue | None = None
    blobs: Blobs | None = None
    runner: TaskRunner | None = None
    shared: SharedQueue | None = None


def make_ports(catalog: Catalog, settings: Settings, server: str, clock: Clock, *, in_lambda: bool) -> Ports:
    """What a deployment has for a server.

    Args:
        catalog: the declarations.
        settings: of the deployment.
        server: by which the server is known in its store.
        clock: the time.
        in_lambda: the process is one of many execution environments.
    """
    if settings.table is not None:
        return _aws_ports(settings.table, settings, has_tasks=catalog.has_tasks)
    if settings.redis is not None:
        from lambent.hosts.redis_ports import redis_ports  # loaded where there is one

        return redis_ports(settings.redis, server, settings, has_tasks=catalog.has_tasks, in_lambda=in_lambda)
    if settings.in_memory and (
        catalog.has_tasks or catalog.events or any(one.needs_table for one in catalog.tools.values())
    ):
        from lambent.execution.log_records import logger

        logger("lambent").warning(_IN_MEMORY)
    return _memory_ports(clock, has_tasks=catalog.has_tasks)


def _aws_ports(table: str, settings: Settings, *, has_tasks: bool) -> Ports:
    """The table, queue and bucket; boto3 waits for first use."""
    from lambent.stores.dynamodb import DynamoStore

    store = DynamoStore(table)
    if not has_tasks or settings.task_queue_url is None:
        return Ports(store=store)
    from lambent.stores.aws import S3Blobs, SqsQueue

    blobs = S3Blobs(settings.bucket) if settings.bucket is not None else None
    return Ports(store=store, queue=SqsQueue(settings.task_queue_url), blobs=blobs)


def _memory_ports(clock: Clock, *, has_tasks: bool) -> Ports:
    """The memory of this process, and its threads as the workers."""
    from lambent.stores.memory import MemoryBlobs, MemoryChanges, MemoryStore

    store, changes = MemoryStore(clock), MemoryChanges()
    if not has_tasks:
        return Ports(store=store, changes=changes)
    from lambent.hosts.live import ThreadQueue

    threads = ThreadQueue()
    return Ports(store=store, changes=changes, queue=threads, blobs=MemoryBlobs(clock), runner=threads)
