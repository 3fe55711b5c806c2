"""What a deployment has with a Redis or Valkey: stores, and queues that its processes work together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.execution.log_records import logger
from lambent.hosts.ports import Ports
from lambent.stores.redis_changes import RedisChanges
from lambent.stores.redis_queue import RedisQueue
from lambent.stores.redis_store import RedisBlobs, RedisStore

if TYPE_CHECKING:
    from lambent.execution.ports import Queue
    from lambent.hosts.event_ports import EventPorts, TopicStore
    from lambent.hosts.events_settings import EventSettings
    from lambent.hosts.settings import Settings

_MAX_DELIVERIES = 32
"""Messages that a process works at a time."""

_SWEEP_SECONDS = 300.0
"""How often one of the processes looks for deliveries that no message brings."""


def redis_ports(url: str, server: str, settings: Settings, *, has_tasks: bool, in_lambda: bool) -> Ports:
    """What a server uses.

    In Lambda nothing runs between invocations: there is no feed, and tasks are brought by SQS.
    """
    queue: Queue | None = None
    if has_tasks and settings.task_queue_url is not None:
        from lambent.stores.aws import SqsQueue

        queue = SqsQueue(settings.task_queue_url)
    store, blobs = RedisStore(url), RedisBlobs(url)
    if in_lambda:
        return Ports(store=store, queue=queue, blobs=blobs)
    changes = RedisChanges(url, server)
    if queue is not None or not has_tasks:
        return Ports(store=store, changes=changes, queue=queue, blobs=blobs)
    from lambent.hosts.shared_tasks import SharedTaskQueue  # loaded where there are tasks

    shared = SharedTaskQueue(RedisQueue(url, f"{server}:tasks"))
    return Ports(store=store, changes=changes, queue=shared, blobs=blobs, runner=shared, shared=shared)


def redis_event_ports(
    url: str, server: str, given: EventSettings | None, store: TopicStore | None, *, in_lambda: bool
) -> EventPorts:
    """What events need; without a store nobody delivers, and in Lambda nobody without a queue of SQS."""
    from lambent.hosts.event_ports import EventPorts, LateCallbacks  # loaded where events are declared
    from lambent.stores.redis_logs import RedisLog

    log = RedisLog(url)
    queue_url = None if given is None else given.queue_url
    if store is None or (in_lambda and queue_url is None):
        return EventPorts(log=log)
    callbacks = LateCallbacks(given)
    if queue_url is not None:
        from lambent.stores.aws import SqsQueue

        return EventPorts(log=log, queue=SqsQueue(queue_url), store=store, callbacks=callbacks)
    from lambent.hosts.shared_work import SharedWork  # loaded where somebody delivers

    shared = SharedWork(RedisQueue(url, f"{server}:deliveries"), "lambent-delivery", _MAX_DELIVERIES)
    shared.give_up, shared.regular = _tell_of_loss, (("sweep", _SWEEP_SECONDS),)
    return EventPorts(log=log, queue=shared, store=store, callbacks=callbacks, shared=shared)


def _tell_of_loss(message: str) -> None:
    kind = message.partition(" ")[0]
    logger("lambent.events").error("A message %r failed too often: it is lost", kind)
