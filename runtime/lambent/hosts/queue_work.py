"""What a process that works queues does: tasks, deliveries of events, and what a schedule has to be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lambent.errors import ConfigurationError
from lambent.execution.call import Services
from lambent.execution.durable.tasks.worker import Worker
from lambent.execution.execute import Executor
from lambent.execution.log_records import logger, one_line
from lambent.hosts.assembly import Assembly
from lambent.hosts.aws_lambda.queue_events import is_delivery
from lambent.hosts.entry_points import ServerParts, write_as_mangum
from lambent.hosts.leased_inbox import LeasedInbox
from lambent.hosts.queue_worker import Inbox, QueueWorker, Work, WorkerInvocation
from lambent.hosts.settings import Settings
from lambent.hosts.shared_checks import CHECK, check_upstreams
from lambent.hosts.shared_queue import SharedQueue, send_regular
from lambent.stores.sqs_inbox import SqsInbox

if TYPE_CHECKING:
    from lambent.hosts.events import Deliverer

_MOST_SHOWN = 200
"""Characters of a message in the log."""

_NO_TASKS = (
    "A task came and there is nothing to run it: set LAMBENT_TABLE and LAMBENT_TASK_QUEUE_URL, and declare "
    "tools with task="
)
_NO_DELIVERIES = (
    "A delivery came and nothing is delivered here: set LAMBENT_TABLE and LAMBENT_EVENTS_QUEUE_URL, and "
    'declare events with delivery=["webhook"]'
)
_NOTHING = (
    "There is no queue to work: set LAMBENT_TABLE, and LAMBENT_TASK_QUEUE_URL for tools with task= or "
    'LAMBENT_EVENTS_QUEUE_URL for events with delivery=["webhook"]; or set '
    "LAMBENT_STORE to a Redis, which has both queues"
)
_NO_URL = (
    "There is no queue to work: set LAMBENT_TASK_QUEUE_URL for tools with task= or "
    'LAMBENT_EVENTS_QUEUE_URL for events with delivery=["webhook"]'
)
_NOTHING_DECLARED = (
    "There is no queue to work: the server declares no tools with task=, and no events with "
    'delivery=["webhook"]'
)

_log = logger("lambent.tasks")


def queue_worker(
    parts: ServerParts, settings: Settings, *, threads: int, dead_letters: Sequence[str], schedule: float
) -> QueueWorker:
    """What works the queues of a deployment; see ``MCPServer.run_worker``.

    Raises:
        ConfigurationError: a setting cannot be used, or there is no queue to work.
        StoreError: a Redis cannot be used now.
    """
    made = Assembly(parts, settings, write_as_mangum, in_lambda=False)
    for queue in made.shared:
        queue.leave()  # its own threads do not work it: they are not told of the end as those here are
    services = made.executor.services
    messages = _Messages(made.executor, made.deliver)
    inboxes = inboxes_of(messages, settings, made.shared, dead_letters)
    if settings.redis is not None:
        from lambent.stores.redis import RedisServer  # loaded where there is one

        RedisServer(settings.redis).check()
    return QueueWorker(
        inboxes,
        threads=threads,
        seconds=settings.drain_seconds,
        give_up=messages.give_up,
        schedule=schedule_of(services, made.deliver, made.shared, schedule),
        lifespan=services.lifespan,
    )


class _Messages:
    """Does as messages say.

    Args:
        executor: executes the calls of tasks.
        deliver: does as messages about deliveries say; None where nothing is delivered.

    Attributes:
        tasks: runs tasks; None where there are none.
        deliver: see above.
    """

    def __init__(self, executor: Executor, deliver: Deliverer | None) -> None:
        self._services = services = executor.services
        self.tasks = None if services.tasks is None else Worker(executor, services.tasks)
        self.deliver = deliver

    def work(self, body: str, invocation: WorkerInvocation) -> None:
        """See ``Work``."""
        if is_delivery({"body": body}):
            if self.deliver is None:
                raise ConfigurationError(_NO_DELIVERIES)
            self.deliver(body)
        elif body == CHECK:
            check_upstreams(self._services, invocation)
        elif self.tasks is None:
            raise ConfigurationError(_NO_TASKS)
        else:
            self.tasks.run(body, invocation)

    def give_up(self, body: str, invocation: WorkerInvocation) -> None:
        """See ``Work``: for what a queue has given up."""
        _log.error("The queue has given up a message, %s", one_line(body[:_MOST_SHOWN]))
        if self.tasks is not None and body != CHECK and not is_delivery({"body": body}):
            self.tasks.fail_undelivered(body)


def inboxes_of(
    messages: _Messages, settings: Settings, shared: Sequence[SharedQueue], dead_letters: Sequence[str]
) -> list[tuple[Inbox, Work]]:
    """The queues of a deployment, and what is done with their messages.

    Args:
        messages: does as they say.
        settings: of the deployment.
        shared: queues in Redis.
        dead_letters: the URLs of queues with what those of SQS have given up.

    Raises:
        ConfigurationError: there is none.
    """
    urls = []
    if settings.has_store and messages.tasks is not None:
        urls.append(settings.task_queue_url)
    if settings.has_store and messages.deliver is not None and settings.events is not None:
        urls.append(settings.events.queue_url)
    found: list[tuple[Inbox, Work]] = [(SqsInbox(url), messages.work) for url in dict.fromkeys(urls) if url]
    found += [(LeasedInbox(one.queue, one.name), messages.work) for one in shared]
    if not found:
        raise ConfigurationError(_missing(settings))
    return [*found, *((SqsInbox(url), messages.give_up) for url in dead_letters)]


def _missing(settings: Settings) -> str:
    """What is to be done where there is no queue to work."""
    if not settings.has_store:
        return _NOTHING
    events = settings.events
    has_url = settings.task_queue_url or (events is not None and events.queue_url)
    return _NOTHING_DECLARED if settings.redis is not None or has_url else _NO_URL


def schedule_of(
    services: Services, deliver: Deliverer | None, shared: Sequence[SharedQueue], seconds: float
) -> list[tuple[str, float, Callable[[WorkerInvocation], object]]]:
    """What a schedule of EventBridge has done where there is Lambda; nothing where ``seconds`` is 0.

    With a queue in Redis one of all processes sends a message, and whoever takes it does that.
    """
    found: list[tuple[str, float, Callable[[WorkerInvocation], object]]] = []
    if deliver is None or not seconds:
        return found
    regular = [
        (one.queue, [(message, seconds) for message, _ in one.regular]) for one in shared if one.regular
    ]
    if regular:

        def send(invocation: WorkerInvocation) -> None:
            for queue, messages in regular:
                send_regular(queue, messages)

        return [("The schedule", seconds, send)]
    found.append(("The sweep", seconds, lambda invocation: deliver("sweep")))
    if services.events is not None and services.events.is_checked:
        found.append(("The check of events", seconds, lambda one: check_upstreams(services, one)))
    return found
