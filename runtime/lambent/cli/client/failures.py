"""How a call of a server fails."""

from __future__ import annotations

from typing import Any

from lambent.cli.client.text import one_line
from lambent.cli.errors import CommandError


class ConnectionFailedError(CommandError):
    """The server cannot be reached, takes too long, or does not speak the protocol.

    Attributes:
        http_status: The HTTP status that it answered with; None where there is none.
    """

    status = 3

    def __init__(self, text: str, http_status: int | None = None) -> None:
        super().__init__(one_line(text))
        self.http_status = http_status


class RefusedError(CommandError):
    """The server answered with a JSON-RPC error.

    Attributes:
        code: Of the error.
        data: Of the error.
    """

    status = 3

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"the server answers with error {code}: {one_line(message)}")
        self.code = code
        self.data = data


class UnansweredQuestionError(CommandError):
    """The server asks something, and there is no terminal and no `--answer`."""

    status = 4
