"""Taking messages from an SQS queue, where Lambda does not bring them."""

from __future__ import annotations

from typing import Any, NamedTuple

from lambent.stores.aws import AwsResource

VISIBILITY_SECONDS = 60
"""How long nobody else gets a message that was taken, unless that is extended."""

_BATCH = 10
"""Messages that SQS gives with a request."""


class TakenMessage(NamedTuple):
    """A message that was taken.

    Attributes:
        body: its text.
        receipt: by what the queue knows this delivery of it.
        is_spent: it was taken too often, and is to be given up.
    """

    body: str
    receipt: str
    is_spent: bool = False


class SqsInbox:
    """Takes messages from the queue with a URL; see ``Inbox`` and ``AwsResource``."""

    def __init__(self, url: str, sqs: Any = None) -> None:
        self._queue = AwsResource("sqs", url, sqs)
        self.name = url.rpartition("/")[2]

    def receive(self, most: int, seconds: int) -> list[TakenMessage]:
        """See ``Inbox.receive``; never more than ten."""
        with self._queue.calling("ReceiveMessage") as sqs:
            answer = sqs.receive_message(
                QueueUrl=self._queue.name,
                MaxNumberOfMessages=min(most, _BATCH),
                WaitTimeSeconds=seconds,
                VisibilityTimeout=VISIBILITY_SECONDS,
            )
        return [TakenMessage(one["Body"], one["ReceiptHandle"]) for one in answer.get("Messages", ())]

    def extend(self, message: TakenMessage, seconds: int = VISIBILITY_SECONDS) -> None:
        """See ``Inbox.extend``."""
        with self._queue.calling("ChangeMessageVisibility") as sqs:
            sqs.change_message_visibility(
                QueueUrl=self._queue.name, ReceiptHandle=message.receipt, VisibilityTimeout=seconds
            )

    def delete(self, message: TakenMessage) -> None:
        """See ``Inbox.delete``."""
        with self._queue.calling("DeleteMessage") as sqs:
            sqs.delete_message(QueueUrl=self._queue.name, ReceiptHandle=message.receipt)
