"""Messages of the queue of deliveries, and the schedule that looks for what was left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambent.execution.log_records import logger, one_line

_MOST_THREADS = 10
"""Messages of a batch that are worked at a time."""

_MOST_SHOWN = 200
"""Characters of a message in the log: no occurrence, secret or URL is in one."""

_log = logger("lambent.events")


class DeliveryEvents:
    """Events that bring something to deliver.

    Args:
        deliver: does as a message says.
        queue_url: of the queue of deliveries.
        close: ends what ``deliver`` has begun.

    Attributes:
        deliver: see there.
    """

    def __init__(
        self, deliver: Callable[[str], None], queue_url: str, close: Callable[[], None] = lambda: None
    ) -> None:
        self.deliver = deliver
        self.close = close
        self._queue = queue_url.rpartition("/")[2]

    def takes(self, event: Mapping[str, Any]) -> bool:
        """Whether an SQS event comes from the queue of deliveries, or from its dead-letter queue."""
        from lambent.hosts.aws_lambda.queue_events import is_delivery  # loaded already where a queue calls

        return self._is_alive(event) or (bool(self._queue) and any(map(is_delivery, event["Records"])))

    def run(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Do as the messages of an SQS event say, and return the partial batch response.

        The messages of a batch are worked at the same time, so that nobody waits for the endpoint of another
        one. The queue brings again what has failed, as often as its redrive policy says. What it has given up
        is noted: a sweep has it done, or finds that it has been tried often enough.
        """
        records = event["Records"]
        if not self._is_alive(event):
            for record in records:
                _log.error("The queue has given up message %s, %s", record["messageId"], _shown(record))
            return {"batchItemFailures": []}
        if len(records) == 1:
            failed = [self._fails(records[0])]
        else:
            from concurrent.futures import ThreadPoolExecutor  # loaded where batches have several messages

            with ThreadPoolExecutor(min(len(records), _MOST_THREADS)) as pool:
                failed = list(pool.map(self._fails, records))
        ids = [record["messageId"] for record, is_failed in zip(records, failed, strict=True) if is_failed]
        return {"batchItemFailures": [{"itemIdentifier": one} for one in ids]}

    def sweep(self) -> None:
        """Do what is overdue.

        Raises:
            StoreError: the table or the queue cannot be reached.
        """
        self.deliver("sweep")

    def _is_alive(self, event: Mapping[str, Any]) -> bool:
        """Whether messages come from the queue of deliveries itself; all of an event come from one queue."""
        name: str = event["Records"][0]["eventSourceARN"].rpartition(":")[2]
        return name == self._queue

    def _fails(self, record: Mapping[str, Any]) -> bool:
        try:
            self.deliver(record["body"])
        except Exception:
            # The invocation as a whole succeeds: nobody else would tell.
            _log.exception("Message %s failed: the queue delivers it again", record["messageId"])
            return True
        return False


def _shown(record: Mapping[str, Any]) -> str:
    """What a message is about."""
    return one_line(str(record["body"])[:_MOST_SHOWN])
