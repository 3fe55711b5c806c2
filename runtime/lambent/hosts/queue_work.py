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
from lambent.hosts.queue_worker import Inbox, QueueWorker, Work, WorkerInvocation
from lambent.hosts.settings import Settings
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
    'LAMBENT_EVENTS_QUEUE_URL for events with delivery=["webhook"]'
)

_log = logger("lambent.tasks")


def queue_worker(
    parts: ServerParts, settings: Settings, *, threads: int, dead_letters: Sequence[str], schedule: float
) -> QueueWorker:
    """What works the queues of a deployment; see ``MCPServer.run_worker``.

    Raises:
        ConfigurationError: a setting cannot be used, or there is no queue to work.
    """
    made = Assembly(parts, settings, write_as_mangum, in_lambda=False)
    services = made.executor.services
    return QueueWorker(
        inboxes_of(made.executor, made.deliver, settings, dead_letters),
        threads=threads,
        seconds=settings.drain_seconds,
        schedule=schedule_of(services, made.deliver, schedule),
        lifespan=services.lifespan,
    )


def inboxes_of(
    executor: Executor, deliver: Deliverer | None, settings: Settings, dead_letters: Sequence[str]
) -> list[tuple[Inbox, Work]]:
    """The queues of a deployment, and what is done with their messages.

    Args:
        executor: executes the calls of tasks.
        deliver: does as messages about deliveries say; None where nothing is delivered.
        settings: of the deployment.
        dead_letters: the URLs of queues with what the others have given up.

    Raises:
        ConfigurationError: there is none.
    """
    services = executor.services
    tasks = None if services.tasks is None else Worker(executor, services.tasks)

    def work(body: str, invocation: WorkerInvocation) -> None:
        if is_delivery({"body": body}):
            if deliver is None:
                raise ConfigurationError(_NO_DELIVERIES)
            deliver(body)
        elif tasks is None:
            raise ConfigurationError(_NO_TASKS)
        else:
            tasks.run(body, invocation)

    def give_up(body: str, invocation: WorkerInvocation) -> None:
        _log.error("The queue has given up a message, %s", one_line(body[:_MOST_SHOWN]))
        if tasks is not None and not is_delivery({"body": body}):
            tasks.fail_undelivered(body)

    urls = []
    if settings.table is not None and tasks is not None:
        urls.append(settings.task_queue_url)
    if settings.table is not None and deliver is not None and settings.events is not None:
        urls.append(settings.events.queue_url)
    found: list[tuple[Inbox, Work]] = [(SqsInbox(url), work) for url in dict.fromkeys(urls) if url]
    if not found:
        raise ConfigurationError(_NOTHING)
    return [*found, *((SqsInbox(url), give_up) for url in dead_letters)]


def schedule_of(
    services: Services, deliver: Deliverer | None, seconds: float
) -> list[tuple[str, float, Callable[[WorkerInvocation], object]]]:
    """What a schedule of EventBridge has done where there is Lambda; nothing where ``seconds`` is 0."""
    found: list[tuple[str, float, Callable[[WorkerInvocation], object]]] = []
    if deliver is None or not seconds:
        return found
    found.append(("The sweep", seconds, lambda invocation: deliver("sweep")))
    if any(event.is_scheduled for event in services.catalog.events.values()):
        from lambent.hosts.aws_lambda.check_events import run_checks  # loaded where something is checked

        def check(invocation: WorkerInvocation) -> None:
            invocation.lease_seconds = None  # nobody renews the lease of a check
            run_checks({}, services, invocation)

        found.append(("The check of events", seconds, check))
    return found
