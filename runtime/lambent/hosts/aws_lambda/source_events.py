"""Events of AWS for sources: which functions take them, and what Lambda is told of failures.

============================  ===================================================================
event                         when something fails
============================  ===================================================================
EventBridge, SNS, S3          an error, behind the last record: Lambda invokes the function again
SQS                           the messages that failed come again
SQS, FIFO; DynamoDB streams   nothing behind the first failure is run, and all that comes again
============================  ===================================================================
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lambent.errors import LambentError
from lambent.execution.call import Services
from lambent.execution.events.sourcing import SourceRunner
from lambent.execution.failures import is_interrupt
from lambent.execution.invocation import MARGIN_SECONDS, Invocation
from lambent.execution.log_records import logger, one_line
from lambent.features.source_events import (
    AwsEvent,
    EventBridgeEvent,
    S3Notification,
    SnsMessage,
    SqsMessage,
    TableChange,
)
from lambent.features.sources import SourceFunction, is_any_of
from lambent.hosts.aws_lambda.envelopes import opened
from lambent.hosts.aws_lambda.failure_log import log_failure
from lambent.hosts.aws_lambda.source_records import is_test_event, read_events

_log = logger("lambent.sources")


class SourceFailedError(LambentError):
    """An event of AWS was not taken, or not all of it. Lambda delivers it again; the log says why."""


class UnclaimedEventError(SourceFailedError):
    """No source is for an event of AWS."""


def make_sources(services: Services) -> SourceEvents:
    """What runs the sources of a server."""
    events = services.events
    assert events is not None  # noqa: S101 - sources emit what is declared
    return SourceEvents(services.catalog.sources, SourceRunner(services, events))


class SourceEvents:
    """Runs the sources of a server.

    Args:
        sources: the functions.
        runner: runs them.
    """

    def __init__(self, sources: tuple[SourceFunction, ...], runner: SourceRunner) -> None:
        self._sources = sources
        self._runner = runner
        self._queues = {name for source in sources for name in source.queues}

    def answer(self, event: Mapping[str, Any], context: Any, invocation: Invocation) -> dict[str, Any] | None:
        """Run the functions that are for an event; None where it is of no kind that sources are for.

        Every function that is for an event runs, whatever others do. See the module for failures.

        Raises:
            SourceFailedError: no function is for it, or one has failed.
            UnknownEventError: it lacks something that AWS documents.
        """
        if is_test_event(event):
            _log.info("S3 can send notifications of the bucket %s", event.get("Bucket"))
            return {"occurrences": 0}
        if self._is_of_another_queue(event):
            if self._queues:
                _refuse_foreign(event["Records"])
            return None
        events = read_events(event)
        if events is None:
            return None
        is_batch, count, failed = isinstance(events[0], SqsMessage | TableChange), 0, list[AwsEvent]()
        first_error: SourceFailedError | None = None
        for one in events:
            if (failed and _has_order(one)) or (one is not events[0] and _is_late(invocation)):
                failed.append(one)
                continue
            try:
                count += self._take(one, context, invocation)
            except SourceFailedError as error:
                failed.append(one)
                first_error = first_error or error
        is_for_nobody = len(failed) == len(events) and isinstance(first_error, UnclaimedEventError)
        if is_batch and not is_for_nobody:
            told = failed[:1] if isinstance(events[0], TableChange) else failed
            return {"batchItemFailures": [{"itemIdentifier": _failure_id(one)} for one in told]}
        if failed:
            raise first_error or SourceFailedError("The invocation is nearly over")
        return {"occurrences": count}

    def _is_of_another_queue(self, event: Mapping[str, Any]) -> bool:
        """Whether an event brings messages of a queue that no source names, such as tasks and deliveries."""
        records = event.get("Records")
        if not records or not isinstance(records, list) or not isinstance(records[0], Mapping):
            return False
        first = records[0]
        return first.get("eventSource") == "aws:sqs" and not is_any_of(
            str(first.get("eventSourceARN")), self._queues
        )

    def _take(self, event: AwsEvent, context: Any, invocation: Invocation) -> int:
        """Run all functions for an event; how many occurrences they have made.

        Raises:
            SourceFailedError: see ``answer``.
        """
        count, is_claimed, failed = 0, False, dict[str, None]()
        for source in self._sources:
            with _logged(failed, source, event):
                found = opened(source, event)
                is_claimed |= found is not None
                for one in found or ():
                    with _logged(failed, source, event):
                        count += self._runner.run(source, one, invocation, context)
        if failed:
            raise SourceFailedError(one_line(f"{', '.join(failed)} failed for {_shown(event)}"))
        if not is_claimed:
            _log.error("No source is for %s", _shown(event))
            raise UnclaimedEventError(one_line(f"No source is for {_shown(event)}"))
        return count


@contextlib.contextmanager
def _logged(failed: dict[str, None], source: SourceFunction, event: AwsEvent) -> Iterator[None]:
    """Log what a source raises, and note its name: others go on."""
    try:
        yield
    except BaseException as error:
        if is_interrupt(error):
            raise
        failed[source.name] = None
        log_failure(_log, error, "The source %s failed for %s", source.name, _shown(event))


def _refuse_foreign(records: Iterable[Any]) -> None:
    """Refuse messages of a queue that no source names, unless they are tasks or deliveries.

    Raises:
        UnclaimedEventError: the name of a queue is not that of its source: nobody else would tell.
    """
    from lambent.hosts.aws_lambda.queue_events import is_delivery, is_queue_event

    for record in records:
        if is_queue_event({"Records": [record]}) and not (_is_task(record["body"]) or is_delivery(record)):
            shown = one_line(f"message {record['messageId']} of the queue {record['eventSourceARN']}")
            _log.error("No source is for %s", shown)
            raise UnclaimedEventError(f"No source is for {shown}")


def _is_task(body: Any) -> bool:
    """Whether the body of a message may name a task: it is one word."""
    return isinstance(body, str) and body.replace(".", "").replace("-", "").replace("_", "").isalnum()


def _has_order(event: AwsEvent) -> bool:
    """Whether nothing behind an event may be taken before it."""
    return isinstance(event, TableChange) or (isinstance(event, SqsMessage) and event.queue.endswith(".fifo"))


def _is_late(invocation: Invocation) -> bool:
    """Whether a function that begins now would be interrupted."""
    remaining = invocation.remaining_ms()
    return remaining is not None and remaining < MARGIN_SECONDS * 1000


def _failure_id(event: AwsEvent) -> str:
    """What names an event to the queue or stream that it comes from."""
    return event.sequence_number if isinstance(event, TableChange) else event.id


def _shown(event: AwsEvent) -> str:
    """What the log says of an event: nothing of its contents."""
    match event:
        case EventBridgeEvent():
            return f"event {event.id} of EventBridge: {event.source}, {event.detail_type}"
        case SnsMessage():
            return f"message {event.id} of the topic {event.topic}"
        case SqsMessage():
            return f"message {event.id} of the queue {event.queue}"
        case S3Notification():
            return f"notification {event.id} of the bucket {event.bucket}: {event.name}"
        case TableChange():
            return f"change {event.id} of the table {event.table}: {event.name}"
