"""The queue in SQS: a message is a task's id."""

from __future__ import annotations

import math
from typing import Any

from lambent.stores.aws import AwsResource

MAX_DELAY_SECONDS = 900


class SqsQueue:
    """Sends task ids to a queue, which brings them to the worker function.

    Args:
        url: the queue's URL.
        sqs: a boto3 client; default: one from the environment, made at first use.
    """

    def __init__(self, url: str, sqs: Any = None) -> None:
        self._queue = AwsResource("sqs", url, sqs)

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``; the delay is rounded up to whole seconds."""
        seconds = min(math.ceil(max(0.0, delay)), MAX_DELAY_SECONDS)
        with self._queue.calling("SendMessage") as sqs:
            sqs.send_message(QueueUrl=self._queue.name, MessageBody=task_id, DelaySeconds=seconds)
