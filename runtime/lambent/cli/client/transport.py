"""The port between the client and a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Message = dict[str, Any]

Receive = Callable[[Message], Message | None]
"""Takes a message that comes before the response; for a request of the server it gives the answer."""


class MessageTransport(Protocol):
    """Carries messages to a server and back, one request at a time."""

    def exchange(self, message: Message, headers: Mapping[str, str], receive: Receive) -> Message:
        """Send a request.

        Args:
            message: The request.
            headers: What HTTP repeats of it.
            receive: Takes what comes before the response.

        Returns:
            The response, a result or an error.

        Raises:
            ConnectionFailedError: There is none.
        """

    def notify(self, message: Message, headers: Mapping[str, str]) -> None:
        """Send a notification.

        Args:
            message: The notification.
            headers: What HTTP repeats of it.

        Raises:
            ConnectionFailedError: The server cannot be reached.
        """

    def close(self) -> None:
        """End the connection."""


def is_response(message: Message, request_id: object) -> bool:
    """Whether a message is the response to a request.

    Args:
        message: What has come.
        request_id: The id of the request.
    """
    return (
        "method" not in message
        and message.get("id") == request_id
        and bool({"result", "error"} & set(message))
    )
