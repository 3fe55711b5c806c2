"""The invocation that a request came in: hosts subclass this."""

from __future__ import annotations


class Invocation:
    """Keeps the notifications of one request for its response, and never ends.

    Attributes:
        notifications: encoded notifications, oldest first, that the response will carry.
        streamed: notifications have already been sent, so the response has begun.
    """

    __slots__ = ("notifications", "streamed")

    def __init__(self) -> None:
        self.notifications: list[bytes] = []
        self.streamed = False

    def emit(self, notification: bytes) -> None:
        """Take one encoded notification: keep it, or send it and say so in ``streamed``."""
        self.notifications.append(notification)

    def remaining_ms(self) -> int | None:
        """Milliseconds until the host stops the invocation; None where it never does."""
        return None
