"""What clients of tests raise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lambent.errors import LambentError

if TYPE_CHECKING:
    from lambent.testing.answers import AskedQuestion
    from lambent.testing.results import CallResult


class CallError(LambentError):
    """A request that was answered with a JSON-RPC error, or refused with an HTTP status.

    Attributes:
        code: of the JSON-RPC error; 0 where the response has none.
        message: of the error.
        data: of the error, or None.
        status: HTTP status of the response.
        headers: of the response, names in lower case, such as ``retry-after`` and ``www-authenticate``.
    """

    def __init__(
        self, code: int, message: str, data: Any = None, *, status: int = 200, headers: Mapping[str, str] = {}
    ) -> None:
        super().__init__(f"{message} (code {code}, status {status})")
        self.code = code
        self.message = message
        self.data = data
        self.status = status
        self.headers = dict(headers)


class ToolFailed(LambentError):  # noqa: N818 - says what happened
    """A tool call whose result is an error; the message is the text that the model reads.

    Attributes:
        result: the whole result.
    """

    def __init__(self, tool: str, result: CallResult) -> None:
        super().__init__(f"{tool}: {result.text}")
        self.result = result


class TaskCancelled(LambentError):  # noqa: N818 - says what happened
    """A task that was cancelled has no result."""


class TaskStuckError(LambentError):
    """A task is neither over nor waiting for an answer, and no message would run it."""


class UnansweredError(LambentError):
    """The server asks what the test has no answer for; the message lists the questions.

    Attributes:
        questions: those without an answer.
    """

    def __init__(self, asker: str, questions: Sequence[AskedQuestion]) -> None:
        listed = "".join(f"\n- {question}" for question in questions)
        super().__init__(
            f"{asker} asks, and the test has no answer. Give one with answers=[...] or on_question=. "
            f"Asked:{listed}"
        )
        self.questions = list(questions)
