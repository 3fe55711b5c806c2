"""Taking messages from a queue in Redis as from one of SQS: for processes that only work."""

from __future__ import annotations

from lambent.execution.leased_queue import LeasedQueue, Message
from lambent.hosts.shared_queue import MOST_AT_ONCE, MOST_COUNTS
from lambent.stores.sqs_inbox import VISIBILITY_SECONDS, TakenMessage

LEASE_SECONDS = float(VISIBILITY_SECONDS)
"""How long a message is kept from others that nobody prolongs."""


class LeasedInbox:
    """Takes messages from a queue that servers may work as well; see ``Inbox``.

    Args:
        queue: the queue.
        name: names it in the log.
    """

    def __init__(self, queue: LeasedQueue, name: str) -> None:
        self._queue = queue
        self.name = name

    def receive(self, most: int, seconds: int) -> list[TakenMessage]:
        """See ``Inbox.receive``; after it has waited, none are returned."""
        found, wait = self._queue.receive(min(most, MOST_AT_ONCE), LEASE_SECONDS, seconds)
        if not found:
            self._queue.wait(wait)
        return [TakenMessage(one.body, f"{one.count} {one.id}", one.count > MOST_COUNTS) for one in found]

    def extend(self, message: TakenMessage, seconds: int | None = None) -> None:
        """See ``Inbox.extend``."""
        if seconds == 0:
            self._queue.give_back(_known(message))
        else:
            self._queue.extend([_known(message)], LEASE_SECONDS if seconds is None else seconds)

    def delete(self, message: TakenMessage) -> None:
        """See ``Inbox.delete``."""
        self._queue.done(_known(message))


def _known(message: TakenMessage) -> Message:
    """The message as its queue knows it."""
    count, _, name = message.receipt.partition(" ")
    return Message(name, message.body, int(count))
