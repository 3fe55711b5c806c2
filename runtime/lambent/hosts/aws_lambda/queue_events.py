"""SQS events: tasks to run, and tasks that the queue has given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.errors import ConfigurationError
from lambent.execution.durable.tasks.worker import Worker
from lambent.execution.invocation import Invocation
from lambent.execution.log_records import logger
from lambent.wire.http import Request

_DELIVERIES = ("wake", "advance", "deliver", "notify", "sweep")
"""What messages of the queue of deliveries begin with; ids of tasks are no words."""

_log = logger("lambent.tasks")


def is_queue_event(event: Mapping[str, Any]) -> bool:
    """Whether an event brings messages of a queue."""
    records = event.get("Records")
    return bool(records) and isinstance(records, list) and all(map(_is_message, records))


def _is_message(record: Any) -> bool:
    is_whole = isinstance(record, Mapping) and record.keys() >= {"messageId", "body", "eventSourceARN"}
    return is_whole and record.get("eventSource") == "aws:sqs"


def is_delivery(record: Mapping[str, Any]) -> bool:
    """Whether a message is about deliveries of events."""
    return str(record["body"]).partition(" ")[0] in _DELIVERIES


def run_messages(
    event: Mapping[str, Any], context: Any, worker: Worker | None, queue_url: str, invocation: Invocation
) -> dict[str, Any]:
    """Run the tasks of an SQS event, and return the partial batch response.

    What fails is delivered again, what succeeded is not. The queue of ``queue_url`` brings tasks; messages of
    any other one come from its dead-letter queue.

    Raises:
        ConfigurationError: the function has no tasks, the messages are deliveries of a queue that it does not
            know, or Powertools is not installed.
    """
    if any(map(is_delivery, event["Records"])):
        name = event["Records"][0]["eventSourceARN"].rpartition(":")[2]
        raise ConfigurationError(
            f"The queue {name} brings deliveries of events, and this function does not know of it: set "
            "LAMBENT_TABLE, and LAMBENT_EVENTS_QUEUE_URL to the URL of that queue"
        )
    if worker is None:
        raise ConfigurationError(
            "This function has no tasks to run: set LAMBENT_TABLE and LAMBENT_TASK_QUEUE_URL, "
            "and declare tools with task="
        )
    # Loaded here: only worker functions pay for it.
    try:
        from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
        from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    except ImportError as error:
        raise ConfigurationError("Workers need Powertools: install the extra lambent[aws]") from error

    request = Request(event=event, context=context)
    queue, first = queue_url.rpartition("/")[2], event["Records"][0].get("messageId")

    def handle(record: SQSRecord) -> None:
        try:
            if record.event_source_arn.rpartition(":")[2] == queue:
                worker.run(record.body, invocation, request, may_wait=record.message_id != first)
            else:
                worker.fail_undelivered(record.body)
        except Exception:
            # The processor only counts it, and the invocation as a whole succeeds: nobody else would tell.
            _log.exception("Message %s failed: the queue delivers it again", record.message_id)
            raise

    # A batch in which everything failed is no error of the function: each message is tried again by itself.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(dict(event), handle, processor, context))
